// http_in(name, address): lines that are posted over HTTP into a topic. A request is answered 200
// when all of its lines are durable; one that is not answered so may be sent again, and its lines
// may then come twice. Nobody can take more than a bounded amount of memory or time.
#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "actors/cluster/io_thread.hpp"
#include "actors/connect/listening.hpp"
#include "actors/connect/socket_source.hpp"
#include "streams/connect/posted_lines.hpp"
#include "streams/record/serde_json.hpp"

namespace penstock {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using failure_code = boost::system::error_code;

constexpr std::uint32_t header_bytes_max = 16 << 10;
constexpr auto answer_max = std::chrono::seconds{120};  // for the node to make lines durable
constexpr auto refusal_max = std::chrono::seconds{2};   // to take the answer that refuses it

/// Text that comes out of an error, as a JSON string's content.
std::string escaped(std::string_view text) {
  bytes out;
  detail::append_json(text, out);
  return out;
}

/// One connection. Lives in its own handlers, and in whoever is to tell it that lines are durable.
class http_session : public std::enable_shared_from_this<http_session> {
 public:
  http_session(tcp::socket socket, std::shared_ptr<arrivals> to, const http_source& limits,
               const std::optional<logs::event_assembler>& events)
      : stream_(std::move(socket)), to_(std::move(to)), limits_(limits), events_(events) {}

  void next() {
    parser_.emplace();
    parser_->header_limit(header_bytes_max);
    parser_->body_limit(limits_.body_bytes_max);
    stream_.expires_after(limits_.request_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](const failure_code& why, std::size_t) {
                              self->on_header(why);
                            });
  }

  void refuse_all() {
    parser_.emplace();
    limits_.request_timeout = refusal_max;
    answer(http::status::service_unavailable, "too many connections", true);
  }

  void close() {
    failure_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  void on_header(const failure_code& why) {
    if (why) return on_failure(why);
    const auto& request = parser_->get();
    keep_alive_ = request.keep_alive();
    if (request.method() != http::verb::post)
      return answer(http::status::method_not_allowed, "only POST is served here", true);
    const auto encoding = request[http::field::content_encoding];
    if (!encoding.empty() && !beast::iequals(encoding, "identity"))
      return answer(http::status::unsupported_media_type,
                    "bodies are taken as they are here: send them without content-encoding", true);
    if (!beast::iequals(request[http::field::expect], "100-continue")) return read_body();
    go_on_ = {http::status::continue_, request.version()};
    http::async_write(stream_, go_on_,
                      [self = shared_from_this()](const failure_code& failed, std::size_t) {
                        if (!failed) self->read_body();
                      });
  }

  void read_body() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const failure_code& why, std::size_t) {
                       if (why) return self->on_failure(why);
                       self->take();
                     });
  }

  void on_failure(const failure_code& why) {
    if (why == http::error::body_limit)
      return answer(http::status::payload_too_large,
                    fmt::format("a body has at most {} bytes here", limits_.body_bytes_max), true);
    if (why == http::error::header_limit || why == http::error::buffer_overflow)
      return answer(http::status::request_header_fields_too_large, "the header is too large", true);
    if (why == beast::error::timeout || why == http::error::end_of_stream ||
        why == asio::error::operation_aborted || why == asio::error::connection_reset ||
        why == http::error::partial_message)
      return close();
    answer(http::status::bad_request, "no HTTP that can be read: " + why.message(), true);
  }

  void take() {
    const auto& request = parser_->get();
    const std::string_view type{request[http::field::content_type].data(),
                                request[http::field::content_type].size()};
    auto records =
        posted_lines(request.body(), type, limits_.line_bytes_max, events_ ? &*events_ : nullptr);
    if (!records) return answer(http::status::bad_request, records.error().message(), false);
    const auto count = records->size();
    if (count == 0) return answer(http::status::ok, {}, false, 0);
    arrival batch;
    batch.lines = std::move(*records);
    for (const auto& each : batch.lines) batch.bytes += each.size() + 64;
    stream_.expires_after(answer_max);
    batch.done = [self = shared_from_this(), count](bool durable) {
      asio::post(self->stream_.get_executor(), [self, count, durable] {
        if (durable) return self->answer(http::status::ok, {}, false, count);
        self->answer(http::status::service_unavailable, "the source is being closed", true);
      });
    };
    if (!to_->offer(batch))
      answer(http::status::service_unavailable, "too much waits to be made durable", false);
  }

  void answer(http::status status, const std::string& wrong, bool last, std::size_t taken = 0) {
    answer_ = {};
    answer_.result(status);
    answer_.version(11);
    answer_.set(http::field::content_type, "application/json");
    if (status == http::status::method_not_allowed) answer_.set(http::field::allow, "POST");
    if (status == http::status::service_unavailable) answer_.set(http::field::retry_after, "1");
    answer_.keep_alive(keep_alive_ && !last);
    answer_.body() = status == http::status::ok ? fmt::format("{{\"accepted\":{}}}\n", taken)
                                                : "{\"error\":" + escaped(wrong) + "}\n";
    answer_.prepare_payload();
    stream_.expires_after(limits_.request_timeout);
    http::async_write(stream_, answer_,
                      [self = shared_from_this()](const failure_code& why, std::size_t) {
                        if (!why && self->answer_.keep_alive()) return self->next();
                        self->end();
                      });
  }

  void end() {
    failure_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    // What the other side is still sending would make the kernel take back our answer.
    rest_.resize(4096);
    drain();
  }

  void drain() {
    stream_.async_read_some(asio::buffer(rest_),
                            [self = shared_from_this()](const failure_code& why, std::size_t size) {
                              self->drained_ += size;
                              if (why || self->drained_ > self->limits_.body_bytes_max)
                                return self->close();
                              self->drain();
                            });
  }

  beast::tcp_stream stream_;
  std::shared_ptr<arrivals> to_;
  http_source limits_;
  std::optional<logs::event_assembler> events_;
  beast::flat_buffer buffer_{std::size_t{64} << 10};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::empty_body> go_on_;
  http::response<http::string_body> answer_;
  std::string rest_;
  std::size_t drained_ = 0;
  bool keep_alive_ = false;
};

