#include "actors/connect/listening.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace penstock {

namespace asio = boost::asio;
using asio::ip::tcp;
using failure_code = boost::system::error_code;

namespace {

constexpr auto accept_again = std::chrono::milliseconds{100};  // out of descriptors

}  // namespace

error cannot_listen(const std::string& address, const failure_code& why) {
  std::string remedy = "name an address of this machine, as HOST:PORT";
  if (why == asio::error::address_in_use)
    remedy = "end the program that listens there, or name another port";
  if (why == asio::error::access_denied)
    remedy = "ports below 1024 need a privilege; name a higher one";
  return error{errc::invalid_argument,
               "cannot listen on " + address + ": " + why.message() + "; " + remedy};
}

tcp_listening::tcp_listening(asio::io_context& io, taker take)
    : acceptor_(io), timer_(io), take_(std::move(take)) {}

result<void> tcp_listening::open(const std::string& address, const tcp::endpoint& at) {
  failure_code why;
  acceptor_.open(at.protocol(), why);
  if (!why) acceptor_.set_option(asio::socket_base::reuse_address{true}, why);
  if (!why && at.address().is_v6()) acceptor_.set_option(asio::ip::v6_only{false}, why);
  if (!why) acceptor_.bind(at, why);
  if (!why) acceptor_.listen(asio::socket_base::max_listen_connections, why);
  if (why) return cannot_listen(address, why);
  asio::post(acceptor_.get_executor(), [this] { accept(); });
  return {};
}

void tcp_listening::close() {
  failure_code ignored;
  timer_.cancel();
  acceptor_.close(ignored);
}

void tcp_listening::accept() {
  acceptor_.async_accept([this](const failure_code& why, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (why) {
      timer_.expires_after(accept_again);
      return timer_.async_wait([this](const failure_code& stopped) {
        if (!stopped) accept();
      });
    }
    take_(std::move(socket));
    accept();
  });
}

}  // namespace penstock
