#include "actors/cluster/node_link.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <future>
#include <mutex>
#include <unordered_map>

#include "actors/cluster/io_thread.hpp"
#include "actors/cluster/link_connection.hpp"
#include "actors/messages/validate.hpp"

namespace penstock {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {
using frame_ptr = conversation::frame_ptr;
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

  node_link_core(caf::actor_system& system, const link_address& to, const link_limits& limits)
      : system_(system),
        name_(to.to_string()),
        limits_(limits),
        io_(std::make_unique<io_thread>()),
        sweep_(io_->io()) {}

  result<void> connect(const link_address& to);

  /// Any thread: sends a request, or answers it at once when it cannot go out.
  void ask(asked what);

  void shut();

  error down() const {
    const std::lock_guard hold{mutex_};
    return down_;
  }
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
  void send(asked what);
  void sweep();

  caf::actor_system& system_;
  std::string name_;
  link_limits limits_;
  std::unique_ptr<io_thread> io_;
  asio::steady_timer sweep_;
  std::shared_ptr<link_connection> connection_;
  std::promise<result<void>> opened_;
  bool settled_ = false;
  node_actor node_;
  job_handle job_;

  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint32_t> requests_max_{1};
  std::atomic<std::uint32_t> bytes_max_{1};
  std::atomic<std::uint32_t> frame_bytes_max_{0};

  mutable std::mutex mutex_;
  error down_;  // guarded; set once

  std::uint64_t next_ = 1;
  std::unordered_map<std::uint64_t, pending> pending_;
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

result<void> node_link_core::connect(const link_address& to) {
  PENSTOCK_ASSIGN(auto endpoint, endpoint_of(io_->io(), to));
  caf::actor_config config;
  const auto make = [&](link_service service) {
    return caf::make_actor<link_proxy, caf::strong_actor_ptr>(
        system_.next_actor_id(), system_.node(), &system_, config, weak_from_this(), service);
  };
  node_ = caf::actor_cast<node_actor>(make(link_service::node));
  job_ = caf::actor_cast<job_handle>(make(link_service::job));
  auto opened = opened_.get_future();
  asio::post(io_->io(), [this, self = shared_from_this(), endpoint,
                         tcp = to.type == link_address::kind::tcp] {
    auto socket = std::make_shared<link_socket>(io_->io());
    boost::system::error_code why;
    socket->open(endpoint.where.protocol(), why);
    if (why) {
      opened_.set_value(link_failure(errc::io_error, name_, why));
      return;
    }
    socket->async_connect(endpoint.where, [this, self, socket, tcp, folder = endpoint.folder](
                                              const boost::system::error_code& failure) {
      if (failure) {
        if (!settled_) {
          settled_ = true;
          opened_.set_value(link_failure(errc::closed, "no node answers at " + name_, failure));
        }
        return;
      }
      boost::system::error_code ignored;
      if (tcp) socket->set_option(asio::ip::tcp::no_delay{true}, ignored);
      connection_ = std::make_shared<link_connection>(std::move(*socket), limits_, name_);
      connection_->start(weak_from_this());
    });
    sweep_.expires_after(limits_.handshake_timeout * 2);
    sweep_.async_wait([this, self, socket](const boost::system::error_code& cancelled) {
      if (cancelled || settled_) return;
      settled_ = true;
      boost::system::error_code ignored;
      socket->close(ignored);
      opened_.set_value(error{errc::timed_out, "no node answers at " + name_});
    });
  });
  return opened.get();
}

void node_link_core::on_open(const link_hello& peer) {
  requests_max_ =
      std::max(1u, std::min(peer.requests_in_flight_max, limits_.requests_in_flight_max));
  bytes_max_ = std::max(1u, std::min(peer.bytes_in_flight_max, limits_.bytes_in_flight_max));
  frame_bytes_max_ = std::min(peer.frame_bytes_max, limits_.frame_bytes_max);
  settled_ = true;
  opened_.set_value({});
  sweep();
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
  if (!connection_ || connection_->closed()) {
    release(what);
    return refuse(what, down());
  }
  const auto id = next_++;
  const auto deadline =
      steady::now() + limits_.answer_timeout + what.row->patience(what.request.get());
  connection_->send(frame_type::request, what.row->kind, id, what.request);
  what.request = nullptr;  // the connection holds it as long as it needs it
  pending_.emplace(id, pending{std::move(what), deadline});
}

void node_link_core::on_frame(arrived_frame arrived) {
  const auto& header = arrived.header;
  if (header.type != frame_type::reply) {
    return connection_->refuse(error{errc::corrupt, name_ + ": a request from the answering side"});
  }
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

void node_link_core::on_closed(const error& why) {
  const error reason{why.code() == errc::none ? errc::closed : why.code(), why.message()};
  {
    const std::lock_guard hold{mutex_};
    // Whoever asks from now on is told why; what the peer said about itself counts as `closed`.
    down_ = error{errc::closed, reason.message()};
  }
  if (!settled_) {
    settled_ = true;
    opened_.set_value(reason);
  }
  auto failed = std::move(pending_);
  pending_.clear();
  for (const auto& [id, waiting] : failed) {
    release(waiting.what);
    refuse(waiting.what, down_);
  }
  boost::system::error_code ignored;
  sweep_.cancel(ignored);
  const auto end = [](const auto& handle) {
    if (!handle) return;
    auto* proxy = caf::actor_cast<caf::abstract_actor*>(handle);
    static_cast<caf::monitorable_actor*>(proxy)->cleanup(
        caf::make_error(caf::exit_reason::remote_link_unreachable), nullptr);
  };
  end(node_);
  end(job_);
}

void node_link_core::sweep() {
  sweep_.expires_after(250ms);
  sweep_.async_wait([this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    // Cancelling comes too late for a timer that has fired already.
    if (!self || cancelled || connection_->closed()) return;
    const auto now = steady::now();
    for (auto at = pending_.begin(); at != pending_.end();) {
      if (at->second.deadline > now) {
        ++at;
        continue;
      }
      const auto what = std::move(at->second.what);
      at = pending_.erase(at);
      release(what);
      refuse(what, error{errc::timed_out,
                         fmt::format("{}: no answer to {} in time", name_, what.row->name)});
    }
    sweep();
  });
}

void node_link_core::shut() {
  asio::post(io_->io(), [this, self = shared_from_this()] {
    boost::system::error_code ignored;
    sweep_.cancel(ignored);
    if (connection_) connection_->close(error{errc::closed, name_ + ": the link has been closed"});
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

error node_link::down() const {
  return core_->down();
}

result<std::unique_ptr<node_link>> connect_node(caf::actor_system& system, const link_address& to,
                                                const link_limits& limits) {
  auto held = std::make_shared<node_link_core>(system, to, limits);
  auto connected = held->connect(to);
  if (!connected) {
    held->shut();
    return std::move(connected).error();
  }
  return std::unique_ptr<node_link>{new node_link{std::move(held)}};
}

}  // namespace penstock
