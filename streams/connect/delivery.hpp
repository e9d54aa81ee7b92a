// What one partition of a sink's topic owes to an HTTP server: records in order, the request that
// comes next, and what its answer means for each of them. A plain object without sockets or timers:
// the HTTP sink reads and sends, and tells it what came back. One request is under way at most, so
// that order is kept.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/random.hpp"
#include "streams/base/result.hpp"
#include "streams/connect/back_off.hpp"
#include "streams/connect/http_body.hpp"
#include "streams/record/record.hpp"

namespace penstock {

struct http_answer {
  int status = 0;
  std::string reason;                   // the server's words behind the status
  std::optional<duration> retry_after;  // what it asks for
  bytes body;
};

/// Seconds or an HTTP date (RFC 9110), as a wait from `now`; nothing when it is neither.
std::optional<duration> parse_retry_after(std::string_view text, timestamp now);

class delivery {
 public:
  using time = std::chrono::nanoseconds;  // monotonic

  delivery(http_body as, bool json, batch limits, retry tries, random chance);

  /// A record for the server, offsets ascending.
  void add(const record_view& r, time now);

  /// The body of the next request, which is then under way; nothing while one is, while a wait is
  /// on, or while there is too little (`hurry`: whatever there is).
  std::optional<bytes> next(time now, bool hurry);

  struct rejected {
    record what;
    std::string reason;
  };
  struct outcome {
    std::size_t delivered = 0;
    std::size_t bytes = 0;          // of their values
    std::vector<rejected> refused;  // the server will never take these
    error failure;                  // set: it will be tried again
  };
  /// What came back for the request under way: an answer, or why there is none.
  outcome on_answer(const result<http_answer>& answer, time now);

  /// When `next` may have something, if nothing happens meanwhile.
  std::optional<time> due() const;

  /// Offset behind everything that is settled, records refused included; -1 before the first.
  offset_t settled() const { return settled_; }

  std::size_t held_records() const { return items_.size(); }
  std::size_t held_bytes() const { return held_bytes_; }
  bool under_way() const { return under_way_ > 0; }

 private:
  struct item {
    record what;
    bytes piece;
    time at{};
  };

  std::size_t fitting() const;
  void settle(const std::vector<bool>& gone);
  outcome try_again(error why, std::optional<duration> asked, time now);
  outcome taken(std::size_t count);
  outcome blame(const http_answer& answer);
  outcome sort_out(const std::vector<bulk_outcome>& items, std::optional<duration> asked, time now);

  http_body as_;
  bool json_;
  batch limits_;
  back_off waits_;
  std::deque<item> items_;
  std::size_t held_bytes_ = 0;
  std::size_t under_way_ = 0;  // that many of the first items
  std::size_t suspects_ = 0;   // among the first so many is one that the server will not take
  std::size_t apart_ = 0;      // the next request has so many items, if any: suspects, or leftovers
  std::optional<time> not_before_;
  offset_t settled_ = -1;
};

}  // namespace penstock
