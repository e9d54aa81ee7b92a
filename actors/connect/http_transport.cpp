#include "actors/connect/http_transport.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <type_traits>
#include <vector>

#include "actors/connect/tls.hpp"
#include "streams/base/version.hpp"

namespace penstock {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t head_bytes_max = 64u << 10;  // of an answer
constexpr std::uint64_t body_bytes_max = 16u << 20;  // likewise

using tls_stream = asio::ssl::stream<beast::tcp_stream>;

/// One connection, one request at a time.
class lane {
 public:
  virtual ~lane() = default;
  virtual void post(std::string_view content_type, const http_fields& own, bytes body,
                    http_transport::receiver then) = 0;
};

/// Over a `beast::tcp_stream` or a `tls_stream`, which is made of `from` for each connection.
template <class Stream, class From>
class lane_over final : public lane {
 public:
  lane_over(asio::io_context& io, From& from, const http_url& to, duration timeout,
            const clock& wall)
      : resolver_(io), from_(from), to_(to), timeout_(timeout), wall_(wall) {}

  void post(std::string_view content_type, const http_fields& own, bytes body,
            http_transport::receiver then) override {
    then_ = std::move(then);
    request_ = {http::verb::post, to_.target, 11};
    request_.set(http::field::host, to_.authority());
    request_.set(http::field::user_agent, fmt::format("penstock/{}", version()));
    request_.set(http::field::content_type,
                 beast::string_view{content_type.data(), content_type.size()});
    for (const auto& [name, value] : own) request_.set(name, value);
    request_.body() = std::move(body);
    request_.prepare_payload();
    used_before_ = connected_;
    if (connected_) return write();
    resolve();
  }

 private:
  auto& low() { return beast::get_lowest_layer(*stream_); }

  void resolve() {
    make_stream();
    // A look-up has no deadline of its own; the one of the stream begins with connecting.
    resolver_.async_resolve(to_.host, std::to_string(to_.port),
                            [this](beast::error_code why, const tcp::resolver::results_type& at) {
                              if (why) return give_up("cannot find the host", why);
                              low().expires_after(timeout_);
                              low().async_connect(
                                  at, [this](beast::error_code failed, const tcp::endpoint&) {
                                    if (failed) return give_up("cannot connect", failed);
                                    beast::error_code ignored;
                                    low().socket().set_option(tcp::no_delay{true}, ignored);
                                    greet();
                                  });
                            });
  }

  void make_stream() {
    if constexpr (std::is_same_v<Stream, tls_stream>)
      stream_.emplace(beast::tcp_stream{resolver_.get_executor()}, from_);
    else
      stream_.emplace(from_);
  }

  void greet() {
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      expect_server(stream_->native_handle(), to_.host);
      stream_->async_handshake(asio::ssl::stream_base::client, [this](beast::error_code why) {
        if (!why) return ready();
        if (why == beast::error::timeout) return give_up("no answer", why);
        give_up(words_of_handshake(stream_->native_handle(), to_.host, why));
      });
    } else {
      ready();
    }
  }

  void ready() {
    connected_ = true;
    write();
  }

  void write() {
    low().expires_after(timeout_);
    http::async_write(*stream_, request_, [this](beast::error_code why, std::size_t) {
      if (why) return on_broken("cannot send", why);
      parser_.emplace();
      parser_->header_limit(head_bytes_max);
      parser_->body_limit(body_bytes_max);
      http::async_read_header(*stream_, buffer_, *parser_,
                              [this](beast::error_code wrong, std::size_t) {
                                if (wrong) return on_broken("no answer", wrong);
                                read_body();
                              });
    });
  }

