// A client of Kafka in a random mood: requests that are right, of any kind and in any order, with
// rubbish between them, answered by a whole node on a simulated disk. Whatever is sent, the
// connection lives on or is closed with a reason, answers come in the order of the requests, and
// another client is served.
//
// Input: a byte that says what comes, then what it takes: a request of a kind and version whose
// fields are drawn from the bytes that follow, a raw frame, or a pause.
#include <caf/send.hpp>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>

#include "kafka/listener/connection.hpp"
#include "kafka/protocol/cluster_fields.hpp"
#include "kafka/protocol/groups_fields.hpp"
#include "kafka/protocol/header.hpp"
#include "kafka/protocol/messages.hpp"
#include "kafka/protocol/records_fields.hpp"
#include "kafka/protocol/topics_fields.hpp"
#include "kafka/protocol/transactions_fields.hpp"
#include "streams/base/coding.hpp"
#include "streams/base/disk_simulated.hpp"
#include "streams/record/batch.hpp"
#include "tests/support/virtual_system.hpp"

using namespace penstock;
using namespace penstock::kafka;

namespace {

constexpr std::size_t requests_max = 32;  // of one input

// Numbers and words from the input, and zeroes behind its end.
class mood {
 public:
  explicit mood(bytes_view from) : from_(from) {}
  bool over() const { return from_.empty(); }
  std::uint8_t next() {
    if (from_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(from_.front());
    from_.remove_prefix(1);
    return byte;
  }
  bytes_view take(std::size_t count) {
    const auto taken = from_.substr(0, count);
    from_.remove_prefix(taken.size());
    return taken;
  }

 private:
  bytes_view from_;
};

// A visitor of fields, as the reader and the writer: mostly what makes sense to a node.
class moody_fields {
 public:
  explicit moody_fields(mood& from, const std::deque<bytes>& batches)
      : from_(from), batches_(batches) {}

  template <class T>
  void number(T& to) {
    if constexpr (std::is_same_v<T, bool>) {
      to = from_.next() % 2 == 1;
    } else if constexpr (std::is_floating_point_v<T>) {
      to = from_.next();
    } else {
      const auto kind = from_.next();
      static constexpr std::int64_t liked[] = {0, 0, 0, 1, 1, 2, -1, -2, 3, 1000, 30'000, 1 << 20};
      const std::int64_t value = kind < 240 ? liked[kind % std::size(liked)]
                                 : kind < 250
                                     ? std::int64_t{from_.next()} << (kind % 7 * 8)
                                     : std::numeric_limits<std::int64_t>::max() - (kind % 2);
      to = static_cast<T>(value);
    }
  }
  void number(uuid& to) {
    for (auto& each : to.bytes) each = from_.next() % 2;
  }
  void text(std::string& to) { to = word(); }
  void text(std::optional<std::string>& to, bool nullable) {
    to = nullable && from_.next() % 3 == 0 ? std::nullopt : std::optional{word()};
  }
  template <class Data>
  void data(Data& to) {
    to = Data{some_bytes()};
  }
  template <class Data>
  void data(std::optional<Data>& to, bool nullable) {
    to = nullable && from_.next() % 8 == 0 ? std::nullopt : std::optional{Data{some_bytes()}};
  }
  template <class T>
  void structure(T& to, int v) {
    T::fields(*this, to, v);
  }
  template <class T>
  void structure(std::optional<T>& to, int v, bool nullable) {
    to.reset();
    if (!nullable || from_.next() % 2 == 0) T::fields(*this, *(to = T{}), v);
  }
  template <class T>
  void array(std::vector<T>& to, int v) {
    const auto count = from_.over() ? 0 : 1 + from_.next() % 2;
    for (int i = 0; i < count; ++i) {
      auto& element = to.emplace_back();
      if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, uuid>) {
        number(element);
      } else if constexpr (std::is_same_v<T, std::string>) {
        text(element);
      } else {
        T::fields(*this, element, v);
      }
    }
  }
  template <class T>
  void array(std::optional<std::vector<T>>& to, int v, bool nullable) {
    to.reset();
    if (!nullable || from_.next() % 4 != 0) array(to.emplace(), v);
  }
  void no_tags() {}
  int begin_tags() { return 0; }
  template <class Fill>
  void tag(int, int, bool, Fill&& fill) {
    if (from_.next() % 4 == 0) fill(*this);
  }
  void end_tags(int) {}

 private:
  std::string word() {
    static constexpr const char* words[] = {"t",    "u",    "g",        "h",
                                            "m",    "",     "consumer", "range",
                                            "none", "../x", "i",        "retention.ms",
                                            "1000", "7",    "__c",      "cleanup.policy"};
    const auto which = from_.next();
    if (which < 250) return words[which % std::size(words)];
    return std::string{from_.take(which % 8)};
  }
  bytes_view some_bytes() {
    const auto which = from_.next();
    if (which < 200) return batches_[which % batches_.size()];
    return from_.take(which - 200);
  }