class http_server final : public socket_server {
 public:
  http_server(std::shared_ptr<arrivals> to, const http_source& what,
              std::optional<logs::event_assembler> events)
      : listening_(thread_.io(), [this](tcp::socket socket) { take(std::move(socket)); }),
        to_(std::move(to)),
        what_(what),
        events_(std::move(events)) {}
  ~http_server() override {
    asio::post(thread_.io(), [this] {
      listening_.close();
      for (const auto& each : sessions_)
        if (const auto one = each.lock()) one->close();
    });
    thread_.finish();
  }

  result<void> open(const tcp::endpoint& at) { return listening_.open(what_.address, at); }

  void stop_taking() override {
    asio::post(thread_.io(), [this] { listening_.close(); });
  }

 private:
  void take(tcp::socket socket) {
    std::erase_if(sessions_, [](const auto& each) { return each.expired(); });
    auto one = std::make_shared<http_session>(std::move(socket), to_, what_, events_);
    const bool full = sessions_.size() >= what_.connections_max;
    if (sessions_.size() >= 2 * what_.connections_max) return;
    sessions_.push_back(one);
    full ? one->refuse_all() : one->next();
  }

  io_thread thread_;
  tcp_listening listening_;
  std::shared_ptr<arrivals> to_;
  http_source what_;
  std::optional<logs::event_assembler> events_;
  std::vector<std::weak_ptr<http_session>> sessions_;
};

}  // namespace

std::unique_ptr<connector> make_http_in(connector::self_pointer self, connector_config config) {
  const auto& at = config.topology->steps()[static_cast<std::size_t>(config.what.at)];
  const auto what = std::get<http_source>(at.reads_from->how);
  auto open = [what](std::shared_ptr<arrivals> to,
                     std::shared_ptr<socket_numbers>) -> result<std::unique_ptr<socket_server>> {
    PENSTOCK_ASSIGN(const auto address, parse_address(what.address));
    PENSTOCK_ASSIGN(const auto endpoint, endpoint_of<tcp>(what.address, address));
    PENSTOCK_ASSIGN(auto events, assembler_of(what.multiline));
    auto server = std::make_unique<http_server>(std::move(to), what, std::move(events));
    PENSTOCK_TRY(server->open(endpoint));
    return std::unique_ptr<socket_server>{std::move(server)};
  };
  return std::make_unique<socket_source>(self, std::move(config), std::move(open));
}

}  // namespace penstock
