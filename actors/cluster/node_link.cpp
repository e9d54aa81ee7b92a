#include "actors/cluster/node_link.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <future>
#include <map>
#include <mutex>

#include "actors/cluster/io_thread.hpp"
#include "actors/cluster/link_connection.hpp"
#include "actors/messages/link.capnp.h"
#include "actors/messages/validate.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/random.hpp"

namespace penstock {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {
using frame_ptr = conversation::frame_ptr;

// Another version, a claim that somebody else has by now.
bool will_not_pass(const error& why) {
  return why == errc::unsupported_version || why == errc::locked;
}

error no_answer(errc code, const link_address& from, const boost::system::error_code& why = {}) {
  auto text = "no node answers at " + from.to_string();
  if (why) text += ": " + why.message();
  if (from.type == link_address::kind::tcp) text += ": is penstock node running there?";
  return error{code, std::move(text)};
}
}  // namespace

class node_link_core final : public link_observer,
                             public std::enable_shared_from_this<node_link_core> {
 public:
  struct asked {
    const conversation* row = nullptr;
    caf::strong_actor_ptr asker;
    caf::message_id id;
    frame_ptr request;
    std::size_t bytes = 0;
  };

  node_link_core(caf::actor_system& system, const link_address& to, const link_limits& limits,
                 const link_manners& manners)
      : system_(system),
        to_(to),
        name_(to.to_string()),
        limits_(limits),
        manners_(manners),
        io_(std::make_unique<io_thread>()),
        attempt_timer_(io_->io()),
        sweep_(io_->io()) {}

  result<void> connect();

  /// Any thread: sends a request, or answers it at once when it cannot go out.
  void ask(asked what);

  void shut();

  error down() const {
    const std::lock_guard hold{mutex_};
    return down_;
  }
  bool is_lost() const { return lost_.load(std::memory_order_relaxed); }
  std::int32_t node_id() const { return node_id_.load(std::memory_order_relaxed); }
  const node_actor& node() const { return node_; }
  const job_handle& job() const { return job_; }

  // On the io thread.
  void on_open(const link_hello& peer) override;
  void on_frame(arrived_frame arrived) override;
  void on_written(std::size_t) override {}
  void on_closed(const error& why) override;

 private:
  struct pending {
    asked what;
    steady::time_point deadline;
    bool sent = false;
  };
  enum class phase : std::uint8_t {
    connecting,  // the first time
    open,
    lost,  // being made again: what is asked waits
    over,
  };

  static void answer(const asked& what, frame_ptr reply) {
    if (what.asker && what.id.is_request()) {
      what.row->answer(what.asker, what.id.response_id(), std::move(reply));
    }
  }
  static void refuse(const asked& what, const error& why) {
    if (what.row != nullptr) answer(what, what.row->refusal(why));
  }

  void release(const asked& what) {
    requests_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(what.bytes, std::memory_order_relaxed);
  }

  // node_link.cpp: making the link, losing it, making it again
  void attempt();
  void try_endpoint(std::size_t number, const error& last);
  void attempt_failed(const error& why);
  void claim();
  void on_claimed(const arrived_frame& arrived);
  void begin();
  void end(const error& why);

  void send(asked what);
  void put(std::uint64_t id, pending& what);
  void sweep();

  caf::actor_system& system_;
  link_address to_;
  std::string name_;
  link_limits limits_;
  link_manners manners_;
  std::string owner_;  // of the claim: this link, whatever sockets it has had
  std::unique_ptr<io_thread> io_;
  asio::steady_timer attempt_timer_;
  asio::steady_timer sweep_;
  std::weak_ptr<link_socket> connecting_;
  std::shared_ptr<link_connection> connection_;
  std::vector<link_endpoint> endpoints_;
  std::promise<result<void>> opened_;
  phase phase_ = phase::connecting;
  std::atomic<bool> lost_{false};  // what `phase_` says of that, for other threads
  bool greeted_ = false;           // a node was there, though it may not have taken the claim yet
  bool claiming_ = false;
  bool told_ = false;  // `opened_` has its value
  bool shut_ = false;
  steady::time_point opened_at_{};
  steady::time_point give_up_at_{};  // of the loss that came last; none yet: the epoch
  duration pause_{0};
  node_actor node_;
  job_handle job_;

  std::atomic<std::int32_t> node_id_{-1};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint32_t> requests_max_{1};
  std::atomic<std::uint32_t> bytes_max_{1};
  std::atomic<std::uint32_t> frame_bytes_max_{0};

  mutable std::mutex mutex_;
  error down_;  // guarded; set once

  std::uint64_t next_ = 1;
  std::map<std::uint64_t, pending> pending_;  // in the order of asking
};

namespace {

// What holders of the handle see: an actor without mailbox or thread that sends requests on.
class link_proxy final : public caf::monitorable_actor {
 public:
  link_proxy(caf::actor_config& config, std::weak_ptr<node_link_core> link, link_service service)
      : caf::monitorable_actor(config), link_(std::move(link)), service_(service) {}

