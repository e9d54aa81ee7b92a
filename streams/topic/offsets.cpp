#include "streams/topic/offsets.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "streams/topic/kafka_coding.hpp"

namespace penstock {
namespace {

using namespace kafka_coding;

constexpr std::int16_t commit_key_version = 1;
constexpr std::int16_t group_key_version = 2;
constexpr std::int16_t value_version = 3;

group_metadata_value::member read_member(byte_reader& from, std::int16_t version) {
  group_metadata_value::member one;
  one.id = read_string(from);
  if (version >= 3) one.instance_id = read_nullable_string(from);
  one.client_id = read_string(from);
  one.client_host = read_string(from);
  if (version >= 1) one.rebalance_timeout = duration{from.be<std::int32_t>()};
  one.session_timeout = duration{from.be<std::int32_t>()};
  if (version == 0) one.rebalance_timeout = one.session_timeout;
  one.subscription = read_bytes(from);
  one.assignment = read_bytes(from);
  return one;
}

std::int32_t millis32(duration d) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(d.count(), 0, std::numeric_limits<std::int32_t>::max()));
}

// Java's String.hashCode: over UTF-16 code units. Bytes that are not UTF-8 count as themselves.
std::uint32_t java_hash(std::string_view text) {
  std::uint32_t hash = 0;
  auto add = [&hash](std::uint32_t unit) { hash = hash * 31 + unit; };
  for (std::size_t i = 0; i < text.size();) {
    auto byte = [&](std::size_t k) {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
    };
    std::uint32_t first = byte(0);
    std::size_t extra = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    std::uint32_t code = extra == 0 ? first : first & (0x3fu >> extra);
    for (std::size_t k = 1; k <= extra; ++k) {
      if ((byte(k) & 0xc0) != 0x80) {
        extra = 0;
        code = first;
        break;
      }
      code = (code << 6) | (byte(k) & 0x3f);
    }
    if (code >= 0x10000) {
      add(0xd800 + ((code - 0x10000) >> 10));
      add(0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
      add(code);
    }
    i += extra + 1;
  }
  return hash;
}

}  // namespace

bytes encode(const offset_commit_key& key) {
  bytes to;
  put_be(to, commit_key_version);
  put_string(to, key.group);
  put_string(to, key.partition.topic);
  put_be(to, key.partition.partition);
  return to;
}

bytes encode(const group_metadata_key& key) {
  bytes to;
  put_be(to, group_key_version);
  put_string(to, key.group);
  return to;
}

bytes encode(const committed_offset& value) {
  bytes to;
  put_be(to, value_version);
  put_be(to, value.offset);
  put_be(to, value.leader_epoch);
  put_string(to, value.metadata);
  put_be(to, to_millis(value.commit_time));
  return to;
}

bytes encode(const group_metadata_value& value) {
  bytes to;
  put_be(to, value_version);
  put_string(to, value.protocol_type);
  put_be(to, value.generation);
  put_nullable_string(to, value.protocol);
  put_nullable_string(to, value.leader);
  put_be(to, to_millis(value.state_since));
  put_count(to, value.members.size());
  for (const auto& one : value.members) {
    put_string(to, one.id);
    put_nullable_string(to, one.instance_id);
    put_string(to, one.client_id);
    put_string(to, one.client_host);
    put_be(to, millis32(one.rebalance_timeout));
    put_be(to, millis32(one.session_timeout));
    put_bytes(to, one.subscription);
    put_bytes(to, one.assignment);
  }
  return to;
}

result<offsets_key> decode_offsets_key(bytes_view from) {
  byte_reader reader{from};
  auto version = reader.be<std::int16_t>();
  if (!reader.ok() || version < 0) return lying("a key of __consumer_offsets", from);
  if (version > group_key_version)
    return newer("a key of __consumer_offsets", version, group_key_version);
  if (version == group_key_version) {
    group_metadata_key key{read_string(reader)};
    if (!reader.at_end()) return lying("a key of __consumer_offsets", from);
    return offsets_key{std::move(key)};
  }
  offset_commit_key key;
  key.group = read_string(reader);
  key.partition.topic = read_string(reader);
  key.partition.partition = reader.be<std::int32_t>();
  if (!reader.at_end()) return lying("a key of __consumer_offsets", from);
  return offsets_key{std::move(key)};
}

result<committed_offset> decode_committed_offset(bytes_view from) {
  byte_reader reader{from};
  auto version = reader.be<std::int16_t>();
  if (!reader.ok() || version < 0) return lying("a committed offset", from);
  if (version > value_version) return newer("a committed offset", version, value_version);
  committed_offset value;
  value.offset = reader.be<std::int64_t>();
  if (version >= 3) value.leader_epoch = reader.be<std::int32_t>();
  value.metadata = read_string(reader);
  value.commit_time = from_millis(reader.be<std::int64_t>());
  if (version == 1) reader.be<std::int64_t>();  // an expiry time that Kafka, too, stopped using
  if (!reader.at_end()) return lying("a committed offset", from);
  return value;
}

