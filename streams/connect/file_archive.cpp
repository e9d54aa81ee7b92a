#include "streams/connect/file_archive.hpp"

#include <algorithm>

namespace penstock {

namespace {
constexpr std::size_t piece_bytes = std::size_t{256} << 10;
}

file_archive::file_archive(disk& on, const std::string& path, rotate how)
    : disk_(on), path_(path), how_(how) {
  const auto slash = path.rfind('/');
  folder_ = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  name_ = slash == path.npos ? path : path.substr(slash + 1);
}

std::string file_archive::in_folder(const std::string& name) const {
  return folder_ == "." ? name : folder_ == "/" ? "/" + name : folder_ + "/" + name;
}

result<std::vector<rotated_file>> file_archive::list() {
  std::vector<rotated_file> out;
  PENSTOCK_ASSIGN(const auto names, disk_.list(folder_));
  for (const auto& each : names)
    if (auto found = parse_rotated(name_, each)) out.push_back(std::move(*found));
  return out;
}

result<bool> file_archive::is_there(timestamp at) {
  PENSTOCK_ASSIGN(const auto files, list());
  return std::any_of(files.begin(), files.end(),
                     [&](const rotated_file& each) { return !each.partial && each.at == at; });
}

result<timestamp> file_archive::free_time(timestamp wanted) {
  PENSTOCK_ASSIGN(const auto files, list());
  // Never before what is there, whatever the clock did: order of names is order of lines.
  for (const auto& each : files) wanted = std::max(wanted, each.at + 1ms);
  return wanted;
}

// What a failed sync should have covered may be lost although a later one succeeds: it is undone,
// so that the next attempt does it anew.
result<void> file_archive::rename_durably(const std::string& from, const std::string& to) {
  PENSTOCK_TRY(disk_.rename(from, to));
  auto synced = disk_.sync_folder(folder_);
  if (!synced) (void)disk_.rename(to, from).has_value();
  return synced;
}

result<void> file_archive::put_aside(timestamp at) {
  // It may be gone: somebody else took it away, or an attempt was not undone.
  PENSTOCK_ASSIGN(const bool there, disk_.exists(path_));
  return there ? rename_durably(path_, in_folder(rotated_name(name_, at)))
               : disk_.sync_folder(folder_);
}

result<bool> file_archive::tidy_some() {
  auto more = compressor_ ? compress_some() : begin_some();
  if (!more) {
    compressor_.reset();
    from_.reset();
    to_.reset();
    if (!partial_.empty()) (void)disk_.remove(partial_);
    partial_.clear();
  }
  return more;
}

// Leftovers and what is too old go first; then the oldest plain file is compressed.
result<bool> file_archive::begin_some() {
  PENSTOCK_ASSIGN(const auto files, list());
  std::vector<rotated_file> whole;
  for (const auto& each : files) {
    if (each.partial) {
      PENSTOCK_TRY(disk_.remove(in_folder(each.name)));
    } else {
      whole.push_back(each);
    }
  }
  for (const auto& each : surplus(how_.keep, whole)) {
    PENSTOCK_TRY(disk_.remove(in_folder(each)));
    std::erase_if(whole, [&](const auto& one) { return one.name == each; });
  }
  if (how_.compress == codec::none) return false;
  const auto plain = std::find_if(whole.begin(), whole.end(), [](const rotated_file& each) {
    return each.compressed == codec::none;
  });
  if (plain == whole.end()) return false;
  plain_ = in_folder(plain->name);
  packed_ = plain_ + std::string{rotated_suffix(how_.compress)};
  PENSTOCK_ASSIGN(const bool packed_before, disk_.exists(packed_));
  if (packed_before) {  // a crash came before the plain one was removed
    PENSTOCK_TRY(disk_.remove(plain_));
    return true;
  }
  partial_ = packed_ + std::string{partial_suffix};
  PENSTOCK_ASSIGN(from_, disk_.open(plain_, open_mode::read));
  PENSTOCK_ASSIGN(to_, disk_.open(partial_, open_mode::create));
  PENSTOCK_TRY(to_->truncate(0));
  compressor_.emplace(how_.compress);
  read_ = written_ = 0;
  return true;
}

result<bool> file_archive::compress_some() {
  bytes piece(piece_bytes, '\0');
  PENSTOCK_ASSIGN(const auto got, from_->read_at(read_, piece.data(), piece.size()));
  bytes packed;
  if (got > 0) {
    PENSTOCK_TRY(compressor_->add(bytes_view{piece}.substr(0, got), packed));
  } else {
    PENSTOCK_TRY(compressor_->finish(packed));
  }
  PENSTOCK_TRY(to_->write_at(written_, packed));
  read_ += got;
  written_ += packed.size();
  if (got == 0) PENSTOCK_TRY(finish_job());
  return true;
}

result<void> file_archive::finish_job() {
  PENSTOCK_TRY(to_->sync());
  compressor_.reset();
  from_.reset();
  to_.reset();
  PENSTOCK_TRY(rename_durably(partial_, packed_));
  partial_.clear();
  return disk_.remove(plain_);
}

}  // namespace penstock
