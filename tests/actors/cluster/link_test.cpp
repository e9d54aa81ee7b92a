#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "actors/cluster/frame_codec.hpp"
#include "actors/cluster/link_listener.hpp"
#include "actors/cluster/node_link.hpp"
#include "streams/base/random.hpp"
#include "tests/actors/cluster/fake_node.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scale.hpp"

using namespace penstock;
using test::contains;

namespace {

caf::actor_system_config& with_two_threads(caf::actor_system_config& config) {
  config.set("scheduler.max-threads", 2);
  return config;
}

// A fake node with a listener, in a folder of its own.
struct served {
  explicit served(const link_limits& limits = {})
      : system(with_two_threads(config)),
        state(std::make_shared<test::fake_node_state>()),
        node(test::spawn_fake_node(system, state)) {
    auto opened = link_listener::open(system, link_address::local(node_socket_path(folder.path())),
                                      node, limits);
    REQUIRE(opened.has_value());
    listener = *std::move(opened);
  }
  ~served() {
    listener.reset();
    caf::anon_send_exit(node, caf::exit_reason::user_shutdown);
  }

  std::unique_ptr<node_link> connect(const link_limits& limits = {}) {
    auto link = connect_node(system, listener->address(), limits);
    if (!link) FAIL(link.error().to_string());
    return *std::move(link);
  }

