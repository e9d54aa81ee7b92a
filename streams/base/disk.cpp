#include "streams/base/disk.hpp"

namespace penstock {
namespace {

std::string parent_of(const std::string& path) {
  auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

result<bytes> read_file(disk& from, const std::string& path, std::uint64_t limit) {
  PENSTOCK_ASSIGN(auto source, from.open(path, open_mode::read));
  PENSTOCK_ASSIGN(std::uint64_t size, source->size());
  if (size > limit) {
    return error{errc::corrupt, path + " has " + std::to_string(size) + " bytes; at most " +
                                    std::to_string(limit) + " make sense there"};
  }
  bytes content(static_cast<std::size_t>(size), '\0');
  PENSTOCK_ASSIGN(std::size_t got, source->read_at(0, content.data(), content.size()));
  content.resize(got);
  return content;
}

result<void> write_file(disk& on, const std::string& path, bytes_view content) {
  const std::string temporary = path + ".tmp";
  // A leftover of a crash may be longer than what we write.
  PENSTOCK_TRY(on.remove(temporary));
  {
    PENSTOCK_ASSIGN(auto target, on.open(temporary, open_mode::create));
    PENSTOCK_TRY(target->write_at(0, content));
    PENSTOCK_TRY(target->sync());
  }
  PENSTOCK_TRY(on.rename(temporary, path));
  return on.sync_folder(parent_of(path));
}

result<void> make_folder_durably(disk& on, const std::string& folder) {
  PENSTOCK_ASSIGN(const bool there, on.exists(folder));
  if (there) return {};
  const auto parent = parent_of(folder);
  if (parent != folder && parent != "." && parent != "/")
    PENSTOCK_TRY(make_folder_durably(on, parent));
  PENSTOCK_TRY(on.make_folder(folder));
  auto synced = on.sync_folder(parent);
  // Left there, it would be taken for a durable one the next time.
  if (!synced) (void)on.remove_folder(folder).has_value();
  return synced;
}

}  // namespace penstock
