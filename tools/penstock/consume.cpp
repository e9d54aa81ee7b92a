// penstock consume: records to lines.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <thread>

#include "actors/client/consumer.hpp"
#include "launch/exit_status.hpp"
#include "streams/record/batch.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/formats.hpp"
#include "tools/penstock/record_format.hpp"
#include "tools/penstock/stop_signal.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

constexpr std::uint32_t poll_bytes = 4u << 20;
constexpr duration poll_wait = 250ms;  // how soon a signal is noticed
constexpr auto positions_patience = 10s;
constexpr auto positions_pause = 5ms;
constexpr auto commit_interval = std::chrono::seconds{1};

struct range {
  offset_t from = 0;
  offset_t to = 0;  // with --until-end: print nothing at or above it
};
using ranges = std::map<std::int32_t, range>;

result<void> check_usage(const consume_arguments& args, bool json) {
  if (json && args.format)
    return error{errc::invalid_argument, "consume: --json and --format exclude each other"};
  const int starts = static_cast<int>(args.from_beginning) +
                     static_cast<int>(!args.offsets.empty()) + static_cast<int>(!args.time.empty());
  if (starts > 1) {
    return error{errc::invalid_argument,
                 "consume: --from-beginning, --offset and --time exclude each other"};
  }
  if (!args.group.empty() && (starts > 0 && !args.from_beginning)) {
    return error{errc::invalid_argument,
                 "consume: a group begins at its committed offsets: leave out --offset and --time, "
                 "or move the group with penstock group reset"};
  }
  if (args.isolation != "read-committed" && args.isolation != "read-uncommitted") {
    return error{
        errc::invalid_argument,
        "consume: --isolation is read-committed or read-uncommitted, not " + args.isolation};
  }
  if (!args.group.empty() && !args.partitions.empty()) {
    return error{errc::invalid_argument,
                 "consume: the group decides about partitions: leave out --partition"};
  }
  return {};
}

// "N" for every partition, "P:N" for one.
result<std::map<std::int32_t, offset_t>> parse_offsets(const std::vector<std::string>& words,
                                                       std::int32_t partitions) {
  std::map<std::int32_t, offset_t> out;
  for (const auto& word : words) {
    const auto number = [](std::string_view digits, auto& into) {
      const auto* end = digits.data() + digits.size();
      const auto [at, failure] = std::from_chars(digits.data(), end, into);
      return failure == std::errc{} && at == end && into >= 0;
    };
    const auto colon = word.find(':');
    offset_t offset = 0;
    std::int32_t partition = 0;
    const bool fine = colon == word.npos
                          ? number(word, offset)
                          : number(std::string_view{word}.substr(0, colon), partition) &&
                                number(std::string_view{word}.substr(colon + 1), offset);
    if (!fine) {
      return error{errc::invalid_argument,
                   fmt::format("--offset {}: write an offset, or PARTITION:OFFSET", word)};
    }
    if (colon != word.npos) {
      out[partition] = offset;
    } else {
      for (std::int32_t p = 0; p < partitions; ++p) out[p] = offset;
    }
  }
  return out;
}

result<void> check_partition(const topic_info& topic, std::int32_t partition) {
  if (partition >= 0 && partition < static_cast<std::int32_t>(topic.partitions.size())) return {};
  return no_such_partition(topic, partition);
}

