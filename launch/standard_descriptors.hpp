// Standard input, output and error, before anything else is opened.
#pragma once

namespace penstock {

/// Opens /dev/null in the place of each of the descriptors 0, 1 and 2 that a caller has closed.
/// Otherwise the next file opened would take its number, and what is printed would land in a log.
/// First thing in a program's `main`.
void keep_standard_descriptors();

/// Writes what stdio still holds for standard output. Gives `status`, or, when that or something
/// before it could not be written, says so on standard error and gives 1 in the place of 0. A
/// reader that has had enough (`| head`) is no failure. `who` begins the message.
int finish_standard_output(const char* who, int status);

}  // namespace penstock
