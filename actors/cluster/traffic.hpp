// What the peers of a listener have in the node's memory at one moment, all together: clients of
// Kafka, or links. Each connection has limits of its own; these hold when there are many of them.
// The listener's thread counts; connection actors look.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace penstock {

class traffic {
 public:
  explicit traffic(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// Bytes more, or (below zero) fewer: of requests that are not answered, of requests that have
  /// not come to their end, of answers that have not been taken.
  void count_requests(std::int64_t count) { add(requests_, count); }
  void count_unfinished(std::int64_t count) { add(unfinished_, count); }
  void count_answers(std::int64_t count) { add(answers_, count); }

  /// The same of answers that are being put together.
  void count_promised(std::int64_t count) { add(promised_, count); }

  /// Nothing new is read until less is under way.
  bool is_full_of_requests() const { return requests_ + unfinished_ >= bytes_max_; }

  /// Half of the room is taken by those who began a request and do not end it: one has to go.
  bool too_much_unfinished() const { return unfinished_ > bytes_max_ / 2; }

  /// Half of the room is taken by answers: who has not taken the last one gets no other, and who
  /// has not taken any for a while has to go.
  bool is_half_full_of_answers() const { return answers_ >= bytes_max_ / 2; }

  /// There is no room left for answers: somebody has to go at once.
  bool is_full_of_answers() const { return answers_ >= bytes_max_; }

  /// What one more answer with records may be, so that many large ones at once become small ones:
  /// half of what is left of their half.
  std::uint64_t answer_bytes_max() const {
    constexpr std::uint64_t always = 1u << 20;
    const std::uint64_t used = answers_ + promised_;
    return std::max(always, used < bytes_max_ / 2 ? (bytes_max_ / 2 - used) / 2 : 0);
  }

 private:
  static void add(std::atomic<std::uint64_t>& to, std::int64_t count) {
    to += static_cast<std::uint64_t>(count);  // modulo 2^64, so that fewer is right as well
  }

  std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> unfinished_{0};
  std::atomic<std::uint64_t> answers_{0};
  std::atomic<std::uint64_t> promised_{0};
};

/// What an answer that is being put together will take. Without `all` nobody else is there.
class promised_room {
 public:
  explicit promised_room(std::shared_ptr<traffic> all) : all_(std::move(all)) {}
  ~promised_room() { change_to(0); }
  promised_room(const promised_room&) = delete;
  promised_room& operator=(const promised_room&) = delete;

  void change_to(std::uint64_t count) {
    const auto before = std::exchange(bytes_, count);
    if (all_) all_->count_promised(static_cast<std::int64_t>(count - before));
  }

 private:
  std::shared_ptr<traffic> all_;
  std::uint64_t bytes_ = 0;
};

}  // namespace penstock
