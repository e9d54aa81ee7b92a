#include "kafka/listener/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/completion_condition.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <caf/send.hpp>
#include <deque>
#include <future>
#include <optional>
#include <set>
#include <unordered_map>

#include "actors/broker/guard.hpp"
#include "actors/cluster/frame_codec.hpp"
#include "actors/cluster/io_thread.hpp"
#include "actors/connect/listening.hpp"
#include "kafka/listener/connection.hpp"
#include "kafka/listener/frame_cutter.hpp"

namespace penstock::kafka {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using steady = std::chrono::steady_clock;

namespace {

// What begins a large request is copied from here, the rest of it is not.
constexpr std::size_t scratch_bytes = std::size_t{64} << 10;
constexpr int reads_in_a_row = 4;  // then others have their turn
constexpr auto untaken_max = 10s;  // for an answer, while there is no room for those of others

// Half of the descriptors are for files (disk_posix.cpp), a few for everything else.
std::uint32_t descriptors_for_clients() {
  constexpr rlim_t others = 32;
  constexpr rlim_t at_least = 16;
  constexpr rlim_t of_files_max = 4096;  // streams/base/disk_posix.cpp keeps as many open
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return ~0u;
  const auto left = limit.rlim_cur - std::min(limit.rlim_cur / 2, of_files_max);
  return static_cast<std::uint32_t>(
      std::min<rlim_t>(left > others + at_least ? left - others : at_least, ~0u));
}

error socket_error(errc code, const std::string& what, const boost::system::error_code& why) {
  return error{code, fmt::format("{}: {}", what, why.message())};
}

// One client's socket. Everything but `answer` and `close` happens on the io thread.
class client_socket final : public client_output,
                            public std::enable_shared_from_this<client_socket> {
 public:
  /// What its owner hears of: it is closed; there is room again for everybody; there is too little.
  struct events {
    std::function<void(client_socket*)> gone;
    std::function<void()> room;
    std::function<void()> pressed;
  };

  client_socket(std::shared_ptr<io_thread> io, tcp::socket socket,
                std::shared_ptr<const edge_settings> settings, std::shared_ptr<traffic> all,
                link_listener* links, char* scratch)
      : io_(std::move(io)),
        socket_(std::move(socket)),
        settings_(std::move(settings)),
        traffic_(std::move(all)),
        links_(links),
        scratch_(scratch),
        cutter_(settings_->request_bytes_max),
        last_(steady::now()) {}

  ~client_socket() override { count_nothing(); }
  client_socket(const client_socket&) = delete;
  client_socket& operator=(const client_socket&) = delete;

  void start(connection_actor actor, std::string peer, events then) {
    actor_ = std::move(actor);
    peer_ = std::move(peer);
    events_ = std::move(then);
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay{true}, ignored);
    wait_for_bytes();
  }

  void answer(answer_frames frames, std::size_t count) override {
    asio::post(io_->io(), [self = shared_from_this(), frames = std::move(frames), count]() mutable {
      self->on_answer(std::move(frames), count);
    });
  }

  void close(const error& why) override {
    asio::post(io_->io(), [self = shared_from_this(), why] { self->shut(why, true); });
  }

  bool idle_since(steady::time_point when) const { return last_ < when; }

  /// Since when it has owed the rest of a request; nothing when it does not.
  std::optional<steady::time_point> unfinished_since() const {
    return unfinished_ > 0 ? std::optional{began_} : std::nullopt;
  }

  /// Since when it has not taken a byte of what it asked for; nothing when there is none.
  std::optional<steady::time_point> untaken_since() const {
    return bytes_out_ > 0 ? std::optional{taken_} : std::nullopt;
  }

  void wait_for_bytes() {
    if (closed_ || waiting_ || !has_room()) return;
    waiting_ = true;
    socket_.async_wait(tcp::socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& why) {
                         self->waiting_ = false;
                         if (!why) self->read();
                       });
  }

