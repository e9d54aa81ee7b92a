#pragma once
/// A folder of files in memory that a test writes, rotates and truncates, as a `file_tree` sees it.
/// Numbers of deleted files are given again, as file systems do.

#include <fnmatch.h>
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "streams/base/file_tree.hpp"
#include "tests/support/catch.hpp"

namespace penstock::test {

class memory_files final : public file_tree {
  struct inode {
    explicit inode(std::set<std::uint64_t>& free) : free_numbers(free) {}
    ~inode() { free_numbers.insert(number); }
    inode(const inode&) = delete;
    inode& operator=(const inode&) = delete;

    std::set<std::uint64_t>& free_numbers;
    std::uint64_t number = 0;
    std::string content;
    std::int64_t changed = 0;
    bool regular = true;
    bool forbidden = false;
  };

 public:
  void append(const std::string& path, std::string_view text) {
    auto& at = files_[path];
    if (!at) at = make();
    at->content.append(text);
    at->changed = ++time_;
  }
  void rename(const std::string& from, const std::string& to) {
    files_[to] = files_.at(from);
    files_.erase(from);
  }
  /// One more name of the same file.
  void link(const std::string& from, const std::string& to) { files_[to] = files_.at(from); }
  /// Also where nothing is yet, or in place of another link.
  void symlink(const std::string& to, const std::string& path) { links_[path] = to; }
  void copy(const std::string& from, const std::string& to) {
    remove(to);
    append(to, files_.at(from)->content);
  }
  void truncate(const std::string& path) {
    files_.at(path)->content.clear();
    files_.at(path)->changed = ++time_;
  }
  /// As if it had been written then, in nanoseconds since 1970.
  void touch(const std::string& path, std::int64_t changed) { files_.at(path)->changed = changed; }
  void remove(const std::string& path) {
    files_.erase(path);
    links_.erase(path);
  }
  void compress(const std::string& from, const std::string& to) {
    const std::string zipped = gzip(files_.at(from)->content);
    remove(to);
    append(to, zipped);
    remove(from);
  }
  /// As a program holds a file open, also when it has no name any more.
  std::shared_ptr<inode> hold(const std::string& path) const { return files_.at(path); }
  /// Writes it anew.
  void write(const std::shared_ptr<inode>& held, std::string_view text) {
    held->content = text;
    held->changed = ++time_;
  }
  void make_folder(const std::string& path) {
    files_[path] = make();
    files_[path]->regular = false;
  }
  void forbid(const std::string& path, bool forbidden = true) {
    files_.at(path)->forbidden = forbidden;
  }
  bool exists(const std::string& path) const { return files_.contains(path); }
  std::size_t size(const std::string& path) const { return files_.at(path)->content.size(); }

  const std::string& content(const std::string& path) const { return files_.at(path)->content; }

  static std::string gzip(const std::string& text) {
    z_stream z{};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&z, text.size()) + 64, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
  }

  result<found_files> match(const std::string& pattern) override {
    found_files found;
    const auto add = [&](const std::string& path, const inode& one, bool link) {
      if (fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0)
        found.files.push_back({path, facts_of(one), link});
    };
    for (const auto& [path, one] : files_) add(path, *one, false);
    for (const auto& [path, to] : links_)
      if (const auto at = files_.find(to); at != files_.end()) add(path, *at->second, true);
    std::sort(found.files.begin(), found.files.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return found;
  }

  /// What others do between a listing and the opening of a file.
  std::function<void()> before_open = [] {};

  result<std::unique_ptr<readable_file>> open(const std::string& path) override {
    before_open();
    const auto link = links_.find(path);
    const auto at = files_.find(link == links_.end() ? path : link->second);
    if (at == files_.end()) return error{errc::not_found, "cannot open " + path};
    if (at->second->forbidden)
      return error{errc::read_only, "cannot open " + path + ": Permission denied"};
    return std::unique_ptr<readable_file>{std::make_unique<handle>(at->second)};
  }

 private:
  static file_facts facts_of(const inode& one) {
    return {1, one.number, one.content.size(), one.changed, one.regular};
  }
  struct handle final : readable_file {
    explicit handle(std::shared_ptr<inode> of) : held(std::move(of)) {}
    result<file_facts> facts() override { return facts_of(*held); }
    result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) override {
      if (position >= held->content.size()) return std::size_t{0};
      return held->content.copy(to, length, position);
    }
    std::shared_ptr<inode> held;
  };

  std::shared_ptr<inode> make() {
    auto fresh = std::make_shared<inode>(free_numbers_);
    fresh->number = ++newest_number_;
    if (!free_numbers_.empty()) {
      --newest_number_;
      fresh->number = *free_numbers_.begin();
      free_numbers_.erase(free_numbers_.begin());
    }
    return fresh;
  }

  std::set<std::uint64_t> free_numbers_;
  std::map<std::string, std::shared_ptr<inode>> files_;
  std::map<std::string, std::string> links_;  // symbolic ones
  std::uint64_t newest_number_ = 0;
  std::int64_t time_ = 0;  // nanoseconds, long ago: nothing is being compressed
};

}  // namespace penstock::test
