// Bugs that a test plants to see that the simulation catches them. The library's own answer is
// always "no"; a test program that defines `planted` itself replaces it when it is linked.
#pragma once

#include <cstdint>

namespace penstock {

enum class planted_bug : std::uint8_t {
  ack_before_sync,          // partition: acknowledges before the writer has synced
  offset_before_changelog,  // task: commits input offsets before the state they led to
  repeats_not_dropped,      // partition, or reader in memory: takes what is sent again
  offset_before_reader,     // task: commits input offsets before its readers in memory
};

/// True when the bug is to be there. False everywhere but in the test that asks for it.
bool planted(planted_bug which);

}  // namespace penstock
