// Copies of the files that a `tail_reader` follows: what `copytruncate` writes, slowly or at once,
// plain or compressed. A copy is told by its content alone, never by how long something took; while
// it holds nothing that its original has not, nothing of it is given. When the original is cut off,
// reading goes on in the copy, where it was in the original.
#include <algorithm>

#include "streams/connect/reading_order.hpp"
#include "streams/connect/tail_content.hpp"

namespace penstock {

namespace {

// A file that begins with the whole of another one, and goes on by itself, is given from there on
// when so much is the same, else whole.
constexpr std::uint64_t shared_bytes_least = content_mark::sum_bytes_max;
constexpr auto remembered_for = std::chrono::seconds{60};

// From so many contents on that have gone at once, folders are listed whole to look for them.
constexpr std::size_t folder_listing_least = 16;

enum class kinship : std::uint8_t { none, same_path, copy };

/// Whether a file may be a copy of another by its name: `a.log.1`, `a.log-2026`, `a-2026.log.gz` of
/// `a.log`.
kinship kinship_of(const std::string& path, const std::string& base) {
  if (path == base) return kinship::same_path;
  const auto slash = base.rfind('/') + 1;  // 0 where there is none
  if (path.size() <= base.size() || path.find('/', slash) != std::string::npos) {
    return kinship::none;
  }
  if (path.starts_with(base)) return kinship::copy;
  const auto dot = base.rfind('.');
  if (dot == std::string::npos || dot <= slash || path.compare(0, dot, base, 0, dot) != 0)
    return kinship::none;
  const bool ends_alike = path.find(base.substr(dot), dot) != std::string::npos;
  return ends_alike ? kinship::copy : kinship::none;
}

/// What the names of all copies of a path begin with.
std::string stem_of(const std::string& path) {
  const auto dot = path.rfind('.');
  const bool has_stem = dot != std::string::npos && dot > path.rfind('/') + 1;
  return has_stem ? path.substr(0, dot) : path;
}

/// The pattern of everything that `kinship_of` a path allows.
std::string pattern_beside(const std::string& path) {
  return pattern_of(stem_of(path)) + "*";
}

}  // namespace

void tail_reader::learn_names(std::uint64_t number, const std::string& path,
                              const std::string& key) {
  names_[stem_of(path)].push_back(number);
  if (key != path) names_[stem_of(key)].push_back(number);
  names_learned_ += 2;
}

/// Numbers of what a file with this path may be a copy of, by name; each once.
std::vector<std::uint64_t> tail_reader::possible_kin(const std::string& path,
                                                     std::uint64_t also) const {
  std::vector<std::uint64_t> found;
  if (also != 0) found.push_back(also);
  for (auto size = path.rfind('/') + 2; size <= path.size(); ++size) {
    const auto at = names_.find(path.substr(0, size));
    if (at != names_.end()) found.insert(found.end(), at->second.begin(), at->second.end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

/// Names of what is gone pile up: now and then they are learned anew.
void tail_reader::forget_names() {
  if (names_learned_ < 8 * (open_.size() + idle_.size()) + 1024) return;
  names_.clear();
  names_learned_ = 0;
  for (const auto& c : open_) learn_names(c->number, c->path, c->key);
  for (const auto& [number, known] : idle_) learn_names(number, known.path, known.key);
}

tail_reader::content* tail_reader::open_as(std::uint64_t number) const {
  const auto at = open_numbers_.find(number);
  return at == open_numbers_.end() ? nullptr : at->second;
}

/// How far a content has been given; a copy vouches for no more.
std::uint64_t tail_reader::given_of(std::uint64_t number) const {
  if (const auto* c = open_as(number)) return c->read;
  const auto known = idle_.find(number);
  return known == idle_.end() ? UINT64_MAX : known->second.at.offset;
}

/// What a file is beside a content that is not where it was. `read`: bytes of the file that were
/// found to be that content's before.
tail_reader::verdict tail_reader::judge_gone(const tail_position& known, readable_file& handle,
                                             file_coding coding, bool same_path,
                                             std::uint64_t read) const {
  const auto remembered = memories_.find(known.number);
  const bool fresh = remembered != memories_.end();
  const auto is = compare(handle, coding,
                          {known.at, &known.points, fresh ? &remembered->second.bytes : nullptr});
  const auto alike = std::max(is.alike, read);
  // What is gone and what is compressed belong together, however little was read.
  const bool equal = coding != file_coding::plain && is.alike == known.at.offset;
  const bool sure = alike >= copy_bytes_least || (alike > 0 && (fresh || read > 0 || equal));
  const auto as = [&](verdict::kind what) { return verdict{what, known.number, alike}; };
  switch (is.kind) {
    case likeness_kind::other:
      return {};
    case likeness_kind::unclear:
      return same_path ? verdict{} : as(verdict::kind::undecided);
    case likeness_kind::more:
      return sure ? as(verdict::kind::rest) : verdict{};
    case likeness_kind::part:
      if (!sure || (same_path && (!is.whole || is.alike < known.at.offset))) return {};
      if (is.whole) return as(verdict::kind::copy);
      return alike >= copy_bytes_least ? as(verdict::kind::behind) : verdict{};
  }
  return {};
}

/// Numbers of the contents of a log that are not where they were when the scan began.
const std::vector<std::uint64_t>& tail_reader::gone_of_log(const std::string& log) {
  if (!gone_logs_) {
    auto& logs = gone_logs_.emplace();
    const auto add = [&](std::uint64_t number, const std::string& path, const std::string& key) {
      const auto first = log_of(path);
      logs[first].push_back(number);
      if (path == key) return;
      if (auto second = log_of(key); second != first) logs[std::move(second)].push_back(number);
    };
    for (const auto& [number, known] : idle_) add(number, known.path, known.key);
    for (const auto& c : open_)
      if (!c->present && c->coding == file_coding::plain) add(c->number, c->path, c->key);
  }
  static const std::vector<std::uint64_t> none;
  const auto at = gone_logs_->find(log);
  return at == gone_logs_->end() ? none : at->second;
}

/// What a compressed file is beside contents of its log that are gone, whatever their numbers and
/// dates were: rotation changes those, too. It has the whole of one, or nothing to do with it.
tail_reader::verdict tail_reader::judge_renumbered(const std::string& path, readable_file& handle,
                                                   file_coding coding, const content* itself) {
  const auto& gone = gone_of_log(log_of(path));
  if (gone.empty()) return {};
  const auto head = head_of(handle, coding);
  // Most are told apart without unpacking the file again.
  const auto begins_as = [&](const content_mark& at) {
    const auto length = std::min(content_mark::sum_bytes_max, at.offset);
    return length <= head.size() && content_sum(bytes_view{head}.substr(0, length)) == at.head_sum;
  };
  verdict best;
  bool changes = false;
  for (const auto number : gone) {
    if (itself != nullptr && (itself->number == number || itself->copy_of == number)) continue;
    likeness is;
    std::uint64_t all = 0;
    const auto idle = idle_.find(number);
    content* c = open_as(number);
    if (idle != idle_.end()) {
      const tail_position& known = idle->second;
      all = known.at.offset;
      if (all <= best.alike || !begins_as(known.at)) continue;
      if (known.copy_of != 0 && given_of(known.copy_of) < all) continue;
      const auto kept = memories_.find(number);
      is = compare(
          handle, coding,
          {known.at, &known.points, kept == memories_.end() ? nullptr : &kept->second.bytes});
    } else if (c != nullptr && !c->present && c->coding == file_coding::plain) {
      const bool is_copy = c->copy_of != 0 && !c->undecided;
      if (is_copy && given_of(c->copy_of) < c->read) continue;
      const auto facts = c->handle->facts();
      if (!facts || replaced(*c, *facts)) {
        changes = true;
        continue;
      }
      if (facts->size <= best.alike || !begins_as(c->mark())) continue;
      all = facts->size;
      is = compare(handle, coding, *c->handle);
      if (is.kind == likeness_kind::more) continue;
    }
    if (is.alike < all || all == 0) continue;
    if (is.kind == likeness_kind::part && is.whole)
      best = {verdict::kind::copy, number, is.alike};
    else if (is.kind == likeness_kind::more && all >= copy_bytes_least)
      best = {verdict::kind::rest, number, is.alike};
  }
  if (changes && best.what == verdict::kind::own) best.what = verdict::kind::later;
  return best;
}

/// What a file is beside all contents that are known. `itself`: it is open, as a copy.
tail_reader::verdict tail_reader::judge(const found_file& found, readable_file& handle,
                                        file_coding coding, const content* itself) {
  verdict best;
  bool changes = false;
  const auto consider = [&](const verdict& one) {
    if (one.what == verdict::kind::own) return;
    const bool better = best.what == verdict::kind::own || one.alike > best.alike ||
                        (one.alike == best.alike && one.what > best.what);
    if (better) best = one;
  };
  const auto kin = [&](std::uint64_t number, const std::string& path, const std::string& key) {
    if (itself != nullptr && itself->copy_of == number) return kinship::copy;
    return std::max(kinship_of(found.path, path), kinship_of(found.path, key));
  };
  const auto candidates = possible_kin(found.path, itself != nullptr ? itself->copy_of : 0);
  for (const auto number : candidates) {
    const auto at = idle_.find(number);
    if (at == idle_.end() || (itself != nullptr && itself->number == number)) continue;
    const tail_position& known = at->second;
    if (known.copy_of != 0 && given_of(known.copy_of) < known.at.offset) continue;
    const auto by_name = kin(number, known.path, known.key);
    if (by_name == kinship::none) continue;
    const auto read = itself != nullptr && itself->copy_of == number ? itself->read : 0;
    consider(judge_gone(known, handle, coding, by_name == kinship::same_path, read));
  }
  for (const auto number : candidates) {
    content* c = itself != nullptr && itself->number == number ? nullptr : open_as(number);
    if (c == nullptr) continue;
    if (c->coding != file_coding::plain) {
      // What it was is compressed by now: its bytes are not at hand, what is known of it is.
      if (itself == nullptr || itself->copy_of != c->number) continue;
      auto as = judge_gone(position_of(*c), handle, coding, false, itself->read);
      if (as.what == verdict::kind::rest) as.what = verdict::kind::undecided;
      consider(as);
      continue;
    }
    const bool is_copy = c->copy_of != 0 && !c->undecided;
    if (is_copy && (coding == file_coding::plain || given_of(c->copy_of) < c->read)) continue;
    const auto by_name = kin(c->number, c->path, c->present ? c->path : c->key);
    if (by_name == kinship::none || (by_name == kinship::same_path && c->present)) continue;
    const auto is = compare(handle, coding, *c->handle);
    const auto facts = c->handle->facts();
    if (!facts || replaced(*c, *facts)) {
      changes = true;  // it was cut off in this moment
      continue;
    }
    // Only what has all of it can have taken its place.
    if (by_name == kinship::same_path && is.alike < facts->size) continue;
    if (is.kind == likeness_kind::other || (is.kind == likeness_kind::more && is.alike == 0))
      continue;
    const bool equal = coding != file_coding::plain && is.alike == facts->size;
    const bool sure = is.kind == likeness_kind::part && (is.alike >= copy_bytes_least || equal);
    consider({sure ? verdict::kind::copy : verdict::kind::undecided, c->number, is.alike});
  }
  if (coding != file_coding::plain) {
    const auto as = judge_renumbered(found.path, handle, coding, itself);
    if (as.what == verdict::kind::later)
      changes = true;
    else
      consider(as);
  }
  const bool unknown = best.what == verdict::kind::own || best.what == verdict::kind::behind;
  if (changes && unknown) best = {verdict::kind::later};
  return best;
}

/// True when the file is open now.
bool tail_reader::begin_judged(const found_file& found, std::unique_ptr<readable_file> handle,
                               file_coding coding, const verdict& as) {
  switch (as.what) {
    case verdict::kind::later:
      return false;
    case verdict::kind::own:
      return begin_new(found, std::move(handle), coding);
    case verdict::kind::rest:
      return take_over(tail_position{idle_.at(as.of)}, found, std::move(handle), coding);
    case verdict::kind::copy:
    case verdict::kind::undecided:
    case verdict::kind::behind:
      return begin_at(found, std::move(handle), coding, as);
  }
  return false;
}

/// Opens a file at the end of what it has in common with another.
bool tail_reader::begin_at(const found_file& found, std::unique_ptr<readable_file> handle,
                           file_coding coding, const verdict& as) {
  std::uint64_t offset = as.what == verdict::kind::undecided ? 0 : as.alike;
  auto state = go_to(*handle, coding, offset);
  if (!state) return false;  // it changes: again at the next scan
  if (as.what == verdict::kind::behind) {
    const auto newline = state->window.rfind('\n');
    if (newline == bytes::npos) return begin_new(found, std::move(handle), coding);
    if (const auto half = state->window.size() - newline - 1; half > 0) {
      offset -= half;
      state = go_to(*handle, coding, offset);
      if (!state) return false;
    }
  }
  const auto at = state->mark_at(offset);
  auto fresh = std::make_unique<content>(settings_);
  fresh->number = next_number_++;
  fresh->key = fresh->path = found.path;
  fresh->facts = found.facts;
  fresh->coding = coding;
  fresh->handle = std::move(handle);
  if (as.what != verdict::kind::behind) {
    fresh->copy_of = as.of;
    fresh->alike = as.alike;
    fresh->undecided = as.what == verdict::kind::undecided;
    fresh->judged = found.facts;
    fresh->judged_open = open_as(as.of) != nullptr;
    state->stream.reset();
    if (as.what == verdict::kind::copy && coding != file_coding::plain) {
      fresh->complete = true;
      fresh->fixed = at;
    }
  }
  resume(std::move(fresh), std::move(*state), at);
  return true;
}

/// The file goes on with what is known of a content that is not where it was.
bool tail_reader::take_over(const tail_position& known, const found_file& found,
                            std::unique_ptr<readable_file> handle, file_coding coding) {
  auto state = load(*handle, coding, known.at);
  if (!state) return false;
  auto fresh = std::make_unique<content>(settings_);
  fresh->number = known.number;
  fresh->key = known.key;
  fresh->path = found.path;
  fresh->facts = found.facts;
  fresh->coding = coding;
  fresh->handle = std::move(handle);
  fresh->points = known.points;
  fresh->copy_of = known.copy_of;
  // What waited of it is read again from the copy.
  std::erase_if(ended_, [&](const auto& c) { return c->number == fresh->number; });
  fresh_idle_.erase(fresh->number);
  memories_.erase(fresh->number);
  erase_idle(idle_.find(fresh->number));
  resume(std::move(fresh), std::move(*state), known.at);
  return true;
}

void tail_reader::settle_copies(std::chrono::nanoseconds now, bool last) {
  for (std::size_t i = 0; i < open_.size();) {
    content& c = *open_[i];
    const bool settled = c.copy_of != 0 ? settle(i, now, last) : c.doubtful && settle_doubt(i);
    if (!settled) ++i;
  }
}

/// A file that was too short to be a copy for certain has grown: perhaps it is one.
bool tail_reader::settle_doubt(std::size_t index) {
  content& c = *open_[index];
  if (c.facts.size == c.judged.size) return false;
  const auto as = judge({c.path, c.facts}, *c.handle, c.coding, &c);
  if (as.what == verdict::kind::later) return false;
  c.judged = c.facts;
  c.doubtful = as.what == verdict::kind::undecided;
  if (as.what == verdict::kind::rest || as.what == verdict::kind::behind) return release(index, as);
  if (as.what != verdict::kind::copy) return false;
  c.cutter = line_cutter{settings_.line_bytes_max};
  c.events = settings_.events;
  c.starts.clear();
  become_copy(c, as);
  return false;
}

/// Looks at a copy again when it, or what it is a copy of, has changed. True when it is no copy any
/// more.
bool tail_reader::settle(std::size_t index, std::chrono::nanoseconds now, bool last) {
  content& c = *open_[index];
  const content* other = open_as(c.copy_of);
  const bool is_open = other != nullptr;
  const auto gone = idle_.find(c.copy_of);
  if (!is_open && gone == idle_.end()) {  // forgotten by now
    if (c.undecided || c.ahead) return release(index, {});
    c.copy_of = 0;
    c.hot = c.changed = true;
    return true;
  }
  const bool moved = c.facts.size != c.judged.size || c.facts.changed_ns != c.judged.changed_ns;
  // Until all of it was given, what it is a copy of may be cut off and written anew unnoticed.
  c.ahead = c.read > (is_open ? other->read : gone->second.at.offset);
  if (!moved && !(is_open && c.ahead) && !c.undecided && is_open == c.judged_open) return false;
  const bool compared = is_open && other->coding == file_coding::plain;
  if (!moved && !c.undecided && !compared && !c.ahead) {
    c.judged_open = is_open;  // all of it was given
    return false;
  }
  const auto as = judge({c.path, c.facts}, *c.handle, c.coding, &c);
  if (as.what == verdict::kind::later) return false;
  // What was certain, and is not any more, begins again under a new number: a position never goes
  // back.
  const bool doubts = as.what == verdict::kind::undecided && c.read == 0;
  if (as.what != verdict::kind::copy && !doubts) return release(index, as);
  become_copy(c, as);
  if (!c.undecided || c.facts.size == 0) return false;
  other = open_as(c.copy_of);
  // While the other is read from its compressed file, it comes to where this one ends.
  if (other != nullptr && other->coding != file_coding::plain && !other->complete) return false;
  const bool silent = now - c.grew >= settings_.rotated_wait;
  if (!last && !(silent && (other == nullptr || other->present))) return false;
  const bool behind = c.alike >= shared_bytes_least && c.alike < c.facts.size;
  return release(index, behind ? verdict{verdict::kind::behind, 0, c.alike} : verdict{});
}

/// Nothing is read of the file from now on.
void tail_reader::become_copy(content& c, const verdict& as) {
  if (as.what == verdict::kind::copy) {
    auto state = go_to(*c.handle, c.coding, as.alike);
    if (!state) return;  // it changes: again at the next scan
    c.head = std::move(state->head);
    c.window = std::move(state->window);
    c.begun = c.read = as.alike;
    if (c.coding != file_coding::plain) {
      c.fixed = content_mark{as.alike, content_sum(c.head), content_sum(c.window)};
      c.complete = true;
    }
  }
  const bool undecided = as.what == verdict::kind::undecided;
  c.changed = c.changed || !undecided || !c.undecided || c.copy_of != as.of;
  c.copy_of = as.of;
  c.alike = as.alike;
  c.undecided = undecided;
  c.judged = c.facts;
  c.judged_open = open_as(as.of) != nullptr;
}

/// Of files that were seen at once, one may be the copy of another.
void tail_reader::judge_begun(std::uint64_t first_number) {
  for (const auto& c : open_) {
    if (c->number < first_number || c->copy_of != 0 || c->doubtful || c->read > 0) continue;
    const auto as = judge({c->path, c->facts}, *c->handle, c->coding, c.get());
    if (as.what == verdict::kind::copy || as.what == verdict::kind::undecided) become_copy(*c, as);
  }
}

/// What was taken for a copy is something else, and is read from now on.
bool tail_reader::release(std::size_t index, const verdict& as) {
  content& held = *open_[index];
  const bool plain = held.coding == file_coding::plain;
  if (as.what == verdict::kind::own && held.read == 0 && plain) {
    held.copy_of = 0;
    held.undecided = false;
    held.doubtful = held.hot = held.changed = true;
    return true;
  }
  auto c = take_open(index);
  forgotten_.push_back(c->number);
  // Where this has to wait, the next scan finds the file anew.
  if (begin_judged({c->path, c->facts}, std::move(c->handle), c->coding, as)) {
    content& now = *open_.back();
    if (as.what != verdict::kind::rest) now.key = c->key;
    learn_names(now.number, now.path, now.key);
    now.present = c->present;
    now.seen = c->seen;
    now.grew = c->grew;
    now.doubtful = as.what == verdict::kind::own;
    for (auto& each : open_) {
      if (each->copy_of != c->number) continue;
      each->copy_of = now.number;
      each->changed = true;
    }
    for (auto& [number, known] : idle_) {
      if (known.copy_of != c->number) continue;
      known.copy_of = now.number;
      changed_idle_.insert(number);
    }
  }
  return true;
}

/// What has gone since the last scan may lie beside where it was, under a name that does not match
/// the pattern: renamed while nobody looked, or copied before it was truncated. What is left of it
/// is read.
void tail_reader::look_around(std::chrono::nanoseconds now) {
  const auto numbers = std::exchange(fresh_idle_, {});
  const bool many = numbers.size() > folder_listing_least;
  listings folders;
  for (const std::uint64_t number : numbers) {
    const auto at = idle_.find(number);
    if (at == idle_.end() || at->second.complete || at->second.copy_of != 0) continue;
    const tail_position known{at->second};
    look_beside(known, files_beside(known.key, many ? &folders : nullptr));
    const auto still = idle_.find(number);
    if (still == idle_.end()) continue;
    if (!still->second.gone) {
      still->second.gone = true;
      changed_idle_.insert(number);
    }
    // A copy may be renamed or compressed in the moment of looking.
    const auto kept = memories_.find(number);
    if (kept != memories_.end() && now - kept->second.since < settings_.rotated_wait)
      fresh_idle_.insert(number);
  }
}

/// What may be a copy of a path by its name. With `folders` a folder is listed once for all that is
/// looked for in it.
std::vector<found_file> tail_reader::files_beside(const std::string& path, listings* folders) {
  const auto stem = stem_of(path);
  const auto slash = path.rfind('/') + 1;  // 0 where there is none
  // `*` leaves names out that begin with a dot.
  if (folders == nullptr || path.compare(slash, 1, ".") == 0) {
    auto beside = files_.match(pattern_beside(path));
    return beside ? std::move(beside->files) : std::vector<found_file>{};
  }
  const auto folder = path.substr(0, slash);
  auto at = folders->find(folder);
  if (at == folders->end()) {
    auto all = files_.match(pattern_of(folder) + "*");
    at = folders->emplace(folder, all ? std::move(all->files) : std::vector<found_file>{}).first;
  }
  const auto& all = at->second;
  auto first = std::lower_bound(
      all.begin(), all.end(), stem,
      [](const found_file& each, const std::string& name) { return each.path < name; });
  const auto end = std::find_if(
      first, all.end(), [&](const found_file& each) { return !each.path.starts_with(stem); });
  return {first, end};
}

void tail_reader::look_beside(const tail_position& known, const std::vector<found_file>& beside) {
  const auto least = memories_.contains(known.number) ? 1 : copy_bytes_least;
  for (const auto& each : beside) {
    const bool same =
        !known.gone && each.facts.device == known.device && each.facts.number == known.file;
    if (!each.facts.regular || (!same && known.at.offset < least)) continue;
    if (!same && kinship_of(each.path, known.path) != kinship::copy &&
        kinship_of(each.path, known.key) != kinship::copy)
      continue;
    auto handle = files_.open(each.path);
    if (!handle) continue;
    // Since the listing, another file may have got the name.
    const auto facts = (*handle)->facts();
    if (!facts || std::any_of(open_.begin(), open_.end(),
                              [&](const auto& c) { return c->facts.same_file(*facts); }))
      continue;
    bytes first(4, '\0');
    const auto got = (*handle)->read_at(0, first.data(), first.size());
    if (!got) continue;
    const auto coding = coding_of(bytes_view{first}.substr(0, *got));
    if (!take_over(known, {each.path, *facts}, std::move(*handle), coding)) continue;
    open_.back()->last_part = true;
    return;
  }
}

/// Copies lie beside what was cut off soon after.
void tail_reader::forget_memories(std::chrono::nanoseconds now) {
  std::size_t held = 0;
  std::erase_if(memories_, [&](const auto& each) {
    held += each.second.bytes.window.capacity() + each.second.bytes.head.capacity();
    return now - each.second.since >= remembered_for;
  });
  while (held > 4 * settings_.look_bytes && memories_.size() > 1) {
    const auto oldest = std::min_element(
        memories_.begin(), memories_.end(),
        [](const auto& a, const auto& b) { return a.second.since < b.second.since; });
    held -= std::min(held,
                     oldest->second.bytes.window.capacity() + oldest->second.bytes.head.capacity());
    memories_.erase(oldest);
  }
}

}  // namespace penstock
