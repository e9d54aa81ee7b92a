// What you must decide about time, as types: how large a window is and how long it waits, how far
// out of order records come, and whether a silent input may let time go on.
#pragma once

#include "streams/base/time.hpp"
#include "streams/operators/window.hpp"

namespace penstock {

/// How long a window waits behind its end for records that are out of order: `grace{10s}`.
struct grace {
  explicit constexpr grace(duration d) : value(d) {}
  duration value;
};
inline constexpr grace no_grace{duration{0}};

/// Windows of one size, side by side, from the Unix epoch on: `tumbling{1min, grace{10s}}`.
struct tumbling {
  tumbling(duration window_size, grace wait) : size(window_size), late(wait) {}
  duration size;
  grace late;
};

/// How much smaller a record's time may be than one that came before it from the same partition.
/// The watermark is that far behind the greatest time seen.
struct out_of_order {
  explicit constexpr out_of_order(duration d) : value(d) {}
  duration value;
};

/// An input partition without records for so long (by the wall clock) does not hold event time
/// back any more; when all are silent, event time goes on with the wall clock.
struct idle_after {
  explicit constexpr idle_after(duration d) : value(d) {}
  duration value;
};

/// A silent input partition holds event time back for ever: windows close only when every
/// partition has had a later record.
struct never_idle_t {};
inline constexpr never_idle_t never_idle{};

}  // namespace penstock