  // What a server says of its answer's length is looked at before room is made for it.
  void read_body() {
    const auto length = parser_->content_length();
    if (length && *length > body_bytes_max)
      return on_broken("no answer", http::make_error_code(http::error::body_limit));
    http::async_read(*stream_, buffer_, *parser_, [this](beast::error_code wrong, std::size_t) {
      // Some servers end a TLS connection without saying so; its status was heard all the same.
      if (wrong == asio::ssl::error::stream_truncated && parser_->need_eof()) {
        beast::error_code ended;
        parser_->put_eof(ended);
        wrong = ended;
      }
      if (wrong) return on_broken("no answer", wrong);
      on_answer();
    });
  }

  void on_answer() {
    const auto& got = parser_->get();
    http_answer answer;
    answer.status = static_cast<int>(got.result_int());
    answer.reason = std::string{got.reason()};
    answer.body = got.body();
    if (const auto at = got.find(http::field::retry_after); at != got.end()) {
      const auto value = at->value();
      answer.retry_after = parse_retry_after({value.data(), value.size()}, wall_.now());
    }
    if (got.need_eof() || !got.keep_alive()) close();
    done(std::move(answer));
  }

  // A connection that was kept may have been closed by the server meanwhile: that is no failure.
  void on_broken(const char* what, beast::error_code why) {
    const bool stale = used_before_ && why != beast::error::timeout;
    close();
    if (!stale) return give_up(what, why);
    used_before_ = false;
    resolve();
  }

  void give_up(const char* what, beast::error_code why) {
    if (why != beast::error::timeout) return give_up(fmt::format("{}: {}", what, why.message()));
    give_up(fmt::format("{}: nothing for {} ms", what, timeout_.count()), errc::timed_out);
  }

  void give_up(const std::string& what, errc code = errc::io_error) {
    close();
    done(error{code, fmt::format("{}: {}", to_.to_string(), what)});
  }

  void close() {
    connected_ = false;
    buffer_.clear();
    low().close();
  }

  void done(const result<http_answer>& answer) {
    request_.body().clear();
    parser_.reset();
    const auto then = std::exchange(then_, nullptr);
    then(answer);
  }

  tcp::resolver resolver_;
  From& from_;
  std::optional<Stream> stream_;  // of the connection; while a request is under way or it is kept
  const http_url& to_;
  duration timeout_;
  const clock& wall_;
  http::request<http::string_body> request_;
  std::optional<http::response_parser<http::string_body>> parser_;
  beast::flat_buffer buffer_;
  http_transport::receiver then_;
  bool connected_ = false;
  bool used_before_ = false;  // the connection, by an earlier request
};

class asio_transport final : public http_transport {
 public:
  asio_transport(http_url to, std::optional<asio::ssl::context> tls, std::size_t lanes,
                 duration timeout, const clock& wall)
      : to_(std::move(to)), io_(1), tls_(std::move(tls)) {
    for (std::size_t i = 0; i < lanes; ++i) {
      if (tls_)
        lanes_.push_back(std::make_unique<lane_over<tls_stream, asio::ssl::context>>(
            io_, *tls_, to_, timeout, wall));
      else
        lanes_.push_back(std::make_unique<lane_over<beast::tcp_stream, asio::io_context>>(
            io_, io_, to_, timeout, wall));
    }
  }

  void post(std::size_t at, std::string_view content_type, const http_fields& own, bytes body,
            receiver then) override {
    lanes_[at]->post(content_type, own, std::move(body), std::move(then));
  }

  void work(duration wait) override {
    io_.restart();
    io_.run_for(wait);
  }

 private:
  http_url to_;
  asio::io_context io_;
  std::optional<asio::ssl::context> tls_;
  std::vector<std::unique_ptr<lane>> lanes_;
};

}  // namespace

result<std::unique_ptr<http_transport>> make_http_transport(http_peer to, std::size_t lanes,
                                                            duration timeout, const clock& wall) {
  std::optional<asio::ssl::context> tls;
  if (to.at.tls) {
    PENSTOCK_ASSIGN(tls, tls_client_context(to.ca_file));
  }
  return std::unique_ptr<http_transport>{
      std::make_unique<asio_transport>(std::move(to.at), std::move(tls), lanes, timeout, wall)};
}

}  // namespace penstock
