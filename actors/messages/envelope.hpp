// The one message type of all actors: an immutable, reference-counted Cap'n Proto message of schema
// `Schema`. Copies share the frame; between actors of a process nothing is copied, between nodes
// the frame's bytes travel as they are. Built in place, read with a traversal limit, validated once
// at the border (`adopt`). Figures: docs/decisions/0003-envelopes.md.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/intrusive_ptr.hpp>
#include <caf/make_counted.hpp>
#include <caf/ref_counted.hpp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "streams/base/assert.hpp"
#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// A flat message: segment table and segments, as `capnp::FlatArrayMessageReader` reads it.
class frame final : public caf::ref_counted {
 public:
  explicit frame(std::size_t words) : frame(words, words) {}

  /// Only the first `zeroed` words are zero: zeros that large data overwrites cost more than the
  /// rest of a message.
  frame(std::size_t words, std::size_t zeroed)
      : words_(static_cast<capnp::word*>(zeroed == words
                                             ? std::calloc(words, sizeof(capnp::word))
                                             : std::malloc(words * sizeof(capnp::word)))),
        size_(words) {
    if (words_ == nullptr) throw std::bad_alloc{};
    if (zeroed != words) std::memset(static_cast<void*>(words_), 0, zeroed * sizeof(capnp::word));
  }
  ~frame() override { std::free(words_); }
  frame(const frame&) = delete;
  frame& operator=(const frame&) = delete;

  capnp::word* words() { return words_; }
  const capnp::word* words() const { return words_; }
  std::size_t size() const { return size_; }
  void shrink_to(std::size_t words) { size_ = words; }

 private:
  capnp::word* words_;
  std::size_t size_;
};

/// Words to reserve for a message besides its large `Data` fields.
inline constexpr std::size_t envelope_spare_words = 64;

/// Words that `size` bytes of data take in a frame.
inline constexpr std::size_t data_words(std::size_t size) {
  return (size + sizeof(capnp::word) - 1) / sizeof(capnp::word);
}

/// Fills a `Data` field of a message that `envelope::make_ending_in_data` builds: all bytes of it,
/// those that round it up to words included.
inline void put_data(capnp::Data::Builder to, bytes_view from) {
  if (from.empty()) return;
  std::memcpy(to.begin(), from.data(), from.size());
  std::memset(to.begin() + from.size(), 0,
              data_words(from.size()) * sizeof(capnp::word) - from.size());
}

/// The largest frame that a border accepts.
inline constexpr std::size_t envelope_bytes_max = std::size_t{64} << 20;

template <class Schema>
class envelope {
 public:
  using schema = Schema;

  /// A message without content; reading it gives every field's default.
  envelope() = default;

  /// Builds a message: `fill(typename Schema::Builder)` sets its fields. `data_bytes` is the size
  /// of large fields, so that the frame is allocated once; when it was too small `fill` runs again
  /// on a larger frame, so it must not have other effects.
  template <class Fill>
  static envelope make(std::size_t data_bytes, Fill&& fill) {
    std::size_t words = envelope_spare_words + data_bytes / sizeof(capnp::word) + 1;
    for (int attempt = 0; attempt < 2; ++attempt, words *= 4) {
      if (auto built = try_make(words, fill)) return envelope{std::move(built)};
    }
    capnp::MallocMessageBuilder builder;
    fill(builder.template initRoot<Schema>());
    auto flat = capnp::messageToFlatArray(builder);
    auto held = caf::make_counted<frame>(flat.size());
    std::memcpy(held->words(), flat.begin(), flat.size() * sizeof(capnp::word));
    return envelope{std::move(held)};
  }
  /// `make` for a message whose last allocations are `Data` fields of exactly `words_of_data` words
  /// in all: `fill` sets every other field first, then those by `put_data(out.initX(size), bytes)`.
  /// Their part of the frame is not zeroed before.
  template <class Fill>
  static envelope make_ending_in_data(std::size_t words_of_data, Fill&& fill,
                                      std::size_t spare_words = envelope_spare_words) {
    // What fits has its head within the zeros, because the data takes the rest.
    if (auto built = try_make(spare_words + words_of_data, fill, 1 + spare_words)) {
      return envelope{std::move(built)};
    }
    return make((spare_words + words_of_data) * sizeof(capnp::word), fill);
  }
  template <class Fill>
  static envelope make(Fill&& fill) {
    return make(0, std::forward<Fill>(fill));
  }

