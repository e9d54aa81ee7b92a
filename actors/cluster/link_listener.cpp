#include "actors/cluster/link_listener.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/sec.hpp>
#include <future>
#include <map>
#include <mutex>
#include <unordered_map>

#include "actors/cluster/io_thread.hpp"
#include "actors/cluster/link_connection.hpp"
#include "actors/messages/link.capnp.h"
#include "actors/messages/validate.hpp"

namespace penstock {

namespace asio = boost::asio;

namespace {

using frame_ptr = conversation::frame_ptr;
using acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

constexpr std::size_t claim_text_max = 300;

// Replies that only say how it went have their place always.
constexpr std::size_t small_reply_bytes = std::size_t{16} << 10;

error what_of(const caf::error& reason, const caf::actor_system& system) {
  if (reason == caf::sec::request_receiver_down) {
    return error{errc::closed, "the node does not answer any more: " + system.render(reason)};
  }
  return error{errc::internal, system.render(reason)};
}

}  // namespace

// One peer. Lives on the io thread, except for its `port`.
class link_session final : public link_observer, public std::enable_shared_from_this<link_session> {
 public:
  link_session(caf::actor_system& system, std::shared_ptr<link_connection> connection,
               const link_limits& limits, std::shared_ptr<traffic> all, bool welcome)
      : system_(system),
        connection_(std::move(connection)),
        limits_(limits),
        traffic_(std::move(all)),
        welcome_(welcome) {}

  /// What a session needs of the listener that took it.
  struct host {
    std::function<caf::strong_actor_ptr(link_service)> find;
    std::function<error(link_session*, wire::ClaimRequest::Reader)> claim;
    std::function<void(link_session*)> gone;
    std::function<void()> pressed;
    std::int32_t node_id = -1;
  };
  void start(std::weak_ptr<io_thread> io, host with, bytes_view received);

  link_connection& connection() { return *connection_; }

  void on_open(const link_hello& peer) override {
    reply_bytes_max_ = std::min(peer.frame_bytes_max, limits_.frame_bytes_max);
    if (!welcome_) {
      connection_->refuse(error{
          errc::overloaded, fmt::format("the node has {} links already, its limit: try again later",
                                        limits_.connections_max)});
    }
  }

  void on_frame(arrived_frame arrived) override;
  void on_written(std::size_t) override { resume_if_room(); }
  void on_pressed() override { host_.pressed(); }
  void on_closed(const error& why) override;

  /// The answer to request `id`: a reply, or the reason why there is none.
  void on_answer(std::uint64_t id, std::optional<frame_ptr> reply, const caf::error& reason);

 private:
  struct waiting {
    const conversation* row;
    std::uint64_t correlation;
    std::uint64_t request_bytes;
    std::uint64_t bytes;  // with those of the reply that it asks for
  };

  void count(const waiting& entry, int sign) {
    bytes_ += static_cast<std::uint64_t>(sign) * entry.bytes;  // modulo 2^64: fewer is right too
    traffic_->count_requests(sign * static_cast<std::int64_t>(entry.request_bytes));
  }

  void on_claim(const arrived_frame& arrived);

  void reply(const conversation& row, std::uint64_t correlation, frame_ptr what) {
    connection_->send(frame_type::reply, row.kind, correlation, std::move(what));
  }

  bool has_room() const {
    return waiting_.size() < limits_.requests_in_flight_max &&
           bytes_ + connection_->queued_bytes() < limits_.bytes_in_flight_max;
  }

  void resume_if_room() {
    if (has_room()) connection_->resume();
  }