result<group_metadata_value> decode_group_metadata(bytes_view from) {
  byte_reader reader{from};
  auto version = reader.be<std::int16_t>();
  if (!reader.ok() || version < 0) return lying("a group's metadata", from);
  if (version > value_version) return newer("a group's metadata", version, value_version);
  group_metadata_value value;
  value.protocol_type = read_string(reader);
  value.generation = reader.be<std::int32_t>();
  value.protocol = read_nullable_string(reader);
  value.leader = read_nullable_string(reader);
  if (version >= 2) value.state_since = from_millis(reader.be<std::int64_t>());
  auto members = read_count(reader, 18);  // four lengths of strings and bytes, a timeout
  for (std::int32_t i = 0; i < members && reader.ok(); ++i)
    value.members.push_back(read_member(reader, version));
  if (!reader.at_end()) return lying("a group's metadata", from);
  return value;
}

std::int32_t partition_of_group(std::string_view group, std::int32_t partitions) {
  PENSTOCK_ASSERT(partitions >= 1, partitions);
  // Kafka's Utils.abs: the magnitude, and 0 for the smallest integer.
  auto hash = static_cast<std::int32_t>(java_hash(group));
  if (hash == std::numeric_limits<std::int32_t>::min()) return 0;
  return (hash < 0 ? -hash : hash) % partitions;
}

result<void> offsets_image::apply(bytes_view key, std::optional<bytes_view> value) {
  PENSTOCK_ASSIGN(auto what, decode_offsets_key(key));
  if (auto* commit_key = std::get_if<offset_commit_key>(&what)) {
    if (!value) {
      remove(*commit_key);
      return {};
    }
    PENSTOCK_ASSIGN(auto offset, decode_committed_offset(*value));
    commit(*commit_key, std::move(offset));
    return {};
  }
  const auto& group = std::get<group_metadata_key>(what).group;
  if (!value) {
    remove_group_metadata(group);
    return {};
  }
  PENSTOCK_ASSIGN(auto metadata, decode_group_metadata(*value));
  store(group, std::move(metadata));
  return {};
}

void offsets_image::commit(const offset_commit_key& key, committed_offset value) {
  offsets_[key.group][key.partition] = std::move(value);
}

void offsets_image::remove(const offset_commit_key& key) {
  auto group = offsets_.find(key.group);
  if (group == offsets_.end()) return;
  group->second.erase(key.partition);
  if (group->second.empty()) offsets_.erase(group);
}

void offsets_image::store(const std::string& group, group_metadata_value value) {
  metadata_[group] = std::move(value);
}

void offsets_image::remove_group_metadata(const std::string& group) {
  metadata_.erase(group);
}

const committed_offset* offsets_image::find(std::string_view group,
                                            const topic_partition& partition) const {
  const auto& all = offsets_of(group);
  auto found = all.find(partition);
  return found == all.end() ? nullptr : &found->second;
}

const offsets_image::partitions& offsets_image::offsets_of(std::string_view group) const {
  static const partitions none;
  auto found = offsets_.find(group);
  return found == offsets_.end() ? none : found->second;
}

const group_metadata_value* offsets_image::metadata_of(std::string_view group) const {
  auto found = metadata_.find(group);
  return found == metadata_.end() ? nullptr : &found->second;
}

std::vector<std::string> offsets_image::groups() const {
  std::set<std::string> all;
  for (const auto& [group, unused] : offsets_) all.insert(group);
  for (const auto& [group, unused] : metadata_) all.insert(group);
  return {all.begin(), all.end()};
}

std::vector<offset_commit_key> offsets_image::expired(
    timestamp now, duration retention,
    const std::function<bool(const std::string&)>& active) const {
  std::vector<offset_commit_key> keys;
  for (const auto& [group, all] : offsets_) {
    if (active(group)) continue;
    // A group that had members counts from when the last one left, which its last record says.
    const auto* metadata = metadata_of(group);
    auto left = metadata ? metadata->state_since : no_timestamp;
    for (const auto& [partition, offset] : all)
      if (now - std::max({left, offset.commit_time, from_millis(0)}) >= retention)
        keys.push_back({group, partition});
  }
  return keys;
}

std::vector<bytes> offsets_image::keys_of(const std::string& group) const {
  std::vector<bytes> keys;
  for (const auto& [partition, unused] : offsets_of(group))
    keys.push_back(encode(offset_commit_key{group, partition}));
  if (metadata_.contains(group)) keys.push_back(encode(group_metadata_key{group}));
  return keys;
}

std::vector<offset_commit_key> offsets_image::keys_of_topic(std::string_view topic) const {
  std::vector<offset_commit_key> keys;
  for (const auto& [group, all] : offsets_)
    for (const auto& [partition, unused] : all)
      if (partition.topic == topic) keys.push_back({group, partition});
  return keys;
}

}  // namespace penstock