  /// `said`: the line belongs into the log.
  void shut(const error& why, bool said) {
    if (std::exchange(closed_, true)) return;
    if (said) log_line("client " + peer_, why.message());
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    out_.clear();
    caf::anon_send(actor_, client_gone{});
    actor_ = nullptr;
    const bool was_crowded = crowded();
    count_nothing();
    const auto then = std::exchange(events_, {});
    if (was_crowded && !crowded() && then.room) then.room();
    if (then.gone) then.gone(this);
  }

 private:
  bool has_room() const {
    if (sizes_.size() >= settings_->requests_in_flight_max ||
        bytes_in_ >= settings_->bytes_in_flight_max || bytes_out_ >= settings_->bytes_in_flight_max)
      return false;
    // Who has begun a request may end it, or nobody would ever get on; and whoever takes what was
    // asked for is served, whatever others do.
    if (unfinished_ > 0) return true;
    if (traffic_->is_full_of_requests()) return false;
    return !traffic_->is_half_full_of_answers() || (bytes_out_ == 0 && sizes_.empty());
  }

  bool crowded() const {
    return traffic_->is_full_of_requests() || traffic_->is_half_full_of_answers();
  }

  void count_requests(std::int64_t bytes) {
    bytes_in_ += static_cast<std::size_t>(bytes);
    traffic_->count_requests(bytes);
  }
  void count_answers(std::int64_t bytes) {
    bytes_out_ += static_cast<std::size_t>(bytes);
    traffic_->count_answers(bytes);
  }
  void count_unfinished() {
    const auto now = cutter_.kept_bytes();
    if (unfinished_ == 0 && now > 0) began_ = steady::now();
    traffic_->count_unfinished(static_cast<std::int64_t>(now) -
                               static_cast<std::int64_t>(unfinished_));
    unfinished_ = now;
    if (traffic_->too_much_unfinished() && events_.pressed) events_.pressed();
  }
  void count_nothing() {
    count_requests(-static_cast<std::int64_t>(bytes_in_));
    count_answers(-static_cast<std::int64_t>(bytes_out_));
    traffic_->count_unfinished(-static_cast<std::int64_t>(std::exchange(unfinished_, 0)));
  }

  void read() {
    if (links_ != nullptr && !greet()) return;
    for (int turn = 0; turn < reads_in_a_row && !closed_ && has_room(); ++turn) {
      boost::system::error_code why;
      const auto room = cutter_.room();
      const auto into = room.empty() ? std::span<char>{scratch_, scratch_bytes} : room;
      const auto count = socket_.read_some(asio::buffer(into.data(), into.size()), why);
      if (why == asio::error::would_block) break;
      if (why) return shut(socket_error(errc::closed, "the connection ended", why), false);
      room.empty() ? cutter_.received({scratch_, count}) : cutter_.filled(count);
      if (!hand_over()) return;
      count_unfinished();
      if (count < into.size()) break;
    }
    wait_for_bytes();
  }

  // What comes first tells who comes: no more of it is taken than a link begins with. False while
  // that is not known, and when it is no client of Kafka's.
  bool greet() {
    boost::system::error_code why;
    const auto room = link_magic.size() - greeting_.size();
    const auto count = socket_.read_some(asio::buffer(scratch_, room), why);
    if (why && why != asio::error::would_block) {
      shut(socket_error(errc::closed, "the connection ended", why), false);
      return false;
    }
    if (!why) greeting_.append(scratch_, count);
    if (greeting_ == link_magic) {
      become_link();
      return false;
    }
    if (link_magic.starts_with(greeting_)) {
      wait_for_bytes();
      return false;
    }
    links_ = nullptr;
    cutter_.received(greeting_);
    if (!hand_over()) return false;
    count_unfinished();
    return true;
  }

