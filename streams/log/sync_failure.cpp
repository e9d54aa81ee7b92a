#include "streams/log/sync_failure.hpp"

#include "streams/log/file_names.hpp"

namespace penstock {
namespace {

std::string note_in(const std::string& folder) {
  return folder + "/" + std::string{file_names::sync_failed};
}

}  // namespace

void note_sync_failure(disk& on, const std::string& folder) {
  (void)on.open(note_in(folder), open_mode::create).has_value();
}

result<bool> sync_failure_noted(disk& on, const std::string& folder) {
  return on.exists(note_in(folder));
}

result<void> forget_sync_failure(disk& on, const std::string& folder) {
  return on.remove(note_in(folder));
}

}  // namespace penstock
