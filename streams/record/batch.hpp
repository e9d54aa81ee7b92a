// A run of records as it lies on disk and on the wire: the Kafka v2 record batch (KIP-98), 61 bytes
// of header and then the records, compressed or not. docs/formats/record-batch.md has the bytes.
// `batch_builder` makes one, `batch_view` reads one, `batch_cursor` walks the records of one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/record/record.hpp"

namespace penstock {

enum class codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// "none", "gzip", …; the names of Kafka's `compression.type`.
std::string_view name_of(codec c);
result<codec> codec_named(std::string_view name);

enum class timestamp_type : std::uint8_t { create_time = 0, log_append_time = 1 };

inline constexpr std::int64_t no_producer_id = -1;
inline constexpr std::int16_t no_producer_epoch = -1;
inline constexpr std::int32_t no_sequence = -1;

/// Bytes before the first record.
inline constexpr std::size_t batch_header_bytes = 61;

/// Default cap on what the records of one batch may decompress to (a bomb is refused).
inline constexpr std::size_t decompressed_bytes_max = std::size_t{128} << 20;

/// What decoding every record of a batch tells beyond its header.
struct batch_facts {
  timestamp max_time = no_timestamp;  // of the records themselves
  bool null_key = false;              // some record has no key
  bool contiguous = true;             // offset deltas are 0, 1, 2, … up to the last
};

/// A record batch in borrowed bytes. Cheap to copy; valid as long as the bytes.
class batch_view {
 public:
  /// Reads the header of the batch at the start of `from` (more bytes may follow it): length,
  /// magic 2, attributes, counts and offsets in bounds. `corrupt` otherwise, or when `from` ends
  /// before the batch does; `unsupported_version` for another magic. The checksum is left to
  /// `check_crc`.
  static result<batch_view> parse(bytes_view from);

  /// CRC-32C over everything after the CRC field (Kafka's rule: base offset and leader epoch are
  /// outside, so that the log can set them). `corrupt` with both values when it does not match.
  result<void> check_crc() const;

  /// Header checked, CRC checked, and every record decoded once: lengths, counts, offset deltas
  /// and header bounds. What a log does with bytes that come from outside.
  result<void> validate(std::size_t decompressed_max = decompressed_bytes_max) const;

  /// The same pass without the checksum, with what it has learned on the way.
  result<batch_facts> inspect(std::size_t decompressed_max = decompressed_bytes_max) const;

  bytes_view data() const { return data_; }
  std::size_t size() const { return data_.size(); }

  /// The records as they lie there, compressed or not.
  bytes_view payload() const { return data_.substr(batch_header_bytes); }

  offset_t base_offset() const;
  offset_t last_offset() const;
  offset_t next_offset() const { return last_offset() + 1; }
  epoch_t leader_epoch() const;
  std::int32_t record_count() const;
  timestamp base_time() const;
  timestamp max_time() const;
  std::int64_t producer_id() const;
  std::int16_t producer_epoch() const;
  std::int32_t base_sequence() const;
  std::int32_t last_sequence() const;
  codec compression() const;
  timestamp_type time_type() const;
  bool is_transactional() const;
  bool is_control() const;

  /// When tombstones in this batch may go (KIP-534); set by compaction, which keeps it in the place
  /// of the base time.
  std::optional<timestamp> delete_horizon() const;
  std::uint32_t crc() const;

 private:
  explicit batch_view(bytes_view data) : data_(data) {}
  bytes_view data_;
};

/// The batch with its records compressed by `with` instead: all other fields as they were, length
/// and checksum renewed. `corrupt` when the payload does not decompress or is larger than the cap.
result<bytes> recompress(const batch_view& batch, codec with,
                         std::size_t decompressed_max = decompressed_bytes_max);

/// Walks the records of a batch. Decompresses at construction when needed (into its own buffer,
/// which is reused when the cursor is opened again); the views it gives live until then.
class batch_cursor {
 public:
  batch_cursor() = default;

  /// `corrupt` when the payload does not decompress or is larger than the cap.
  result<void> open(const batch_view& batch, std::size_t decompressed_max = decompressed_bytes_max);

  /// True and `to` filled, or false at the end; `corrupt` when a record's lengths lie.
  result<bool> next(record_view& to);

 private:
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  offset_t base_offset_ = 0;
  timestamp base_time_ = no_timestamp;
  timestamp append_time_ = no_timestamp;  // set when the log stamped the batch
  std::int32_t left_ = 0;
  std::int32_t last_delta_ = 0;
  bytes inflated_;
};

struct batch_options {
  codec compression = codec::none;
  int compression_level = -1;  // the library's default
  timestamp_type time_type = timestamp_type::create_time;
  std::int64_t producer_id = no_producer_id;
  std::int16_t producer_epoch = no_producer_epoch;
  std::int32_t base_sequence = no_sequence;
  bool transactional = false;
  bool control = false;
  bool checksum = true;                     // false only for batches that never leave the process
  std::optional<timestamp> delete_horizon;  // compaction: see batch_view::delete_horizon
};

/// Builds one batch. Reusable: `finish` leaves it empty with its memory kept.
class batch_builder {
 public:
  explicit batch_builder(batch_options options = {});

  /// Adds a record behind the last one (offset delta + 1). The views are copied.
  void add(timestamp time, std::optional<bytes_view> key, std::optional<bytes_view> value,
           std::span<const header_view> headers = {});

  /// The same at an explicit offset relative to the base (compaction leaves gaps).
  void add_at(std::int32_t offset_delta, timestamp time, std::optional<bytes_view> key,
              std::optional<bytes_view> value, std::span<const header_view> headers = {});

  bool empty() const { return count_ == 0; }
  std::int32_t count() const { return count_; }

  /// Uncompressed size if finished now.
  std::size_t size() const { return used_; }

  /// Sequence numbers and producer are often known only when the batch is sent.
  void set_producer(std::int64_t id, std::int16_t epoch, std::int32_t base_sequence);

  /// The finished batch, of at least one record; valid until the builder is used again.
  /// `base_offset` is usually 0: the log assigns.
  bytes_view finish(offset_t base_offset = 0);

 private:
  void start(timestamp first);
  void grow(std::size_t by);

  batch_options options_;
  bytes buffer_;  // header space, then records, then room
  std::size_t used_ = batch_header_bytes;
  bytes finished_;  // used when compressed
  std::int32_t count_ = 0;
  std::int32_t last_delta_ = -1;
  timestamp base_time_ = no_timestamp;
  timestamp max_time_ = no_timestamp;
};

/// Sets the fields that the log owns, outside the checksum: base offset and leader epoch.
void assign_offsets(char* batch, offset_t base_offset, epoch_t leader_epoch);

/// Stamps a batch with the log's time (`message.timestamp.type=LogAppendTime`) and renews its CRC.
void stamp_append_time(char* batch, timestamp now);

}  // namespace penstock
