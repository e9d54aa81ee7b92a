// Room for the one large `Data` field of a message, to be filled before the rest of the message is
// known: the partition reads its log right into the answer. The data becomes a segment of its own
// behind the one that has everything else. Used by whoever builds such a message, and forgotten.
#pragma once

#include <capnp/orphan.h>

#include "actors/messages/envelope.hpp"

namespace penstock {

class data_room {
 public:
  /// Room for `size` bytes, which are not set. What this room was before is gone.
  char* make(std::size_t size) {
    frame_ = nullptr;  // before the next one takes memory
    frame_ = caf::make_counted<frame>(words_before + data_words(size), words_before);
    size_ = size;
    return data();
  }

  /// Null as long as no room was made.
  char* data() const {
    return frame_ ? reinterpret_cast<char*>(frame_->words() + words_before) : nullptr;
  }

  /// A message around the first `used` bytes, without a copy of them: `fill(builder,
  /// capnp::Orphan<capnp::Data>&&)` sets all fields and adopts the data where it belongs. `fill`
  /// may run again, so it must not have other effects.
  template <class Envelope, class Fill>
  Envelope build(std::size_t used, Fill&& fill) && {
    PENSTOCK_ASSERT(used <= size_, used, size_);
    if (used == 0)
      return Envelope::make([&](auto out) { fill(out, capnp::Orphan<capnp::Data>{}); });
    const std::size_t words = data_words(used);
    std::memset(data() + used, 0, words * sizeof(capnp::word) - used);
    // A message of little data must not hold much memory.
    if (used >= size_ / 2 && build_in_place<Envelope>(used, fill)) {
      frame_->shrink_to(words_before + words);
      return Envelope::adopt_unchecked(caf::intrusive_ptr<const frame>{std::move(frame_)});
    }
    capnp::MallocMessageBuilder builder;
    build_around<Envelope>(builder, used, fill);
    const auto flat = capnp::messageToFlatArray(builder);
    const auto bytes_of = flat.asBytes();
    return Envelope::adopt_unchecked(
        bytes_view{reinterpret_cast<const char*>(bytes_of.begin()), bytes_of.size()});
  }

 private:
  static constexpr std::size_t table_words = 2;  // a count and the sizes of two segments
  static constexpr std::size_t words_before = table_words + envelope_spare_words;

  template <class Envelope, class Fill>
  void build_around(capnp::MessageBuilder& builder, std::size_t used, Fill& fill) const {
    const capnp::Data::Reader content{reinterpret_cast<const kj::byte*>(data()), used};
    auto held = builder.getOrphanage().referenceExternalData(content);
    fill(builder.initRoot<typename Envelope::schema>(), std::move(held));
  }

  /// False when there is more besides the data than fits before it.
  template <class Envelope, class Fill>
  bool build_in_place(std::size_t used, Fill& fill) {
    try {
      auto* const head = frame_->words() + table_words;
      capnp::FlatMessageBuilder builder(kj::arrayPtr(head, envelope_spare_words));
      build_around<Envelope>(builder, used, fill);
      PENSTOCK_ASSERT(builder.getSegmentsForOutput().size() == 2);
      // Segments but one, and their words (little endian).
      const std::uint32_t table[] = {1, envelope_spare_words,
                                     static_cast<std::uint32_t>(data_words(used)), 0};
      std::memcpy(static_cast<void*>(frame_->words()), table, sizeof table);
      return true;
    } catch (const kj::Exception&) {
      return false;
    }
  }

  caf::intrusive_ptr<frame> frame_;
  std::size_t size_ = 0;
};

}  // namespace penstock
