// penstock dead-letters list, show, replay.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "launch/exit_status.hpp"
#include "streams/record/serde_text.hpp"
#include "streams/topic/name.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/dead_letters.hpp"
#include "tools/penstock/formats.hpp"
#include "tools/penstock/record_format.hpp"
#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

constexpr std::size_t rows_max = 1000;     // of the list; what is beyond is counted together
constexpr std::size_t told_apart_max = 3;  // reasons of one pattern that are shown as they are
constexpr std::size_t reason_shown_max = 100;
constexpr std::size_t chunk_letters = 1000;  // of a replay: noted together
constexpr std::size_t chunk_bytes = std::size_t{8} << 20;
constexpr duration write_patience = 10min;

result<letter_filter> filter_of(const dead_letter_arguments& args) {
  letter_filter out{args.steps, args.reasons, {}};
  for (const auto& each : args.at) {
    PENSTOCK_ASSIGN(const auto range, parse_letter_range(each));
    out.ranges.push_back(range);
  }
  return out;
}

std::string time_text(timestamp time) {
  bytes out;
  encode_text(time, out);
  return out;
}

// Everything that a terminal might take for an order as \xNN; UTF-8 stays.
void append_visibly(bytes_view text, bytes& to) {
  const bool utf8 = is_utf8(text);
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '\\') {
      to += "\\\\";
    } else if (code < ' ' || code == 0x7f || (code >= 0x80 && !utf8)) {
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", code);
    } else {
      to += c;
    }
  }
}

std::string visibly(bytes_view text) {
  bytes out;
  append_visibly(text, out);
  return out;
}

// --- list

struct list_row {
  std::uint64_t count = 0;
  std::uint64_t replayed = 0;
  timestamp oldest = max_timestamp;  // of the records, not of their being put aside
  timestamp newest = min_timestamp;
  std::int32_t partition = 0;  // of the first one found
  offset_t offset = 0;
  std::map<std::string, std::uint64_t> reasons;  // of this pattern, while they are few
  bool many_reasons = false;
};

struct list_key {
  std::string step, pattern, from;
  auto operator<=>(const list_key&) const = default;
};

class letter_list {
 public:
  void add(std::int32_t partition, const record& r, const letter& said, bool replayed) {
    list_key key{std::string{said.step}, pattern_of(said.reason),
                 std::string{said.origin.empty() ? said.topic : said.origin}};
    if (rows_.size() >= rows_max && !rows_.contains(key)) key = {"", "(other reasons)", ""};
    auto& row = rows_[key];
    if (row.count++ == 0) {
      row.partition = partition;
      row.offset = r.offset;
    }
    if (replayed) ++row.replayed;
    row.oldest = std::min(row.oldest, r.time);
    row.newest = std::max(row.newest, r.time);
    if (row.many_reasons) return;
    ++row.reasons[std::string{said.reason}];
    row.many_reasons = row.reasons.size() > told_apart_max;
    if (row.many_reasons) row.reasons.clear();
  }

  bool empty() const { return rows_.empty(); }

  void print_text(bytes& to) const {
    table rows{{"COUNT", "REPLAYED", "STEP", "REASON", "FROM", "OLDEST", "NEWEST", "EXAMPLE"}};
    for (const auto* each : sorted()) {
      const auto& [key, row] = *each;
      rows.add({fmt::format("{}", row.count), fmt::format("{}", row.replayed), or_dash(key.step),
                shortened(reason_of(key, row)), or_dash(key.from), time_text(row.oldest),
                time_text(row.newest), fmt::format("{}:{}", row.partition, row.offset)});
    }
    rows.print(to);
  }

  void print_json(bytes& to) const {
    for (const auto* each : sorted()) {
      const auto& [key, row] = *each;
      fmt::format_to(std::back_inserter(to), "{{\"count\":{},\"replayed\":{},\"step\":", row.count,
                     row.replayed);
      append_json_string(key.step, to);
      to += ",\"reason\":";
      append_json_string(reason_of(key, row), to);
      to += ",\"from\":";
      append_json_string(key.from, to);
      fmt::format_to(
          std::back_inserter(to),
          ",\"oldest\":{},\"newest\":{},\"example\":{{\"partition\":{},\"offset\":{}}}}}\n",
          to_millis(row.oldest), to_millis(row.newest), row.partition, row.offset);
    }
  }

