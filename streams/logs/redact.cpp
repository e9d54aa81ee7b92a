#include "streams/logs/redact.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

#include "streams/base/assert.hpp"
#include "streams/logs/redact_scan.hpp"

namespace penstock::redact {

namespace {

constexpr std::size_t key_bytes_min = 16;
constexpr std::size_t hash_bytes = 8;
constexpr kind all_kinds[] = {email, ipv4, ipv6, card, token};

}  // namespace

std::string_view name_of(kind what) {
  switch (what) {
    case email:
      return "email";
    case ipv4:
      return "ipv4";
    case ipv6:
      return "ipv6";
    case card:
      return "card";
    case token:
      return "token";
  }
  return "unknown";
}

/// HMAC-SHA-256 with the key set up once; each text gets a copy of the state.
class redactor::hasher {
 public:
  explicit hasher(const std::string& key) {
    mac_ = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    PENSTOCK_ASSERT(mac_ != nullptr);
    keyed_ = EVP_MAC_CTX_new(mac_);
    char digest[] = "SHA256";
    const OSSL_PARAM settings[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                   OSSL_PARAM_construct_end()};
    PENSTOCK_ASSERT(keyed_ != nullptr);
    PENSTOCK_ASSERT(EVP_MAC_init(keyed_, reinterpret_cast<const unsigned char*>(key.data()),
                                 key.size(), settings) == 1);
  }
  ~hasher() {
    EVP_MAC_CTX_free(keyed_);
    EVP_MAC_free(mac_);
  }
  hasher(const hasher&) = delete;
  hasher& operator=(const hasher&) = delete;

  std::string operator()(kind what, std::string_view text) const {
    const std::string_view name = name_of(what);
    EVP_MAC_CTX* one = EVP_MAC_CTX_dup(keyed_);
    std::array<unsigned char, 32> out{};
    std::size_t size = 0;
    const bool done = one != nullptr && add(one, name) && add(one, ":") && add(one, text) &&
                      EVP_MAC_final(one, out.data(), &size, out.size()) == 1;
    EVP_MAC_CTX_free(one);
    PENSTOCK_ASSERT(done && size == out.size(), size);
    std::string shown = fmt::format("[{}:", name);
    for (std::size_t i = 0; i < hash_bytes; ++i) shown += fmt::format("{:02x}", out[i]);
    return shown + "]";
  }

 private:
  static bool add(EVP_MAC_CTX* to, std::string_view text) {
    return EVP_MAC_update(to, reinterpret_cast<const unsigned char*>(text.data()), text.size()) ==
           1;
  }

  EVP_MAC* mac_ = nullptr;
  EVP_MAC_CTX* keyed_ = nullptr;
};

redactor::redactor(std::initializer_list<kind> what, mask how) : mask_(std::move(how.with)) {
  for (const kind one : what) kinds_ = static_cast<std::uint8_t>(kinds_ | detail::bit(one));
}

redactor::redactor(std::initializer_list<kind> what, keyed_hash how) : redactor(what, mask{}) {
  short_key_ = how.key.size() < key_bytes_min;
  if (!short_key_) hasher_ = std::make_shared<const hasher>(how.key);
}

std::string redactor::problem() const {
  if (kinds_ == 0) return "there is nothing to redact: name a kind, such as redact::email";
  if (short_key_) {
    return fmt::format("the key of a keyed hash must have at least {} bytes", key_bytes_min);
  }
  return {};
}

std::string redactor::describe() const {
  std::string all;
  for (const kind one : all_kinds) {
    if ((kinds_ & detail::bit(one)) != 0)
      all += (all.empty() ? "" : ", ") + std::string{name_of(one)};
  }
  return all + (hasher_ != nullptr || short_key_ ? "; keyed hash" : "; masked");
}

std::string redactor::replacement(kind what, std::string_view text) const {
  if (hasher_ != nullptr) return (*hasher_)(what, text);
  return mask_.empty() ? fmt::format("[{}]", name_of(what)) : mask_;
}

std::optional<find> redactor::next(std::string_view text, std::size_t from) const {
  return detail::scanner{text, kinds_, from}.next();
}

std::optional<std::string> redactor::replaced(std::string_view text) const {
  detail::scanner scan{text, kinds_};
  std::optional<find> found = scan.next();
  if (!found) return std::nullopt;
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;
  for (; found; found = scan.next()) {
    out += text.substr(copied, found->begin - copied);
    out += replacement(found->what, text.substr(found->begin, found->end - found->begin));
    copied = found->end;
  }
  out += text.substr(copied);
  return out;
}

std::string redactor::operator()(std::string_view text) const {
  auto changed = replaced(text);
  return changed ? *std::move(changed) : std::string{text};
}

}  // namespace penstock::redact

namespace penstock::logs {

std::string redact(std::string text, std::initializer_list<penstock::redact::kind> what) {
  auto changed = penstock::redact::redactor{what}.replaced(text);
  return changed ? *std::move(changed) : std::move(text);
}

}  // namespace penstock::logs
