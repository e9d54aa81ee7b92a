#include "actors/cluster/link_connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "actors/messages/messages.hpp"
#include "actors/messages/validate.hpp"

namespace penstock {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {

// Frames handed to the system in one call; more wait for the next.
constexpr std::size_t frames_per_write = 32;

// How soon a link that was held back looks whether there is room.
constexpr auto room_interval = 5ms;

struct open_folder {
  explicit open_folder(int f) : fd(f) {}
  ~open_folder() { ::close(fd); }
  open_folder(const open_folder&) = delete;
  open_folder& operator=(const open_folder&) = delete;
  int fd;
};

result<link_endpoint> local_endpoint(const std::string& path) {
  constexpr std::size_t path_max = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() <= path_max) {
    return link_endpoint{asio::local::stream_protocol::endpoint{path}, nullptr};
  }
  const auto slash = path.rfind('/');
  const auto folder = slash == std::string::npos ? std::string{"."} : path.substr(0, slash);
  const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  const int fd = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return error{errc::not_found, fmt::format("cannot open the folder {} of the socket: {}", folder,
                                              std::strerror(errno))};
  }
  auto held = std::make_shared<open_folder>(fd);
  auto shortened = fmt::format("/proc/self/fd/{}/{}", fd, name);
  if (shortened.size() > path_max) {
    return error{errc::invalid_argument,
                 fmt::format("the socket path {} is too long: give it a shorter name", path)};
  }
  return link_endpoint{asio::local::stream_protocol::endpoint{shortened}, std::move(held)};
}

}  // namespace

error link_failure(errc code, const std::string& peer, const boost::system::error_code& why) {
  return error{code, fmt::format("{}: {}", peer, why.message())};
}

result<std::vector<link_endpoint>> endpoints_of(asio::io_context& io, const link_address& address) {
  if (address.type == link_address::kind::local) {
    PENSTOCK_ASSIGN(auto at, local_endpoint(address.path));
    return std::vector{std::move(at)};
  }
  asio::ip::tcp::resolver resolver{io};
  boost::system::error_code why;
  const auto found = resolver.resolve(address.host, std::to_string(address.port), why);
  if (why || found.empty()) {
    return link_failure(errc::not_found, "cannot resolve " + address.to_string(), why);
  }
  std::vector<link_endpoint> all;
  for (const auto& each : found) all.push_back({each.endpoint(), nullptr});
  return all;
}

link_connection::link_connection(link_socket socket, const link_limits& limits,
                                 std::string peer_name, std::shared_ptr<traffic> all)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      room_timer_(socket_.get_executor()),
      limits_(limits),
      peer_(std::move(peer_name)),
      reader_(limits.frame_bytes_max),
      all_(std::move(all)) {}

void link_connection::start(std::weak_ptr<link_observer> observer, std::int32_t node_id,
                            bytes_view received) {
  observer_ = std::move(observer);
  started_ = heard_ = spoke_ = steady::now();
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  link_hello hello;
  hello.frame_bytes_max = limits_.frame_bytes_max;
  hello.requests_in_flight_max = limits_.requests_in_flight_max;
  hello.bytes_in_flight_max = limits_.bytes_in_flight_max;
  hello.node_id = node_id;
  hello_ = encode(hello);
  auto self = shared_from_this();
  asio::async_write(socket_, asio::buffer(hello_),
                    [this, self](const boost::system::error_code& why, std::size_t) {
                      if (closed_) return;
                      if (why) return close(link_failure(errc::closed, peer_, why));
                      hello_sent_ = true;
                      write_more();
                    });
  watch();
  if (received.empty()) return read_more();
  PENSTOCK_ASSERT(received.size() <= link_hello_bytes, received.size());
  std::memcpy(reader_.space().data(), received.data(), received.size());
  reader_.received(received.size());
  deliver();
}