  void become_link() {
    boost::system::error_code why;
    closed_ = true;
    const int descriptor = socket_.release(why);
    if (!why) links_->adopt(descriptor, greeting_);
    caf::anon_send(actor_, client_gone{});
    actor_ = nullptr;
    count_nothing();
    if (const auto then = std::exchange(events_, {}); then.gone) then.gone(this);
  }

  // All frames of what was read: the limits are looked at between reads.
  bool hand_over() {
    while (true) {
      auto frame = cutter_.next();
      if (!frame) {
        shut(frame.error(), true);
        return false;
      }
      if (!*frame) return true;
      last_ = steady::now();
      const auto size = (*frame)->open()->getContent().size();
      sizes_.push_back(size);
      count_requests(static_cast<std::int64_t>(size));
      caf::anon_send(actor_, **std::move(frame));
    }
  }

  void on_answer(answer_frames frames, std::size_t count) {
    if (closed_) return;
    last_ = steady::now();
    const bool was_crowded = crowded();
    for (; count > 0; --count) {
      PENSTOCK_ASSERT(!sizes_.empty());
      count_requests(-static_cast<std::int64_t>(sizes_.front()));
      sizes_.pop_front();
    }
    if (const auto size = frames.size(); size > 0) {
      if (bytes_out_ == 0) taken_ = last_;
      count_answers(static_cast<std::int64_t>(size));
      out_.push_back(std::move(frames));
      if (!writing_) write();
      if (traffic_->is_half_full_of_answers() && events_.pressed) events_.pressed();
    }
    tell_of_room(was_crowded);
    wait_for_bytes();
  }

  void tell_of_room(bool was_crowded) {
    if (was_crowded && !crowded() && events_.room) events_.room();
  }

  void write() {
    while (!closed_ && !out_.empty()) {
      const auto size = out_.front().size();
      std::vector<asio::const_buffer> parts;
      out_.front().for_each_part([&](bytes_view part) { parts.push_back(asio::buffer(part)); });
      boost::system::error_code why;
      auto done = socket_.write_some(parts, why);
      if (why && why != asio::error::would_block)
        return shut(socket_error(errc::closed, "the connection ended", why), false);
      if (done > 0) taken_ = steady::now();
      if (done < size) return write_rest(std::move(parts), done, size);
      count_answers(-static_cast<std::int64_t>(size));
      out_.pop_front();
    }
  }

  // Of the answer at the front, when the socket takes no more for now.
  void write_rest(std::vector<asio::const_buffer> parts, std::size_t done, std::size_t size) {
    for (auto& part : parts) {
      const auto gone = std::min(done, part.size());
      part += gone;
      done -= gone;
    }
    writing_ = true;
    const auto all_of_it = [self = shared_from_this(), before = std::size_t{0}](
                               const boost::system::error_code& wrong, std::size_t sent) mutable {
      if (std::exchange(before, sent) < sent) self->taken_ = steady::now();
      return asio::transfer_all()(wrong, sent);
    };
    asio::async_write(
        socket_, std::move(parts), all_of_it,
        [self = shared_from_this(), size](const boost::system::error_code& wrong, std::size_t) {
          self->writing_ = false;
          if (self->closed_) return;
          if (wrong)
            return self->shut(socket_error(errc::closed, "the connection ended", wrong), false);
          self->last_ = self->taken_ = steady::now();
          const bool was_crowded = self->crowded();
          self->count_answers(-static_cast<std::int64_t>(size));
          self->out_.pop_front();
          self->write();
          self->tell_of_room(was_crowded);
          self->wait_for_bytes();
        });
  }