  test::scratch_dir folder;
  caf::actor_system_config config;
  caf::actor_system system;
  std::shared_ptr<test::fake_node_state> state;
  node_actor node;
  std::unique_ptr<link_listener> listener;
};

// Waits until `done`, at most ten seconds.
bool eventually(const std::function<bool()>& done) {
  for (int i = 0; i < 2000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return false;
}

template <class Reply, class Request>
Reply ask(caf::actor_system& system, const node_actor& node, const Request& request) {
  caf::scoped_actor self{system};
  Reply got;
  self->request(node, caf::infinite, request)
      .receive([&](const Reply& reply) { got = reply; },
               [&](const caf::error& why) { FAIL(system.render(why)); });
  return got;
}

append_request append_of(std::size_t size) {
  const bytes content(size, 'b');
  return append_request::make(size, [&](wire::AppendRequest::Builder to) {
    to.setTopic("orders");
    to.setBatches(data_of(content));
  });
}

fetch_request fetch_of(std::uint32_t bytes_max, std::uint32_t wait_ms = 0) {
  return fetch_request::make([&](wire::FetchRequest::Builder to) {
    to.setTopic("orders");
    to.setMaxBytes(bytes_max);
    to.setMaxWaitMs(wait_ms);
  });
}

template <class Reply>
error failure_of(const Reply& reply) {
  return error_of(reply.open()->getFailure());
}

// A peer that speaks bytes, not Penstock.
class raw_peer {
 public:
  explicit raw_peer(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof to.sun_path - 1);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~raw_peer() { ::close(fd_); }
  raw_peer(const raw_peer&) = delete;
  raw_peer& operator=(const raw_peer&) = delete;

  void say(bytes_view what) {
    while (!what.empty()) {
      const auto sent = ::send(fd_, what.data(), what.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      what.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Sends what the socket takes without waiting.
  void say_now(bytes_view what) {
    ::send(fd_, what.data(), what.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  void hello() {
    const auto raw = encode(link_hello{});
    say({raw.data(), raw.size()});
  }
  void request(std::uint16_t kind, std::uint64_t correlation, bytes_view payload) {
    frame_header header;
    header.kind = kind;
    header.correlation = correlation;
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    const auto raw = encode(header);
    say({raw.data(), raw.size()});
    say(payload);
  }
  bytes read(std::size_t size) {
    bytes got(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const auto count = ::recv(fd_, got.data() + have, size - have, 0);
      if (count <= 0) break;
      have += static_cast<std::size_t>(count);
    }
    got.resize(have);
    return got;
  }
  // Everything until the other side closes.
  bytes drain() { return read(std::size_t{1} << 24); }

 private:
  int fd_;
};

std::size_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  in >> size >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("a request over a link is answered as if the node were here", "[cluster][link]") {
  served at;
  const auto link = at.connect();
  const auto reply = ask<append_reply>(at.system, link->node(), append_of(100'000));
  CHECK(reply.open()->getNextOffset() == 100'000);
  const auto fetched = ask<fetch_reply>(at.system, link->node(), fetch_of(3'000'000));
  CHECK(fetched.open()->getBatches().size() == 3'000'000);
  const auto refused = failure_of(ask<topics_reply>(at.system, link->node(), topics_request{}));
  CHECK(refused.message() == "TopicsRequest");
}

TEST_CASE("many requests at once each get their own answer", "[cluster][link]") {
  served at;
  const auto link = at.connect();
  std::vector<std::thread> askers;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    askers.emplace_back([&, t] {
      caf::scoped_actor self{at.system};
      penstock::random chance{static_cast<std::uint64_t>(t)};
      for (int round = 0; round < 20; ++round) {
        std::vector<std::size_t> sizes;
        for (int i = 0; i < 10; ++i) sizes.push_back(chance.below(20'000));
        for (const auto size : sizes) {
          self->request(link->node(), caf::infinite, append_of(size))
              .receive(
                  [&](const append_reply& reply) {
                    right += reply.open()->getNextOffset() == static_cast<std::int64_t>(size);
                  },
                  [](const caf::error&) {});
        }
      }
    });
  }
  for (auto& asker : askers) asker.join();
  CHECK(right == 4 * 20 * 10);
}

TEST_CASE("the socket file is the owner's alone and goes with the listener", "[cluster][link]") {
  std::string path;
  {
    served at;
    path = at.listener->address().path;
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    at.listener.reset();
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

TEST_CASE("a socket file that a killed process left is replaced", "[cluster][link]") {
  served at;
  const auto path = at.listener->address().path;
  at.listener.reset();
  std::ofstream{path} << "left over";
  auto opened = link_listener::open(at.system, link_address::local(path), at.node);
  REQUIRE(opened.has_value());
  at.listener = *std::move(opened);
  CHECK(at.connect()->down().code() == errc::none);
}

TEST_CASE("a data directory with a very long path still has a socket", "[cluster][link]") {
  served at;
  auto folder = at.folder.path();
  for (int i = 0; i < 5; ++i) folder += "/" + std::string(40, static_cast<char>('a' + i));
  std::filesystem::create_directories(folder);
  auto opened =
      link_listener::open(at.system, link_address::local(node_socket_path(folder)), at.node);
  REQUIRE(opened.has_value());
  CHECK(std::filesystem::exists(folder + "/node.sock"));
  auto link = connect_node(at.system, (*opened)->address());
  REQUIRE(link.has_value());
  CHECK(ask<append_reply>(at.system, (*link)->node(), append_of(8)).open()->getNextOffset() == 8);
}

TEST_CASE("links work over TCP as well", "[cluster][link]") {
  served at;
  auto opened = link_listener::open(at.system, link_address::tcp("127.0.0.1", 0), at.node);
  if (!opened) FAIL(opened.error().to_string());
  CHECK((*opened)->address().port != 0);
  auto link = connect_node(at.system, (*opened)->address());
  REQUIRE(link.has_value());
  CHECK(ask<append_reply>(at.system, (*link)->node(), append_of(8)).open()->getNextOffset() == 8);
}

TEST_CASE("connecting where nobody listens names the address", "[cluster][link]") {
  served at;
  const auto link = connect_node(at.system, link_address::local(at.folder.file("nobody.sock")));
  REQUIRE_FALSE(link.has_value());
  CHECK(link.error().code() == errc::closed);
  CHECK_THAT(link.error().message(), contains("nobody.sock"));
}

TEST_CASE("when the node goes, waiting and later requests are answered closed", "[cluster][link]") {
  served at;
  at.state->park = true;
  const auto link = at.connect();
  caf::scoped_actor self{at.system};
  auto waiting = self->request(link->node(), caf::infinite, fetch_of(100, 60'000));
  REQUIRE(eventually([&] { return at.state->parked == 1; }));
  at.listener.reset();
  waiting.receive(
      [&](const fetch_reply& reply) { CHECK(failure_of(reply).code() == errc::closed); },
      [&](const caf::error& why) { FAIL(at.system.render(why)); });
  const auto later = failure_of(ask<append_reply>(at.system, link->node(), append_of(1)));
  CHECK(later.code() == errc::closed);
  CHECK_THAT(later.message(), contains("shutting down"));
  CHECK(link->down().code() == errc::closed);
}

TEST_CASE("an actor that monitors a remote node hears that it has gone", "[cluster][link]") {
  served at;
  const auto link = at.connect();
  caf::scoped_actor self{at.system};
  self->monitor(link->node());
  at.listener.reset();
  bool heard = false;
  self->receive([&](const caf::down_msg&) { heard = true; });
  CHECK(heard);
}

TEST_CASE("handles that outlive their link answer closed", "[cluster][link]") {
  served at;
  auto link = at.connect();
  const auto node = link->node();
  link.reset();
  CHECK(failure_of(ask<append_reply>(at.system, node, append_of(1))).code() == errc::closed);
}

TEST_CASE("a request that is never answered times out", "[cluster][link]") {
  served at;
  at.state->park = true;
  link_limits limits;
  limits.answer_timeout = 300ms;
  const auto link = at.connect(limits);
  const auto reply = ask<fetch_reply>(at.system, link->node(), fetch_of(100, 200));
  CHECK(failure_of(reply).code() == errc::timed_out);
}

TEST_CASE("more requests than the peer grants are refused at once", "[cluster][link]") {
  link_limits limits;
  limits.requests_in_flight_max = 8;
  served at{limits};
  at.state->park = true;
  const auto link = at.connect();
  caf::scoped_actor self{at.system};
  for (int i = 0; i < 20; ++i) self->send(link->node(), fetch_of(1));  // one-way: no answer
  std::vector<std::thread> askers;
  std::atomic<int> refused{0};
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back([&] {
      const auto reply = ask<fetch_reply>(at.system, link->node(), fetch_of(1));
      if (failure_of(reply).code() == errc::overloaded) ++refused;
    });
  }
  for (auto& asker : askers) asker.join();
  CHECK(refused == 4);
  CHECK(at.state->parked_max <= 8);
}

TEST_CASE("a listener reads no further than its credit, whatever the peer sends",
          "[cluster][link]") {
  link_limits limits;
  limits.requests_in_flight_max = 10;
  served at{limits};
  at.state->park = true;
  raw_peer peer{at.listener->address().path};
  peer.hello();
  const auto request = fetch_of(1, 60'000);
  for (std::uint64_t i = 0; i < 100; ++i) peer.request(4, i, request.wire_bytes());
  REQUIRE(eventually([&] { return at.state->parked == 10; }));
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK(at.state->parked_max == 10);
  // Room for the next ten comes with the answers, until all hundred have been answered.
  const auto link = at.connect();
  std::size_t answered = 0;
  (void)peer.read(link_hello_bytes);
  while (answered < 100) {
    (void)ask<group_reply>(at.system, link->node(), heartbeat_request{});
    while (answered < 100 && at.state->parked == 0) {
      const auto head = peer.read(link_header_bytes);
      REQUIRE(head.size() == link_header_bytes);
      const auto header =
          decode_frame_header(std::span<const char, link_header_bytes>{head.data(), 16}, 1u << 20);
      REQUIRE(header.has_value());
      if (header->type != frame_type::reply) continue;
      CHECK(header->correlation == answered);
      (void)peer.read(header->payload_bytes);
      ++answered;
      if (answered % 10 == 0) break;
    }
  }
  CHECK(at.state->parked_max == 10);
}

TEST_CASE("a listener counts the bytes that requests ask for", "[cluster][link]") {
  link_limits limits;
  limits.bytes_in_flight_max = 4u << 20;
  served at{limits};
  at.state->park = true;
  raw_peer peer{at.listener->address().path};
  peer.hello();
  const auto request = fetch_of(1u << 20, 60'000);
  for (std::uint64_t i = 0; i < 50; ++i) peer.request(4, i, request.wire_bytes());
  REQUIRE(eventually([&] { return at.state->parked == 4; }));
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK(at.state->parked_max == 4);
}

TEST_CASE("a peer that does not read its replies is cut off", "[cluster][link]") {
  link_limits limits;
  limits.write_timeout = 300ms;
  served at{limits};
  raw_peer peer{at.listener->address().path};
  peer.hello();
  for (std::uint64_t i = 0; i < 20; ++i) peer.request(4, i, fetch_of(4u << 20).wire_bytes());
  std::this_thread::sleep_for(std::chrono::milliseconds{900});
  // What comes now is what was in the socket's buffer, not eighty megabytes.
  CHECK(peer.drain().size() < (std::size_t{8} << 20));
  CHECK(ask<append_reply>(at.system, at.connect()->node(), append_of(1)).open()->getNextOffset() ==
        1);
}

TEST_CASE("links beyond the limit are told so", "[cluster][link]") {
  link_limits limits;
  limits.connections_max = 2;
  served at{limits};
  const auto first = at.connect();
  const auto second = at.connect();
  const auto third = connect_node(at.system, at.listener->address());
  if (third.has_value()) {
    // The hello came through before the goodbye: the first request tells.
    REQUIRE(eventually([&] { return (*third)->down().code() != errc::none; }));
    CHECK_THAT((*third)->down().message(), contains("2 links already"));
  } else {
    CHECK_THAT(third.error().message(), contains("2 links already"));
  }
  CHECK(ask<append_reply>(at.system, first->node(), append_of(1)).open()->getNextOffset() == 1);
}

TEST_CASE("a peer that announces much and sends nothing costs no memory", "[cluster][link]") {
  link_limits limits;
  limits.silence_max = 500ms;
  served at{limits};
  [[maybe_unused]] const auto before = resident_bytes();
  std::vector<std::unique_ptr<raw_peer>> peers;
  frame_header header;
  header.kind = 1;
  header.payload_bytes = 64u << 20;
  const auto raw = encode(header);
  for (int i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<raw_peer>(at.listener->address().path));
    peers.back()->hello();
    peers.back()->say({raw.data(), raw.size()});
  }
  for (auto& peer : peers) (void)peer->drain();  // returns when the listener has had enough
#ifndef __SANITIZE_ADDRESS__                     // which notes what is allocated, an eighth of it
  CHECK(resident_bytes() < before + (std::size_t{64} << 20));
#endif
}

TEST_CASE("of requests that do not come to their end the oldest goes when they take too much",
          "[cluster][link]") {
  link_limits limits;
  limits.traffic_bytes_max = 1u << 20;
  served at{limits};
  frame_header header;
  header.kind = 1;
  header.payload_bytes = 1u << 20;
  const auto raw = encode(header);
  const auto begin = [&](raw_peer& peer) {
    peer.hello();
    peer.say({raw.data(), raw.size()});
    peer.say(bytes(400'000, '\0'));
  };
  raw_peer first{at.listener->address().path};
  begin(first);
  raw_peer second{at.listener->address().path};
  begin(second);
  CHECK_THAT(first.drain(), contains("does not come to its end"));
  second.say(bytes(header.payload_bytes - 400'000, '\0'));
  CHECK(second.read(link_hello_bytes + link_header_bytes).size() ==
        link_hello_bytes + link_header_bytes);
  CHECK(ask<append_reply>(at.system, at.connect()->node(), append_of(1)).open()->getNextOffset() ==
        1);
}

TEST_CASE("a request waits while the requests of all links take their room", "[cluster][link]") {
  link_limits limits;
  limits.traffic_bytes_max = 200u << 10;
  served at{limits};
  at.state->park = true;
  raw_peer other{at.listener->address().path};
  other.hello();
  other.request(1, 1, append_of(1).wire_bytes());
  REQUIRE(eventually([&] { return at.state->appends == 1; }));
  raw_peer peer{at.listener->address().path};
  peer.hello();
  const auto large = fetch_request::make(70'000, [&](wire::FetchRequest::Builder to) {
    to.setTopic(bytes(70'000, 't').c_str());
    to.setMaxWaitMs(60'000);
  });
  for (std::uint64_t i = 0; i < 3; ++i) peer.request(4, i, large.wire_bytes());
  REQUIRE(eventually([&] { return at.state->parked == 3; }));
  other.request(1, 2, append_of(1).wire_bytes());
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK(at.state->appends == 1);
  (void)ask<group_reply>(at.system, at.node, heartbeat_request{});
  CHECK(eventually([&] { return at.state->appends == 2; }));
}

TEST_CASE("large answers are refused while those that nobody takes fill the room of all links",
          "[cluster][link]") {
  link_limits limits;
  limits.traffic_bytes_max = 4u << 20;
  served at{limits};
  raw_peer lazy{at.listener->address().path};
  lazy.hello();
  for (std::uint64_t i = 0; i < 8; ++i) lazy.request(4, i, fetch_of(2u << 20).wire_bytes());
  const auto honest = at.connect();
  const auto read = [&] {
    return failure_of(ask<fetch_reply>(at.system, honest->node(), fetch_of(100'000))).code();
  };
  CHECK(eventually([&] { return read() == errc::overloaded; }));
  CHECK(ask<append_reply>(at.system, honest->node(), append_of(9)).open()->getNextOffset() == 9);
  (void)lazy.read(std::size_t{4} << 20);
  CHECK(eventually([&] { return read() == errc::none; }));
}

TEST_CASE("a peer that says nothing at all is let go", "[cluster][link]") {
  link_limits limits;
  limits.handshake_timeout = 200ms;
  served at{limits};
  raw_peer peer{at.listener->address().path};
  CHECK(peer.drain().size() >= link_hello_bytes);
}

TEST_CASE("an idle link stays up by showing that it lives", "[cluster][link]") {
  link_limits limits;
  limits.alive_interval = 50ms;
  limits.silence_max = 1s;
  served at{limits};
  const auto link = at.connect(limits);
  std::this_thread::sleep_for(std::chrono::milliseconds{2500});
  CHECK(link->down().code() == errc::none);
  CHECK(ask<append_reply>(at.system, link->node(), append_of(5)).open()->getNextOffset() == 5);
}

TEST_CASE("a conversation that the node does not know is refused, the link stays",
          "[cluster][link]") {
  served at;
  raw_peer peer{at.listener->address().path};
  peer.hello();
  peer.request(999, 5, {});
  (void)peer.read(link_hello_bytes);
  const auto head = peer.read(link_header_bytes);
  REQUIRE(head.size() == link_header_bytes);
  const auto header =
      decode_frame_header(std::span<const char, link_header_bytes>{head.data(), 16}, 1u << 20);
  REQUIRE(header.has_value());
  CHECK(header->kind == 0);
  CHECK(header->correlation == 5);
  CHECK_THAT(peer.read(header->payload_bytes), contains("does not know conversation 999"));
  peer.request(1, 6, append_of(16).wire_bytes());
  CHECK(peer.read(link_header_bytes).size() == link_header_bytes);
}

TEST_CASE("closing a node is not for links", "[cluster][link]") {
  served at;
  const auto link = at.connect();
  const auto why = failure_of(ask<admin_reply>(at.system, link->node(), close_request{}));
  CHECK(why.code() == errc::invalid_argument);
}

TEST_CASE("job conversations reach the job of the process, or say that there is none",
          "[cluster][link]") {
  served at;
  const auto link = at.connect();
  caf::scoped_actor self{at.system};
  const auto status = [&] {
    job_reply got;
    self->request(link->job(), caf::infinite, job_request{})
        .receive([&](const job_reply& reply) { got = reply; },
                 [&](const caf::error& why) { FAIL(at.system.render(why)); });
    return got;
  };
  CHECK(failure_of(status()).code() == errc::not_found);
  const auto act = [](job_handle::pointer, const char* state) -> job_handle::behavior_type {
    return {[=](const job_request&) {
      return job_reply::make([=](wire::JobReply::Builder to) { to.setState(state); });
    }};
  };
  const job_handle job = at.system.spawn(act, "running");
  at.listener->set_job(job);
  CHECK(view(status().open()->getState()) == "running");
  at.listener->set_job(job_handle{});
  caf::anon_send_exit(job, caf::exit_reason::user_shutdown);
  CHECK(failure_of(status()).code() == errc::not_found);
}

TEST_CASE("hostile bytes end their own link and nothing else", "[cluster][link]") {
  served at;
  const auto good = at.connect();
  penstock::random chance{11};
  const auto real = append_of(64);
  const auto rounds = test::scaled(200);
  for (std::size_t round = 0; round < rounds; ++round) {
    raw_peer peer{at.listener->address().path};
    if (chance.chance(3, 4)) peer.hello();
    bytes garbage;
    if (chance.chance(1, 2)) {
      frame_header header;
      header.kind = static_cast<std::uint16_t>(chance.below(30));
      header.payload_bytes = static_cast<std::uint32_t>(real.wire_bytes().size());
      const auto raw = encode(header);
      garbage.append(raw.data(), raw.size());
      garbage.append(real.wire_bytes());
      for (int i = 0; i < 3; ++i) {
        garbage[chance.below(garbage.size())] = static_cast<char>(chance.next());
      }
    } else {
      garbage.resize(chance.below(2'000));
      for (auto& c : garbage) c = static_cast<char>(chance.next());
    }
    peer.say_now(garbage);
  }
  const auto reply = ask<append_reply>(at.system, good->node(), append_of(77));
  CHECK(reply.open()->getNextOffset() == 77);
  CHECK(good->down().code() == errc::none);
}

TEST_CASE("addresses read as they are written", "[cluster][link]") {
  const auto local = link_address::parse("unix:/data/node.sock");
  REQUIRE(local.has_value());
  CHECK(local->to_string() == "unix:/data/node.sock");
  const auto tcp = link_address::parse("penstock://example.org:9000");
  REQUIRE(tcp.has_value());
  CHECK(tcp->to_string() == "tcp:example.org:9000");
  const auto six = link_address::parse("penstock://[::1]:9000/");
  REQUIRE(six.has_value());
  CHECK(six->to_string() == "tcp:[::1]:9000");
  for (const auto* wrong : {"", "unix:", "penstock://host", "penstock://:1", "penstock://h:0",
                            "penstock://h:70000", "penstock://::1:90", "ftp://h:1"}) {
    INFO(wrong);
    const auto parsed = link_address::parse(wrong);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code() == errc::invalid_argument);
  }
}

TEST_CASE("one link at a time claims a topology", "[cluster][link]") {
  served at;
  link_manners counting;
  counting.claim = "word-count";
  auto first = connect_node(at.system, at.listener->address(), {}, counting);
  REQUIRE(first.has_value());
  const auto second = connect_node(at.system, at.listener->address(), {}, counting);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code() == errc::locked);
  CHECK_THAT(second.error().message(), contains("word-count") && contains("process"));
  CHECK_FALSE(at.listener->claim("word-count").has_value());
  link_manners other;
  other.claim = "error-rate";
  CHECK(connect_node(at.system, at.listener->address(), {}, other).has_value());
  // Links that claim nothing are not concerned.
  CHECK(at.connect()->down().code() == errc::none);
  first->reset();
  CHECK(eventually(
      [&] { return connect_node(at.system, at.listener->address(), {}, counting).has_value(); }));
  CHECK(eventually([&] { return at.listener->claim("word-count").has_value(); }));
}

TEST_CASE("a patient link comes back with what was asked meanwhile", "[cluster][link]") {
  served at;
  const auto address = at.listener->address();
  link_manners patient;
  patient.patience = 10min;
  patient.claim = "word-count";
  auto link = connect_node(at.system, address, {}, patient);
  REQUIRE(link.has_value());
  at.state->park = true;
  caf::scoped_actor asker{at.system};
  auto waiting = asker->request((*link)->node(), caf::infinite, fetch_of(10, 60'000));
  REQUIRE(eventually([&] { return at.state->parked == 1; }));
  at.listener.reset();
  // What was under way may have been done.
  waiting.receive(
      [](const fetch_reply& reply) { CHECK(failure_of(reply).code() == errc::timed_out); },
      [&](const caf::error& why) { FAIL(at.system.render(why)); });
  auto later = asker->request((*link)->node(), caf::infinite, append_of(9));
  CHECK((*link)->down().code() == errc::none);
  auto opened = link_listener::open(at.system, address, at.node);
  REQUIRE(opened.has_value());
  at.listener = *std::move(opened);
  later.receive([](const append_reply& reply) { CHECK(reply.open()->getNextOffset() == 9); },
                [&](const caf::error& why) { FAIL(at.system.render(why)); });
  CHECK_FALSE(at.listener->claim("word-count").has_value());
}

TEST_CASE("a patient link waits for a node that goes before it has taken the claim",
          "[cluster][link]") {
  served at;
  const auto address = at.listener->address();
  at.listener.reset();
  const int door = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  address.path.copy(where.sun_path, sizeof where.sun_path - 1);
  ::unlink(where.sun_path);
  REQUIRE(::bind(door, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  REQUIRE(::listen(door, 1) == 0);
  link_manners patient;
  patient.patience = 10min;
  patient.claim = "word-count";
  auto link =
      std::async(std::launch::async, [&] { return connect_node(at.system, address, {}, patient); });
  const int node = ::accept(door, nullptr, nullptr);
  REQUIRE(node >= 0);
  const auto hello = encode(link_hello{});
  REQUIRE(::send(node, hello.data(), hello.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(hello.size()));
  std::array<char, link_hello_bytes + link_header_bytes> said{};  // the claim has begun
  REQUIRE(::recv(node, said.data(), said.size(), MSG_WAITALL) == static_cast<ssize_t>(said.size()));
  ::close(node);
  ::close(door);
  auto opened = link_listener::open(at.system, address, at.node);
  REQUIRE(opened.has_value());
  at.listener = *std::move(opened);
  const auto made = link.get();
  INFO((made ? std::string{} : made.error().to_string()));
  REQUIRE(made.has_value());
  CHECK_FALSE(at.listener->claim("word-count").has_value());
  CHECK(ask<append_reply>(at.system, (*made)->node(), append_of(9)).open()->getNextOffset() == 9);
}

TEST_CASE("a link that stays lost says so when its patience is over", "[cluster][link]") {
  served at;
  link_manners patient;
  patient.patience = 50ms;
  auto link = connect_node(at.system, at.listener->address(), {}, patient);
  REQUIRE(link.has_value());
  at.listener.reset();
  // What is asked before the loss is noticed is answered `timed_out`.
  CHECK(eventually([&] {
    const auto reply = ask<append_reply>(at.system, (*link)->node(), append_of(9));
    return failure_of(reply).code() == errc::closed;
  }));
  CHECK((*link)->down().code() == errc::closed);
}

TEST_CASE("a listener goes on with a connection that another one began", "[cluster][link]") {
  served at;
  auto door = link_listener::without_address(at.system, at.node);
  door->name_node(7);
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const auto hello = encode(link_hello{});
  door->adopt(ends[0], bytes{hello.data(), 8});
  REQUIRE(::write(ends[1], hello.data() + 8, hello.size() - 8) == 24);
  std::array<char, link_hello_bytes> answer{};
  REQUIRE(::recv(ends[1], answer.data(), answer.size(), MSG_WAITALL) == 32);
  const auto said = decode_link_hello(answer);
  REQUIRE(said.has_value());
  CHECK(said->node_id == 7);
  ::close(ends[1]);
}
