// TLS for requests: whom a client believes, whom it asks for, and in words why it does not believe
// a server. Only for the .cpp files of this folder.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <string>

#include "streams/base/result.hpp"

namespace penstock {

/// TLS 1.2 or later, servers verified by the authorities in `ca_file` (PEM), or by those of the
/// system where it is empty. `invalid_argument` when the file cannot be used.
result<boost::asio::ssl::context> tls_client_context(const std::string& ca_file);

/// Before the handshake: asks for the server of this name, and takes no other. A name or an IP
/// address.
void expect_server(SSL* connection, const std::string& host);

/// After a handshake that failed: what is wrong, and what can be done.
std::string words_of_handshake(SSL* connection, const std::string& host,
                               const boost::system::error_code& why);

}  // namespace penstock
