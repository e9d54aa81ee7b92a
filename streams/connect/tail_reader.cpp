#include "streams/connect/tail_reader.hpp"

#include <algorithm>

#include "streams/connect/reading_order.hpp"
#include "streams/connect/tail_content.hpp"

namespace penstock {

namespace {

constexpr std::uint64_t sum_max = content_mark::sum_bytes_max;

bool named_compressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

}  // namespace

tail_reader::tail_reader(tail_settings settings, file_tree& files)
    : settings_(std::move(settings)),
      files_(files),
      block_(settings_.block_bytes + sum_max, '\0') {}

tail_reader::~tail_reader() = default;

void tail_reader::notice_once(const std::string& what) {
  if (noticed_.size() > 10'000) noticed_.clear();
  if (noticed_.insert(what).second) notices_.push_back(what);
}

void tail_reader::read_later(const std::string& path, const std::string& why) {
  notice_once(why + "; trying again");
  unread_[path] = why;
}

void tail_reader::leave_out_rest(const std::string& why) {
  notice_once(why + ": the rest is left out");
  broken_.push_back(why);
}

std::vector<std::string> tail_reader::left_out() const {
  auto all = broken_;
  for (const auto& [path, why] : unread_) all.push_back(why);
  return all;
}

void tail_reader::restore(std::vector<tail_position> positions) {
  for (auto& each : positions) {
    next_number_ = std::max(next_number_, each.number + 1);
    fresh_idle_.insert(each.number);
    while (!each.points.empty() && each.points.back().offset > each.at.offset)
      each.points.pop_back();
    learn_names(each.number, each.path, each.key);
    add_idle(std::move(each));
    knows_ = true;
  }
}

// --- what is open, and what is idle, with the ways to find it

void tail_reader::add_open(std::unique_ptr<content> c) {
  open_numbers_[c->number] = c.get();
  open_.push_back(std::move(c));
}

std::unique_ptr<tail_reader::content> tail_reader::take_open(std::size_t index) {
  auto c = std::move(open_[index]);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  open_numbers_.erase(c->number);
  return c;
}

void tail_reader::add_idle(tail_position known) {
  if (const auto at = idle_.find(known.number); at != idle_.end()) erase_idle(at);
  idle_files_.insert({{known.device, known.file}, known.number});
  idle_.emplace(known.number, std::move(known));
}

std::map<std::uint64_t, tail_position>::iterator tail_reader::erase_idle(
    std::map<std::uint64_t, tail_position>::iterator at) {
  idle_files_.erase({{at->second.device, at->second.file}, at->first});
  return idle_.erase(at);
}

// --- which file is which

void tail_reader::scan(timestamp wall, std::chrono::nanoseconds now, bool last) {
  auto matched = files_.match(settings_.glob);
  if (!matched) return notice_once(matched.error().message());
  for (const auto& each : matched->notices) notice_once(each);
  if (first_scan_ && matched->files.empty())
    notice_once("no file matches " + settings_.glob + " yet; it is looked for again and again");
  wall_ = wall;
  last_ = last;
  deferred_ = false;
  unread_.clear();
  held_logs_.clear();
  gone_logs_.reset();
  if (first_scan_) began_ = now;
  beginning_ = !knows_ && now - began_ < 5 * settings_.rotated_wait;
  read_since_scan_ = 0;
  std::map<file_id, content*> open;
  for (auto& c : open_) {
    c->present = false;
    open[id_of(c->facts)] = c.get();
  }
  for (auto& c : ended_) ++c->looks;
  const auto followed = names_to_follow(matched->files, open);
  std::vector<const found_file*> fresh;
  for (const auto& each : matched->files) {
    if (followed.at(id_of(each.facts)) != &each) continue;
    if (!each.facts.regular) {
      notice_once(each.path + " is no regular file: it is left out");
      continue;
    }
    const auto at = open.find(id_of(each.facts));
    if (at == open.end()) {
      fresh.push_back(&each);
      continue;
    }
    content& c = *at->second;
    c.present = true;
    if (c.path != each.path) {
      c.path = each.path;
      c.changed = true;
      learn_names(c.number, c.path, c.key);
    }
    c.seen = wall;
    if (replaced(c, each.facts)) {
      open.erase(at);
      set_aside(index_of(c), true, now);
      fresh.push_back(&each);
      continue;
    }
    if (each.facts.size != c.facts.size) c.grew = now;
    c.hot = c.hot || each.facts.size > c.read || c.facts.changed_ns != each.facts.changed_ns;
    c.facts = each.facts;
  }
  for (auto& c : open_) {
    if (c->looked_at != c->read && c->coding == file_coding::plain && c->safe() > 0)
      add_point(c->points, {c->safe(), c->mark().tail_sum});
    c->looked_at = c->read;
  }
  // Older ones first: what was rotated away goes before what took its place.
  std::stable_sort(fresh.begin(), fresh.end(), [](const found_file* a, const found_file* b) {
    return a->facts.changed_ns < b->facts.changed_ns;
  });
  const auto first_number = next_number_;
  bool opened = false;
  // Before all, those that an earlier run knew: they are no copies of each other.
  for (const bool known_only : {true, false}) {
    std::erase_if(fresh, [&](const found_file* each) {
      if (!adopt(*each, known_only)) return false;
      open_.back()->seen = wall;
      open_.back()->grew = now;
      opened = true;
      return true;
    });
  }
  replace_deleted(wall, now);
  settle_copies(now, last);
  judge_begun(first_number);
  if (last) settle_copies(now, last);  // no later scan would say what these are
  look_around(now);
  retire(wall, now);
  forget_memories(now);
  forget_names();
  if (opened || next_number_ != first_number) order_logs();
  first_scan_ = false;
}

/// Of all names that a file was found under the one that counts: that under which it is followed
/// already, else its own rather than a symbolic link, else the first. The others say nothing new.
std::map<tail_reader::file_id, const found_file*> tail_reader::names_to_follow(
    const std::vector<found_file>& found, const std::map<file_id, content*>& open) const {
  const auto rank = [&](const found_file& each) {
    const auto id = id_of(each.facts);
    if (const auto at = open.find(id); at != open.end() && at->second->path == each.path) return 0;
    for (auto at = idle_files_.lower_bound({id, 0}); at != idle_files_.end() && at->first == id;
         ++at) {
      const auto& known = idle_.at(at->second);
      if (!known.gone && known.path == each.path) return 1;
    }
    return each.link ? 3 : 2;
  };
  std::map<file_id, const found_file*> names;
  for (const auto& each : found) {
    const auto [at, first] = names.emplace(id_of(each.facts), &each);
    if (!first && rank(each) < rank(*at->second)) at->second = &each;
  }
  return names;
}

std::size_t tail_reader::index_of(const content& c) const {
  const auto at =
      std::find_if(open_.begin(), open_.end(), [&](const auto& each) { return each.get() == &c; });
  return static_cast<std::size_t>(at - open_.begin());
}

/// What has no name any more is still read; it may be cut off and written anew like others.
void tail_reader::replace_deleted(timestamp wall, std::chrono::nanoseconds now) {
  for (std::size_t i = 0; i < open_.size();) {
    content& c = *open_[i];
    const auto facts = c.present ? result<file_facts>{c.facts} : c.handle->facts();
    const bool is_over = c.coding != file_coding::plain && c.complete;  // whatever its time is
    if (!facts || is_over || !replaced(c, *facts)) {
      ++i;
      continue;
    }
    const found_file found{c.path, *facts};
    const auto coding = c.coding;
    auto handle = std::move(c.handle);
    set_aside(i, true, now);
    const auto as = judge(found, *handle, coding, nullptr);
    if (!begin_judged(found, std::move(handle), coding, as)) continue;
    open_.back()->present = false;
    open_.back()->seen = wall;
    open_.back()->grew = now;
  }
}

/// Whether the file has another content than the one that was read.
bool tail_reader::replaced(content& c, const file_facts& now) {
  if (now.size == c.facts.size && now.changed_ns == c.facts.changed_ns) return false;
  if (c.coding != file_coding::plain) return true;  // it is known again by its content
  if (now.size < c.read || now.size < c.facts.size) return true;
  bytes probe(sum_max, '\0');
  auto got = c.handle->read_at(0, probe.data(), c.head.size());
  if (!got || bytes_view{probe}.substr(0, *got) != c.head) return true;
  const auto length = std::min<std::uint64_t>(sum_max, c.window.size());
  got = c.handle->read_at(c.read - length, probe.data(), length);
  return !got ||
         bytes_view{probe}.substr(0, *got) != bytes_view{c.window}.substr(c.window.size() - length);
}

/// The content is not where it was. It may be found again as a copy, whole or compressed.
void tail_reader::set_aside(std::size_t index, bool was_replaced, std::chrono::nanoseconds now) {
  auto c = take_open(index);
  lines_cut_ += c->cutter.too_long();
  if (c->copy_of != 0 && c->read == 0) return forgotten_.push_back(c->number);
  auto position = position_of(*c);
  position.gone = true;
  fresh_idle_.insert(position.number);
  changed_idle_.insert(position.number);
  add_idle(std::move(position));
  if (c->coding == file_coding::plain && c->read > 0)
    memories_[c->number] = {{c->head, c->window, c->read}, now, was_replaced};
  // What waits of a compressed file that was still being written is read again with its rest.
  const bool unfinished = was_replaced && c->cut_short();
  if (!unfinished && (was_replaced || c->has_open_lines())) {
    // What was replaced may have a copy that the next scan is the first to see.
    c->looks = was_replaced ? 0 : 1;
    ended_.push_back(std::move(c));
  }
}

/// Goes to a place of a content. Nothing when the file has less, or begins otherwise.
std::optional<tail_reader::loaded> tail_reader::go_to(readable_file& from, file_coding coding,
                                                      std::uint64_t offset,
                                                      const std::uint64_t* head_sum) {
  const auto length = std::min(sum_max, offset);
  loaded state;
  state.head.resize(length);
  state.window.resize(length);
  const auto begins_well = [&] {
    return head_sum == nullptr || content_sum(state.head) == *head_sum;
  };
  if (coding == file_coding::plain) {
    auto got = from.read_at(0, state.head.data(), length);
    if (!got || *got != length || !begins_well()) return std::nullopt;
    got = from.read_at(offset - length, state.window.data(), length);
    if (!got || *got != length) return std::nullopt;
    return state;
  }
  auto opened = open_content(from, coding);
  if (!opened) return std::nullopt;
  state.stream = std::move(*opened);
  bytes recent;
  for (std::uint64_t done = 0; done < offset;) {
    const auto want =
        std::min<std::uint64_t>(done == 0 ? length : settings_.block_bytes, offset - done);
    const auto got = state.stream->read(block_.data(), want);
    if (!got || *got == 0) return std::nullopt;
    done += *got;
    recent.append(block_, 0, *got);
    if (done == length) {
      state.head = recent;
      if (!begins_well()) return std::nullopt;
    }
    if (recent.size() > sum_max) recent.erase(0, recent.size() - sum_max);
  }
  state.window = bytes{bytes_view{recent}.substr(recent.size() - length)};
  return state;
}

/// Goes to a place that is known; nothing when the file is another.
std::optional<tail_reader::loaded> tail_reader::load(readable_file& from, file_coding coding,
                                                     const content_mark& at) {
  auto state = go_to(from, coding, at.offset, &at.head_sum);
  if (state && content_sum(state->window) != at.tail_sum) return std::nullopt;
  return state;
}

void tail_reader::resume(std::unique_ptr<content> fresh, loaded state, const content_mark& at) {
  fresh->head = std::move(state.head);
  fresh->window = std::move(state.window);
  fresh->stream = std::move(state.stream);
  fresh->begun = fresh->read = at.offset;
  fresh->start = at;
  fresh->changed = true;
  learn_names(fresh->number, fresh->path, fresh->key);
  add_open(std::move(fresh));
}

/// A file that is not open yet: one of an earlier run, a copy of something known, or a new one.
bool tail_reader::adopt(const found_file& found, bool known_only) {
  // Numbers of what is known to have been in this very file, the oldest first.
  std::vector<std::uint64_t> numbers;
  const auto id = id_of(found.facts);
  for (auto at = idle_files_.lower_bound({id, 0}); at != idle_files_.end() && at->first == id;
       ++at) {
    const auto& known = idle_.at(at->second);
    const auto remembered = memories_.find(known.number);
    if (remembered != memories_.end() && remembered->second.replaced) continue;
    if ((known.at.offset > 0 || known.path == found.path) &&
        (!known.gone || known.at.offset >= copy_bytes_least))
      numbers.push_back(known.number);
  }
  // What was given of it counts before what was taken for its copy, under another of its names.
  std::stable_partition(numbers.begin(), numbers.end(),
                        [&](auto number) { return idle_.at(number).copy_of == 0; });
  if (known_only && numbers.empty()) return false;
  const auto later = [&](const std::string& why) {
    read_later(found.path, why);
    return false;
  };
  if (open_.size() >= settings_.files_max)
    return later("more than " + std::to_string(settings_.files_max) +
                 " files match: the others wait");
  auto handle = files_.open(found.path);
  if (!handle) {
    // What is gone by now was renamed or deleted.
    return handle.error() == errc::not_found ? false : later(handle.error().message());
  }
  auto facts = (*handle)->facts();
  if (!facts || !facts->same_file(found.facts))
    return false;  // renamed meanwhile: the next scan has it
  bytes first(4, '\0');
  const auto got = (*handle)->read_at(0, first.data(), first.size());
  if (!got) return later(got.error().message());
  if (*got < first.size() && named_compressed(found.path)) return false;  // it is being written
  const auto coding = coding_of(bytes_view{first}.substr(0, *got));

  const auto changed =
      std::chrono::duration_cast<duration>(std::chrono::nanoseconds{facts->changed_ns});
  if (coding != file_coding::plain && wall_ - timestamp{changed} < settings_.rotated_wait) {
    deferred_ = true;  // perhaps it is being written
    if (first_scan_ && beginning_) held_files_.insert(id);
    if (beginning_ && held_files_.contains(id)) held_logs_.insert(log_of(found.path));
    return false;
  }

  // The same file, after a restart of ours, or back after it was gone.
  for (const auto number : numbers) {
    const auto place = idle_.find(number);
    const auto& known = place->second;
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
    fresh->copy_of = known.copy_of;
    fresh->points = known.points;
    if (unchanged || (known.complete && known.copy_of != 0)) fresh->fixed = known.at;
    if (known.copy_of != 0 && known.size == facts->size && !known.gone) {
      fresh->judged = *facts;
      fresh->judged_open = true;  // it may have more than the other was read
      fresh->undecided =
          coding == file_coding::plain ? known.at.offset < known.size : !known.complete;
    }
    fresh_idle_.erase(number);
    const content_mark at = known.at;
    erase_idle(place);
    resume(std::move(fresh), std::move(*state), at);
    return true;
  }
  if (known_only) return false;
  const auto as = judge({found.path, *facts}, **handle, coding, nullptr);
  return begin_judged({found.path, *facts}, std::move(*handle), coding, as);
}

bool tail_reader::begin_new(const found_file& found, std::unique_ptr<readable_file> handle,
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
    if (!stream) {
      read_later(found.path, found.path + " " + stream.error().message());
      return false;
    }
    fresh->stream = std::move(*stream);
  }
  if (at_end && found.facts.size > 0) {
    // From the line on that is being written, so that none is given in halves.
    auto state = go_to(*handle, coding, found.facts.size);
    if (!state) return false;  // it changes: again later
    const auto newline = state->window.rfind('\n');
    const auto half = newline == bytes::npos ? 0 : state->window.size() - newline - 1;
    if (half > 0) state = go_to(*handle, coding, found.facts.size - half);
    if (!state) return false;
    const auto at = state->mark_at(found.facts.size - half);
    fresh->handle = std::move(handle);
    resume(std::move(fresh), std::move(*state), at);
    return true;
  }
  fresh->handle = std::move(handle);
  learn_names(fresh->number, fresh->path, fresh->key);
  add_open(std::move(fresh));
  return true;
}

/// Of a log that lies in several files the older ones are read first, each to its end.
void tail_reader::order_logs() {
  std::vector<log_file> files;
  for (const auto& c : open_) files.push_back({c->path, c->facts.changed_ns});
  for (const auto& log : logs_of(files)) {
    const content* older = nullptr;
    for (const auto index : log) {
      content& c = *open_[index];
      c.older = older == nullptr ? 0 : older->number;
      c.has_newer = index != log.back();
      older = &c;
    }
  }
}

bool tail_reader::waits_for_older(const content& c) const {
  if (!held_logs_.empty() && c.read == 0 && held_logs_.contains(log_of(c.path))) return true;
  const content* older = open_as(c.older);
  while (older != nullptr && older->copy_of != 0) older = open_as(older->older);
  return older != nullptr && older->hot;
}

/// Found with a newer file of its log, and read to its end: the event that is open in it comes
/// before the newer one when nothing more can be part of it. Half a line is none while it may go
/// on.
bool tail_reader::is_complete(const content& c) const {
  constexpr auto long_ago = std::chrono::minutes{1};
  if (!c.has_newer || c.rotated() || c.coding != file_coding::plain || c.read != c.facts.size)
    return false;
  const timestamp changed{
      std::chrono::duration_cast<duration>(std::chrono::nanoseconds{c.facts.changed_ns})};
  return last_ || (c.read == c.begun + c.cutter.taken() && wall_ - changed >= long_ago);
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
      set_aside(i, false, now);
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
    memories_.erase(at->first);
    at = erase_idle(at);
  }
}

