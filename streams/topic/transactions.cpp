#include "streams/topic/transactions.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "streams/topic/kafka_coding.hpp"

namespace penstock {
namespace {

using namespace kafka_coding;

constexpr std::int16_t key_version = 0;
constexpr std::int16_t value_version = 0;
constexpr std::int16_t flexible_version = 1;

std::uint64_t read_unsigned(byte_reader& from) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(from.be<std::int8_t>());
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80u) == 0) return value;
  }
  take_length(from, -1);
  return 0;
}

// An array's count: 0 for null as well.
std::int32_t read_any_count(byte_reader& from, bool flexible, std::size_t element_bytes_min) {
  if (flexible) {
    const auto count = read_unsigned(from);
    if (count <= 1) return 0;
    if (count - 1 > from.left() / element_bytes_min) {
      take_length(from, -1);
      return 0;
    }
    return static_cast<std::int32_t>(count - 1);
  }
  const auto count = from.be<std::int32_t>();
  if (count == -1) return 0;
  if (count < 0 || static_cast<std::size_t>(count) > from.left() / element_bytes_min) {
    take_length(from, -1);
    return 0;
  }
  return count;
}

void skip_tags(byte_reader& from) {
  for (auto count = read_unsigned(from); from.ok() && count > 0; --count) {
    read_unsigned(from);
    from.take(read_unsigned(from));
  }
}

}  // namespace

std::string_view name_of(transaction_state state) {
  constexpr std::array<std::string_view, 6> names{
      "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"};
  return names[static_cast<std::size_t>(state)];
}

bytes encode_transaction_key(std::string_view id) {
  bytes to;
  put_be(to, key_version);
  put_string(to, id);
  return to;
}

bytes encode(const transaction_value& value) {
  bytes to;
  put_be(to, value_version);
  put_be(to, value.producer_id);
  put_be(to, value.epoch);
  put_be(to, static_cast<std::int32_t>(value.timeout.count()));
  put_be(to, static_cast<std::int8_t>(value.state));
  if (value.state == transaction_state::empty) {
    put_be(to, std::int32_t{-1});
  } else {
    std::map<std::string, std::vector<std::int32_t>> topics;
    for (const auto& each : value.partitions) topics[each.topic].push_back(each.partition);
    put_count(to, topics.size());
    for (const auto& [topic, partitions] : topics) {
      put_string(to, topic);
      put_count(to, partitions.size());
      for (const auto each : partitions) put_be(to, each);
    }
  }
  put_be(to, to_millis(value.last_update));
  put_be(to, to_millis(value.start));
  return to;
}

result<std::string> decode_transaction_key(bytes_view from) {
  byte_reader reader{from};
  const auto version = reader.be<std::int16_t>();
  if (!reader.ok() || version < 0) return lying("a key of __transaction_state", from);
  if (version > key_version) return newer("a key of __transaction_state", version, key_version);
  auto id = read_string(reader);
  if (!reader.at_end()) return lying("a key of __transaction_state", from);
  return id;
}

result<transaction_value> decode_transaction_value(bytes_view from) {
  constexpr std::string_view what = "a value of __transaction_state";
  byte_reader reader{from};
  const auto version = reader.be<std::int16_t>();
  if (!reader.ok() || version < 0) return lying(what, from);
  if (version > flexible_version) return newer(what, version, flexible_version);
  const bool flexible = version == flexible_version;
  transaction_value value;
  value.producer_id = reader.be<std::int64_t>();
  value.epoch = reader.be<std::int16_t>();
  value.timeout = duration{reader.be<std::int32_t>()};
  const auto state = reader.be<std::int8_t>();
  constexpr std::size_t topic_bytes_min = 3;
  for (auto topics = read_any_count(reader, flexible, topic_bytes_min); reader.ok() && topics > 0;
       --topics) {
    std::string topic;
    if (flexible) {
      const auto length = read_unsigned(reader);
      topic = std::string{reader.take(length == 0 ? 0 : length - 1)};
    } else {
      topic = read_string(reader);
    }
    for (auto count = read_any_count(reader, flexible, sizeof(std::int32_t));
         reader.ok() && count > 0; --count)
      value.partitions.insert({topic, reader.be<std::int32_t>()});
    if (flexible) skip_tags(reader);
  }
  value.last_update = from_millis(reader.be<std::int64_t>());
  value.start = from_millis(reader.be<std::int64_t>());
  if (flexible) skip_tags(reader);
  if (!reader.at_end() || state < 0 ||
      state > static_cast<std::int8_t>(transaction_state::complete_abort))
    return lying(what, from);
  value.state = static_cast<transaction_state>(state);
  return value;
}

}  // namespace penstock