  std::shared_ptr<io_thread> io_;  // outlives the socket
  tcp::socket socket_;
  std::shared_ptr<const edge_settings> settings_;
  std::shared_ptr<traffic> traffic_;
  link_listener* links_;  // null as soon as it is known that this is no link
  bytes greeting_;
  char* scratch_;  // shared by all sockets of the thread
  connection_actor actor_;
  std::string peer_;
  events events_;
  frame_cutter cutter_;
  steady::time_point last_;        // something was asked, answered or taken
  std::deque<std::size_t> sizes_;  // of requests that are not answered
  std::size_t bytes_in_ = 0;
  std::size_t bytes_out_ = 0;
  std::size_t unfinished_ = 0;  // of a request that has not come to its end
  steady::time_point began_;    // of that request
  steady::time_point taken_;    // the last time that the client took something
  std::deque<answer_frames> out_;
  bool waiting_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace

class listener::core : public std::enable_shared_from_this<core> {
 public:
  core(caf::actor_system& system, node_actor node, edge_settings settings, link_listener* links)
      : system_(system),
        node_(std::move(node)),
        settings_(std::move(settings)),
        links_(links),
        io_(std::make_shared<io_thread>()),
        acceptor_(io_->io()),
        sweep_(io_->io()),
        relief_(io_->io()),
        traffic_(std::make_shared<traffic>(settings_.traffic_bytes_max)),
        sessions_(std::make_shared<session_room>(settings_.fetch_sessions_bytes_max)),
        scratch_(std::make_unique<char[]>(scratch_bytes)) {
    settings_.connections_max = std::min(settings_.connections_max, descriptors_for_clients());
    keep_spare();
  }
  ~core() { give_up_spare(); }
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  result<void> listen(const std::string& host, std::uint16_t port);
  void shut();
  std::uint16_t port() const { return port_; }

