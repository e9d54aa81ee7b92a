#include "actors/connect/tls.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/error.hpp>

namespace penstock {

namespace ssl = boost::asio::ssl;
using failure_code = boost::system::error_code;

result<ssl::context> tls_client_context(const std::string& ca_file) {
  ssl::context context{ssl::context::tls_client};
  failure_code why;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(ssl::verify_peer, why);
  if (!why) {
    if (ca_file.empty())
      context.set_default_verify_paths(why);
    else
      context.load_verify_file(ca_file, why);
  }
  if (!why) return context;
  return error{
      errc::invalid_argument,
      fmt::format("no certificates can be read from {}: {}; name a file of certificates in PEM",
                  ca_file.empty() ? "the system's trust store" : "\"" + ca_file + "\"",
                  why.message())};
}

void expect_server(SSL* connection, const std::string& host) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), host.c_str()) == 1) return;
  SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(connection, host.c_str());
  SSL_set_tlsext_host_name(connection, host.c_str());
}

std::string words_of_handshake(SSL* connection, const std::string& host, const failure_code& why) {
  const auto verdict = SSL_get_verify_result(connection);
  const std::string what = X509_verify_cert_error_string(verdict);
  switch (verdict) {
    case X509_V_OK:
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format(
          "the certificate of the server is not for \"{}\"; write the URL with a name that is in "
          "the certificate, or have it name this one",
          host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format(
          "the certificate of the server does not hold today ({}); renew it there, unless the "
          "clock "
          "of this machine is wrong",
          what);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return fmt::format(
          "nobody who is trusted here vouches for the certificate of the server ({}); give the "
          "certificate of its authority as ca_file, or add it to the system's",
          what);
    default:
      return fmt::format("the certificate of the server is not taken: {}", what);
  }
  const bool in_tls = why.category() == boost::asio::error::get_ssl_category();
  const auto reason = in_tls ? ERR_GET_REASON(static_cast<unsigned long>(why.value())) : 0;
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
    return "the server does not speak TLS there; write http://, or name its port for https";
  return fmt::format("cannot agree on TLS: {}", why.message());
}

}  // namespace penstock
