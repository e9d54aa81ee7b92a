// The command line of `penstock`: parses it, runs the word, prints its error, and says how it
// ended.
#pragma once

namespace penstock::tool {

/// The exit status, one of launch/exit_status.hpp.
int run(int argc, char** argv);

}  // namespace penstock::tool
