#pragma once
/// Where tests find files: the source tree, the build tree, a scratch folder, and data that the
/// project does not contain.

#include <optional>
#include <string>

namespace penstock::test {

/// The root of the source tree, without a slash at the end.
std::string source_dir();

/// The build folder; programs are in its `bin`.
std::string binary_dir();

/// The folder in the environment variable PENSTOCK_TEST_DATA, if it is set and not empty.  A test
/// that needs it says `WARN("skipped: PENSTOCK_TEST_DATA is not set")` and returns.
std::optional<std::string> data_dir();

/// The folder in PENSTOCK_PEERS (other engines to compare with), if it is set and not empty.
std::optional<std::string> peers_dir();

/// A fresh empty folder on disk, removed with everything in it at the end of its life.
class scratch_dir {
 public:
  scratch_dir();
  ~scratch_dir();
  scratch_dir(const scratch_dir&) = delete;
  scratch_dir& operator=(const scratch_dir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace penstock::test