  mood& from_;
  const std::deque<bytes>& batches_;
};

struct collected final : client_output {
  void answer(answer_frames frames, std::size_t count) override {
    frames.for_each_part([this](bytes_view part) { all += part; });
    answered += count;
  }
  void close(const error& why) override {
    if (!why) std::abort();  // without a reason
    closed = true;
  }
  bytes all;
  std::size_t answered = 0;
  bool closed = false;
};

// A client, and what it is owed.
struct party {
  party(caf::actor_system& system, const node_actor& node) {
    edge_settings settings;
    settings.groups.session_timeout_min = 1ms;
    settings.directory = "/data";
    connection_config config;
    config.settings = std::make_shared<const edge_settings>(std::move(settings));
    config.node = node;
    config.output = output;
    actor = spawn_connection(system, std::move(config));
  }

  void send(bytes_view frame) {
    caf::anon_send(actor, frame_arrived::make(frame.size(),
                                              [&](auto out) { out.setContent(data_of(frame)); }));
    ++sent;
  }

  // Correlation ids of what came, in order, without a gap but for what needs no answer.
  void check() {
    std::int32_t before = 0;
    bytes_view left = output->all;
    while (!left.empty()) {
      if (left.size() < 8) std::abort();
      const auto length = load_be<std::uint32_t>(left.data());
      if (length < 4 || length > left.size() - 4) std::abort();
      const auto number = load_be<std::int32_t>(left.data() + 4);
      if (number <= before) std::abort();
      before = number;
      left.remove_prefix(4 + length);
    }
    if (output->answered > sent) std::abort();
  }

  std::shared_ptr<collected> output = std::make_shared<collected>();
  connection_actor actor;
  std::size_t sent = 0;
};

std::deque<bytes> some_batches() {
  std::deque<bytes> made;
  batch_builder builder;
  builder.add(from_millis(1000), "k", "a value");
  made.emplace_back(builder.finish());
  builder.add(from_millis(1000), std::nullopt, std::nullopt);
  builder.add(from_millis(2000), "k", "another");
  made.emplace_back(builder.finish());
  made.emplace_back(made.front().substr(0, 40));
  made.push_back(made.front() + made.front());
  return made;
}

template <class Request>
bytes frame_of(mood& from, const std::deque<bytes>& batches, std::int32_t number) {
  const auto& row = *find_api(Request::api_key);
  const int range = row.newest_served - row.oldest_served + 1;
  const auto version = static_cast<std::int16_t>(row.oldest_served + from.next() % range);
  Request request;
  moody_fields fields{from, batches};
  Request::fields(fields, request, version);
  bytes frame;
  put_be(frame, Request::api_key);
  put_be(frame, version);
  put_be(frame, number);
  put_be(frame, std::int16_t{1});
  frame += "c";
  if (row.flexible(version)) frame.push_back('\0');
  encode(request, version, frame);
  return frame;
}

// The request that a byte stands for; empty: it is not served.
bytes valid_frame(std::uint8_t which, mood& from, const std::deque<bytes>& batches,
                  std::int32_t number) {
  bytes frame;
  const auto rows = all_apis();
  const auto key = rows[which % rows.size()].key;
  if (!rows[which % rows.size()].served()) return frame;
  for_each_message([&]<class Message>() {
    if constexpr (requires { typename Message::response; })
      if (Message::api_key == key) frame = frame_of<Message>(from, batches, number);
  });
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mood from{{reinterpret_cast<const char*>(data), size}};
  static const auto batches = some_batches();
  simulated_disk disk;
  test::virtual_system world;
  node_config config;
  config.directory = "/data";
  config.on = &disk;
  config.time = &world.time;
  config.detached_writer = false;
  config.housekeeping = 1h;
  const auto node = spawn_node(world.system, config);
  {
    // Whoever was closed comes back as another, while the node lives on.
    std::deque<party> clients;
    clients.emplace_back(world.system, node);
    for (std::size_t n = 0; n < requests_max && !from.over(); ++n) {
      if (clients.back().output->closed) clients.emplace_back(world.system, node);
      auto& client = clients.back();
      const auto number = static_cast<std::int32_t>(n + 1);
      const auto what = from.next();
      if (what < 210) {
        const auto frame = valid_frame(what, from, batches, number);
        if (!frame.empty()) client.send(frame);
        if (what % 3 > 0) world.run_for(1ms);  // else the next follows at its heels
      } else if (what < 246) {
        world.run_for(std::chrono::milliseconds{1 << (what % 12)});
      } else {
        client.send(from.take(from.next()));
      }
    }
    world.run_for(2min);
    for (auto& each : clients) each.check();
    party other{world.system, node};
    bytes hello;
    put_be(hello, std::int16_t{18});
    put_be(hello, std::int16_t{0});
    put_be(hello, std::int32_t{1});
    put_be(hello, std::int16_t{-1});
    other.send(hello);
    world.run_until([&] { return other.output->answered == 1; }, 1min);
    if (other.output->answered != 1) std::abort();
    for (auto& each : clients) caf::anon_send(each.actor, client_gone{});
    caf::anon_send(other.actor, client_gone{});
  }
  caf::anon_send_exit(node, caf::exit_reason::kill);
  world.run_for(1s);
  return 0;
}
