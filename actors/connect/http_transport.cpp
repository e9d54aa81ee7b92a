#include "actors/connect/http_transport.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <vector>

#include "streams/base/version.hpp"

namespace penstock {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t head_bytes_max = 64u << 10;  // of an answer
constexpr std::uint64_t body_bytes_max = 16u << 20;  // likewise

// One connection, one request at a time.
class lane {
 public:
  lane(asio::io_context& io, const http_url& to, duration timeout, const clock& wall)
      : resolver_(io), stream_(io), to_(to), timeout_(timeout), wall_(wall) {}

  void post(std::string_view content_type, bytes body, http_transport::receiver then) {
    then_ = std::move(then);
    request_ = {http::verb::post, to_.target, 11};
    request_.set(http::field::host, to_.authority());
    request_.set(http::field::user_agent, fmt::format("penstock/{}", version()));
    request_.set(http::field::content_type,
                 beast::string_view{content_type.data(), content_type.size()});
    request_.body() = std::move(body);
    request_.prepare_payload();
    used_before_ = connected_;
    if (connected_) return write();
    resolve();
  }

 private:
  void resolve() {
    // A look-up has no deadline of its own; the one of the stream begins with connecting.
    resolver_.async_resolve(to_.host, std::to_string(to_.port),
                            [this](beast::error_code why, const tcp::resolver::results_type& at) {
                              if (why) return give_up("cannot find the host", why);
                              stream_.expires_after(timeout_);
                              stream_.async_connect(
                                  at, [this](beast::error_code failed, const tcp::endpoint&) {
                                    if (failed) return give_up("cannot connect", failed);
                                    connected_ = true;
                                    beast::error_code ignored;
                                    stream_.socket().set_option(tcp::no_delay{true}, ignored);
                                    write();
                                  });
                            });
  }

  void write() {
    stream_.expires_after(timeout_);
    http::async_write(stream_, request_, [this](beast::error_code why, std::size_t) {
      if (why) return on_broken("cannot send", why);
      parser_.emplace();
      parser_->header_limit(head_bytes_max);
      parser_->body_limit(body_bytes_max);
      http::async_read_header(stream_, buffer_, *parser_,
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
    http::async_read(stream_, buffer_, *parser_, [this](beast::error_code wrong, std::size_t) {
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
    close();
    const bool late = why == beast::error::timeout;
    done(error{
        late ? errc::timed_out : errc::io_error,
        fmt::format("http://{}{}: {}: {}", to_.authority(), to_.target, what,
                    late ? fmt::format("nothing for {} ms", timeout_.count()) : why.message())});
  }

  void close() {
    connected_ = false;
    buffer_.clear();
    stream_.close();
  }

  void done(const result<http_answer>& answer) {
    request_.body().clear();
    parser_.reset();
    const auto then = std::exchange(then_, nullptr);
    then(answer);
  }

  tcp::resolver resolver_;
  beast::tcp_stream stream_;
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

class tcp_transport final : public http_transport {
 public:
  tcp_transport(http_url to, std::size_t lanes, duration timeout, const clock& wall)
      : to_(std::move(to)), io_(1) {
    for (std::size_t i = 0; i < lanes; ++i)
      lanes_.push_back(std::make_unique<lane>(io_, to_, timeout, wall));
  }

  void post(std::size_t at, std::string_view content_type, bytes body, receiver then) override {
    lanes_[at]->post(content_type, std::move(body), std::move(then));
  }

  void work(duration wait) override {
    io_.restart();
    io_.run_for(wait);
  }

 private:
  http_url to_;
  asio::io_context io_;
  std::vector<std::unique_ptr<lane>> lanes_;
};

}  // namespace

std::unique_ptr<http_transport> make_http_transport(http_url to, std::size_t lanes,
                                                    duration timeout, const clock& wall) {
  return std::make_unique<tcp_transport>(std::move(to), lanes, timeout, wall);
}

}  // namespace penstock
