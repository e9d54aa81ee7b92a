// syslog(name, address): messages that arrive by UDP or TCP into a topic, keyed by the sender's
// address, each as it came: `logs::syslog` reads them. Over TCP nothing more is read from a sender
// while much of what it sent is not durable; over UDP what finds no room is dropped and counted.
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <optional>

#include "actors/cluster/io_thread.hpp"
#include "actors/connect/listening.hpp"
#include "actors/connect/socket_source.hpp"
#include "streams/connect/sender_events.hpp"
#include "streams/connect/syslog_stream.hpp"

namespace penstock {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using failure_code = boost::system::error_code;

constexpr std::size_t datagram_bytes_max = 65'536;
constexpr std::size_t block_bytes = std::size_t{64} << 10;
constexpr std::size_t unsure_bytes_max = std::size_t{1} << 20;  // of one sender
constexpr int receive_buffer_bytes = 16 << 20;
constexpr int datagrams_at_once = 64;
constexpr std::size_t joining_bytes_max = std::size_t{32} << 20;  // events of all senders, over UDP

/// How lines that belong together become events, if they do.
struct joining {
  std::optional<logs::event_assembler> events;
  duration look = 0ms;  // how often for events that have waited long enough
  const clock* time = nullptr;
};

std::string text_of_address(const asio::ip::address& from) {
  if (from.is_v6() && from.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, from.to_v6()).to_string();
  return from.to_string();
}

class udp_server final : public socket_server {
 public:
  udp_server(std::shared_ptr<arrivals> to, std::shared_ptr<socket_numbers> numbers,
             const joining& how, std::size_t senders_max)
      : socket_(thread_.io()),
        timer_(thread_.io()),
        to_(std::move(to)),
        numbers_(std::move(numbers)),
        how_(how),
        buffer_(datagram_bytes_max, '\0') {
    if (how.events) events_.emplace(*how.events, senders_max, joining_bytes_max);
  }
  ~udp_server() override {
    stop_taking();
    thread_.finish();
  }

  result<void> open(const std::string& address, const udp::endpoint& at) {
    failure_code why;
    socket_.open(at.protocol(), why);
    if (!why && at.address().is_v6()) socket_.set_option(asio::ip::v6_only{false}, why);
    if (!why) socket_.bind(at, why);
    if (!why) socket_.native_non_blocking(true, why);
    if (why) return cannot_listen(address, why);
    address_ = address;
    prepare(socket_.native_handle());
    asio::post(thread_.io(), [this] { receive(); });
    return {};
  }

  void stop_taking() override {
    asio::post(thread_.io(), [this] {
      failure_code ignored;
      socket_.close(ignored);
      if (events_) events_->finish(give());
      timer_.cancel();
    });
  }

 private:
  // A burst waits in the kernel: as much as it allows, and it says what it dropped.
  static void prepare(int fd) {
    const int size = receive_buffer_bytes, on = 1;
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
      (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)::setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  }

  void receive() {
    socket_.async_wait(udp::socket::wait_read, [this](const failure_code& why) {
      if (why == asio::error::operation_aborted || !socket_.is_open()) return;
      for (int left = datagrams_at_once; left > 0 && receive_one(); --left) {
      }
      receive();
    });
  }