  using caf::monitorable_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override;
  const char* name() const override { return "penstock.node_link"; }

 private:
  std::weak_ptr<node_link_core> link_;
  link_service service_;
};

}  // namespace

void link_proxy::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) {
  auto request = recognise_request(what->content());
  if (request.row == nullptr || request.row->service != service_) {
    if (!handle_system_message(*what, host, false)) bounce(what);
    return;
  }
  node_link_core::asked asked{request.row, what->sender, what->mid, std::move(request.request), 0};
  if (const auto link = link_.lock()) return link->ask(std::move(asked));
  if (asked.asker && asked.id.is_request()) {
    asked.row->answer(asked.asker, asked.id.response_id(),
                      asked.row->refusal(error{errc::closed, "the link has been closed"}));
  }
}

result<void> node_link_core::connect() {
  caf::actor_config config;
  const auto make = [&](link_service service) {
    return caf::make_actor<link_proxy, caf::strong_actor_ptr>(
        system_.next_actor_id(), system_.node(), &system_, config, weak_from_this(), service);
  };
  node_ = caf::actor_cast<node_actor>(make(link_service::node));
  job_ = caf::actor_cast<job_handle>(make(link_service::job));
  const auto& time = machine_clock();
  random chance{static_cast<std::uint64_t>(time.now().time_since_epoch().count()) ^
                static_cast<std::uint64_t>(time.monotonic().count()) ^
                (static_cast<std::uint64_t>(::getpid()) << 40)};
  owner_ = fmt::format("{:016x}{:016x}", chance.next(), chance.next());
  auto opened = opened_.get_future();
  asio::post(io_->io(), [this, self = shared_from_this()] {
    sweep();
    attempt();
  });
  return opened.get();
}

void node_link_core::attempt() {
  if (shut_) return;
  auto found = endpoints_of(io_->io(), to_);
  if (!found) return attempt_failed(found.error());
  endpoints_ = *std::move(found);
  try_endpoint(0, no_answer(errc::closed, to_));
}