 private:
  using entry = std::map<list_key, list_row>::value_type;

  std::vector<const entry*> sorted() const {
    std::vector<const entry*> out;
    for (const auto& each : rows_) out.push_back(&each);
    std::stable_sort(out.begin(), out.end(), [](const entry* a, const entry* b) {
      return a->second.count > b->second.count;
    });
    return out;
  }

  // One reason is itself; of several, what they have in common.
  static std::string reason_of(const list_key& key, const list_row& row) {
    return !row.many_reasons && row.reasons.size() == 1 ? row.reasons.begin()->first : key.pattern;
  }
  static std::string or_dash(const std::string& text) { return text.empty() ? "-" : visibly(text); }
  static std::string shortened(const std::string& reason) {
    auto text = visibly(reason);
    if (text.size() <= reason_shown_max) return text;
    auto cut = reason_shown_max;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
    return text.substr(0, cut) + "…";
  }

  std::map<list_key, list_row> rows_;
};

// Why nothing is listed: `letters` were there, and `others` that are none.
void note_none(const topic_info& topic, std::uint64_t letters, std::uint64_t others) {
  constexpr const char* where = "--describe of a job names the topic of its dead letters";
  if (letters > 0) {
    session::note(
        fmt::format("topic \"{}\" has no such dead letters: penstock dead-letters list {} "
                    "shows the steps and reasons of the {} there {}",
                    topic.name, topic.name, letters, letters == 1 ? "is" : "are"));
  } else if (others > 0) {
    session::note(
        fmt::format("topic \"{}\" is none of dead letters: no header penstock.reason in "
                    "its {} record{}; {}",
                    topic.name, others, others == 1 ? "" : "s", where));
  } else {
    session::note(fmt::format("topic \"{}\" has no dead letters ({})", topic.name, where));
  }
}

void note_others(const topic_info& topic, std::uint64_t others) {
  if (others == 0) return;
  session::note(
      fmt::format("{} record{} of topic \"{}\" {} no dead letter{}: without the header "
                  "penstock.reason",
                  others, others == 1 ? "" : "s", topic.name, others == 1 ? "is" : "are",
                  others == 1 ? "" : "s"));
}

// --- show

void show_text(std::int32_t partition, const record& r, const rendering& key,
               const rendering& value, bytes& to) {
  fmt::format_to(std::back_inserter(to), "{}:{}  {}\n", partition, r.offset, time_text(r.time));
  for (const auto& header : r.headers) {
    to += "  ";
    append_visibly(header.name, to);
    to += ": ";
    if (header.value) append_visibly(*header.value, to);
    to += '\n';
  }
  const auto field = [&](const char* name, const std::optional<bytes>& bytes_of,
                         const rendering& as) {
    if (!bytes_of) {
      fmt::format_to(std::back_inserter(to), "  {}: none\n", name);
      return;
    }
    fmt::format_to(std::back_inserter(to), "  {} ({} byte{}): ", name, bytes_of->size(),
                   bytes_of->size() == 1 ? "" : "s");
    bytes text;
    as.to_text(*bytes_of, text);
    append_visibly(text, to);
    to += '\n';
  };
  field("key", r.key, key);
  field("value", r.value, value);
}

record_view view_of(const record& r) {
  record_view out;
  out.offset = r.offset;
  out.time = r.time;
  if (r.key) out.key = *r.key;
  if (r.value) out.value = *r.value;
  return out;
}