// Where to read without a group, by partition.
result<ranges> ranges_of(target& at, const topic_info& topic, const consume_arguments& args) {
  PENSTOCK_ASSIGN(const auto offsets,
                  parse_offsets(args.offsets, static_cast<std::int32_t>(topic.partitions.size())));
  timestamp time = no_timestamp;
  if (!args.time.empty()) {
    PENSTOCK_ASSIGN(time, parse_time("--time", args.time));
  }
  auto wanted = args.partitions;
  if (wanted.empty()) {
    for (const auto& [partition, offset] : offsets) wanted.push_back(partition);
  }
  if (wanted.empty()) {
    for (const auto& p : topic.partitions) wanted.push_back(p.index);
  }
  // Reading to the end from the end would print nothing.
  const bool beginning = args.from_beginning || (args.until_end && args.time.empty());
  ranges out;
  for (const auto partition : wanted) {
    PENSTOCK_TRY(check_partition(topic, partition));
    const auto& p = topic.partitions[static_cast<std::size_t>(partition)];
    if (p.offline) return p.offline;
    range where{beginning ? p.start : p.end, p.end};
    if (const auto given = offsets.find(partition); given != offsets.end()) {
      where.from = given->second;
      if (where.from < p.start || where.from > p.end) {
        return error{errc::offset_out_of_range,
                     fmt::format("partition {} of topic \"{}\" has offsets {} to {}, not {}: use "
                                 "--from-beginning or an offset in between",
                                 partition, topic.name, p.start, p.end, where.from)};
      }
    } else if (!args.time.empty()) {
      PENSTOCK_ASSIGN(where.from, offset_at(at, {topic.name, partition}, to_millis(time)));
    }
    // Not beyond what readers of committed records can see at all.
    if (!args.read_uncommitted()) {
      PENSTOCK_ASSIGN(const auto stable, offset_at(at, {topic.name, partition}, -1, true));
      where.to = std::min(where.to, stable);
      if (!beginning && offsets.empty() && args.time.empty()) where.from = where.to;
    }
    out[partition] = where;
  }
  return out;
}

// Reads slices from a consumer actor and prints their records where they lie.
class printer {
 public:
  printer(session& with, const consume_arguments& args, const topic_info& topic)
      : with_(with),
        args_(args),
        topic_(topic.name),
        key_(args.key_format.empty() ? topic.settings.key_format() : args.key_format),
        value_(args.value_format.empty() ? topic.settings.value_format() : args.value_format),
        left_(args.count.value_or(std::numeric_limits<std::uint64_t>::max())) {}

  result<void> set_format(bool topic_has_keys) {
    const std::string standard = topic_has_keys ? "%k\\t%v\\n" : "%v\\n";
    PENSTOCK_ASSIGN(format_, record_format::parse(args_.format.value_or(standard)));
    return {};
  }

  /// Prints records of [slice.fromOffset, limit) as long as the count lasts.
  result<void> print(wire::PollReply::Slice::Reader slice, offset_t limit) {
    const auto partition = slice.getPartition();
    // A later slice of a partition whose records were enough: nothing of it is passed over.
    if (left_ == 0 && next_.contains(partition)) return {};
    auto batches = view(slice.getBatches());
    offset_t next = next_[partition] = std::max(next_[partition], slice.getFromOffset());
    const record_format::context context{topic_, partition, key_, value_, args_.null_as};
    record_view each;
    while (!batches.empty() && left_ > 0) {
      PENSTOCK_ASSIGN(const auto batch, batch_view::parse(batches));
      batches.remove_prefix(batch.size());
      if (batch.is_control()) continue;
      if (auto opened = cursor_.open(batch); !opened) {
        return opened.error().with_context(fmt::format("partition {} of topic \"{}\", offset {}",
                                                       partition, topic_, batch.base_offset()));
      }
      while (left_ > 0) {
        PENSTOCK_ASSIGN(const bool more, cursor_.next(each));
        if (!more) break;
        if (each.offset < slice.getFromOffset() || each.offset >= limit) continue;
        if (with_.json) {
          print_json(each, context, with_.out.text());
        } else {
          format_.print(each, context, with_.out.text());
        }
        next = each.offset + 1;
        --left_;
        if (args_.printed != nullptr) ++*args_.printed;
        PENSTOCK_TRY(with_.out.flush_some());
      }
    }
    next_[partition] = left_ > 0 ? std::max(next, slice.getNextOffset()) : next;
    return {};
  }

  bool had_enough() const { return left_ == 0; }