  caf::actor_system& system_;
  std::shared_ptr<link_connection> connection_;
  link_limits limits_;
  std::shared_ptr<traffic> traffic_;
  bool welcome_;
  std::uint32_t reply_bytes_max_ = 0;
  host host_;
  caf::strong_actor_ptr port_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, waiting> waiting_;
  std::uint64_t bytes_ = 0;  // of requests in the node, and of the replies that they ask for
};

namespace {

// The address that the node answers to: takes replies on the node's thread and hands them to the
// io thread. It has no mailbox, so nothing can pile up in it.
class link_port final : public caf::monitorable_actor {
 public:
  link_port(caf::actor_config& config, std::weak_ptr<io_thread> io,
            std::weak_ptr<link_session> session)
      : caf::monitorable_actor(config), io_(std::move(io)), session_(std::move(session)) {}

  using caf::monitorable_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override {
    if (!what->mid.is_response()) {
      bounce(what);
      return;
    }
    (void)host;
    const auto thread = io_.lock();
    if (!thread) return;
    const auto& content = what->content();
    caf::error reason;
    std::optional<frame_ptr> reply;
    if (content.match_elements<caf::error>()) {
      reason = content.get_as<caf::error>(0);
    } else {
      for (const auto& row : all_conversations()) {
        if ((reply = row.reply_in(content))) break;
      }
    }
    asio::post(thread->io(), [session = session_, id = what->mid.request_id().integer_value(),
                              reply = std::move(reply), reason = std::move(reason)]() mutable {
      if (const auto s = session.lock()) s->on_answer(id, std::move(reply), reason);
    });
  }

  const char* name() const override { return "penstock.link_port"; }

 private:
  std::weak_ptr<io_thread> io_;
  std::weak_ptr<link_session> session_;
};

}  // namespace

void link_session::start(std::weak_ptr<io_thread> io, host with, bytes_view received) {
  host_ = std::move(with);
  caf::actor_config config;
  port_ = caf::make_actor<link_port, caf::strong_actor_ptr>(
      system_.next_actor_id(), system_.node(), &system_, config, std::move(io), weak_from_this());
  connection_->start(weak_from_this(), host_.node_id, received);
}

void link_session::on_claim(const arrived_frame& arrived) {
  using claim_request = envelope<wire::ClaimRequest>;
  auto checked = validate_message(arrived.payload.get(), capnp::Schema::from<wire::ClaimRequest>());
  error why;
  if (!checked) {
    why = checked.error();
  } else {
    why = host_.claim(this, *claim_request::adopt_unchecked(arrived.payload).open());
  }
  connection_->send(frame_type::reply, link_claim_kind, arrived.header.correlation,
                    failed<envelope<wire::ClaimReply>>(why).held());
}

void link_session::on_frame(arrived_frame arrived) {
  const auto& header = arrived.header;
  if (header.type != frame_type::request) {
    return connection_->refuse(error{errc::corrupt, "a reply to a request that nobody made"});
  }
  if (header.kind == link_claim_kind) return on_claim(arrived);
  const auto* row = find_conversation(header.kind);
  if (row == nullptr) {
    // Kind 0: a bare failure, which the asker turns into its own reply type.
    const error why{errc::unsupported_version,
                    fmt::format("this node (version {}) does not know conversation {}: update it",
                                link_version, header.kind)};
    connection_->send(
        frame_type::reply, 0, header.correlation,
        envelope<wire::Failure>::make(why.message().size(), [&](wire::Failure::Builder to) {
          set_failure(to, why);
        }).held());
    if (!has_room()) connection_->pause();
    return;
  }
  const auto refuse = [&](errc code, std::string why) {
    reply(*row, header.correlation, row->refusal(error{code, std::move(why)}));
    if (!has_room()) connection_->pause();
  };
  if (!row->served) {
    return refuse(errc::invalid_argument, fmt::format("{} is not for links", row->name));
  }
  if (auto checked = row->check_request(arrived.payload.get()); !checked) {
    return refuse(checked.error().code(), checked.error().message());
  }
  const auto whom = host_.find(row->service);
  if (!whom)
    return refuse(
        errc::not_found,
        "no job runs in that process: a job that runs elsewhere, with --on penstock://HOST:PORT, "
        "prints how it is going itself, and its group shows its lag");
  const auto id = next_id_++;
  const waiting entry{row, header.correlation, header.payload_bytes,
                      header.payload_bytes + row->reply_bytes(arrived.payload.get())};
  waiting_.emplace(id, entry);
  count(entry, 1);
  row->ask(whom, port_, caf::make_message_id(id), std::move(arrived.payload));
  if (!has_room()) connection_->pause();
}

void link_session::on_answer(std::uint64_t id, std::optional<frame_ptr> answer,
                             const caf::error& reason) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end() || connection_->closed()) return;
  const auto entry = found->second;
  waiting_.erase(found);
  count(entry, -1);
  const auto size = answer && *answer ? (*answer)->size() * sizeof(capnp::word) : 0;
  if (!answer) {
    answer = entry.row->refusal(what_of(reason, system_));
  } else if (size > small_reply_bytes && traffic_->is_full_of_answers()) {
    answer =
        entry.row->refusal(error{errc::overloaded,
                                 "the links of this node carry as many answers as they may: try "
                                 "again"});
  } else if (size > reply_bytes_max_) {
    answer = entry.row->refusal(
        error{errc::record_too_large,
              fmt::format("the reply to {} has {} bytes, the link takes {}: ask for less at once",
                          entry.row->name, size, reply_bytes_max_)});
  }
  reply(*entry.row, entry.correlation, *std::move(answer));
  resume_if_room();
}

