#include "streams/base/disk_simulated.hpp"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at <= path.size()) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, slash - at);
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    at = slash + 1;
  }
  return parts;
}

std::pair<std::string, std::string> split(const std::string& path) {
  auto end = path.find_last_not_of('/');
  std::string trimmed = path.substr(0, end == std::string::npos ? 0 : end + 1);
  auto slash = trimmed.find_last_of('/');
  if (slash == std::string::npos) return {"", trimmed};
  return {trimmed.substr(0, slash), trimmed.substr(slash + 1)};
}

std::string normal(const std::string& path) {
  std::string text;
  for (const std::string& part : parts_of(path)) text.append("/").append(part);
  return text;
}

void overwrite(bytes& target, std::uint64_t position, bytes_view data) {
  auto at = static_cast<std::size_t>(position);
  if (target.size() < at + data.size()) target.resize(at + data.size());
  std::copy(data.begin(), data.end(), target.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

/// One file: what readers see, what is on the platter, and the writes between the two.
struct simulated_disk::inode {
  struct write {
    std::uint64_t position = 0;
    bytes data;
    bool truncates = false;  // then `position` is the new size
  };

  static void apply(bytes& to, const write& w) {
    if (w.truncates) {
      to.resize(static_cast<std::size_t>(w.position));
    } else {
      overwrite(to, w.position, w.data);
    }
  }

  bytes cached;
  bytes platter;
  std::vector<write> dirty;
};

struct simulated_disk::entry_change {
  std::string name;
  std::shared_ptr<inode> file;  // both null: removed
  std::shared_ptr<directory> sub;
};

struct simulated_disk::directory {
  struct entry {
    std::shared_ptr<inode> file;
    std::shared_ptr<directory> sub;
  };

  static void apply(std::map<std::string, entry>& to, const entry_change& change) {
    if (change.file || change.sub) {
      to[change.name] = entry{change.file, change.sub};
    } else {
      to.erase(change.name);
    }
  }

  std::map<std::string, entry> cached;
  std::map<std::string, entry> platter;
  std::vector<entry_change> dirty;
};

class simulated_disk::handle final : public file {
 public:
  handle(simulated_disk& on, std::string path, std::shared_ptr<inode> of, bool writable)
      : disk_(on),
        path_(std::move(path)),
        inode_(std::move(of)),
        generation_(on.generation_),
        writable_(writable) {}

  result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) override {
    PENSTOCK_TRY(check("read", false));
    if (disk_.failing_reads_ > 0) {
      --disk_.failing_reads_;
      ++disk_.faults_.failed_reads;
      return error{errc::io_error, "cannot read " + path_ + ": Input/output error"};
    }
    const bytes& from = inode_->cached;
    if (position >= from.size()) return std::size_t{0};
    return from.copy(to, length, static_cast<std::size_t>(position));
  }

  result<void> write_at(std::uint64_t position, bytes_view data) override {
    PENSTOCK_TRY(check("write", true));
    if (disk_.failing_writes_ > 0) {
      --disk_.failing_writes_;
      ++disk_.faults_.failed_writes;
      write(position, data.substr(0, disk_.torn_.below(data.size() + 1)));
      return error{errc::io_error, "cannot write " + path_ + ": Input/output error"};
    }
    std::uint64_t size = inode_->cached.size();
    std::uint64_t grows = std::max(size, position + data.size()) - size;
    if (disk_.space_left_ && grows > *disk_.space_left_) {
      std::uint64_t missing = grows - *disk_.space_left_;
      std::uint64_t fits = data.size() - std::min<std::uint64_t>(missing, data.size());
      write(position, data.substr(0, static_cast<std::size_t>(fits)));
      disk_.space_left_ = 0;
      ++disk_.faults_.refused_full;
      return error{errc::disk_full, "cannot write " + path_ +
                                        ": No space left on device; free some space or move the "
                                        "data directory"};
    }
    if (disk_.space_left_) *disk_.space_left_ -= grows;
    write(position, data);
    return {};
  }

  result<void> sync() override {
    PENSTOCK_TRY(check("sync", false));
    if (disk_.failing_syncs_ > 0) {
      --disk_.failing_syncs_;
      ++disk_.faults_.failed_syncs;
      inode_->dirty.clear();  // clean in the cache, never on the platter
      return error{errc::sync_failed, "cannot sync " + path_ + ": Input/output error"};
    }
    for (const inode::write& w : inode_->dirty) inode::apply(inode_->platter, w);
    inode_->dirty.clear();
    return {};
  }

  result<void> truncate(std::uint64_t size) override {
    PENSTOCK_TRY(check("truncate", true));
    inode::write change{size, {}, true};
    inode::apply(inode_->cached, change);
    inode_->dirty.push_back(std::move(change));
    return {};
  }

  result<std::uint64_t> size() override {
    PENSTOCK_TRY(check("stat", false));
    return static_cast<std::uint64_t>(inode_->cached.size());
  }

 private:
  result<void> check(const char* verb, bool writes) {
    if (generation_ != disk_.generation_) {
      return error{errc::io_error, std::string{"cannot "} + verb + " " + path_ +
                                       ": the handle is older than the last crash"};
    }
    PENSTOCK_TRY(disk_.check(verb, path_, writes));
    if (writes && !writable_) {
      return error{errc::invalid_argument, path_ + " was opened for reading"};
    }
    return {};
  }

  void write(std::uint64_t position, bytes_view data) {
    if (data.empty()) return;
    overwrite(inode_->cached, position, data);
    // Many small appends are one dirty range of the page cache.
    inode_->dirty.push_back({position, bytes{data}, false});
  }

  simulated_disk& disk_;
  std::string path_;
  std::shared_ptr<inode> inode_;
  std::uint64_t generation_;
  bool writable_;
};

class simulated_disk::held_lock final : public directory_lock {
 public:
  held_lock(simulated_disk& on, std::string folder)
      : disk_(on), folder_(std::move(folder)), generation_(on.generation_) {}
  ~held_lock() override {
    if (generation_ == disk_.generation_) disk_.locks_.erase(folder_);
  }
  held_lock(const held_lock&) = delete;
  held_lock& operator=(const held_lock&) = delete;

 private:
  simulated_disk& disk_;
  std::string folder_;
  std::uint64_t generation_;
};

simulated_disk::simulated_disk() : root_(std::make_shared<directory>()) {}
simulated_disk::~simulated_disk() = default;

result<void> simulated_disk::check(const char* verb, const std::string& path, bool writes) {
  if (frozen_) {
    return error{errc::io_error,
                 std::string{"cannot "} + verb + " " + path + ": the simulated machine is down"};
  }
  if (writes && read_only_) {
    ++faults_.refused_read_only;
    return error{errc::read_only, std::string{"cannot "} + verb + " " + path +
                                      ": Read-only file system; it must be writable by this user"};
  }
  return {};
}

simulated_disk::directory* simulated_disk::folder_at(const std::string& path) const {
  directory* at = root_.get();
  for (const std::string& part : parts_of(path)) {
    auto found = at->cached.find(part);
    if (found == at->cached.end() || !found->second.sub) return nullptr;
    at = found->second.sub.get();
  }
  return at;
}

std::shared_ptr<simulated_disk::inode> simulated_disk::inode_at(const std::string& path) const {
  auto [parent, name] = split(path);
  directory* in = folder_at(parent);
  if (in == nullptr) return nullptr;
  auto found = in->cached.find(name);
  return found == in->cached.end() ? nullptr : found->second.file;
}

void simulated_disk::change_entry(directory& in, const std::string& name,
                                  std::shared_ptr<inode> file, std::shared_ptr<directory> sub) {
  entry_change change{name, std::move(file), std::move(sub)};
  directory::apply(in.cached, change);
  in.dirty.push_back(std::move(change));
}

result<std::shared_ptr<file>> simulated_disk::open(const std::string& path, open_mode mode) {
  PENSTOCK_TRY(check("open", path, mode != open_mode::read));
  std::shared_ptr<inode> found = inode_at(path);
  if (!found) {
    auto [parent, name] = split(path);
    directory* in = folder_at(parent);
    if (mode != open_mode::create || in == nullptr) {
      return error{errc::not_found, "cannot open " + path + ": No such file or directory"};
    }
    if (in->cached.contains(name)) {
      return error{errc::invalid_argument, "cannot open " + path + ": Is a directory"};
    }
    found = std::make_shared<inode>();
    change_entry(*in, name, found, nullptr);
  }
  return std::shared_ptr<file>{
      std::make_shared<handle>(*this, path, std::move(found), mode != open_mode::read)};
}

result<bool> simulated_disk::exists(const std::string& path) {
  PENSTOCK_TRY(check("stat", path, false));
  return inode_at(path) != nullptr || folder_at(path) != nullptr;
}

result<std::vector<std::string>> simulated_disk::list(const std::string& folder) {
  PENSTOCK_TRY(check("list", folder, false));
  auto* found = folder_at(folder);
  if (found == nullptr) {
    return error{errc::not_found, "cannot list " + folder + ": No such file or directory"};
  }
  std::vector<std::string> names;
  for (const auto& [name, entry] : found->cached) names.push_back(name);
  return names;
}

result<void> simulated_disk::make_folder(const std::string& path) {
  PENSTOCK_TRY(check("make folder", path, true));
  directory* at = root_.get();
  for (const std::string& part : parts_of(path)) {
    auto found = at->cached.find(part);
    if (found == at->cached.end()) {
      auto made = std::make_shared<directory>();
      change_entry(*at, part, nullptr, made);
      at = made.get();
    } else if (found->second.sub) {
      at = found->second.sub.get();
    } else {
      return error{errc::invalid_argument, "cannot make folder " + path + ": File exists"};
    }
  }
  return {};
}

result<void> simulated_disk::remove(const std::string& path) {
  PENSTOCK_TRY(check("remove", path, true));
  auto [parent, name] = split(path);
  directory* in = folder_at(parent);
  if (in != nullptr && in->cached.contains(name)) change_entry(*in, name, nullptr, nullptr);
  return {};
}

result<void> simulated_disk::remove_folder(const std::string& path) {
  return remove(path);
}

result<void> simulated_disk::rename(const std::string& from, const std::string& to) {
  PENSTOCK_TRY(check("rename", from, true));
  auto [from_parent, from_name] = split(from);
  auto [to_parent, to_name] = split(to);
  directory* source = folder_at(from_parent);
  directory* target = folder_at(to_parent);
  if (source == nullptr || target == nullptr || !source->cached.contains(from_name)) {
    return error{errc::not_found, "cannot rename " + from + ": No such file or directory"};
  }
  directory::entry moved = source->cached.at(from_name);
  // The new name first: a crash between the two shows the file twice, never not at all.
  change_entry(*target, to_name, moved.file, moved.sub);
  change_entry(*source, from_name, nullptr, nullptr);
  return {};
}

result<void> simulated_disk::sync_folder(const std::string& folder) {
  PENSTOCK_TRY(check("sync", folder, false));
  auto* found = folder_at(folder);
  if (found == nullptr) {
    return error{errc::not_found, "cannot sync " + folder + ": No such file or directory"};
  }
  if (failing_syncs_ > 0) {
    --failing_syncs_;
    ++faults_.failed_syncs;
    return error{errc::sync_failed, "cannot sync " + folder + ": Input/output error"};
  }
  found->platter = found->cached;
  found->dirty.clear();
  return {};
}

result<std::unique_ptr<directory_lock>> simulated_disk::lock(const std::string& folder) {
  PENSTOCK_TRY(check("lock", folder, true));
  if (folder_at(folder) == nullptr) {
    return error{errc::not_found, "cannot lock " + folder + ": No such file or directory"};
  }
  if (!locks_.emplace(normal(folder), generation_).second) {
    return error{errc::locked, "the data directory " + folder +
                                   " is in use by process 1; end it or choose another directory"};
  }
  return std::unique_ptr<directory_lock>{std::make_unique<held_lock>(*this, normal(folder))};
}

result<std::uint64_t> simulated_disk::free_bytes(const std::string& folder) {
  PENSTOCK_TRY(check("stat", folder, false));
  return space_left_.value_or(std::uint64_t{1} << 40);
}

void simulated_disk::crash(random& chance) {
  ++faults_.crashes;
  ++generation_;
  locks_.clear();
  frozen_ = false;
  failing_reads_ = failing_writes_ = failing_syncs_ = 0;
  crash_folder(*root_, chance);
}

void simulated_disk::crash_folder(directory& in, random& chance) {
  if (!in.dirty.empty()) {
    auto kept = static_cast<std::size_t>(chance.below(in.dirty.size() + 1));
    for (std::size_t i = 0; i < kept; ++i) directory::apply(in.platter, in.dirty[i]);
    faults_.lost_entries += in.dirty.size() - kept;
    in.dirty.clear();
    in.cached = in.platter;
  }
  for (auto& [name, entry] : in.cached) {
    if (entry.file) crash_file(*entry.file, chance);
    if (entry.sub) crash_folder(*entry.sub, chance);
  }
}

void simulated_disk::crash_file(inode& file, random& chance) {
  if (file.dirty.empty()) {
    // A failed sync leaves the cache ahead of the platter with nothing dirty.
    if (file.cached != file.platter) file.cached = file.platter;
    return;
  }
  auto kept = static_cast<std::size_t>(chance.below(file.dirty.size() + 1));
  for (std::size_t i = 0; i < kept; ++i) inode::apply(file.platter, file.dirty[i]);
  if (kept < file.dirty.size()) {
    const inode::write& next = file.dirty[kept];
    faults_.lost_writes += file.dirty.size() - kept;
    if (!next.truncates && next.data.size() > 1 && chance.chance(1, 2)) {
      bytes part = next.data.substr(0, 1 + chance.below(next.data.size() - 1));
      // The file may have grown already when its last pages did not reach the platter.
      if (chance.chance(1, 4)) part.resize(next.data.size(), '\0');
      inode::apply(file.platter, {next.position, std::move(part), false});
      --faults_.lost_writes;
      ++faults_.torn_writes;
    }
  }
  file.dirty.clear();
  file.cached = file.platter;
}

bool simulated_disk::flip_bit(const std::string& path, std::uint64_t byte, unsigned bit) {
  std::shared_ptr<inode> found = inode_at(path);
  if (!found || byte >= found->cached.size()) return false;
  auto flip = [&](bytes& in) {
    if (byte < in.size()) in[static_cast<std::size_t>(byte)] ^= static_cast<char>(1u << (bit % 8));
  };
  flip(found->cached);
  flip(found->platter);
  for (inode::write& w : found->dirty) {
    if (!w.truncates && byte >= w.position && byte - w.position < w.data.size()) {
      w.data[static_cast<std::size_t>(byte - w.position)] ^= static_cast<char>(1u << (bit % 8));
    }
  }
  ++faults_.flipped_bits;
  return true;
}

std::optional<bytes> simulated_disk::content(const std::string& path) const {
  std::shared_ptr<inode> found = inode_at(path);
  if (!found) return std::nullopt;
  return found->cached;
}

void simulated_disk::set_content(const std::string& path, bytes_view content) {
  auto [parent, name] = split(path);
  directory* at = root_.get();
  for (const std::string& part : parts_of(parent)) {
    directory::entry& in_cache = at->cached[part];
    if (!in_cache.sub) in_cache.sub = std::make_shared<directory>();
    at->platter[part] = in_cache;
    at = in_cache.sub.get();
  }
  auto made = std::make_shared<inode>();
  made->cached = content;
  made->platter = content;
  at->cached[name] = directory::entry{made, nullptr};
  at->platter[name] = directory::entry{made, nullptr};
}

std::vector<std::string> simulated_disk::files_below(const std::string& path) const {
  std::vector<std::string> found;
  const directory* root = folder_at(path);
  if (root == nullptr) return found;
  std::vector<std::pair<std::string, const directory*>> left{{normal(path), root}};
  while (!left.empty()) {
    auto [prefix, in] = left.back();
    left.pop_back();
    for (const auto& [name, entry] : in->cached) {
      if (entry.file) found.push_back(prefix + "/" + name);
      if (entry.sub) left.emplace_back(prefix + "/" + name, entry.sub.get());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace penstock