  /// By partition, the offset behind what was printed or passed over.
  const std::map<std::int32_t, offset_t>& next() const { return next_; }

 private:
  session& with_;
  const consume_arguments& args_;
  std::string topic_;
  rendering key_;
  rendering value_;
  record_format format_;
  std::uint64_t left_;
  std::map<std::int32_t, offset_t> next_;
  batch_cursor cursor_;
};

class reader {
 public:
  reader(session& with, target& at, const consume_arguments& args, const topic_info& topic)
      : with_(with), at_(at), args_(args), topic_(topic), printer_(with, args, topic) {}
  ~reader() {
    if (!handle_) return;
    // A member leaves at once instead of being waited for.
    (void)at_.ask_of<consumer_reply>(handle_, leave_request{}, 10s);
  }
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  result<void> run() {
    PENSTOCK_TRY(printer_.set_format(!topic_.settings.key_format().empty()));
    consumer_config config;
    config.fetch_bytes_max = 1u << 20;
    config.read_uncommitted = args_.read_uncommitted();
    if (args_.group.empty()) {
      PENSTOCK_ASSIGN(ranges_, ranges_of(at_, topic_, args_));
      for (const auto& [partition, where] : ranges_) {
        config.partitions.emplace_back(topic_partition{topic_.name, partition}, where.from);
      }
      if (done()) return {};
      say_what_is_waited_for();
    } else {
      config.group = args_.group;
      config.topics = {topic_.name};
      const bool beginning = args_.from_beginning || args_.until_end;
      config.start = beginning ? start_at::beginning : start_at::end;
    }
    handle_ = spawn_consumer(at_.system(), at_.node(), config);
    auto ended = loop();
    if (!args_.group.empty()) {
      // What was printed is committed even when something went wrong afterwards.
      auto written = with_.out.flush();
      if (written) {
        auto committed = commit();
        if (ended && !committed) ended = committed;
      } else if (ended) {
        ended = written;
      }
    }
    return ended;
  }

 private:
  result<void> loop() {
    const auto request = poll_request::make([](wire::PollRequest::Builder to) {
      to.setMaxBytes(poll_bytes);
      to.setMaxWaitMs(static_cast<std::uint32_t>(poll_wait.count()));
    });
    while (!stop_requested()) {
      PENSTOCK_ASSIGN(const auto reply, at_.ask_of<poll_reply>(handle_, request, 120s));
      const auto message = reply.open();
      for (auto slice : message->getSlices()) {
        const auto where = ranges_.find(slice.getPartition());
        const auto limit = args_.until_end && where != ranges_.end()
                               ? where->second.to
                               : std::numeric_limits<offset_t>::max();
        PENSTOCK_TRY(printer_.print(slice, limit));
      }
      const bool idle = message->getSlices().size() == 0;
      if (!args_.until_end || idle) PENSTOCK_TRY(with_.out.flush());
      if (printer_.had_enough() || done()) return {};
      const auto now = std::chrono::steady_clock::now();
      if (!idle) heard_at_ = now;
      if (args_.idle_max.count() > 0 && now - heard_at_ >= args_.idle_max) return {};
      if (!args_.group.empty()) {
        if (args_.until_end && message->getAtEnd()) return {};
        PENSTOCK_TRY(commit_sometimes());
      }
    }
    return {};
  }

  // On a terminal, where somebody might wait for what is there already.
  void say_what_is_waited_for() const {
    const bool from_end =
        !args_.until_end && !args_.from_beginning && args_.offsets.empty() && args_.time.empty();
    const bool passed = std::any_of(ranges_.begin(), ranges_.end(), [&](const auto& each) {
      const auto& p = topic_.partitions[static_cast<std::size_t>(each.first)];
      return p.end > p.start;
    });
    // Kafka's script says nothing of the kind.
    if (!from_end || !passed || args_.printed != nullptr || ::isatty(STDERR_FILENO) != 1) return;
    session::note("waiting for new records; --from-beginning shows those that are there as well");
  }

