// What several words need to know about dead letters: what the headers of one say, which ones are
// meant, how to read them, and which have been replayed before. The topic that remembers replays:
// docs/formats/replays.md.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/client/producer.hpp"
#include "streams/record/record.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

/// What the headers of a dead letter say. Views live as long as the record.
struct letter {
  std::string_view reason;
  std::string_view step;
  std::string_view topic;   // where it was read; empty: it left a state
  std::string_view origin;  // where that comes from, when the topic is the job's own
  std::int32_t partition = -1;
  offset_t offset = -1;
};

/// Nothing when the record is no dead letter: it has no header penstock.reason.
std::optional<letter> letter_of(const record& r);

/// The reason without what differs from record to record: "…" for quoted text, N for numbers.
std::string pattern_of(std::string_view reason);

/// Offsets of one partition, or of all (-1); both ends belong to it.
struct letter_range {
  std::int32_t partition = -1;
  offset_t first = 0;
  offset_t last = 0;
};

/// "N", "A-B", "P:N", "P:A-B"; `invalid_argument` naming the word.
result<letter_range> parse_letter_range(const std::string& word);

struct letter_filter {
  std::vector<std::string> steps;    // any of them; empty: all
  std::vector<std::string> reasons;  // part of the reason, or its pattern; any of them; empty: all
  std::vector<letter_range> ranges;  // any of them; empty: all

  /// Fine when every range names a partition of the topic; `not_found` otherwise.
  result<void> check(const topic_info& topic) const;

  bool wants(std::int32_t partition, offset_t offset) const;
  bool wants(const letter& what) const;
};

/// What is done with a record that the filter's ranges want: false ends the reading. The letter is
/// missing for records that are none.
using letter_taker = std::function<result<bool>(std::int32_t partition, const record& what,
                                                const std::optional<letter>& said)>;

/// Reads what is in the topic at this moment, in order of offsets within a partition. `cancelled`
/// when a stop was asked for.
result<void> read_letters(target& at, const topic_info& topic, const letter_filter& filter,
                          const letter_taker& take);

/// Sets of offsets by partition, held as ranges.
class offset_set {
 public:
  void add(std::int32_t partition, offset_t first, offset_t last);
  bool contains(std::int32_t partition, offset_t offset) const;
  bool empty() const { return ranges_.empty(); }
  std::uint64_t size() const;
  /// In order of partition and offset, neighbours joined.
  std::vector<letter_range> ranges() const;

 private:
  std::map<std::int32_t, std::map<offset_t, offset_t>> ranges_;  // first -> last
};

/// What earlier replays of a dead-letter topic did, kept in the topic "<topic>-replayed".
class replay_log {
 public:
  /// Reads what there is. Nothing is made yet.
  static result<replay_log> open(target& at, const topic_info& letters);

  /// Letters that were replayed.
  const offset_set& done() const { return done_; }

  /// Letters whose replay was begun and not seen to its end: they may have been replayed.
  const offset_set& begun() const { return begun_; }

  /// Notes, durably, that these are about to be replayed; `finish` that they have been.
  result<void> begin(target& at, producer& by, const offset_set& which);
  result<void> finish(producer& by, const offset_set& which);

 private:
  result<void> read(bytes_view value);
  result<void> write(producer& by, std::string_view state, const offset_set& which);

  std::string topic_;  // ours
  std::string id_;     // of the topic of the letters, in hexadecimal
  bool made_ = false;
  offset_set done_;
  offset_set begun_;
};

}  // namespace penstock::tool
