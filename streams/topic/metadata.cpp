#include "streams/topic/metadata.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "streams/base/coding.hpp"

// docs/formats/metadata-log.md: a major version, a kind, then fields of tag, length and bytes.
namespace penstock {
namespace {

constexpr std::uint8_t major_version = 1;

enum class kind : std::uint8_t {
  topic_created = 1,
  partitions_added = 2,
  topic_altered = 3,
  topic_deleted = 4,
  producer_ids_reserved = 5,
  job_state_registered = 6,
  job_state_dropped = 7,
  feature_level_set = 8,
};

namespace topic_tag {
constexpr std::uint16_t id = 1, name = 2, partitions = 3, setting = 4;
}
namespace state_tag {
constexpr std::uint16_t topology = 1, step = 2, fingerprint = 3, version = 4;
}
constexpr std::uint16_t number_tag = 1;  // of facts that are one number

class writer {
 public:
  explicit writer(kind what) {
    put_be(to_, major_version);
    put_be(to_, static_cast<std::uint8_t>(what));
  }

  writer& add(std::uint16_t tag, bytes_view data) {
    put_be(to_, tag);
    put_be(to_, static_cast<std::uint32_t>(data.size()));
    to_.append(data);
    return *this;
  }
  template <std::integral T>
  writer& add(std::uint16_t tag, T number) {
    bytes data;
    put_be(data, number);
    return add(tag, bytes_view{data});
  }
  writer& add(std::uint16_t tag, const topic_id& id) {
    return add(tag, bytes_view{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  }
  writer& add(const topic_settings::values& settings) {
    for (const auto& [name, value] : settings) {
      bytes data;
      put_be(data, static_cast<std::uint16_t>(name.size()));
      data.append(name).append(value);
      add(topic_tag::setting, bytes_view{data});
    }
    return *this;
  }

  bytes finish() {
    PENSTOCK_ASSERT(to_.size() <= metadata_record_bytes_max, to_.size());
    return std::move(to_);
  }

 private:
  bytes to_;
};

// The fields of one fact. The first problem is remembered and every later read gives nothing.
class fields {
 public:
  fields(std::string_view fact, bytes_view from) : fact_(fact) {
    byte_reader reader{from};
    while (reader.ok() && reader.left() > 0) {
      auto tag = reader.be<std::uint16_t>();
      auto length = reader.be<std::uint32_t>();
      found_.emplace_back(tag, reader.take(length));
    }
    if (!reader.ok()) fail("a field ends behind the record");
  }

  bytes_view data(std::uint16_t tag, std::string_view name) {
    const bytes_view* one = nullptr;
    for (const auto& [found, bytes] : found_) {
      if (found != tag) continue;
      if (one) fail(fmt::format("field {} is there twice", name));
      one = &bytes;
    }
    if (!one) {
      fail(fmt::format("field {} is missing", name));
      return {};
    }
    return *one;
  }

  std::string text(std::uint16_t tag, std::string_view name) {
    auto found = data(tag, name);
    if (found.empty()) fail(fmt::format("field {} is empty", name));
    return std::string{found};
  }

  template <std::integral T>
  T number(std::uint16_t tag, std::string_view name, T min, T max) {
    auto found = data(tag, name);
    if (found.size() != sizeof(T)) {
      fail(fmt::format("field {} has {} bytes instead of {}", name, found.size(), sizeof(T)));
      return min;
    }
    auto value = load_be<T>(found.data());
    if (value < min || value > max) fail(fmt::format("field {} is {}", name, value));
    return value;
  }

  topic_id id() {
    topic_id id;
    auto found = data(topic_tag::id, "id");
    if (found.size() != id.bytes.size())
      fail(fmt::format("field id has {} bytes instead of {}", found.size(), id.bytes.size()));
    else
      std::copy(found.begin(), found.end(), id.bytes.begin());
    return id;
  }

  topic_settings::values settings() {
    topic_settings::values all;
    for (const auto& [tag, bytes] : found_) {
      if (tag != topic_tag::setting) continue;
      byte_reader reader{bytes};
      auto name = reader.take(reader.be<std::uint16_t>());
      if (!reader.ok() || name.empty()) {
        fail("a setting has no name");
      } else if (!all.emplace(name, reader.rest()).second) {
        fail("a setting is there twice");
      }
    }
    return all;
  }

  std::int32_t partitions() {
    return number<std::int32_t>(topic_tag::partitions, "partitions", 1, topic_partitions_max);
  }

  template <class Fact>
  result<metadata_record> finish(Fact fact) {
    if (problem_.empty()) return metadata_record{std::move(fact)};
    return {errc::corrupt,
            fmt::format("{} in the metadata log: {}; the record is damaged", fact_, problem_)};
  }

 private:
  void fail(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }

  std::string_view fact_;
  std::vector<std::pair<std::uint16_t, bytes_view>> found_;
  std::string problem_;
};

struct encoder {
  bytes operator()(const topic_created& f) const {
    return writer{kind::topic_created}
        .add(topic_tag::id, f.id)
        .add(topic_tag::name, bytes_view{f.name})
        .add(topic_tag::partitions, f.partitions)
        .add(f.settings)
        .finish();
  }
  bytes operator()(const partitions_added& f) const {
    return writer{kind::partitions_added}
        .add(topic_tag::id, f.id)
        .add(topic_tag::name, bytes_view{f.name})
        .add(topic_tag::partitions, f.partitions)
        .finish();
  }
  bytes operator()(const topic_altered& f) const {
    return writer{kind::topic_altered}
        .add(topic_tag::id, f.id)
        .add(topic_tag::name, bytes_view{f.name})
        .add(f.settings)
        .finish();
  }
  bytes operator()(const topic_deleted& f) const {
    return writer{kind::topic_deleted}
        .add(topic_tag::id, f.id)
        .add(topic_tag::name, bytes_view{f.name})
        .finish();
  }
  bytes operator()(const producer_ids_reserved& f) const {
    return writer{kind::producer_ids_reserved}.add(number_tag, f.next).finish();
  }
  bytes operator()(const job_state_registered& f) const {
    return writer{kind::job_state_registered}
        .add(state_tag::topology, bytes_view{f.topology})
        .add(state_tag::step, bytes_view{f.step})
        .add(state_tag::fingerprint, bytes_view{f.fingerprint})
        .add(state_tag::version, f.version)
        .finish();
  }
  bytes operator()(const job_state_dropped& f) const {
    return writer{kind::job_state_dropped}
        .add(state_tag::topology, bytes_view{f.topology})
        .add(state_tag::step, bytes_view{f.step})
        .finish();
  }
  bytes operator()(const feature_level_set& f) const {
    return writer{kind::feature_level_set}.add(number_tag, f.level).finish();
  }
  bytes operator()(const unknown_fact& f) const {
    PENSTOCK_ASSERT(false, static_cast<int>(f.kind));
    return {};
  }
};

// A byte that no name can contain keeps "a" + "b/c" and "a/b" + "c" apart.
bytes state_key(const std::string& topology, const std::string& step) {
  return "state/" + topology + std::string(1, '\0') + step;
}

struct key_maker {
  bytes operator()(const topic_created& f) const { return "topic/" + f.name; }
  bytes operator()(const partitions_added& f) const { return "partitions/" + f.name; }
  bytes operator()(const topic_altered& f) const { return "settings/" + f.name; }
  bytes operator()(const topic_deleted& f) const { return "topic/" + f.name; }
  bytes operator()(const producer_ids_reserved&) const { return "producer-ids"; }
  bytes operator()(const job_state_registered& f) const { return state_key(f.topology, f.step); }
  bytes operator()(const job_state_dropped& f) const { return state_key(f.topology, f.step); }
  bytes operator()(const feature_level_set&) const { return "feature-level"; }
  bytes operator()(const unknown_fact& f) const {
    PENSTOCK_ASSERT(false, static_cast<int>(f.kind));
    return {};
  }
};

}  // namespace

topic_id topic_id::make(random& chance) {
  topic_id id;
  for (std::size_t half = 0; half < 2; ++half) {
    auto bits = chance.next();
    for (std::size_t i = 0; i < 8; ++i)
      id.bytes[half * 8 + i] = static_cast<std::uint8_t>(bits >> (i * 8));
  }
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

std::string topic_id::to_string() const {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (auto byte : bytes) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 6; held -= 6) text += digits[(bits >> (held - 6)) & 0x3f];
  }
  text += digits[(bits << (6 - held)) & 0x3f];
  return text;
}

bytes metadata_key(const metadata_record& fact) {
  return std::visit(key_maker{}, fact);
}

bytes encode(const metadata_record& fact) {
  return std::visit(encoder{}, fact);
}

result<metadata_record> decode_metadata(bytes_view value) {
  byte_reader reader{value};
  auto major = reader.be<std::uint8_t>();
  auto what = reader.be<std::uint8_t>();
  if (!reader.ok() || value.size() > metadata_record_bytes_max)
    return {errc::corrupt,
            fmt::format("a record of the metadata log has {} bytes: it is damaged", value.size())};
  if (major > major_version)
    return {errc::unsupported_version,
            fmt::format("the metadata log has records of format {}, this program reads format {}: "
                        "use the newer program that wrote them",
                        major, major_version)};
  if (major == 0 || what == 0)
    return {errc::corrupt, "a record of the metadata log begins with zeros: it is damaged"};
  auto rest = reader.rest();
  switch (static_cast<kind>(what)) {
    case kind::topic_created: {
      fields f{"TopicCreated", rest};
      auto id = f.id();
      return f.finish(
          topic_created{id, f.text(topic_tag::name, "name"), f.partitions(), f.settings()});
    }
    case kind::partitions_added: {
      fields f{"PartitionsAdded", rest};
      auto id = f.id();
      return f.finish(partitions_added{id, f.text(topic_tag::name, "name"), f.partitions()});
    }
    case kind::topic_altered: {
      fields f{"TopicAltered", rest};
      auto id = f.id();
      return f.finish(topic_altered{id, f.text(topic_tag::name, "name"), f.settings()});
    }
    case kind::topic_deleted: {
      fields f{"TopicDeleted", rest};
      auto id = f.id();
      return f.finish(topic_deleted{id, f.text(topic_tag::name, "name")});
    }
    case kind::producer_ids_reserved: {
      fields f{"ProducerIdsReserved", rest};
      return f.finish(producer_ids_reserved{
          f.number<std::int64_t>(number_tag, "next", 0, std::numeric_limits<std::int64_t>::max())});
    }
    case kind::job_state_registered: {
      fields f{"JobStateRegistered", rest};
      auto topology = f.text(state_tag::topology, "topology");
      auto step = f.text(state_tag::step, "step");
      auto print = f.text(state_tag::fingerprint, "fingerprint");
      return f.finish(
          job_state_registered{topology, step, print,
                               f.number<std::int32_t>(state_tag::version, "version", 0,
                                                      std::numeric_limits<std::int32_t>::max())});
    }
    case kind::job_state_dropped: {
      fields f{"JobStateDropped", rest};
      auto topology = f.text(state_tag::topology, "topology");
      return f.finish(job_state_dropped{topology, f.text(state_tag::step, "step")});
    }
    case kind::feature_level_set: {
      fields f{"FeatureLevelSet", rest};
      return f.finish(feature_level_set{f.number<std::int32_t>(
          number_tag, "level", 1, std::numeric_limits<std::int32_t>::max())});
    }
  }
  return metadata_record{unknown_fact{what}};
}

std::vector<bytes> obsolete_keys(const metadata_record& fact) {
  if (const auto* deleted = std::get_if<topic_deleted>(&fact))
    return {"partitions/" + deleted->name, "settings/" + deleted->name, "topic/" + deleted->name};
  if (std::holds_alternative<job_state_dropped>(fact)) return {metadata_key(fact)};
  return {};
}

}  // namespace penstock
