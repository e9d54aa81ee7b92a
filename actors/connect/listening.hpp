// What sources that listen have in common: finding their address, and taking TCP connections one
// after the other, also when now and then one cannot be taken. Only for the .cpp files of this
// folder, but for `cannot_listen`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>

#include "streams/base/result.hpp"
#include "streams/plan/connector.hpp"

namespace penstock {

/// `invalid_argument`: "cannot listen on ADDRESS: …", with what can be done.
error cannot_listen(const std::string& address, const boost::system::error_code& why);

/// Where `address`, which was read into `at`, lies. Looks the name up, which may take a while.
template <class Protocol>
result<typename Protocol::endpoint> endpoint_of(const std::string& address,
                                                const network_address& at) {
  boost::system::error_code why;
  boost::asio::io_context looking;
  typename Protocol::resolver names{looking};
  const auto found =
      names.resolve(at.host, std::to_string(at.port), boost::asio::ip::resolver_base::passive, why);
  if (why || found.empty()) return cannot_listen(address, why);
  return found.begin()->endpoint();
}

/// What puts lines together, if the source does.
inline result<std::optional<logs::event_assembler>> assembler_of(
    const std::optional<logs::multiline>& how) {
  if (!how) return std::optional<logs::event_assembler>{};
  PENSTOCK_ASSIGN(auto made, logs::event_assembler::make(*how));
  return std::optional{std::move(made)};
}

class tcp_listening {
 public:
  /// Gets every connection, on the io thread.
  using taker = std::function<void(boost::asio::ip::tcp::socket)>;

  tcp_listening(boost::asio::io_context& io, taker take);

  /// Begins to take connections. Once, from any thread.
  result<void> open(const std::string& address, const boost::asio::ip::tcp::endpoint& at);

  /// On the io thread: takes no more.
  void close();

 private:
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  taker take_;
};

}  // namespace penstock