void link_connection::send(frame_type type, std::uint16_t kind, std::uint64_t correlation,
                           caf::intrusive_ptr<const frame> payload) {
  if (closed_) return;
  frame_header header;
  header.type = type;
  header.kind = kind;
  header.correlation = correlation;
  if (payload) {
    const auto size = payload->size() * sizeof(capnp::word);
    PENSTOCK_ASSERT(size <= envelope_bytes_max, size);
    header.payload_bytes = static_cast<std::uint32_t>(size);
  }
  queue_.push_back({encode(header), std::move(payload)});
  count_queued(static_cast<std::int64_t>(queue_.back().bytes()));
  write_more();
}

void link_connection::write_more() {
  if (closed_ || !hello_sent_ || writing_ > 0 || queue_.empty()) return;
  std::vector<asio::const_buffer> buffers;
  writing_ = std::min(queue_.size(), frames_per_write);
  std::size_t total = 0;
  for (std::size_t i = 0; i < writing_; ++i) {
    const auto& frame = queue_[i];
    buffers.emplace_back(frame.header.data(), frame.header.size());
    if (frame.payload) {
      buffers.emplace_back(frame.payload->words(), frame.payload->size() * sizeof(capnp::word));
    }
    total += frame.bytes();
  }
  write_began_ = steady::now();
  auto self = shared_from_this();
  asio::async_write(
      socket_, buffers, [this, self, total](const boost::system::error_code& why, std::size_t) {
        if (closed_) return;
        if (why) return close(link_failure(errc::closed, peer_, why));
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(writing_));
        writing_ = 0;
        count_queued(-static_cast<std::int64_t>(total));
        spoke_ = steady::now();
        if (auto observer = observer_.lock()) observer->on_written(total);
        write_more();
      });
}

void link_connection::resume() {
  if (!paused_) return;
  paused_ = false;
  heard_ = steady::now();  // silence did not count while nobody listened
  if (closed_ || delivering_) return;
  deliver();
}

void link_connection::count_queued(std::int64_t count) {
  queued_bytes_ += static_cast<std::size_t>(count);
  if (all_) all_->count_answers(count);
}

void link_connection::count_unfinished() {
  const auto now = closed_ ? 0 : reader_.unfinished_bytes();
  if (unfinished_ == 0 && now > 0) began_ = steady::now();
  if (all_)
    all_->count_unfinished(static_cast<std::int64_t>(now) - static_cast<std::int64_t>(unfinished_));
  unfinished_ = now;
}

// Who has begun a request may end it, or nobody would ever get on; and who waits for no answer does
// not wait for those who do not take theirs.
bool link_connection::is_held_back() const {
  if (!all_ || !greeted_ || unfinished_ > 0) return false;
  return all_->is_full_of_requests() || (all_->is_full_of_answers() && queued_bytes_ > 0);
}

void link_connection::look_again() {
  held_back_ = true;
  room_timer_.expires_after(room_interval);
  room_timer_.async_wait([this, weak = weak_from_this()](const boost::system::error_code& why) {
    const auto self = weak.lock();
    if (!self || why || closed_) return;
    held_back_ = false;
    heard_ = steady::now();  // silence did not count while nobody listened
    if (!delivering_) deliver();
  });
}

void link_connection::read_more() {
  if (closed_ || paused_ || reading_ || held_back_) return;
  if (is_held_back()) return look_again();
  reading_ = true;
  const auto space = reader_.space();
  auto self = shared_from_this();
  socket_.async_read_some(
      asio::buffer(space.data(), space.size()),
      [this, self](const boost::system::error_code& why, std::size_t count) {
        reading_ = false;
        if (closed_) return;
        if (why && !greeted_) {
          return close(error{errc::closed,
                             peer_ + " took the connection and closed it without a greeting: no "
                                     "Penstock node listens there, or it has no room for more "
                                     "links (Apache Kafka behaves so; it has its own tools)"});
        }
        if (why == asio::error::eof) {
          return close(error{errc::closed, peer_ + ": the other side closed the link"});
        }
        if (why) return close(link_failure(errc::closed, peer_, why));
        on_bytes(count);
      });
}