  /// False when none is there.
  bool receive_one() {
    iovec to{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) char notes[CMSG_SPACE(sizeof(std::uint32_t))];
    msghdr message{};
    message.msg_name = from_.data();
    message.msg_namelen = static_cast<socklen_t>(from_.capacity());
    message.msg_iov = &to;
    message.msg_iovlen = 1;
    message.msg_control = notes;
    message.msg_controllen = sizeof notes;
    const auto size = ::recvmsg(socket_.native_handle(), &message, 0);
    if (size < 0) return false;
    from_.resize(message.msg_namelen);
    for (auto* note = CMSG_FIRSTHDR(&message); note != nullptr;
         note = CMSG_NXTHDR(&message, note)) {
      if (note->cmsg_level != SOL_SOCKET || note->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t total = 0;
      std::memcpy(&total, CMSG_DATA(note), sizeof total);
      lost(total - std::exchange(lost_, total));
    }
    take(bytes_view{buffer_}.substr(0, static_cast<std::size_t>(size)));
    return true;
  }

  void lost(std::uint32_t more) {
    if (more == 0) return;
    numbers_->dropped += more;
    // Said when the count has doubled, so that a flood does not flood the log.
    if (lost_ < said_) return;
    spdlog::warn(
        "syslog {}: the system dropped {} datagrams until now, because they came faster "
        "than they were read; raise net.core.rmem_max, or send over tcp",
        address_, lost_);
    said_ = lost_ * 2;
  }

  void take(bytes_view message) {
    while (!message.empty() && (message.back() == '\n' || message.back() == '\0'))
      message.remove_suffix(1);
    if (message.empty()) return;
    const auto sender = text_of_address(from_.address());
    if (!events_) return pass_on(sender, message);
    events_->add(sender, message, how_.time->monotonic(), give());
    look_later();
  }

  void pass_on(const std::string& sender, std::string_view message) {
    arrival one;
    one.sender = sender;
    one.lines.emplace_back(message);
    one.bytes = message.size() + 64;
    one.done = [](bool) {};
    if (!to_->offer(one)) ++numbers_->dropped;
  }

  sender_events::emit_function give() {
    return [this](const std::string& sender, std::string_view event) { pass_on(sender, event); };
  }

  void look_later() {
    if (events_->senders() == 0 || std::exchange(looking_, true)) return;
    timer_.expires_after(how_.look);
    timer_.async_wait([this](const failure_code& stopped) {
      looking_ = false;
      if (stopped) return;
      failure_code ignored;
      if (socket_.available(ignored) == 0) events_->tick(how_.time->monotonic(), give());
      look_later();
    });
  }

  io_thread thread_;
  udp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<arrivals> to_;
  std::shared_ptr<socket_numbers> numbers_;
  joining how_;
  std::optional<sender_events> events_;
  bool looking_ = false;
  bytes buffer_;
  udp::endpoint from_;
  std::string address_;
  std::uint32_t lost_ = 0;  // as the kernel counts
  std::uint32_t said_ = 0;
};

struct tcp_limits {
  std::size_t message_bytes_max = 0;
  std::size_t connections_max = 0;
};

/// One sender. Lives in its own handlers.
class tcp_sender : public std::enable_shared_from_this<tcp_sender> {
 public:
  tcp_sender(tcp::socket socket, std::shared_ptr<arrivals> to,
             std::shared_ptr<socket_numbers> numbers, const joining& how, const tcp_limits& limits)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        to_(std::move(to)),
        numbers_(std::move(numbers)),
        how_(how),
        said_(limits.message_bytes_max, how.events),
        buffer_(block_bytes, '\0') {
    failure_code ignored;
    from_ = text_of_address(socket_.remote_endpoint(ignored).address());
    socket_.set_option(asio::socket_base::keep_alive{true}, ignored);  // a peer may vanish
  }
  ~tcp_sender() { numbers_->cut += said_.cut(); }

  void read() {
    if (reading_ || unsure_ >= unsure_bytes_max || !socket_.is_open()) return;
    reading_ = true;
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const failure_code& why, std::size_t size) {
                              self->reading_ = false;
                              self->take(why, bytes_view{self->buffer_}.substr(0, size));
                            });
  }

