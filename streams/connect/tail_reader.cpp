#include "streams/connect/tail_reader.hpp"

#include <isa-l/crc64.h>

#include <algorithm>

#include "streams/base/assert.hpp"

namespace penstock {

namespace {

constexpr std::uint64_t sum_max = content_mark::sum_bytes_max;
// A short beginning that two files have in common makes none of them a copy: better twice than
// never.
constexpr std::uint64_t copy_bytes_least = 256;
// Where the file has just been truncated, a copy beside it is expected.
constexpr std::uint64_t fresh_copy_bytes_least = 32;

std::uint64_t sum_of(bytes_view data) {
  return crc64_ecma_refl(0, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

bool extends(const std::string& path, const std::string& base) {
  return path.size() > base.size() && path.starts_with(base);
}

bool named_compressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

}  // namespace

/// One open file and how far it has been read.
struct tail_reader::content {
  explicit content(const tail_settings& settings)
      : cutter(settings.line_bytes_max), events(settings.events) {}

  std::uint64_t number = 0;
  std::string key;
  std::string path;
  file_facts facts;  // when last looked at
  std::unique_ptr<readable_file> handle;
  file_coding coding = file_coding::plain;
  std::unique_ptr<content_stream> stream;  // of a compressed file
  std::uint64_t begun = 0;                 // where `cutter` began
  std::uint64_t read = 0;                  // up to here
  bytes head;                              // the first bytes, up to 1 KiB
  bytes window;                            // the bytes in front of `read`
  line_cutter cutter;
  std::optional<logs::event_assembler> events;
  std::deque<std::uint64_t> starts;  // where the lines in `events` begin
  bool hot = true;                   // may have more than the last look said
  bool present = true;
  bool last_part = false;   // read only what is left of it
  bool superseded = false;  // a copy has been taken for what it was: nothing in it is left to give
  bool replaced = false;    // by another content
  bool complete = false;
  content_mark start;
  std::optional<content_mark> fixed;  // of one that was complete when it was opened
  bool changed = false;
  std::chrono::nanoseconds grew{0};  // when it last did
  timestamp seen = no_timestamp;

  bool rotated() const { return !present || last_part || path != key; }

  /// Where the first byte is that has not been given.
  std::uint64_t safe() const { return starts.empty() ? begun + cutter.taken() : starts.front(); }

  content_mark mark() const {
    if (fixed) return *fixed;
    content_mark m;
    m.offset = safe();
    const auto length = std::min<std::uint64_t>(sum_max, m.offset);
    m.head_sum = sum_of(bytes_view{head}.substr(0, length));
    const std::uint64_t window_at = read - window.size();
    PENSTOCK_ASSERT(window_at + length <= m.offset, window_at, m.offset);
    m.tail_sum = sum_of(bytes_view{window}.substr(m.offset - length - window_at, length));
    return m;
  }
};

/// A content opened at a place: what `content` needs to go on there.
struct tail_reader::loaded {
  bytes head;
  bytes window;
  std::unique_ptr<content_stream> stream;
};

tail_reader::tail_reader(tail_settings settings, file_tree& files)
    : settings_(std::move(settings)),
      files_(files),
      block_(settings_.block_bytes + sum_max, '\0') {}

tail_reader::~tail_reader() = default;

void tail_reader::notice_once(const std::string& what) {
  if (noticed_.size() > 10'000) noticed_.clear();
  if (noticed_.insert(what).second) notices_.push_back(what);
}

void tail_reader::restore(std::vector<tail_position> positions) {
  for (auto& each : positions) {
    next_number_ = std::max(next_number_, each.number + 1);
    fresh_idle_.insert(each.number);
    idle_.emplace(each.number, std::move(each));
    knows_ = true;
  }
}

// --- which file is which

void tail_reader::scan(timestamp wall, std::chrono::nanoseconds now) {
  auto matched = files_.match(settings_.glob);
  if (!matched) return notice_once(matched.error().message());
  for (const auto& each : matched->notices) notice_once(each);
  wall_ = wall;
  deferred_ = false;
  for (auto& c : open_) c->present = false;
  std::vector<const found_file*> fresh;
  for (const auto& each : matched->files) {
    if (!each.facts.regular) {
      notice_once(each.path + " is no regular file: it is left out");
      continue;
    }
    const auto at = std::find_if(open_.begin(), open_.end(),
                                 [&](const auto& c) { return c->facts.same_file(each.facts); });
    if (at == open_.end()) {
      fresh.push_back(&each);
      continue;
    }
    content& c = **at;
    c.present = true;
    if (c.path != each.path) {
      c.path = each.path;
      c.changed = true;
    }
    c.seen = wall;
    if (replaced(c, each.facts)) {
      set_aside(static_cast<std::size_t>(at - open_.begin()), true);
      fresh.push_back(&each);
      continue;
    }
    if (each.facts.size != c.facts.size) c.grew = now;
    c.hot = c.hot || each.facts.size > c.read || c.facts.changed_ns != each.facts.changed_ns;
    c.facts = each.facts;
  }
  // Older ones first: what was rotated away goes before what took its place.
  std::stable_sort(fresh.begin(), fresh.end(), [](const found_file* a, const found_file* b) {
    return a->facts.changed_ns < b->facts.changed_ns;
  });
  // Before all, those that an earlier run knew: they are no copies of each other.
  for (const bool known_only : {true, false}) {
    for (auto at = fresh.begin(); at != fresh.end();) {
      if (!adopt(**at, known_only)) {
        ++at;
        continue;
      }
      open_.back()->seen = wall;
      open_.back()->grew = now;
      at = fresh.erase(at);
    }
  }
  look_around();
  retire(wall, now);
  first_scan_ = false;
}

/// Whether the file has another content than the one that was read.
bool tail_reader::replaced(content& c, const file_facts& now) {
  if (now.size == c.facts.size && now.changed_ns == c.facts.changed_ns) return false;
  if (c.coding != file_coding::plain) return true;  // it is known again by its content
  if (now.size < c.read) return true;
  bytes probe(sum_max, '\0');
  auto got = c.handle->read_at(0, probe.data(), c.head.size());
  if (!got || bytes_view{probe}.substr(0, *got) != c.head) return true;
  const auto length = std::min<std::uint64_t>(sum_max, c.window.size());
  got = c.handle->read_at(c.read - length, probe.data(), length);
  return !got ||
         bytes_view{probe}.substr(0, *got) != bytes_view{c.window}.substr(c.window.size() - length);
}

/// The content is not where it was. It may be found again as a copy, whole or compressed.
void tail_reader::set_aside(std::size_t index, bool was_replaced) {
  auto c = std::move(open_[index]);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  lines_cut_ += c->cutter.too_long();
  if (c->superseded) {
    forgotten_.push_back(c->number);
  } else {
    auto position = position_of(*c);
    position.gone = true;
    fresh_idle_.insert(position.number);
    idle_.insert_or_assign(position.number, std::move(position));
  }
  if (!c->superseded) changed_idle_.insert(c->number);
  if (!c->superseded && (was_replaced || c->read > c->safe())) {
    c->replaced = was_replaced;
    ended_.push_back(std::move(c));
  }
}

std::optional<tail_reader::loaded> tail_reader::load(readable_file& from, file_coding coding,
                                                     const content_mark& at) {
  const auto length = std::min<std::uint64_t>(sum_max, at.offset);
  loaded state;
  state.head.resize(length);
  state.window.resize(length);
  if (coding == file_coding::plain) {
    auto got = from.read_at(0, state.head.data(), length);
    if (!got || *got != length || sum_of(state.head) != at.head_sum) return std::nullopt;
    got = from.read_at(at.offset - length, state.window.data(), length);
    if (!got || *got != length || sum_of(state.window) != at.tail_sum) return std::nullopt;
    return state;
  }
  auto opened = open_content(from, coding);
  if (!opened) return std::nullopt;
  state.stream = std::move(*opened);
  bytes recent;
  for (std::uint64_t done = 0; done < at.offset;) {
    const auto want =
        std::min<std::uint64_t>(done == 0 ? length : settings_.block_bytes, at.offset - done);
    const auto got = state.stream->read(block_.data(), want);
    if (!got || *got == 0) return std::nullopt;
    done += *got;
    recent.append(block_, 0, *got);
    if (done == length) {
      state.head = recent;
      if (sum_of(state.head) != at.head_sum) return std::nullopt;
    }
    if (recent.size() > sum_max) recent.erase(0, recent.size() - sum_max);
  }
  state.window = bytes{bytes_view{recent}.substr(recent.size() - length)};
  if (sum_of(state.window) != at.tail_sum) return std::nullopt;
  return state;
}

void tail_reader::resume(std::unique_ptr<content> fresh, loaded state, const content_mark& at) {
  fresh->head = std::move(state.head);
  fresh->window = std::move(state.window);
  fresh->stream = std::move(state.stream);
  fresh->begun = fresh->read = at.offset;
  fresh->start = at;
  fresh->changed = true;
  open_.push_back(std::move(fresh));
}

/// A file that is not open yet: one of an earlier run, a copy of something known, or a new one.
bool tail_reader::adopt(const found_file& found, bool known_only) {
  const auto is_it = [&](const tail_position& known) {
    return known.device == found.facts.device && known.file == found.facts.number &&
           (!known.gone || known.at.offset >= copy_bytes_least);
  };
  if (known_only && std::none_of(idle_.begin(), idle_.end(),
                                 [&](const auto& known) { return is_it(known.second); }))
    return false;
  const auto later = [&](const std::string& why) {
    if (!why.empty()) notice_once(why);
    return false;
  };
  if (open_.size() >= settings_.files_max)
    return later("more than " + std::to_string(settings_.files_max) +
                 " files match: the others wait");
  auto handle = files_.open(found.path);
  if (!handle) {
    // What is gone by now was renamed or deleted.
    return handle.error() == errc::not_found ? false
                                             : later(handle.error().message() + "; trying again");
  }
  auto facts = (*handle)->facts();
  if (!facts || !facts->same_file(found.facts))
    return false;  // renamed meanwhile: the next scan has it
  bytes first(4, '\0');
  const auto got = (*handle)->read_at(0, first.data(), first.size());
  if (!got) return later(got.error().message() + "; trying again");
  if (*got < first.size() && named_compressed(found.path)) return false;  // it is being written
  const auto coding = coding_of(bytes_view{first}.substr(0, *got));

  const auto changed =
      std::chrono::duration_cast<duration>(std::chrono::nanoseconds{facts->changed_ns});
  if (coding != file_coding::plain && wall_ - timestamp{changed} < settings_.rotated_wait) {
    deferred_ = true;  // perhaps it is being written
    return false;
  }

  // The same file, after a restart of ours, or back after it was gone.
  for (auto& [number, known] : idle_) {
    if (!is_it(known)) continue;
    const bool unchanged =
        known.complete && coding != file_coding::plain && known.size == facts->size;
    auto state = unchanged ? std::optional<loaded>{loaded{}} : load(**handle, coding, known.at);
    if (!state) continue;
    auto fresh = std::make_unique<content>(settings_);
    fresh->number = number;
    fresh->key = known.key;
    fresh->path = found.path;
    fresh->facts = *facts;
    fresh->coding = coding;
    fresh->handle = std::move(*handle);
    fresh->complete = known.complete;
    if (unchanged) fresh->fixed = known.at;
    fresh_idle_.erase(number);
    const content_mark at = known.at;
    idle_.erase(number);
    resume(std::move(fresh), std::move(*state), at);
    return true;
  }
  if (known_only) return false;
  bool wait = false;
  const auto before = open_.size();
  if (!is_copy(found, **handle, coding, wait) && !wait)
    begin_new(found, std::move(*handle), coding);
  return open_.size() > before;
}

/// Whether two files begin with the same bytes, and go on alike in front of `size`.
bool tail_reader::same_bytes(readable_file& a, readable_file& b, std::uint64_t size) {
  const auto length = std::min<std::uint64_t>(sum_max, size);
  bytes one(length, '\0'), other(length, '\0');
  for (const std::uint64_t at : {std::uint64_t{0}, size - length}) {
    const auto got = a.read_at(at, one.data(), length);
    const auto too = b.read_at(at, other.data(), length);
    if (!got || !too || *got != length || *too != length || one != other) return false;
  }
  return true;
}

/// The place in a plain file as it is now; nothing when it changes meanwhile.
std::optional<content_mark> tail_reader::mark_at(readable_file& from, std::uint64_t offset,
                                                 loaded& state) {
  const auto length = std::min<std::uint64_t>(sum_max, offset);
  state.head.resize(length);
  state.window.resize(length);
  const auto head = from.read_at(0, state.head.data(), length);
  const auto tail = from.read_at(offset - length, state.window.data(), length);
  if (!head || !tail || *head != length || *tail != length) return std::nullopt;
  return content_mark{offset, sum_of(state.head), sum_of(state.window)};
}

/// The file goes on with what is known of a content that is not where it was.
void tail_reader::take_over(const tail_position& known, const found_file& found,
                            file_coding coding) {
  auto handle = files_.open(found.path);
  if (!handle) return;
  auto state = load(**handle, coding, known.at);
  if (!state) return;
  auto fresh = std::make_unique<content>(settings_);
  fresh->number = known.number;
  fresh->key = known.key;
  fresh->path = found.path;
  fresh->facts = found.facts;
  fresh->coding = coding;
  fresh->handle = std::move(*handle);
  const content_mark at = known.at;
  // What waited of it is read again from the copy.
  std::erase_if(ended_, [&](const auto& c) { return c->number == fresh->number; });
  fresh_idle_.erase(fresh->number);
  copies_.erase({found.facts.device, found.facts.number});
  idle_.erase(fresh->number);
  resume(std::move(fresh), std::move(*state), at);
}

/// The content that has just been replaced and of which the file has every byte that was read.
const tail_position* tail_reader::replaced_by_copy(const found_file& found, readable_file& handle) {
  for (const auto& c : ended_) {
    if (!c->replaced || c->coding != file_coding::plain || c->read < fresh_copy_bytes_least ||
        found.facts.size < c->read)
      continue;
    if (!extends(found.path, c->path) && !extends(found.path, c->key)) continue;
    const auto known = idle_.find(c->number);
    loaded state;
    if (known == idle_.end() || !mark_at(handle, c->read, state)) continue;
    const auto length = std::min(state.window.size(), c->window.size());
    if (state.head == c->head && bytes_view{state.window}.substr(state.window.size() - length) ==
                                     bytes_view{c->window}.substr(c->window.size() - length))
      return &known->second;
  }
  return nullptr;
}

/// Takes a file for what it is a copy of, if anything; `wait`: it may become clear later.
bool tail_reader::is_copy(const found_file& found, readable_file& handle, file_coding coding,
                          bool& wait) {
  const auto id = std::pair{found.facts.device, found.facts.number};
  const auto compared = copies_.find(id);
  const bool still = compared != copies_.end() && compared->second.facts.size == found.facts.size &&
                     compared->second.facts.changed_ns == found.facts.changed_ns;
  const tail_position* best = nullptr;
  for (const auto& [number, known] : idle_) {
    const bool certain = still && compared->second.number == number;
    if (best != nullptr && best->at.offset >= known.at.offset) continue;
    if (known.at.offset < copy_bytes_least && !certain) continue;
    if (!extends(found.path, known.key) && !extends(found.path, known.path)) continue;
    if (certain && coding == file_coding::plain && known.at.offset > found.facts.size) {
      // Copied before the last lines that were read: all of the copy was given.
      loaded state;
      auto opened = files_.open(found.path);
      if (!opened) return false;
      const auto end = mark_at(**opened, found.facts.size, state);
      if (!end) return false;
      auto fresh = std::make_unique<content>(settings_);
      fresh->number = next_number_++;
      fresh->key = fresh->path = found.path;
      fresh->facts = found.facts;
      fresh->handle = std::move(*opened);
      resume(std::move(fresh), std::move(state), *end);
      return true;
    }
    if (load(handle, coding, known.at)) best = &known;
  }
  if (best == nullptr && coding == file_coding::plain) best = replaced_by_copy(found, handle);
  if (best != nullptr) {
    take_over(tail_position{*best}, found, coding);
    return true;
  }
  for (const auto& c : open_) {
    if (!extends(found.path, c->path) && (c->present || !extends(found.path, c->key))) continue;
    if (c->coding != file_coding::plain) continue;
    const auto size = found.facts.size;
    if (still && compared->second.number == c->number) {
      wait = true;
      return false;
    }
    const content_mark at = c->mark();
    if (coding != file_coding::plain || size > c->facts.size) {
      // Larger than the file is: compressed, or gone on by itself.
      if (at.offset < copy_bytes_least) continue;
      auto state = load(handle, coding, at);
      if (!state) continue;
      if (coding == file_coding::plain && c->present) {
        auto opened = files_.open(found.path);
        if (!opened) return false;
        auto fresh = std::make_unique<content>(settings_);
        fresh->number = next_number_++;
        fresh->key = fresh->path = found.path;
        fresh->facts = found.facts;
        fresh->handle = std::move(*opened);
        c->superseded = true;
        resume(std::move(fresh), std::move(*state), at);
        return true;
      }
    } else if (size < copy_bytes_least || !same_bytes(handle, *c->handle, size)) {
      continue;
    }
    // While the file is there, its copy says nothing new.
    if (copies_.size() > settings_.files_max) copies_.clear();
    copies_[id] = {found.facts, c->number};
    wait = true;
    return false;
  }
  return false;
}

void tail_reader::begin_new(const found_file& found, std::unique_ptr<readable_file> handle,
                            file_coding coding) {
  auto fresh = std::make_unique<content>(settings_);
  fresh->number = next_number_++;
  fresh->key = fresh->path = found.path;
  fresh->facts = found.facts;
  fresh->coding = coding;
  fresh->changed = true;
  const bool at_end =
      first_scan_ && !settings_.from_head && !knows_ && coding == file_coding::plain;
  if (coding != file_coding::plain) {
    auto stream = open_content(*handle, coding);
    if (!stream) return notice_once(found.path + " " + stream.error().message());
    fresh->stream = std::move(*stream);
  }
  if (at_end && found.facts.size > 0) {
    // From the line on that is being written, so that none is given in halves.
    loaded state;
    if (!mark_at(*handle, found.facts.size, state)) return;  // it changes: again later
    const auto newline = state.window.rfind('\n');
    const auto half = newline == bytes::npos ? 0 : state.window.size() - newline - 1;
    const auto at = mark_at(*handle, found.facts.size - half, state);
    if (!at) return;
    fresh->handle = std::move(handle);
    return resume(std::move(fresh), std::move(state), *at);
  }
  fresh->handle = std::move(handle);
  open_.push_back(std::move(fresh));
}

/// What has gone since the last scan may lie beside where it was, under a name that does not match
/// the pattern: renamed while nobody looked, or copied before it was truncated. What is left of it
/// is read.
void tail_reader::look_around() {
  const auto looked_for = std::exchange(fresh_idle_, {});
  for (const std::uint64_t number : looked_for) {
    const auto at = idle_.find(number);
    if (at == idle_.end()) continue;
    const tail_position known = at->second;
    if (known.complete) continue;
    auto beside = files_.match(pattern_of(known.key) + "*");
    if (!beside) continue;
    for (const auto& each : beside->files) {
      const bool same =
          !known.gone && each.facts.device == known.device && each.facts.number == known.file;
      if (!each.facts.regular || (!same && known.at.offset < copy_bytes_least)) continue;
      if (!same && !extends(each.path, known.path) && !extends(each.path, known.key)) continue;
      if (std::any_of(open_.begin(), open_.end(),
                      [&](const auto& c) { return c->facts.same_file(each.facts); }))
        continue;
      auto handle = files_.open(each.path);
      if (!handle) continue;
      bytes first(4, '\0');
      const auto got = (*handle)->read_at(0, first.data(), first.size());
      if (!got) continue;
      const auto coding = coding_of(bytes_view{first}.substr(0, *got));
      auto state = load(**handle, coding, known.at);
      if (!state) continue;
      auto fresh = std::make_unique<content>(settings_);
      fresh->number = number;
      fresh->key = known.key;
      fresh->path = each.path;
      fresh->facts = each.facts;
      fresh->coding = coding;
      fresh->handle = std::move(*handle);
      fresh->last_part = true;
      std::erase_if(ended_, [&](const auto& c) { return c->number == number; });
      idle_.erase(number);
      resume(std::move(fresh), std::move(*state), known.at);
      break;
    }
    if (const auto still = idle_.find(number); still != idle_.end() && !still->second.gone) {
      still->second.gone = true;
      changed_idle_.insert(number);
    }
  }
}

/// Lets go of files that are read and gone, and forgets what was gone for long.
void tail_reader::retire(timestamp wall, std::chrono::nanoseconds now) {
  for (std::size_t i = 0; i < open_.size();) {
    content& c = *open_[i];
    if (!c.present) {
      const auto is = c.handle->facts();
      if (is && is->size != c.facts.size) {
        c.facts = *is;
        c.grew = now;
        c.hot = true;
      }
    }
    const bool silent = !c.hot && now - c.grew >= settings_.rotated_wait;
    if (!c.present && silent && (c.coding == file_coding::plain ? c.facts.size <= c.read : true)) {
      set_aside(i, false);
      continue;
    }
    ++i;
  }
  for (auto at = idle_.begin(); at != idle_.end();) {
    if (at->second.seen != no_timestamp && wall - at->second.seen < settings_.forget_after) {
      ++at;
      continue;
    }
    if (at->second.seen == no_timestamp) {
      (at++)->second.seen = wall;
      continue;
    }
    forgotten_.push_back(at->first);
    changed_idle_.erase(at->first);
    at = idle_.erase(at);
  }
}

// --- lines

bool tail_reader::read(std::size_t budget, std::chrono::nanoseconds now,
                       const emit_function& emit) {
  for (const auto& c : std::exchange(ended_, {})) close_lines(*c, emit);
  std::size_t left = budget;
  for (std::size_t idle = 0; idle < open_.size() && left > 0;) {
    turn_ %= open_.size();
    content& c = *open_[turn_++];
    const auto before = c.read;
    c.hot = c.hot && read_block(c, now, emit);
    left -= std::min<std::size_t>(left, c.read - before);
    idle = c.read == before ? idle + 1 : 0;
    if (c.hot || c.read != before) continue;
    if (c.events) {
      const auto give = [&](std::string_view event) { emit(c.key, event); };
      c.events->tick(now, give);
      while (c.starts.size() > c.events->pending_lines()) {
        c.starts.pop_front();
        c.changed = true;
      }
    }
    // Nobody writes the rest of a line into a file that was rotated and silent for long.
    if (c.rotated() && c.read > c.safe() && now - c.grew >= settings_.rotated_wait)
      close_lines(c, emit);
  }
  return left == 0;
}

/// True when there may be more.
bool tail_reader::read_block(content& c, std::chrono::nanoseconds now, const emit_function& emit) {
  if (c.complete) return false;
  if (c.stream) {
    const auto got = c.stream->read(block_.data(), settings_.block_bytes);
    if (!got) {
      notice_once(c.path + " " + got.error().message() + ": the rest is left out");
      c.complete = c.changed = true;
      close_lines(c, emit);
      return false;
    }
    if (*got > 0) return take_block(c, bytes_view{block_}.substr(0, *got), now, emit);
    if (!c.stream->complete()) return false;  // it is being written: looked at again from its start
    close_lines(c, emit);
    c.complete = c.changed = true;
    return false;
  }
  // With the bytes in front of the block, and the first ones of the file read again behind it, it
  // is certain that the block goes on with what was read: a file may be truncated and written anew
  // at any moment.
  const auto length = std::min<std::uint64_t>(sum_max, c.window.size());
  const auto got =
      c.handle->read_at(c.read - length, block_.data(), length + settings_.block_bytes);
  if (!got) {
    notice_once(got.error().message() + "; trying again");
    return false;
  }
  if (*got <= length) return false;
  const auto block = bytes_view{block_}.substr(0, *got);
  if (block.substr(0, length) != bytes_view{c.window}.substr(c.window.size() - length))
    return false;  // the next scan sees that it was replaced
  bytes head(c.head.size(), '\0');
  const auto again = c.handle->read_at(0, head.data(), head.size());
  if (!again) return false;
  head.resize(*again);
  if (head != c.head) {
    // Smaller than what has just been read of it: so that was there before the truncation.
    const auto is = c.handle->facts();
    if (!is || is->size >= c.read - length + *got) return false;
  }
  return take_block(c, block.substr(length), now, emit) && *got == length + settings_.block_bytes;
}

bool tail_reader::take_block(content& c, bytes_view block, std::chrono::nanoseconds now,
                             const emit_function& emit) {
  if (c.head.size() < sum_max) c.head.append(block.substr(0, sum_max - c.head.size()));
  std::uint64_t line_at = c.begun + c.cutter.taken();
  const auto give = [&](std::string_view event) { emit(c.key, event); };
  const auto on_line = [&](std::string_view line) {
    const std::uint64_t start = std::exchange(line_at, c.begun + c.cutter.taken());
    if (!c.events) return emit(c.key, line);
    c.starts.push_back(start);
    c.events->add(line, now, give);
    while (c.starts.size() > c.events->pending_lines()) c.starts.pop_front();
  };
  c.cutter.add(block, on_line);
  c.read += block.size();
  c.grew = now;
  c.changed = true;
  // As much as `mark` and the next look need.
  const std::uint64_t keep = c.read - c.safe() + sum_max;
  if (block.size() >= keep) {
    c.window.assign(block.substr(block.size() - keep));
  } else {
    c.window.append(block);
    if (c.window.size() > keep) c.window.erase(0, c.window.size() - keep);
  }
  return true;
}

void tail_reader::close_lines(content& c, const emit_function& emit) {
  const auto give = [&](std::string_view event) { emit(c.key, event); };
  c.cutter.finish([&](std::string_view line) {
    if (!c.events) return emit(c.key, line);
    c.events->add(line, {}, give);
  });
  if (c.events) c.events->finish(give);
  c.starts.clear();
  c.changed = true;
  if (const auto at = idle_.find(c.number); at != idle_.end()) {
    at->second.at = c.mark();  // it is gone, and nothing of it waits
    changed_idle_.insert(c.number);
  }
}

void tail_reader::finish(const emit_function& emit) {
  for (const auto& c : std::exchange(ended_, {})) close_lines(*c, emit);
  for (const auto& c : open_) close_lines(*c, emit);
}

tail_position tail_reader::position_of(const content& c) const {
  tail_position p;
  p.number = c.number;
  p.key = c.key;
  p.path = c.path;
  p.device = c.facts.device;
  p.file = c.facts.number;
  p.size = c.facts.size;
  p.at = c.mark();
  p.complete = c.complete;
  p.seen = c.seen;
  p.start = c.start;
  return p;
}

std::vector<tail_position> tail_reader::take_changed() {
  std::vector<tail_position> changed;
  for (const auto& c : open_)
    if (std::exchange(c->changed, false)) changed.push_back(position_of(*c));
  for (const std::uint64_t number : std::exchange(changed_idle_, {}))
    if (const auto at = idle_.find(number); at != idle_.end()) changed.push_back(at->second);
  return changed;
}

std::uint64_t tail_reader::unread_bytes() const {
  std::uint64_t unread = 0;
  for (const auto& c : open_)
    if (c->coding == file_coding::plain && c->facts.size > c->read)
      unread += c->facts.size - c->read;
  return unread;
}

std::uint64_t tail_reader::lines_cut() const {
  std::uint64_t cut = lines_cut_;
  for (const auto& c : open_) cut += c->cutter.too_long();
  return cut;
}

}  // namespace penstock
