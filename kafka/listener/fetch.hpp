// One fetch request at work. It reads its partitions, as many at once as the limit on bytes allows,
// and answers as soon as there is enough. Otherwise it asks every partition to say when there is
// more (a watch: a parked request that brings no batches), and reads again what has moved, until
// there is enough or the wait is over. A watch outlives its fetch, so a consumer that polls in a
// circle has one for each partition and not one for each poll.
#pragma once

#include <memory>
#include <vector>

#include "kafka/listener/session.hpp"

namespace penstock::kafka {

class fetch_work : public std::enable_shared_from_this<fetch_work> {
 public:
  fetch_work(session& with, exchange_ptr<fetch_request> x);

  void begin();

  /// A watched partition has more, or has gone.
  void on_more(const topic_partition& which);

 private:
  struct share {
    topic_partition id;  // with the bytes of the topic's id in place of its name from version 13 on
    std::int64_t offset = 0;
    std::uint32_t bytes_max = 0;
    error_code wrong = error_code::none;
    std::uint32_t reserved = 0;  // of the limit, while the answer is not there
    bool asked = false;
    bool again = false;  // moved while it was being read
    fetch_reply reply;
    std::size_t bytes_in = 0;
  };

  std::uint32_t share_now(const share& of);
  void add(topic_partition id, std::int64_t offset, std::int32_t bytes_max,
           std::int32_t leader_epoch);
  void read_on();
  void read(std::size_t at, bool look_only = false);
  void arrived(std::size_t at, const fetch_reply& reply);
  void settle();
  void watch(const share& each);
  std::optional<uuid> topic_id(const share& of) const;
  using answered_partition =
      decltype(fetch_response::fetchable_topic_response::partitions)::value_type;
  answered_partition& place_for(fetch_response& out, const share& part) const;
  void finish();
  bool committed() const { return x_->in.isolation_level == 1; }

  session& with_;
  exchange_ptr<fetch_request> x_;
  std::vector<share> parts_;
  std::size_t next_ = 0;  // the first that has not been read yet
  std::size_t reading_ = 0;
  std::uint64_t limit_ = 0;
  std::uint64_t taken_ = 0;  // bytes read and reserved
  promised_room room_;       // for those
  bool failed_ = false;
  bool waiting_ = false;
  bool over_ = false;
  bool done_ = false;
};

}  // namespace penstock::kafka