void link_session::on_closed(const error&) {
  for (const auto& [id, entry] : waiting_) count(entry, -1);
  waiting_.clear();
  if (host_.gone) host_.gone(this);
}

// Everything of a listener that the io thread touches.
class link_listener::core : public std::enable_shared_from_this<core> {
 public:
  core(caf::actor_system& system, node_actor node, const link_limits& limits)
      : system_(system),
        node_(caf::actor_cast<caf::strong_actor_ptr>(node)),
        limits_(limits),
        traffic_(std::make_shared<traffic>(limits.traffic_bytes_max)),
        io_(std::make_shared<io_thread>()),
        acceptor_(io_->io()) {}

  result<void> listen(const link_address& at);
  void accept();
  void shut();

  void set_job(job_handle job) {
    const std::lock_guard hold{mutex_};
    job_ = job ? caf::actor_cast<caf::strong_actor_ptr>(job) : nullptr;
  }

  const link_address& address() const { return address_; }

  void adopt(int descriptor, bytes received);
  void name_node(std::int32_t id) { node_id_ = id; }
  error claim(link_session* by, const std::string& topology, const std::string& owner,
              const std::string& about);

 private:
  /// Who runs the tasks of a topology.
  struct holder {
    link_session* by = nullptr;  // null: this process
    std::string owner;
    std::string about;
  };

  caf::strong_actor_ptr find(link_service service) {
    if (service == link_service::node) return node_;
    const std::lock_guard hold{mutex_};
    return job_;
  }

  void take(link_socket socket, bool tcp, bytes_view received);
  void forget(link_session* gone);
  void relieve();

  caf::actor_system& system_;
  caf::strong_actor_ptr node_;
  link_limits limits_;
  std::shared_ptr<traffic> traffic_;
  link_address address_;
  std::atomic<std::int32_t> node_id_{-1};
  std::mutex mutex_;
  caf::strong_actor_ptr job_;
  std::map<std::string, holder> claims_;
  std::shared_ptr<io_thread> io_;
  acceptor acceptor_;
  asio::generic::stream_protocol::endpoint bound_;
  std::shared_ptr<void> folder_;
  struct held_session {
    std::shared_ptr<link_session> session;
    bool tcp = false;
  };
  std::unordered_map<link_session*, held_session> sessions_;
  bool shut_ = false;
};