// --- lines

bool tail_reader::read(std::size_t budget, std::chrono::nanoseconds now,
                       const emit_function& emit) {
  for (std::size_t i = 0; i < ended_.size();) {
    if (ended_[i]->looks == 0) {
      ++i;
      continue;
    }
    close_lines(*ended_[i], emit);
    ended_.erase(ended_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::size_t left = budget;
  for (std::size_t idle = 0; idle < open_.size() && left > 0 && !wants_scan();) {
    turn_ %= open_.size();
    content& c = *open_[turn_++];
    if (c.copy_of != 0 || waits_for_older(c)) {
      ++idle;
      continue;
    }
    const auto before = c.read;
    const bool was_hot = std::exchange(c.hot, c.hot && read_block(c, now, emit));
    left -= std::min<std::size_t>(left, c.read - before);
    read_since_scan_ += c.read - before;
    idle = c.read == before && c.hot == was_hot ? idle + 1 : 0;  // else newer ones may go on
    if (c.hot || (c.read != before && !c.has_newer)) continue;
    if (c.events) {
      const auto give = [&](std::string_view event) { emit(c.key, event); };
      c.events->tick(now, give);
      while (c.starts.size() > c.events->pending_lines()) {
        c.starts.pop_front();
        c.changed = true;
      }
    }
    // Nobody writes the rest of a line into a file that was rotated and silent for long.
    const bool silent = c.rotated() && now - c.grew >= settings_.rotated_wait;
    if (c.has_open_lines() && (silent || is_complete(c))) close_lines(c, emit);
  }
  return left == 0;
}

/// True when there may be more.
bool tail_reader::read_block(content& c, std::chrono::nanoseconds now, const emit_function& emit) {
  if (c.complete || c.damaged) return false;
  if (c.stream) {
    const auto got = c.stream->read(block_.data(), settings_.block_bytes);
    if (!got) {
      leave_out_rest(c.path + " " + got.error().message());
      c.damaged = true;
      close_lines(c, emit);
      return false;
    }
    if (*got > 0) return take_block(c, bytes_view{block_}.substr(0, *got), now, emit);
    if (!c.stream->complete()) return false;  // it is being written: looked at again from its start
    c.complete = true;
    close_lines(c, emit);
    return false;
  }
  // With the bytes in front of the block, and the first ones of the file read again behind it, it
  // is certain that the block goes on with what was read: a file may be truncated and written anew
  // at any moment.
  const auto length = std::min<std::uint64_t>(sum_max, c.window.size());
  const auto got =
      c.handle->read_at(c.read - length, block_.data(), length + settings_.block_bytes);
  if (!got) {
    read_later(c.path, got.error().message());
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
  // As much as `mark` and the next look need: a copy that the next scan is the first to see has
  // what was there at the last.
  const std::uint64_t keep = c.read - std::min(c.safe(), c.looked_at) + 2 * sum_max;
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
  if (!c.cut_short()) {
    c.cutter.finish([&](std::string_view line) {
      if (!c.events) return emit(c.key, line);
      c.events->add(line, {}, give);
    });
  }
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
  for (const auto& c : open_) {
    if (c->copy_of != 0) continue;
    if (c->stream && c->cut_short() && !c->damaged)
      leave_out_rest(c->path + " ends inside its compressed data");
    close_lines(*c, emit);
  }
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
  p.copy_of = c.copy_of;
  p.points = c.points;
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

bool tail_reader::waits() const {
  return deferred_ ||
         std::any_of(ended_.begin(), ended_.end(), [](const auto& c) { return c->looks == 0; });
}

std::uint64_t tail_reader::unread_bytes() const {
  std::uint64_t unread = 0;
  for (const auto& c : open_)
    if (c->coding == file_coding::plain && c->copy_of == 0 && c->facts.size > c->read)
      unread += c->facts.size - c->read;
  return unread;
}

std::uint64_t tail_reader::lines_cut() const {
  std::uint64_t cut = lines_cut_;
  for (const auto& c : open_) cut += c->cutter.too_long();
  return cut;
}

}  // namespace penstock
