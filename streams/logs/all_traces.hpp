// The rules of every language that streams/logs/multiline.hpp knows, in one: for a log whose
// program is not known, or that several write to. `{.multiline = logs::all_traces()}` of a source.
#pragma once

#include "streams/logs/multiline.hpp"

namespace penstock::logs {

/// Java, Python, Go and C++. A trace that is under way goes on by the rules of its own language.
multiline all_traces();

}  // namespace penstock::logs