result<void> link_listener::core::listen(const link_address& at) {
  address_ = at;
  PENSTOCK_ASSIGN(auto endpoints, endpoints_of(io_->io(), at));
  auto& endpoint = endpoints.front();
  bound_ = endpoint.where;
  folder_ = std::move(endpoint.folder);
  const auto name = "cannot listen on " + at.to_string();
  boost::system::error_code why;
  acceptor_.open(bound_.protocol(), why);
  if (why) return link_failure(errc::io_error, name, why);
  if (at.type == link_address::kind::local) {
    const auto* address = reinterpret_cast<const sockaddr_un*>(bound_.data());
    ::unlink(address->sun_path);                             // left from an earlier process
    ::fchmod(acceptor_.native_handle(), S_IRUSR | S_IWUSR);  // becomes the mode of the file
  } else {
    acceptor_.set_option(asio::socket_base::reuse_address{true}, why);
  }
  acceptor_.bind(bound_, why);
  if (why) {
    const bool refused = why == asio::error::access_denied || why.value() == EROFS;
    return link_failure(refused ? errc::read_only : errc::io_error, name, why);
  }
  acceptor_.listen(asio::socket_base::max_listen_connections, why);
  if (why) return link_failure(errc::io_error, name, why);
  if (at.type == link_address::kind::tcp && at.port == 0) {
    const auto real = acceptor_.local_endpoint(why);
    asio::ip::tcp::endpoint as_tcp;
    as_tcp.resize(real.size());
    std::memcpy(as_tcp.data(), real.data(), real.size());
    address_.port = as_tcp.port();
  }
  asio::post(io_->io(), [self = shared_from_this()] { self->accept(); });
  return {};
}

void link_listener::core::accept() {
  if (shut_) return;
  acceptor_.async_accept(
      [weak = weak_from_this()](const boost::system::error_code& why, link_socket socket) {
        const auto self = weak.lock();
        if (!self || self->shut_) return;
        if (!why) self->take(std::move(socket), self->address_.type == link_address::kind::tcp, {});
        if (!why || why == asio::error::connection_aborted) return self->accept();
        // Out of descriptors or memory: try again when something may have been freed.
        auto pause = std::make_shared<asio::steady_timer>(self->io_->io(), 100ms);
        pause->async_wait([weak, pause](const boost::system::error_code&) {
          if (const auto later = weak.lock()) later->accept();
        });
      });
}

void link_listener::core::adopt(int descriptor, bytes received) {
  asio::post(io_->io(), [this, self = shared_from_this(), descriptor,
                         received = std::move(received)] {
    boost::system::error_code why;
    link_socket socket{io_->io()};
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &size);
    socket.assign(asio::generic::stream_protocol{local.ss_family, IPPROTO_TCP}, descriptor, why);
    if (why) {
      ::close(descriptor);
    } else if (!shut_) {
      take(std::move(socket), true, received);
    }
  });
}

error link_listener::core::claim(link_session* by, const std::string& topology,
                                 const std::string& owner, const std::string& about) {
  const std::lock_guard hold{mutex_};
  auto& [holder_session, holder_owner, holder_about] = claims_[topology];
  if (!holder_about.empty() && (holder_owner != owner || holder_session == nullptr)) {
    return error{
        errc::locked,
        fmt::format("topology \"{}\" runs already, in {}: one process at a time runs the "
                    "tasks of a topology; end that one, or give this topology another name",
                    topology, holder_about)};
  }
  holder_session = by;
  holder_owner = owner;
  holder_about = about;
  return {};
}

void link_listener::core::forget(link_session* gone) {
  sessions_.erase(gone);
  const std::lock_guard hold{mutex_};
  std::erase_if(claims_, [&](const auto& each) { return each.second.by == gone; });
}

// Closes whoever has owed the rest of a request for longest.
void link_listener::core::relieve() {
  while (traffic_->too_much_unfinished()) {
    std::shared_ptr<link_session> oldest;
    for (const auto& [key, each] : sessions_) {
      const auto since = each.session->connection().unfinished_since();
      if (since && (!oldest || *since < *oldest->connection().unfinished_since()))
        oldest = each.session;
    }
    if (!oldest) return;
    oldest->connection().refuse(
        error{errc::overloaded, "closed to make room: a request that does not come to its end"});
  }
}