void show_json(const topic_info& topic, std::int32_t partition, const record& r,
               const rendering& key, const rendering& value, bytes& to) {
  static const std::string none;
  print_json(view_of(r), {topic.name, partition, key, value, none}, to);
  // The headers of an owned record go where those of a record in a batch would.
  to.resize(to.size() - 2);
  to += ",\"headers\":[";
  static const rendering raw{"text"};
  for (std::size_t i = 0; i < r.headers.size(); ++i) {
    to += i == 0 ? "{\"name\":" : ",{\"name\":";
    append_json_string(r.headers[i].name, to);
    to += ",\"value\":";
    if (r.headers[i].value) {
      raw.to_json(*r.headers[i].value, to);
    } else {
      to += "null";
    }
    to += '}';
  }
  to += "]}\n";
}

// --- replay

/// What a replay will do, found out before anything is written.
struct replay_plan {
  std::uint64_t letters = 0;
  std::uint64_t unwanted = 0;  // of other steps and reasons
  std::map<std::string, std::uint64_t> to;
  std::uint64_t done_before = 0;
  std::uint64_t uncertain = 0;   // an earlier replay of them was cut short
  std::uint64_t from_state = 0;  // with no topic to go back to
  std::uint64_t others = 0;      // no dead letters
};

class replayer {
 public:
  replayer(session& with, target& at, const dead_letter_arguments& args, const topic_info& topic,
           letter_filter filter, replay_log log)
      : with_(with),
        at_(at),
        args_(args),
        topic_(topic),
        filter_(std::move(filter)),
        log_(std::move(log)) {}

  result<void> run() {
    PENSTOCK_TRY(look());
    PENSTOCK_TRY(check_targets());
    if (!args_.dry_run && plan_.letters > 0) PENSTOCK_TRY(write_all());
    return {};
  }

  void report() {
    auto& out = with_.out.text();
    if (with_.json) {
      out += "{\"topic\":";
      append_json_string(topic_.name, out);
      fmt::format_to(std::back_inserter(out),
                     ",\"{}\":{},\"replayed_before\":{},\"maybe_twice\":{},\"left_a_state\":{},"
                     "\"no_letters\":{},\"to\":{{",
                     args_.dry_run ? "would_replay" : "replayed", plan_.letters, plan_.done_before,
                     plan_.uncertain, plan_.from_state, plan_.others);
      bool first = true;
      for (const auto& [name, count] : plan_.to) {
        if (!std::exchange(first, false)) out += ',';
        append_json_string(name, out);
        fmt::format_to(std::back_inserter(out), ":{}", count);
      }
      out += "}}\n";
      return;
    }
    fmt::format_to(std::back_inserter(out), "{} {} of {}\n",
                   args_.dry_run ? "would replay" : "replayed", letters(plan_.letters),
                   topic_.name);
    for (const auto& [name, count] : plan_.to)
      fmt::format_to(std::back_inserter(out), "  {} to {}\n", count, name);
    notes();
  }

 private:
  static std::string letters(std::uint64_t count) {
    return fmt::format("{} letter{}", count, count == 1 ? "" : "s");
  }

  void notes() const {
    if (plan_.letters + plan_.done_before + plan_.from_state == 0)
      return note_none(topic_, plan_.unwanted, plan_.others);
    if (plan_.done_before > 0 && !args_.again) {
      session::note(fmt::format("left out {} replayed before: --again replays them once more",
                                letters(plan_.done_before)));
    }
    if (plan_.uncertain > 0) {
      session::note(fmt::format("an earlier replay was cut short: {} of these may be there twice",
                                letters(plan_.uncertain)));
    }
    if (plan_.from_state > 0) {
      session::note(
          fmt::format("left out {} that left a state and came from no topic: --to TOPIC "
                      "writes them",
                      letters(plan_.from_state)));
    }
    note_others(topic_, plan_.others);
  }

  std::string target_of(const letter& said) const {
    return args_.to.empty() ? std::string{said.topic} : args_.to;
  }

  bool chosen(std::int32_t partition, const record& r, const letter& said) const {
    return filter_.wants(said) && !target_of(said).empty() &&
           (args_.again || !log_.done().contains(partition, r.offset));
  }