  void close() {
    // Else the read that is under way ends it.
    if (!reading_) gather([this](const auto& add) { said_.finish(add); });
    failure_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  void take(const failure_code& why, bytes_view data) {
    gather([&](const auto& add) { said_.add(data, how_.time->monotonic(), add); });
    if (why) return close();
    read();
    look_later();
  }

  /// Offers what `from` gives.
  template <class From>
  void gather(From&& from) {
    arrival some;
    from([&](std::string_view record) {
      some.lines.emplace_back(record);
      some.bytes += record.size() + 64;
    });
    if (!some.lines.empty()) offer(std::move(some));
  }

  void look_later() {
    if (!said_.waits() || std::exchange(looking_, true)) return;
    timer_.expires_after(how_.look);
    timer_.async_wait([self = shared_from_this()](const failure_code& stopped) {
      self->looking_ = false;
      if (stopped) return;
      // The rest of the event may be there, or kept from coming by us.
      failure_code ignored;
      if (self->reading_ && self->socket_.available(ignored) == 0)
        self->gather([&](const auto& add) { self->said_.tick(self->how_.time->monotonic(), add); });
      self->look_later();
    });
  }

  void offer(arrival some) {
    some.sender = from_;
    unsure_ += some.bytes;
    const auto size = some.bytes;
    some.done = [self = shared_from_this(), size](bool) {
      asio::post(self->socket_.get_executor(), [self, size] {
        self->unsure_ -= size;
        self->read();
      });
    };
    if (to_->offer(some)) return;
    // Everybody together is too much: this sender waits, and what it sent is tried again.
    unsure_ += unsure_bytes_max;
    auto again =
        std::make_shared<asio::steady_timer>(socket_.get_executor(), std::chrono::milliseconds{50});
    again->async_wait(
        [self = shared_from_this(), again, kept = std::move(some)](const failure_code&) mutable {
          self->unsure_ -= unsure_bytes_max + kept.bytes;
          if (self->socket_.is_open()) return self->offer(std::move(kept));
          self->numbers_->dropped += kept.lines.size();
        });
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<arrivals> to_;
  std::shared_ptr<socket_numbers> numbers_;
  joining how_;
  syslog_stream said_;
  bytes buffer_;
  std::string from_;
  std::size_t unsure_ = 0;  // bytes that are not durable yet
  bool reading_ = false;
  bool looking_ = false;
};

class tcp_server final : public socket_server {
 public:
  tcp_server(std::shared_ptr<arrivals> to, std::shared_ptr<socket_numbers> numbers,
             const joining& how, tcp_limits limits)
      : listening_(thread_.io(), [this](tcp::socket socket) { take(std::move(socket)); }),
        to_(std::move(to)),
        numbers_(std::move(numbers)),
        how_(how),
        limits_(limits) {}
  ~tcp_server() override {
    stop_taking();
    thread_.finish();
  }

  result<void> open(const std::string& address, const tcp::endpoint& at) {
    return listening_.open(address, at);
  }

  void stop_taking() override {
    asio::post(thread_.io(), [this] {
      listening_.close();
      for (const auto& each : senders_)
        if (const auto one = each.lock()) one->close();
    });
  }

 private:
  void take(tcp::socket socket) {
    std::erase_if(senders_, [](const auto& each) { return each.expired(); });
    if (senders_.size() >= limits_.connections_max) return;
    auto one = std::make_shared<tcp_sender>(std::move(socket), to_, numbers_, how_, limits_);
    senders_.push_back(one);
    one->read();
  }

  io_thread thread_;
  tcp_listening listening_;
  std::shared_ptr<arrivals> to_;
  std::shared_ptr<socket_numbers> numbers_;
  joining how_;
  tcp_limits limits_;
  std::vector<std::weak_ptr<tcp_sender>> senders_;
};

template <class Server, class Protocol, class Limits>
result<std::unique_ptr<socket_server>> open_server(const std::string& address,
                                                   const network_address& at,
                                                   std::shared_ptr<arrivals> to,
                                                   std::shared_ptr<socket_numbers> numbers,
                                                   const joining& how, Limits limits) {
  PENSTOCK_ASSIGN(const auto endpoint, endpoint_of<Protocol>(address, at));
  auto server = std::make_unique<Server>(std::move(to), std::move(numbers), how, limits);
  PENSTOCK_TRY(server->open(address, endpoint));
  return std::unique_ptr<socket_server>{std::move(server)};
}

}  // namespace

std::unique_ptr<connector> make_syslog(connector::self_pointer self, connector_config config) {
  const auto& at = config.topology->steps()[static_cast<std::size_t>(config.what.at)];
  const auto what = std::get<syslog_source>(at.reads_from->how);
  auto open =
      [what, time = config.time](
          std::shared_ptr<arrivals> to,
          std::shared_ptr<socket_numbers> numbers) -> result<std::unique_ptr<socket_server>> {
    PENSTOCK_ASSIGN(const auto address, parse_address(what.address));
    joining how;
    how.time = time;
    PENSTOCK_ASSIGN(how.events, assembler_of(what.multiline));
    if (how.events) how.look = std::max(what.multiline->flush_after / 4, duration{10});
    if (address.scheme == "udp")
      return open_server<udp_server, udp>(what.address, address, to, numbers, how,
                                          what.connections_max);
    return open_server<tcp_server, tcp>(what.address, address, to, numbers, how,
                                        tcp_limits{what.message_bytes_max, what.connections_max});
  };
  return std::make_unique<socket_source>(self, std::move(config), std::move(open));
}

}  // namespace penstock