void link_listener::core::take(link_socket socket, bool tcp, bytes_view received) {
  // A few more than the limit are taken in just long enough to tell them so.
  constexpr std::size_t turned_away_max = 16;
  const auto there = static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(),
                    [&](const auto& each) { return each.second.tcp == tcp; }));
  if (there >= limits_.connections_max + turned_away_max) return;
  if (tcp) {
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
  }
  const bool welcome = there < limits_.connections_max;
  auto connection =
      std::make_shared<link_connection>(std::move(socket), limits_, "a link", traffic_);
  auto session =
      std::make_shared<link_session>(system_, std::move(connection), limits_, traffic_, welcome);
  sessions_.emplace(session.get(), held_session{session, tcp});
  link_session::host with;
  with.find = [weak = weak_from_this()](link_service service) -> caf::strong_actor_ptr {
    const auto self = weak.lock();
    return self ? self->find(service) : nullptr;
  };
  with.claim = [weak = weak_from_this()](link_session* by, wire::ClaimRequest::Reader what) {
    const auto self = weak.lock();
    if (!self) return error{errc::closed, "the node is shutting down"};
    const std::string topology{view(what.getTopology())};
    if (topology.empty() || topology.size() > claim_text_max)
      return error{errc::invalid_argument, "a claim without the name of a topology"};
    return self->claim(by, topology, std::string{view(what.getOwner()).substr(0, claim_text_max)},
                       "a " + std::string{view(what.getAbout()).substr(0, claim_text_max)});
  };
  with.gone = [weak = weak_from_this()](link_session* gone) {
    if (const auto self = weak.lock()) self->forget(gone);
  };
  // Later, when nobody is in the middle of something.
  with.pressed = [weak = weak_from_this(), &io = io_->io()] {
    asio::post(io, [weak] {
      if (const auto self = weak.lock()) self->relieve();
    });
  };
  with.node_id = node_id_;
  session->start(io_, std::move(with), received);
}

void link_listener::core::shut() {
  std::promise<void> done;
  asio::post(io_->io(), [&] {
    shut_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    auto sessions = std::move(sessions_);
    sessions_.clear();
    for (auto& [key, each] : sessions) {
      each.session->connection().refuse(error{errc::closed, "the node is shutting down"});
    }
    done.set_value();
  });
  done.get_future().wait();
  io_->finish();
  if (bound_.size() > 0 && address_.type == link_address::kind::local) {
    ::unlink(reinterpret_cast<const sockaddr_un*>(bound_.data())->sun_path);
  }
}

link_listener::link_listener(std::shared_ptr<core> held) : core_(std::move(held)) {}

result<std::unique_ptr<link_listener>> link_listener::open(caf::actor_system& system,
                                                           const link_address& at, node_actor node,
                                                           const link_limits& limits) {
  auto held = std::make_shared<core>(system, std::move(node), limits);
  PENSTOCK_TRY(held->listen(at));
  return std::unique_ptr<link_listener>{new link_listener{std::move(held)}};
}

std::unique_ptr<link_listener> link_listener::without_address(caf::actor_system& system,
                                                              node_actor node,
                                                              const link_limits& limits) {
  return std::unique_ptr<link_listener>{
      new link_listener{std::make_shared<core>(system, std::move(node), limits)}};
}

void link_listener::adopt(int descriptor, bytes received) {
  core_->adopt(descriptor, std::move(received));
}

void link_listener::name_node(std::int32_t id) {
  core_->name_node(id);
}

result<void> link_listener::claim(const std::string& topology) {
  if (auto why = core_->claim(nullptr, topology, {}, "the process of the node")) return why;
  return {};
}

link_listener::~link_listener() {
  core_->shut();
}

const link_address& link_listener::address() const {
  return core_->address();
}

void link_listener::set_job(job_handle job) {
  core_->set_job(std::move(job));
}

}  // namespace penstock
