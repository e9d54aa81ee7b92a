#include "actors/processor/commit_record.hpp"

#include <vector>

#include "streams/base/assert.hpp"
#include "streams/base/coding.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/record.hpp"
#include "streams/record/task_marks.hpp"

namespace penstock {
namespace {

constexpr std::uint8_t positions_version = 2;  // 1 had no topic ids
constexpr std::uint8_t outbox_version = 1;
constexpr std::size_t topic_id_bytes = 16;

void put_bytes(bytes& to, bytes_view what) {
  put_uvarint(to, what.size());
  to.append(what);
}

result<void> check_version(byte_reader& in, std::uint8_t known, std::string_view what) {
  auto version = in.be<std::uint8_t>();
  if (!in.ok()) return error{errc::corrupt, std::string{what} + " of a changelog is empty"};
  if (version > known)
    return error{errc::unsupported_version,
                 std::string{what} + " of a changelog has version " + std::to_string(version) +
                     "; this program reads up to " + std::to_string(known) +
                     ": run the newer program that wrote it"};
  return {};
}

}  // namespace

bytes encode(const task_positions& positions) {
  bytes to;
  put_be(to, positions_version);
  put_be(to, positions.commit);
  put_be(to, positions.epoch);
  put_bytes(to, positions.progress);
  put_uvarint(to, positions.next.size());
  for (const auto& [input, offset] : positions.next) {
    put_bytes(to, input.topic);
    put_be(to, input.partition);
    put_be(to, offset);
  }
  put_uvarint(to, positions.sequences.size());
  for (const auto& [upstream, sequence] : positions.sequences) {
    put_be(to, upstream.first);
    put_bytes(to, upstream.second);
    put_be(to, sequence);
  }
  put_uvarint(to, positions.topic_ids.size());
  for (const auto& [topic, id] : positions.topic_ids) {
    PENSTOCK_ASSERT(id.size() == topic_id_bytes, topic, id.size());
    put_bytes(to, topic);
    to.append(id);
  }
  return to;
}

result<task_positions> decode_positions(bytes_view value) {
  byte_reader in{value};
  PENSTOCK_TRY(check_version(in, positions_version, "the positions record"));
  task_positions out;
  out.commit = in.be<std::int64_t>();
  out.epoch = in.be<std::int32_t>();
  out.progress = bytes{in.take(in.uvarint())};
  for (auto left = in.uvarint(); left > 0 && in.ok(); --left) {
    topic_partition input;
    input.topic = std::string{in.take(in.uvarint())};
    input.partition = in.be<std::int32_t>();
    out.next[std::move(input)] = in.be<offset_t>();
  }
  for (auto left = in.uvarint(); left > 0 && in.ok(); --left) {
    auto source = in.be<std::int32_t>();
    std::string task{in.take(in.uvarint())};
    out.sequences[{source, std::move(task)}] = in.be<std::int64_t>();
  }
  const bool has_ids = static_cast<std::uint8_t>(value.empty() ? 0 : value[0]) >= 2;
  for (auto left = has_ids ? in.uvarint() : 0; left > 0 && in.ok(); --left) {
    std::string topic{in.take(in.uvarint())};
    out.topic_ids[std::move(topic)] = bytes{in.take(topic_id_bytes)};
  }
  if (!in.ok()) return error{errc::corrupt, "the positions record of a changelog ends too soon"};
  return out;
}

bytes encode_outbox(const std::vector<outgoing_batch>& batches) {
  bytes to;
  put_be(to, outbox_version);
  put_uvarint(to, batches.size());
  for (const auto& each : batches) {
    put_bytes(to, each.to.topic);
    put_be(to, each.to.partition);
    put_bytes(to, each.batch);
  }
  return to;
}

result<std::vector<outgoing_batch>> decode_outbox(bytes_view value) {
  byte_reader in{value};
  PENSTOCK_TRY(check_version(in, outbox_version, "the outbox record"));
  std::vector<outgoing_batch> out;
  for (auto left = in.uvarint(); left > 0 && in.ok(); --left) {
    outgoing_batch each;
    each.to.topic = std::string{in.take(in.uvarint())};
    each.to.partition = in.be<std::int32_t>();
    each.batch = bytes{in.take(in.uvarint())};
    if (in.ok()) out.push_back(std::move(each));
  }
  if (!in.ok()) return error{errc::corrupt, "the outbox record of a changelog ends too soon"};
  return out;
}

result<bytes> remark(bytes_view batch, const source_mark& mark) {
  PENSTOCK_ASSIGN(auto from, batch_view::parse(batch));
  batch_cursor cursor;
  PENSTOCK_TRY(cursor.open(from));
  batch_builder to;
  const bytes encoded = encode(mark);
  record_view r;
  for (bool first = true;; first = false) {
    PENSTOCK_ASSIGN(bool more, cursor.next(r));
    if (!more) break;
    auto headers = headers_of(r);
    if (first) {
      std::erase_if(headers, [](const auto& h) { return h.name == source_mark_header; });
      headers.push_back({source_mark_header, encoded});
    }
    to.add(r.time, r.key, r.value, headers);
  }
  return bytes{to.finish()};
}

}  // namespace penstock