 private:
  void accept();
  void take(tcp::socket socket);
  void sweep();
  void wake_all();
  void relieve();
  void refuse_one();
  void say_refused(const std::string& whom, const std::string& why);
  std::uint32_t connections_from(const std::string& address) const;
  void keep_spare() { spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
  void give_up_spare() {
    if (spare_ >= 0) ::close(std::exchange(spare_, -1));
  }

  caf::actor_system& system_;
  node_actor node_;
  edge_settings settings_;
  link_listener* links_;
  std::shared_ptr<const edge_settings> shared_;
  std::shared_ptr<io_thread> io_;
  tcp::acceptor acceptor_;
  asio::steady_timer sweep_;
  asio::steady_timer relief_;  // when the next look at who takes no answers is due
  std::shared_ptr<traffic> traffic_;
  std::shared_ptr<session_room> sessions_;
  std::unique_ptr<char[]> scratch_;
  int spare_ = -1;  // a descriptor to give up when there are no more
  std::unordered_map<client_socket*, std::shared_ptr<client_socket>> sockets_;
  std::unordered_map<std::string, std::uint32_t> from_address_;  // of those in `sockets_`
  std::uint16_t port_ = 0;
  std::set<std::string> refused_;  // addresses of which it was said, since `refused_since_`
  steady::time_point refused_since_{};
  bool shut_ = false;
};

result<void> listener::core::listen(const std::string& host, std::uint16_t port) {
  const auto address = fmt::format("{}:{}", host.empty() ? "*" : host, port);
  boost::system::error_code why;
  const auto failed = [&](errc code) { return error{code, cannot_listen(address, why).message()}; };
  tcp::endpoint where{tcp::v6(), port};
  if (!host.empty()) {
    tcp::resolver resolver{io_->io()};
    const auto found = resolver.resolve(host, std::to_string(port), why);
    if (why || found.empty()) return failed(errc::not_found);
    where = found.begin()->endpoint();
  }
  acceptor_.open(where.protocol(), why);
  if (why && host.empty()) {  // a machine without IPv6
    where = tcp::endpoint{tcp::v4(), port};
    acceptor_.open(where.protocol(), why);
  }
  if (why) return failed(errc::io_error);
  acceptor_.set_option(asio::socket_base::reuse_address{true}, why);
  if (host.empty() && where.protocol() == tcp::v6())
    acceptor_.set_option(asio::ip::v6_only{false}, why);
  acceptor_.bind(where, why);
  if (why) return failed(why == asio::error::access_denied ? errc::read_only : errc::io_error);
  acceptor_.listen(asio::socket_base::max_listen_connections, why);
  if (why) return failed(errc::io_error);
  port_ = acceptor_.local_endpoint(why).port();
  if (settings_.port == 0) settings_.port = port_;
  shared_ = std::make_shared<const edge_settings>(settings_);
  asio::post(io_->io(), [self = shared_from_this()] {
    self->accept();
    self->sweep();
  });
  return {};
}

void listener::core::accept() {
  if (shut_) return;
  acceptor_.async_accept(
      [weak = weak_from_this()](const boost::system::error_code& why, tcp::socket socket) {
        const auto self = weak.lock();
        if (!self || self->shut_) return;
        if (!why) self->take(std::move(socket));
        if (!why || why == asio::error::connection_aborted) return self->accept();
        if (why == asio::error::no_descriptors) self->refuse_one();
        // Out of descriptors or memory: those that are here are served, others wait their turn.
        auto pause = std::make_shared<asio::steady_timer>(self->io_->io(), 100ms);
        pause->async_wait([weak, pause](const boost::system::error_code&) {
          if (const auto later = weak.lock()) later->accept();
        });
      });
}

void listener::core::take(tcp::socket socket) {
  boost::system::error_code why;
  const auto peer = socket.remote_endpoint(why);
  if (why) return;
  const auto where =
      peer.address().is_v6() && peer.address().to_v6().is_v4_mapped()
          ? asio::ip::make_address_v4(asio::ip::v4_mapped, peer.address().to_v6()).to_string()
          : peer.address().to_string();
  if (sockets_.size() >= settings_.connections_max)
    return say_refused("",
                       fmt::format("there are {} connections, the limit: further ones are closed",
                                   settings_.connections_max));
  const auto special = settings_.connections_of_address.find(where);
  const auto most = special == settings_.connections_of_address.end()
                        ? settings_.connections_per_address_max
                        : special->second;
  if (const auto there = connections_from(where); there >= most)
    return say_refused(where, fmt::format("{} has {} connections, and max.connections.per.ip is {} "
                                          "for it: further ones are closed",
                                          where, there, most));
  auto made = std::make_shared<client_socket>(io_, std::move(socket), shared_, traffic_, links_,
                                              scratch_.get());
  connection_config config;
  config.settings = shared_;
  config.node = node_;
  config.output = made;
  config.traffic = traffic_;
  config.sessions = sessions_;
  config.client_host = "/" + where;
  sockets_.emplace(made.get(), made);
  ++from_address_[where];
  client_socket::events events;
  events.gone = [weak = weak_from_this(), where](client_socket* which) {
    const auto self = weak.lock();
    if (!self || self->sockets_.erase(which) == 0) return;
    const auto left = self->from_address_.find(where);
    if (--left->second == 0) self->from_address_.erase(left);
  };
  // Later, when nobody is in the middle of something.
  events.room = [weak = weak_from_this(), &io = io_->io()] {
    asio::post(io, [weak] {
      if (const auto self = weak.lock()) self->wake_all();
    });
  };
  events.pressed = [weak = weak_from_this(), &io = io_->io()] {
    asio::post(io, [weak] {
      if (const auto self = weak.lock()) self->relieve();
    });
  };
  made->start(spawn_connection(system_, std::move(config)),
              fmt::format("{}:{}", where, peer.port()), std::move(events));
}

std::uint32_t listener::core::connections_from(const std::string& address) const {
  const auto at = from_address_.find(address);
  return at == from_address_.end() ? 0 : at->second;
}

// Clients that are refused try again at once: a line of each now and then says enough.
void listener::core::say_refused(const std::string& whom, const std::string& why) {
  constexpr std::size_t named_max = 100;
  const auto now = steady::now();
  if (now - refused_since_ >= 10s) {
    refused_.clear();
    refused_since_ = now;
  }
  if (refused_.size() < named_max && refused_.insert(whom).second) log_line("listener", why);
}

void listener::core::wake_all() {
  for (const auto& [key, each] : sockets_) each->wait_for_bytes();
}

// Closes whoever has kept others from their room for longest.
void listener::core::relieve() {
  const auto oldest_by = [&](auto since) {
    std::shared_ptr<client_socket> oldest;
    for (const auto& [key, each] : sockets_)
      if (since(*each) && (!oldest || *since(*each) < *since(*oldest))) oldest = each;
    return oldest;
  };
  while (traffic_->too_much_unfinished()) {
    const auto oldest =
        oldest_by([](const client_socket& each) { return each.unfinished_since(); });
    if (!oldest) break;
    oldest->shut(
        error{errc::overloaded, "closed to make room: a request that does not come to its end"},
        true);
  }
  while (traffic_->is_half_full_of_answers()) {
    const auto oldest = oldest_by([](const client_socket& each) { return each.untaken_since(); });
    if (!oldest) break;
    const auto due = *oldest->untaken_since() + untaken_max;
    if (due > steady::now() && !traffic_->is_full_of_answers()) {
      relief_.expires_at(due);
      relief_.async_wait([weak = weak_from_this()](const boost::system::error_code& why) {
        const auto self = weak.lock();
        if (self && !why) self->relieve();
      });
      return;
    }
    oldest->shut(error{errc::overloaded,
                       "closed to make room: it does not take the answers to its requests"},
                 true);
  }
}

// Without a descriptor nobody can be told to go: the spare one is for that.
void listener::core::refuse_one() {
  say_refused("", fmt::format("there are no descriptors for more than {} connections: further ones "
                              "are closed (ulimit -n)",
                              sockets_.size()));
  give_up_spare();
  boost::system::error_code ignored;
  acceptor_.non_blocking(true, ignored);
  tcp::socket refused{io_->io()};
  acceptor_.accept(refused, ignored);
  refused.close(ignored);
  keep_spare();
}

void listener::core::sweep() {
  if (shut_) return;
  const auto oldest = steady::now() - settings_.idle_max;
  std::vector<std::shared_ptr<client_socket>> idle;
  for (const auto& [key, each] : sockets_)
    if (each->idle_since(oldest)) idle.push_back(each);
  for (const auto& each : idle) each->shut(error{errc::closed, "idle for too long"}, false);
  sweep_.expires_after(std::clamp<duration>(settings_.idle_max / 4, 100ms, 30s));
  sweep_.async_wait([weak = weak_from_this()](const boost::system::error_code& why) {
    const auto self = weak.lock();
    if (self && !why) self->sweep();
  });
}

void listener::core::shut() {
  std::promise<void> done;
  asio::post(io_->io(), [&] {
    shut_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    sweep_.cancel(ignored);
    relief_.cancel(ignored);
    auto sockets = std::move(sockets_);
    sockets_.clear();
    for (auto& [key, each] : sockets) each->shut(error{errc::closed, "the node shuts down"}, false);
    done.set_value();
  });
  done.get_future().wait();
  io_->finish();
}

listener::listener(std::shared_ptr<core> held) : core_(std::move(held)) {}

result<std::unique_ptr<listener>> listener::open(caf::actor_system& system, const std::string& host,
                                                 std::uint16_t port, node_actor node,
                                                 edge_settings settings, link_listener* links) {
  auto held = std::make_shared<core>(system, std::move(node), std::move(settings), links);
  PENSTOCK_TRY(held->listen(host, port));
  return std::unique_ptr<listener>{new listener{std::move(held)}};
}

listener::~listener() {
  core_->shut();
}

std::uint16_t listener::port() const {
  return core_->port();
}

}  // namespace penstock::kafka