void link_connection::on_bytes(std::size_t count) {
  heard_ = steady::now();
  reader_.received(count);
  deliver();
}

void link_connection::deliver() {
  delivering_ = true;
  if (!greeted_) {
    auto hello = reader_.hello();
    if (!hello) return refuse(hello.error());
    if (*hello) {
      greeted_ = true;
      if (auto observer = observer_.lock()) observer->on_open(**hello);
    }
  }
  while (greeted_ && !closed_ && !paused_ && !is_held_back()) {
    auto arrived = reader_.next();
    if (!arrived) return refuse(arrived.error());
    count_unfinished();
    if (!*arrived) break;
    if ((*arrived)->header.type == frame_type::goodbye) return on_goodbye(**arrived);
    if ((*arrived)->header.type == frame_type::alive) continue;
    if (auto observer = observer_.lock()) observer->on_frame(**std::move(arrived));
  }
  delivering_ = false;
  if (all_ && all_->too_much_unfinished()) {
    if (auto observer = observer_.lock()) observer->on_pressed();
  }
  read_more();
}

void link_connection::on_goodbye(const arrived_frame& arrived) {
  error why{errc::closed, peer_ + ": the other side closed the link"};
  using farewell = envelope<wire::Failure>;
  if (validate_message(arrived.payload.get(), capnp::Schema::from<wire::Failure>())) {
    const auto said = error_of(*farewell::adopt_unchecked(arrived.payload).open());
    if (said) why = error{said.code(), fmt::format("{}: {}", peer_, said.message())};
  }
  close(why);
}

void link_connection::refuse(const error& why) {
  if (closed_) return;
  const auto message = envelope<wire::Failure>::make(
      why.message().size(), [&](wire::Failure::Builder to) { set_failure(to, why); });
  if (hello_sent_ && writing_ == 0) {
    // Best effort: what does not fit into the socket's buffer now is not worth waiting for.
    boost::system::error_code ignored;
    frame_header header;
    header.type = frame_type::goodbye;
    header.payload_bytes = static_cast<std::uint32_t>(message.wire_bytes().size());
    const auto head = encode(header);
    const std::array<asio::const_buffer, 2> buffers{
        asio::buffer(head), asio::buffer(message.wire_bytes().data(), message.wire_bytes().size())};
    socket_.write_some(buffers, ignored);
  }
  close(why);
}

void link_connection::close(const error& why) {
  if (closed_) return;
  closed_ = true;
  auto self = shared_from_this();
  boost::system::error_code ignored;
  timer_.cancel(ignored);
  room_timer_.cancel(ignored);
  socket_.shutdown(link_socket::shutdown_both, ignored);
  socket_.close(ignored);
  count_queued(-static_cast<std::int64_t>(queued_bytes_));
  count_unfinished();
  if (auto observer = observer_.lock()) observer->on_closed(why);
}

void link_connection::watch() {
  const auto step = std::min({limits_.alive_interval, limits_.silence_max, limits_.write_timeout,
                              limits_.handshake_timeout}) /
                    2;
  timer_.expires_after(std::max<duration>(step, 1ms));
  timer_.async_wait([this, weak = weak_from_this()](const boost::system::error_code& why) {
    const auto self = weak.lock();
    if (!self || why || closed_) return;
    const auto now = steady::now();
    if (writing_ > 0 && now - write_began_ > limits_.write_timeout) {
      return close(error{errc::closed, peer_ + ": the other side has stopped reading"});
    }
    if (!greeted_ && now - started_ > limits_.handshake_timeout) {
      return refuse(error{errc::timed_out, peer_ + ": no hello from the other side"});
    }
    if (greeted_ && !paused_ && !held_back_ && now - heard_ > limits_.silence_max) {
      return refuse(
          error{errc::closed, peer_ + ": nothing heard from the other side for too long"});
    }
    if (greeted_ && queue_.empty() && now - spoke_ > limits_.alive_interval) {
      send(frame_type::alive, 0, 0, nullptr);
    }
    watch();
  });
}

}  // namespace penstock
