// Standard input, output and error, before anything else is opened.
#pragma once

namespace penstock {

/// Opens /dev/null in the place of each of the descriptors 0, 1 and 2 that a caller has closed.
/// Otherwise the next file opened would take its number, and what is printed would land in a log.
/// First thing in a program's `main`.
void keep_standard_descriptors();

}  // namespace penstock