  result<void> look() {
    const auto each = [&](std::int32_t partition, const record& r,
                          const std::optional<letter>& said) -> result<bool> {
      if (!said) {
        ++plan_.others;
        return true;
      }
      if (!filter_.wants(*said)) {
        ++plan_.unwanted;
        return true;
      }
      const bool done = log_.done().contains(partition, r.offset);
      if (done) ++plan_.done_before;
      if (target_of(*said).empty()) ++plan_.from_state;
      if (!chosen(partition, r, *said)) return true;
      if (!done && log_.begun().contains(partition, r.offset)) ++plan_.uncertain;
      ++plan_.letters;
      ++plan_.to[target_of(*said)];
      return true;
    };
    return read_letters(at_, topic_, filter_, each);
  }

  result<void> check_targets() {
    for (const auto& [name, count] : plan_.to) {
      if (is_internal_topic(name)) {
        return error{errc::invalid_topic,
                     fmt::format("topic \"{}\" is Penstock's own: nobody else writes to it", name)};
      }
      if (name == topic_.name) {
        return error{errc::invalid_argument,
                     fmt::format("\"{}\" is the topic of these letters itself: name another with "
                                 "--to",
                                 name)};
      }
      PENSTOCK_ASSIGN(const auto found, describe_topics(at_, {name}, false));
      if (found.empty()) {
        const auto missing = no_such_topic(at_, name);
        return args_.to.empty()
                   ? error{missing.code(),
                           fmt::format("{} came from a topic that is not there: {}; or name "
                                       "another with --to",
                                       letters(count), missing.message())}
                   : missing;
      }
      partitions_[name] = static_cast<std::int32_t>(found.front().partitions.size());
    }
    return {};
  }

  result<void> write_all() {
    PENSTOCK_ASSIGN(auto opened, producer::open(at_.system(), at_.node()));
    std::optional<producer> by{std::move(opened)};
    const auto each = [&](std::int32_t partition, const record& r,
                          const std::optional<letter>& said) -> result<bool> {
      // What has come since it was counted waits for the next replay.
      if (!said || !chosen(partition, r, *said) || written_ + held_.size() >= plan_.letters) {
        return true;
      }
      held_.push_back({partition, r, target_of(*said), partition_of(*said)});
      held_bytes_ += r.value ? r.value->size() : 0;
      if (held_.size() >= chunk_letters || held_bytes_ >= chunk_bytes)
        PENSTOCK_TRY(write_chunk(*by));
      return true;
    };
    auto done = read_letters(at_, topic_, filter_, each);
    if (done) done = write_chunk(*by);
    if (done) return {};
    return error{done.error().code(), fmt::format("{}; {} had been replayed and will not be again",
                                                  done.error().message(), letters(written_))};
  }

  // Back to where it was, so that a partition's order of keys stays; elsewhere by key.
  std::int32_t partition_of(const letter& said) const {
    const auto name = target_of(said);
    return name == said.topic && said.partition < partitions_.at(name) ? said.partition : -1;
  }

  struct held_letter {
    std::int32_t partition;
    record what;
    std::string to;
    std::int32_t to_partition;
  };

  result<void> write_chunk(producer& by) {
    if (held_.empty()) return {};
    offset_set which;
    for (const auto& each : held_) which.add(each.partition, each.what.offset, each.what.offset);
    PENSTOCK_TRY(log_.begin(at_, by, which));
    std::vector<header_view> headers;
    for (const auto& each : held_) {
      const auto r = view_of(each.what);
      headers.clear();
      for (const auto& header : each.what.headers) {
        if (header.name.starts_with("penstock.")) continue;
        headers.push_back({header.name, std::nullopt});
        if (header.value) headers.back().value = *header.value;
      }
      const auto sent =
          by.send(each.to, {r.key, r.value, r.time, headers, each.to_partition}, write_patience);
      if (!sent)
        return sent.error().with_context(
            fmt::format("letter {}:{}", each.partition, each.what.offset));
    }
    PENSTOCK_TRY(by.flush(write_patience));
    PENSTOCK_TRY(log_.finish(by, which));
    written_ += held_.size();
    held_.clear();
    held_bytes_ = 0;
    return {};
  }