  // Without a group: everything that was there at the start has been read.
  bool done() const {
    if (!args_.until_end || !args_.group.empty()) return false;
    return std::all_of(ranges_.begin(), ranges_.end(), [&](const auto& each) {
      const auto at = printer_.next().find(each.first);
      const auto next = at != printer_.next().end() ? at->second : each.second.from;
      return next >= each.second.to;
    });
  }

  result<void> commit_sometimes() {
    const auto now = std::chrono::steady_clock::now();
    if (now - committed_at_ < commit_interval) return {};
    PENSTOCK_TRY(with_.out.flush());  // only what the reader has got
    committed_at_ = now;
    return commit();
  }

  // Partitions of which nothing was printed yet: where the next run of this group must go on, or
  // it would begin at the end of then and skip what came meanwhile. After a
  // short read the member may not know yet where some of them begin: that is waited for.
  result<void> add_untouched(std::map<std::int32_t, offset_t>& next) {
    const auto until = std::chrono::steady_clock::now() + positions_patience;
    while (true) {
      PENSTOCK_ASSIGN(const auto reply,
                      at_.ask_of<assignment_reply>(handle_, assignment_request{}, 30s));
      bool known = true;
      const auto message = reply.open();
      for (auto position : message->getPositions()) {
        if (printer_.next().contains(position.getPartition())) continue;
        if (position.getOffset() >= 0) {
          next.emplace(position.getPartition(), position.getOffset());
        } else {
          known = false;
        }
      }
      if (known || std::chrono::steady_clock::now() > until) return {};
      std::this_thread::sleep_for(positions_pause);
    }
  }

  result<void> commit() {
    auto next = printer_.next();
    if (auto added = add_untouched(next); !added) return added;
    if (next.empty() || next == committed_) return {};
    const auto request = commit_request::make([&](wire::CommitRequest::Builder to) {
      auto list = to.initOffsets(static_cast<unsigned>(next.size()));
      unsigned i = 0;
      for (const auto& [partition, offset] : next) {
        list[i].setTopic(text_of(topic_.name));
        list[i].setPartition(partition);
        list[i].setOffset(offset);
        ++i;
      }
    });
    const auto until = std::chrono::steady_clock::now() + with_.patience;
    auto done = at_.ask_of<consumer_reply>(handle_, request, 30s);
    // The link to the node may be made again meanwhile.
    while (!done && done.error() == errc::timed_out && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(positions_pause);
      done = at_.ask_of<consumer_reply>(handle_, request, 30s);
    }
    if (done) {
      committed_ = next;
      return {};
    }
    // Another member has the partition now, and these records again: that is the group's promise.
    const auto code = done.error().code();
    if (code == errc::rebalance_in_progress || code == errc::illegal_generation ||
        code == errc::unknown_member)
      return {};
    return done.error();
  }

  session& with_;
  target& at_;
  const consume_arguments& args_;
  const topic_info& topic_;
  printer printer_;
  ranges ranges_;
  consumer_actor handle_;
  std::map<std::int32_t, offset_t> committed_;
  std::chrono::steady_clock::time_point committed_at_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point heard_at_ = committed_at_;
};

}  // namespace

result<int> consume(session& with, const consume_arguments& args) {
  PENSTOCK_TRY(check_usage(args, with.json));
  if (args.format) PENSTOCK_TRY(record_format::parse(*args.format));
  if (!args.time.empty()) PENSTOCK_TRY(parse_time("--time", args.time));
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topic, describe_topic(*at, args.topic));
  result<void> ended;
  {
    reader r{with, *at, args, topic};
    ended = r.run();
  }
  if (ended) ended = with.out.flush();
  auto closed = at->close();
  if (!ended) return ended.error();
  if (!closed) return closed.error();
  return exit_ok;
}

}  // namespace penstock::tool