  /// The message for reading; lives as long as this object and the envelope. Each reader has its
  /// own traversal budget, so envelopes may be read by several actors at once.
  class reader {
   public:
    explicit reader(caf::intrusive_ptr<const frame> held)
        : held_(std::move(held)),
          message_(words_of(held_), options_for(held_)),
          root_(held_ ? message_.template getRoot<Schema>() : typename Schema::Reader{}) {}
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    const typename Schema::Reader* operator->() const { return &root_; }
    const typename Schema::Reader& operator*() const { return root_; }

   private:
    static kj::ArrayPtr<const capnp::word> words_of(const caf::intrusive_ptr<const frame>& f) {
      static const capnp::word nothing[2] = {};
      return f ? kj::arrayPtr(f->words(), f->size()) : kj::arrayPtr(nothing, 1);
    }
    static capnp::ReaderOptions options_for(const caf::intrusive_ptr<const frame>& f) {
      capnp::ReaderOptions options;
      options.traversalLimitInWords = (f ? f->size() : 0) * 8 + 1024;
      options.nestingLimit = 16;
      return options;
    }

    caf::intrusive_ptr<const frame> held_;
    capnp::FlatArrayMessageReader message_;
    typename Schema::Reader root_;
  };
  reader open() const { return reader{frame_}; }

  /// The bytes that travel between nodes; empty for a default-constructed message.
  bytes_view wire_bytes() const {
    if (!frame_) return {};
    return {reinterpret_cast<const char*>(frame_->words()), frame_->size() * sizeof(capnp::word)};
  }

  /// The frame itself, shared: what a link writes without copying. Null for a default message.
  const caf::intrusive_ptr<const frame>& held() const { return frame_; }

  /// Takes a frame that a border has read. The caller validates it
  /// (`actors/messages/validate.hpp`).
  static envelope adopt_unchecked(caf::intrusive_ptr<const frame> from) {
    return envelope{std::move(from)};
  }

  /// Takes bytes from a border. The caller validates them (`actors/messages/validate.hpp`).
  static envelope adopt_unchecked(bytes_view wire) {
    auto held = caf::make_counted<frame>((wire.size() + 7) / sizeof(capnp::word));
    std::memcpy(held->words(), wire.data(), wire.size());
    return envelope{caf::intrusive_ptr<const frame>{std::move(held)}};
  }

 private:
  explicit envelope(caf::intrusive_ptr<const frame> f) : frame_(std::move(f)) {}

  template <class Fill>
  static caf::intrusive_ptr<frame> try_make(std::size_t words, Fill& fill) {
    return try_make(words, fill, words + 1);
  }

  template <class Fill>
  static caf::intrusive_ptr<frame> try_make(std::size_t words, Fill& fill, std::size_t zeroed) {
    auto held = caf::make_counted<frame>(words + 1, zeroed);
    try {
      capnp::FlatMessageBuilder builder(kj::arrayPtr(held->words() + 1, words));
      fill(builder.template initRoot<Schema>());
      auto segments = builder.getSegmentsForOutput();
      PENSTOCK_ASSERT(segments.size() == 1, segments.size());
      auto used = static_cast<std::uint32_t>(segments[0].size());
      const std::uint32_t table[2] = {0, used};  // one segment, its size (little endian)
      std::memcpy(static_cast<void*>(held->words()), table, sizeof table);
      held->shrink_to(used + 1);
      return held;
    } catch (const kj::Exception&) {
      return nullptr;  // the frame was too small
    }
  }

  caf::intrusive_ptr<const frame> frame_;
};

template <class T>
struct is_envelope : std::false_type {};
template <class Schema>
struct is_envelope<envelope<Schema>> : std::true_type {};

}  // namespace penstock

namespace caf {

// Envelopes leave the process over our own links, as their own bytes; never through CAF's
// serializers, so they need none.
template <class Schema>
struct allowed_unsafe_message_type<penstock::envelope<Schema>> : std::true_type {};

}  // namespace caf