  session& with_;
  target& at_;
  const dead_letter_arguments& args_;
  const topic_info& topic_;
  letter_filter filter_;
  replay_log log_;
  replay_plan plan_;
  std::map<std::string, std::int32_t> partitions_;
  std::vector<held_letter> held_;
  std::size_t held_bytes_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace

result<int> dead_letters_list(session& with, const dead_letter_arguments& args) {
  PENSTOCK_ASSIGN(const auto filter, filter_of(args));
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topic, describe_topic(*at, args.topic));
  PENSTOCK_ASSIGN(const auto log, replay_log::open(*at, topic));
  letter_list rows;
  std::uint64_t letters = 0;
  std::uint64_t others = 0;
  const auto each = [&](std::int32_t partition, const record& r,
                        const std::optional<letter>& said) -> result<bool> {
    if (!said) {
      ++others;
      return true;
    }
    ++letters;
    if (filter.wants(*said))
      rows.add(partition, r, *said, log.done().contains(partition, r.offset));
    return true;
  };
  PENSTOCK_TRY(read_letters(*at, topic, filter, each));
  if (rows.empty()) {
    note_none(topic, letters, others);
  } else {
    if (with.json) {
      rows.print_json(with.out.text());
    } else {
      rows.print_text(with.out.text());
    }
    note_others(topic, others);
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

result<int> dead_letters_show(session& with, const dead_letter_arguments& args) {
  PENSTOCK_ASSIGN(const auto filter, filter_of(args));
  if (args.raw && with.json) {
    return error{errc::invalid_argument, "show: --raw and --json exclude each other"};
  }
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topic, describe_topic(*at, args.topic));
  const rendering key{topic.settings.key_format()};
  const rendering value{topic.settings.value_format()};
  std::uint64_t shown = 0;
  std::uint64_t letters = 0;
  std::uint64_t others = 0;
  const auto enough = args.count.value_or(std::numeric_limits<std::uint64_t>::max());
  const auto each = [&](std::int32_t partition, const record& r,
                        const std::optional<letter>& said) -> result<bool> {
    ++(said ? letters : others);
    // A record that was asked for by its offset is shown, letter or not.
    const bool wanted =
        said ? filter.wants(*said) : !args.at.empty() && args.steps.empty() && args.reasons.empty();
    if (!wanted) return true;
    if (shown == enough) return false;
    ++shown;
    auto& out = with.out.text();
    if (args.raw) {
      if (r.value) out += *r.value;
    } else if (with.json) {
      show_json(topic, partition, r, key, value, out);
    } else {
      show_text(partition, r, key, value, out);
    }
    PENSTOCK_TRY(with.out.flush_some());
    return true;
  };
  PENSTOCK_TRY(read_letters(*at, topic, filter, each));
  PENSTOCK_TRY(with.out.flush());
  PENSTOCK_TRY(at->close());
  if (shown == 0 && args.at.empty() && enough > 0) note_none(topic, letters, others);
  if (shown > 0 || args.at.empty()) return exit_ok;
  return error{errc::not_found,
               fmt::format("topic \"{}\" has no such letter: penstock dead-letters list {} shows "
                           "those there are",
                           topic.name, topic.name)};
}

result<int> dead_letters_replay(session& with, const dead_letter_arguments& args) {
  PENSTOCK_ASSIGN(auto filter, filter_of(args));
  if (!args.to.empty()) PENSTOCK_TRY(check_topic_name(args.to));
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topic, describe_topic(*at, args.topic));
  PENSTOCK_ASSIGN(auto log, replay_log::open(*at, topic));
  replayer work{with, *at, args, topic, std::move(filter), std::move(log)};
  PENSTOCK_TRY(work.run());
  work.report();
  PENSTOCK_TRY(with.out.flush());
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

}  // namespace penstock::tool