// A host may have several addresses: "localhost" is ::1 and 127.0.0.1.
void node_link_core::try_endpoint(std::size_t number, const error& last) {
  if (number == endpoints_.size()) return attempt_failed(last);
  const auto& endpoint = endpoints_[number];
  auto socket = std::make_shared<link_socket>(io_->io());
  boost::system::error_code why;
  socket->open(endpoint.where.protocol(), why);
  if (why) return try_endpoint(number + 1, link_failure(errc::io_error, name_, why));
  attempt_timer_.expires_after(limits_.handshake_timeout);
  attempt_timer_.async_wait([socket](const boost::system::error_code& cancelled) {
    boost::system::error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  connecting_ = socket;
  socket->async_connect(endpoint.where, [this, self = shared_from_this(), socket,
                                         number](const boost::system::error_code& failure) {
    attempt_timer_.cancel();
    if (shut_) return;
    if (failure == asio::error::operation_aborted)
      return try_endpoint(number + 1, no_answer(errc::timed_out, to_));
    if (failure) return try_endpoint(number + 1, no_answer(errc::closed, to_, failure));
    boost::system::error_code ignored;
    if (to_.type == link_address::kind::tcp)
      socket->set_option(asio::ip::tcp::no_delay{true}, ignored);
    connection_ = std::make_shared<link_connection>(std::move(*socket), limits_, name_);
    connection_->start(weak_from_this());
  });
}

void node_link_core::attempt_failed(const error& why) {
  if (phase_ != phase::lost || will_not_pass(why) || shut_ || steady::now() + pause_ > give_up_at_)
    return end(why);
  attempt_timer_.expires_after(pause_);
  pause_ = std::min<duration>(pause_ * 2, 1s);
  attempt_timer_.async_wait(
      [this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
        const auto self = weak.lock();
        if (self && !cancelled) attempt();
      });
}

void node_link_core::on_open(const link_hello& peer) {
  greeted_ = true;
  requests_max_ =
      std::max(1u, std::min(peer.requests_in_flight_max, limits_.requests_in_flight_max));
  bytes_max_ = std::max(1u, std::min(peer.bytes_in_flight_max, limits_.bytes_in_flight_max));
  frame_bytes_max_ = std::min(peer.frame_bytes_max, limits_.frame_bytes_max);
  node_id_ = peer.node_id;
  if (!manners_.claim.empty()) return claim();
  begin();
}

void node_link_core::claim() {
  using claim_request = envelope<wire::ClaimRequest>;
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  const auto about = fmt::format("process {} on {}", ::getpid(), host);
  claiming_ = true;
  connection_->send(frame_type::request, link_claim_kind, 0,
                    claim_request::make(manners_.claim.size(), [&](auto to) {
                      to.setTopology(text_of(manners_.claim));
                      to.setOwner(text_of(owner_));
                      to.setAbout(text_of(about));
                    }).held());
  attempt_timer_.expires_after(limits_.handshake_timeout);
  attempt_timer_.async_wait([this, held = connection_](const boost::system::error_code& cancelled) {
    if (!cancelled && claiming_)
      held->close(error{errc::timed_out, name_ + ": the node does not answer"});
  });
}

void node_link_core::on_claimed(const arrived_frame& arrived) {
  error why{errc::corrupt, name_ + ": an answer to a claim that cannot be read"};
  if (arrived.header.kind == 0) {
    why = error{errc::unsupported_version,
                name_ +
                    ": that node is of an older release, which runs no jobs of other "
                    "processes: use the same release of Penstock on both sides"};
  } else if (arrived.header.kind == link_claim_kind &&
             validate_message(arrived.payload.get(), capnp::Schema::from<wire::ClaimReply>())) {
    why =
        error_of(envelope<wire::ClaimReply>::adopt_unchecked(arrived.payload).open()->getFailure());
  }
  claiming_ = false;
  attempt_timer_.cancel();
  if (why) return connection_->close(why);
  begin();
}

// The link stands: now, or again.
void node_link_core::begin() {
  const bool again = phase_ == phase::lost;
  phase_ = phase::open;
  lost_ = false;
  opened_at_ = steady::now();
  if (!std::exchange(told_, true)) opened_.set_value({});
  if (again) spdlog::warn("{}: the link is back", name_);
  for (auto& [id, waiting] : pending_)
    if (!waiting.sent) put(id, waiting);
}

void node_link_core::on_closed(const error& why) {
  attempt_timer_.cancel();
  claiming_ = false;
  if (phase_ == phase::over) return;
  // A node that goes before it has taken the claim is lost like one that goes later.
  const bool met = phase_ == phase::connecting && greeted_ && manners_.patience.count() > 0 &&
                   !will_not_pass(why);
  if (phase_ != phase::open && !met) return attempt_failed(why);
  const error reason{errc::closed, why.code() == errc::none ? "closed" : why.message()};
  // A node that has no room for links says so when it has greeted.
  const bool no_room = why == errc::overloaded && give_up_at_ == steady::time_point{};
  if (shut_ || no_room || manners_.patience.count() == 0) return end(reason);
  phase_ = phase::lost;
  lost_ = true;
  spdlog::warn("{}: trying to make the link again for {} s", reason.message(),
               std::chrono::duration_cast<std::chrono::seconds>(manners_.patience).count());
  // One that stood for moments only is no better than one that could not be made.
  const bool stood =
      give_up_at_ == steady::time_point{} || steady::now() - opened_at_ > limits_.handshake_timeout;
  if (stood) {
    give_up_at_ = steady::now() + manners_.patience;
    pause_ = 50ms;
  }
  for (auto at = pending_.begin(); at != pending_.end();) {
    if (!at->second.sent) {
      ++at;
      continue;
    }
    const auto what = std::move(at->second.what);
    at = pending_.erase(at);
    release(what);
    refuse(what, error{errc::timed_out,
                       fmt::format("{} while it worked on {}: whether that was carried out is not "
                                   "known",
                                   reason.message(), what.row->name)});
  }
  if (stood) return attempt();
  attempt_failed(reason);
}

void node_link_core::end(const error& why) {
  if (phase_ == phase::over) return;
  phase_ = phase::over;
  lost_ = false;
  {
    const std::lock_guard hold{mutex_};
    // Whoever asks from now on is told why; what the peer said about itself counts as `closed`.
    down_ = error{why == errc::locked ? errc::locked : errc::closed, why.message()};
  }
  if (!std::exchange(told_, true)) opened_.set_value(why);
  auto failed_ones = std::move(pending_);
  pending_.clear();
  for (const auto& [id, waiting] : failed_ones) {
    release(waiting.what);
    refuse(waiting.what, down_);
  }
  boost::system::error_code ignored;
  sweep_.cancel(ignored);
  attempt_timer_.cancel(ignored);
  const auto close_handle = [](const auto& handle) {
    if (!handle) return;
    auto* proxy = caf::actor_cast<caf::abstract_actor*>(handle);
    static_cast<caf::monitorable_actor*>(proxy)->cleanup(
        caf::make_error(caf::exit_reason::remote_link_unreachable), nullptr);
  };
  close_handle(node_);
  close_handle(job_);
}

void node_link_core::ask(asked what) {
  const auto size = what.request ? what.request->size() * sizeof(capnp::word) : 0;
  if (size > frame_bytes_max_) {
    return refuse(what, error{errc::record_too_large,
                              fmt::format("{} has {} bytes, the link to {} takes {}",
                                          what.row->name, size, name_, frame_bytes_max_.load())});
  }
  what.bytes = size;
  // The counters are the queue's limit: whoever raises one above it gives it back and is refused.
  const auto requests = requests_.fetch_add(1, std::memory_order_relaxed);
  const auto queued = bytes_.fetch_add(size, std::memory_order_relaxed);
  if (requests >= requests_max_ || (queued > 0 && queued + size > bytes_max_)) {
    release(what);
    return refuse(what, error{errc::overloaded,
                              fmt::format("{} requests wait on the link to {}, its limit is {}: "
                                          "try again",
                                          requests, name_, requests_max_.load())});
  }
  error why;
  {
    const std::lock_guard hold{mutex_};
    why = down_;
    if (!why) {
      asio::post(io_->io(),
                 [this, self = shared_from_this(), what]() mutable { send(std::move(what)); });
    }
  }
  if (why) {
    release(what);
    refuse(what, why);
  }
}

void node_link_core::send(asked what) {
  if (phase_ == phase::over) {
    release(what);
    return refuse(what, down());
  }
  const auto deadline =
      steady::now() + limits_.answer_timeout + what.row->patience(what.request.get());
  const auto id = next_++;
  auto& waiting = pending_.emplace(id, pending{std::move(what), deadline}).first->second;
  if (phase_ == phase::open) put(id, waiting);
}

void node_link_core::put(std::uint64_t id, pending& waiting) {
  waiting.sent = true;
  // From here on the connection holds the request as long as it needs it.
  connection_->send(frame_type::request, waiting.what.row->kind, id,
                    std::exchange(waiting.what.request, nullptr));
}

void node_link_core::on_frame(arrived_frame arrived) {
  const auto& header = arrived.header;
  if (header.type != frame_type::reply) {
    return connection_->refuse(error{errc::corrupt, name_ + ": a request from the answering side"});
  }
  if (claiming_) return on_claimed(arrived);
  const auto found = pending_.find(header.correlation);
  if (found == pending_.end()) return;  // too late
  const auto what = std::move(found->second.what);
  pending_.erase(found);
  release(what);
  if (header.kind == 0) {
    error why{errc::corrupt, name_ + ": a failure that cannot be read"};
    if (validate_message(arrived.payload.get(), capnp::Schema::from<wire::Failure>())) {
      why = error_of(*envelope<wire::Failure>::adopt_unchecked(arrived.payload).open());
    }
    return refuse(what, why);
  }
  if (header.kind != what.row->kind) {
    refuse(what, error{errc::corrupt, name_ + ": the reply belongs to another conversation"});
    return connection_->refuse(error{errc::corrupt, "a reply of the wrong kind"});
  }
  if (auto checked = what.row->check_reply(arrived.payload.get()); !checked) {
    return refuse(what, checked.error().with_context(name_));
  }
  answer(what, std::move(arrived.payload));
}

void node_link_core::sweep() {
  sweep_.expires_after(250ms);
  sweep_.async_wait([this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    // Cancelling comes too late for a timer that has fired already.
    if (!self || cancelled || phase_ == phase::over) return;
    const auto now = steady::now();
    for (auto at = pending_.begin(); at != pending_.end();) {
      if (at->second.deadline > now) {
        ++at;
        continue;
      }
      const auto what = std::move(at->second.what);
      const bool sent = at->second.sent;
      at = pending_.erase(at);
      release(what);
      refuse(what, error{errc::timed_out,
                         sent ? fmt::format("{}: no answer to {} in time", name_, what.row->name)
                              : fmt::format("{}: the link is down, {} was not sent", name_,
                                            what.row->name)});
    }
    sweep();
  });
}

void node_link_core::shut() {
  asio::post(io_->io(), [this, self = shared_from_this()] {
    boost::system::error_code ignored;
    shut_ = true;
    const error why{errc::closed, name_ + ": the link has been closed"};
    if (connection_ && !connection_->closed()) connection_->close(why);
    if (const auto socket = connecting_.lock()) socket->close(ignored);
    end(why);
  });
  io_->finish();
}

node_link::node_link(std::shared_ptr<node_link_core> held) : core_(std::move(held)) {}

node_link::~node_link() {
  core_->shut();
}

const node_actor& node_link::node() const {
  return core_->node();
}

const job_handle& node_link::job() const {
  return core_->job();
}

bool node_link::is_lost() const {
  return core_->is_lost();
}

error node_link::down() const {
  return core_->down();
}

std::int32_t node_link::node_id() const {
  return core_->node_id();
}

result<std::unique_ptr<node_link>> connect_node(caf::actor_system& system, const link_address& to,
                                                const link_limits& limits,
                                                const link_manners& manners) {
  auto held = std::make_shared<node_link_core>(system, to, limits, manners);
  auto connected = held->connect();
  if (!connected) {
    held->shut();
    return std::move(connected).error();
  }
  return std::unique_ptr<node_link>{new node_link{std::move(held)}};
}

}  // namespace penstock
