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

/// HMAC-SHA-256 with the key set up once, because that takes longer than a hash.
class redactor::hasher {
 public:
  explicit hasher(const std::string& key) {
    EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    PENSTOCK_ASSERT(mac != nullptr);
    keyed_ = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);  // the context holds it
    PENSTOCK_ASSERT(keyed_ != nullptr);
    char digest[] = "SHA256";
    const OSSL_PARAM settings[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                   OSSL_PARAM_construct_end()};
    PENSTOCK_ASSERT(EVP_MAC_init(keyed_, reinterpret_cast<const unsigned char*>(key.data()),
                                 key.size(), settings) == 1);
  }
  hasher(const hasher& other) : keyed_(EVP_MAC_CTX_dup(other.keyed_)) {
    PENSTOCK_ASSERT(keyed_ != nullptr);
  }
  hasher& operator=(const hasher&) = delete;
  ~hasher() { EVP_MAC_CTX_free(keyed_); }

  std::string operator()(kind what, std::string_view text) {
    const std::string_view name = name_of(what);
    std::array<unsigned char, 32> out{};
    std::size_t size = 0;
    const bool done = EVP_MAC_init(keyed_, nullptr, 0, nullptr) == 1 && add(name) && add(":") &&
                      add(text) && EVP_MAC_final(keyed_, out.data(), &size, out.size()) == 1;
    PENSTOCK_ASSERT(done && size == out.size(), size);
    static constexpr char digits[] = "0123456789abcdef";
    std::string shown = fmt::format("[{}:", name);
    for (std::size_t i = 0; i < hash_bytes; ++i) {
      shown += digits[out[i] >> 4];
      shown += digits[out[i] & 15];
    }
    shown += ']';
    return shown;
  }

 private:
  bool add(std::string_view text) {
    return EVP_MAC_update(keyed_, reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()) == 1;
  }

  EVP_MAC_CTX* keyed_ = nullptr;
};

redactor::redactor(const redactor& other)
    : kinds_(other.kinds_),
      mask_(other.mask_),
      hasher_(other.hasher_ ? std::make_unique<hasher>(*other.hasher_) : nullptr),
      short_key_(other.short_key_) {}
redactor& redactor::operator=(const redactor& other) {
  if (this != &other) *this = redactor{other};
  return *this;
}
redactor::redactor(redactor&&) noexcept = default;
redactor& redactor::operator=(redactor&&) noexcept = default;
redactor::~redactor() = default;

redactor::redactor(std::initializer_list<kind> what, mask how) : mask_(std::move(how.with)) {
  for (const kind one : what) kinds_ = static_cast<std::uint8_t>(kinds_ | detail::bit(one));
}

redactor::redactor(std::initializer_list<kind> what, keyed_hash how) : redactor(what, mask{}) {
  short_key_ = how.key.size() < key_bytes_min;
  if (!short_key_) hasher_ = std::make_unique<hasher>(how.key);
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
  return mask_.empty() ? std::string{"["}.append(name_of(what)).append("]") : mask_;
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
