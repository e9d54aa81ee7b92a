// penstock log dump and verify: files as they are, in use or not.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "actors/broker/made_partitions.hpp"
#include "launch/exit_status.hpp"
#include "streams/log/file_names.hpp"
#include "streams/log/log.hpp"
#include "streams/log/sparse_index.hpp"
#include "streams/log/transactions.hpp"
#include "streams/topic/metadata.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/formats.hpp"
#include "tools/penstock/log_files.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

// How often a torn end is looked at again while a process writes to the files.
constexpr int torn_retries = 5;

constexpr std::size_t damages_shown_max = 5;  // of one file
constexpr auto torn_pause = std::chrono::milliseconds{100};

result<void> check_local(const session& with) {
  if (is_directory(with.on)) return {};
  return error{errc::invalid_argument,
               fmt::format("--on {}: log dump and log verify look at files: give the data "
                           "directory, on the machine that has it",
                           with.on)};
}

// The folders that the arguments name; `unknown_topic` for a name that has none.
result<std::vector<partition_folder>> wanted_folders(session& with, const log_arguments& args) {
  PENSTOCK_TRY(check_local(with));
  PENSTOCK_TRY(check_data_directory(with.on));
  PENSTOCK_ASSIGN(auto folders, partition_folders(machine_disk(), with.on));
  std::vector<std::string> names;
  for (const auto& folder : folders) {
    if (names.empty() || names.back() != folder.id.topic) names.push_back(folder.id.topic);
  }
  for (const auto& topic : args.topics) {
    if (std::find(names.begin(), names.end(), topic) != names.end()) continue;
    const auto meant = nearest(topic, names);
    return error{errc::unknown_topic,
                 fmt::format("topic \"{}\" has no files in {}{}", topic, with.on,
                             meant.empty() ? "" : fmt::format(": did you mean \"{}\"?", meant))};
  }
  std::erase_if(folders, [&](const partition_folder& folder) {
    const auto& id = folder.id;
    const bool topic = args.topics.empty() || std::find(args.topics.begin(), args.topics.end(),
                                                        id.topic) != args.topics.end();
    const bool partition =
        args.partitions.empty() || std::find(args.partitions.begin(), args.partitions.end(),
                                             id.partition) != args.partitions.end();
    return !topic || !partition;
  });
  if (folders.empty()) {
    return error{errc::not_found, fmt::format("{} has files of no partition {}", with.on,
                                              fmt::join(args.partitions, " or "))};
  }
  return folders;
}

// ---- verify ------------------------------------------------------------------------------------

// True when a process has the directory: its last batch may be half written right now.
bool in_use(const std::string& directory) {
  const auto lock = machine_disk().lock(directory);
  return !lock && lock.error().code() == errc::locked;
}

struct findings {
  std::vector<damage> all;
  std::uint64_t batches = 0;
};

result<findings> verify_partition(const partition_folder& folder, bool busy) {
  auto& on = machine_disk();
  findings out;
  for (int attempt = 0;; ++attempt) {
    PENSTOCK_ASSIGN(out.all, verify_folder(on, folder.path));
    const bool only_torn =
        !out.all.empty() && std::all_of(out.all.begin(), out.all.end(),
                                        [](const damage& each) { return each.torn_tail; });
    if (!only_torn || !busy || attempt == torn_retries) break;
    std::this_thread::sleep_for(torn_pause);
  }
  if (!out.all.empty()) return out;
  PENSTOCK_ASSIGN(const auto files, segment_files(on, folder.path));
  for (const auto& file : files) {
    const auto walked = each_batch(on, file, [&](std::uint64_t, const batch_view&) {
      ++out.batches;
      return true;
    });
    // A file that grew or went away since it was verified is none of our business.
    (void)walked.has_value();
  }
  return out;
}

// The facts of the metadata log, one after the other: they must add up.
std::optional<damage> verify_metadata(const partition_folder& folder, metadata_image& image) {
  auto& on = machine_disk();
  const auto files = segment_files(on, folder.path);
  if (!files) return damage{folder.path, 0, files.error().message()};
  std::optional<damage> found;
  batch_cursor cursor;
  for (const auto& file : *files) {
    const auto walked = each_batch(on, file, [&](std::uint64_t position, const batch_view& batch) {
      if (batch.is_control()) return true;
      const auto wrong = [&](const error& why) {
        found = damage{file, position, why.message()};
        return false;
      };
      if (auto opened = cursor.open(batch); !opened) return wrong(opened.error());
      record_view each;
      while (true) {
        const auto more = cursor.next(each);
        if (!more) return wrong(more.error());
        if (!*more) return true;
        if (auto applied = image.apply(each.key.value_or(bytes_view{}), each.value); !applied) {
          return wrong(applied.error());
        }
      }
    });
    if (found) return found;
    if (!walked) return damage{file, 0, walked.error().message()};
  }
  return std::nullopt;
}

// Topics of which a partition has no folder although it once had: it was removed by hand. One that
// never had is made at the next start.
std::vector<damage> missing_folders(const session& with, const metadata_image& image) {
  std::vector<damage> out;
  const auto made = made_partitions::read(machine_disk(), with.on);
  if (!made) return {damage{with.on + "/penstock.partitions", 0, made.error().message()}};
  for (const auto& [name, topic] : image.topics()) {
    for (std::int32_t p = 0; p < topic.partitions && made->has(topic.id, p); ++p) {
      const auto path = with.on + "/" + topic_partition{name, p}.to_string();
      const auto there = machine_disk().exists(path);
      if (there && !*there) {
        out.push_back(
            {path, 0,
             fmt::format("the folder of partition {} of topic \"{}\" is missing", p, name)});
      }
    }
  }
  return out;
}

void print_damage(const session& with, const damage& each) {
  auto& to = with.out.text();
  if (!with.json) {
    fmt::format_to(std::back_inserter(to), "{}: position {}: {}{}\n", each.file, each.position,
                   each.what,
                   each.torn_tail ? " (an unfinished end: the next start would cut it)" : "");
    return;
  }
  to += "{\"file\":";
  append_json_string(each.file, to);
  fmt::format_to(std::back_inserter(to), ",\"position\":{},\"what\":", each.position);
  append_json_string(each.what, to);
  fmt::format_to(std::back_inserter(to), ",\"torn_tail\":{}}}\n", each.torn_tail);
}

// What is wrong with one file is often wrong at every place of it: the first places say so.
void print_damages(const session& with, const std::vector<damage>& all) {
  std::map<std::string_view, std::size_t> of_file;
  for (const auto& each : all) ++of_file[each.file];
  std::map<std::string_view, std::size_t> shown;
  for (const auto& each : all) {
    auto& count = shown[each.file];
    if (++count <= damages_shown_max) print_damage(with, each);
    const auto more = of_file[each.file] - damages_shown_max;
    if (count != damages_shown_max || of_file[each.file] <= damages_shown_max) continue;
    auto& to = with.out.text();
    if (!with.json) {
      fmt::format_to(std::back_inserter(to), "{}: and {} more places\n", each.file, more);
      continue;
    }
    to += "{\"file\":";
    append_json_string(each.file, to);
    fmt::format_to(std::back_inserter(to), ",\"more\":{}}}\n", more);
  }
}

}  // namespace

result<int> log_verify(session& with, const log_arguments& args) {
  PENSTOCK_ASSIGN(const auto folders, wanted_folders(with, args));
  const bool busy = in_use(with.on);
  std::vector<damage> all;
  std::uint64_t batches = 0;
  for (const auto& folder : folders) {
    PENSTOCK_ASSIGN(auto found, verify_partition(folder, busy));
    batches += found.batches;
    if (folder.id.topic == metadata_topic && found.all.empty()) {
      metadata_image image;
      if (auto wrong = verify_metadata(folder, image)) {
        found.all.push_back(*std::move(wrong));
      } else if (args.topics.empty() && args.partitions.empty() && !busy) {
        found.all = missing_folders(with, image);
      }
    }
    all.insert(all.end(), found.all.begin(), found.all.end());
  }
  print_damages(with, all);
  auto& to = with.out.text();
  if (with.json) {
    fmt::format_to(std::back_inserter(to),
                   "{{\"sound\":{},\"partitions\":{},\"batches\":{},\"damages\":{}}}\n",
                   all.empty(), folders.size(), batches, all.size());
  } else if (all.empty()) {
    fmt::format_to(std::back_inserter(to), "sound: {} partition{}, {} batches\n", folders.size(),
                   folders.size() == 1 ? "" : "s", batches);
  } else {
    fmt::format_to(std::back_inserter(to), "damaged: {} place{} in {} partition{}\n", all.size(),
                   all.size() == 1 ? "" : "s", folders.size(), folders.size() == 1 ? "" : "s");
  }
  return all.empty() ? exit_ok : exit_failed;
}

// ---- dump --------------------------------------------------------------------------------------

namespace {

void batch_text(std::uint64_t position, const batch_view& batch, bool sound, bytes& to) {
  fmt::format_to(
      std::back_inserter(to),
      "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} "
      "producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} position: {} "
      "{}: {} size: {} magic: 2 compresscodec: {} crc: {} isvalid: {}\n",
      batch.base_offset(), batch.last_offset(), batch.record_count(), batch.base_sequence(),
      batch.last_sequence(), batch.producer_id(), batch.producer_epoch(), batch.leader_epoch(),
      batch.is_transactional(), batch.is_control(), position,
      batch.time_type() == timestamp_type::create_time ? "CreateTime" : "LogAppendTime",
      to_millis(batch.max_time()), batch.size(), name_of(batch.compression()), batch.crc(), sound);
}

void batch_json(const std::string& file, std::uint64_t position, const batch_view& batch,
                bool sound, bytes& to) {
  to += "{\"file\":";
  append_json_string(file, to);
  fmt::format_to(
      std::back_inserter(to),
      ",\"position\":{},\"size\":{},\"base_offset\":{},\"last_offset\":{},\"count\":{},"
      "\"base_sequence\":{},\"producer_id\":{},\"producer_epoch\":{},\"leader_epoch\":{},"
      "\"transactional\":{},\"control\":{},\"max_timestamp\":{},\"codec\":\"{}\",\"crc\":{},"
      "\"valid\":{}",
      position, batch.size(), batch.base_offset(), batch.last_offset(), batch.record_count(),
      batch.base_sequence(), batch.producer_id(), batch.producer_epoch(), batch.leader_epoch(),
      batch.is_transactional(), batch.is_control(), to_millis(batch.max_time()),
      name_of(batch.compression()), batch.crc(), sound);
}

bool is_index(std::string_view file) {
  using namespace file_names;
  return file.ends_with(offset_index) || file.ends_with(time_index) || file.ends_with(transactions);
}

// The entries of an index, named as in Kafka's own dump.
class index_dumper {
 public:
  explicit index_dumper(session& with) : with_(with) {}

  result<void> dump(const std::string& file) {
    const auto slash = file.rfind('/');
    const auto name = bytes_view{file}.substr(slash == file.npos ? 0 : slash + 1);
    const auto base =
        file_names::offset_in(name, name.substr(std::min<std::size_t>(20, name.size())));
    if (!base)
      return error{errc::invalid_argument,
                   fmt::format("{}: the name of an index begins with the offset of its "
                               "segment, in 20 digits",
                               file)};
    PENSTOCK_ASSIGN(const auto content, read_file(machine_disk(), file, index_bytes_max));
    if (!with_.json) fmt::format_to(std::back_inserter(with_.out.text()), "Dumping {}\n", file);
    if (name.ends_with(file_names::transactions)) return dump_transactions(file, content, *base);
    if (name.ends_with(file_names::time_index))
      return each<time_entry>(file, content, [&](const time_entry& e) {
        line(file, {{"timestamp", e.time}, {"offset", *base + e.relative}});
      });
    return each<offset_entry>(file, content, [&](const offset_entry& e) {
      line(file, {{"offset", *base + e.relative}, {"position", e.position}});
    });
  }

 private:
  static constexpr std::uint64_t index_bytes_max = std::uint64_t{1} << 30;
  using numbers = std::initializer_list<std::pair<const char*, std::int64_t>>;

  template <class Entry, class F>
  result<void> each(const std::string& file, bytes_view content, F&& f) {
    if (content.size() % Entry::bytes_each != 0)
      return error{errc::corrupt, fmt::format("{}: {} bytes are no whole number of entries of {}",
                                              file, content.size(), Entry::bytes_each)};
    for (std::size_t at = 0; at < content.size(); at += Entry::bytes_each) {
      const auto entry = Entry::read(content.data() + at);
      // Kafka makes the files larger than what is in them: zeros follow the last entry.
      if (at > 0 && entry.relative == 0) break;
      f(entry);
      PENSTOCK_TRY(with_.out.flush_some());
    }
    return {};
  }

  result<void> dump_transactions(const std::string& file, bytes_view content, offset_t base) {
    PENSTOCK_ASSIGN(const auto entries,
                    decode_aborted(content, base, std::numeric_limits<offset_t>::max(), file));
    for (const auto& each : entries) {
      line(file, {{"version", 0},
                  {"producerId", each.producer_id},
                  {"firstOffset", each.first_offset},
                  {"lastOffset", each.last_offset},
                  {"lastStableOffset", each.last_stable_offset}});
      PENSTOCK_TRY(with_.out.flush_some());
    }
    return {};
  }

  void line(const std::string& file, numbers from) {
    auto& to = with_.out.text();
    if (with_.json) {
      to += "{\"file\":";
      append_json_string(file, to);
      for (const auto& [name, value] : from)
        fmt::format_to(std::back_inserter(to), ",\"{}\":{}", name, value);
      to += "}\n";
      return;
    }
    const char* before = "";
    for (const auto& [name, value] : from)
      fmt::format_to(std::back_inserter(to), "{}{}: {}", std::exchange(before, " "), name, value);
    to += "\n";
  }

  session& with_;
};

class dumper {
 public:
  dumper(session& with, const log_arguments& args) : with_(with), args_(args) {}

  /// The batches of one file; false when the count is used up.
  result<bool> dump(const std::string& file, std::uint64_t& left, const rendering& key,
                    const rendering& value) {
    bool begun = false;
    result<void> failure;
    const auto walked =
        each_batch(machine_disk(), file, [&](std::uint64_t position, const batch_view& batch) {
          if (!std::exchange(begun, true)) print_head(file);
          if (left == 0) return false;
          if (args_.from && batch.last_offset() < *args_.from) return true;
          --left;
          print(file, position, batch, key, value);
          failure = with_.out.flush_some();
          return failure.has_value();
        });
    if (!failure) return failure.error();
    if (!walked) return walked.error();
    if (!begun) print_head(file);
    return left > 0;
  }

 private:
  void print_head(const std::string& file) {
    if (with_.json) return;
    fmt::format_to(std::back_inserter(with_.out.text()), "Dumping {}\n", file);
    if (!args_.kafka_heads) return;
    // A segment is named after its first offset.
    const auto name = file.substr(file.rfind('/') + 1);
    offset_t start = 0;
    (void)std::from_chars(name.data(), name.data() + name.size(), start);
    fmt::format_to(std::back_inserter(with_.out.text()), "Log starting offset: {}\n", start);
  }

  void print(const std::string& file, std::uint64_t position, const batch_view& batch,
             const rendering& key, const rendering& value) {
    const auto checked = batch.validate();
    const bool sound = checked.has_value();
    auto& to = with_.out.text();
    if (with_.json) {
      batch_json(file, position, batch, sound, to);
    } else {
      batch_text(position, batch, sound, to);
    }
    if (args_.records && sound && cursor_.open(batch)) records(batch, key, value);
    if (with_.json) to += "}\n";
  }

  void records(const batch_view& batch, const rendering& key, const rendering& value) {
    auto& to = with_.out.text();
    record_view each;
    std::int32_t sequence = batch.base_sequence();
    if (with_.json) to += ",\"records\":[";
    bool first = true;
    while (true) {
      const auto more = cursor_.next(each);
      if (!more || !*more) break;
      if (with_.json) {
        if (!std::exchange(first, false)) to += ',';
        fmt::format_to(std::back_inserter(to),
                       "{{\"offset\":{},\"timestamp\":{},\"key\":", each.offset,
                       to_millis(each.time));
        append_or_null(each.key, key, to);
        to += ",\"value\":";
        append_or_null(each.value, value, to);
        to += '}';
        continue;
      }
      const auto size = [](const std::optional<bytes_view>& part) {
        return part ? static_cast<std::int64_t>(part->size()) : -1;
      };
      fmt::format_to(std::back_inserter(to),
                     "| offset: {} CreateTime: {} keySize: {} valueSize: {} sequence: {} "
                     "headerKeys: [",
                     each.offset, to_millis(each.time), size(each.key), size(each.value), sequence);
      bool first_header = true;
      for (const auto& header : headers_of(each)) {
        if (!std::exchange(first_header, false)) to += ',';
        to.append(header.name);
      }
      to += ']';
      if (each.key) {
        to += " key: ";
        key.to_text(*each.key, to);
      }
      if (each.value) {
        to += " payload: ";
        value.to_text(*each.value, to);
      }
      to += '\n';
      if (sequence >= 0) ++sequence;
    }
    if (with_.json) to += ']';
  }

  static void append_or_null(const std::optional<bytes_view>& part, const rendering& as,
                             bytes& to) {
    if (part) {
      as.to_json(*part, to);
    } else {
      to += "null";
    }
  }

  session& with_;
  const log_arguments& args_;
  batch_cursor cursor_;
};

}  // namespace

result<int> log_dump(session& with, const log_arguments& args) {
  dumper to{with, args};
  const rendering plain{"text"};
  const auto limit = args.count.value_or(std::numeric_limits<std::uint64_t>::max());
  for (const auto& file : args.files) {
    if (is_index(file)) {
      PENSTOCK_TRY(index_dumper{with}.dump(file));
      continue;
    }
    auto left = limit;
    PENSTOCK_TRY(to.dump(file, left, plain, plain));
  }
  if (!args.files.empty() && args.topics.empty()) return exit_ok;
  PENSTOCK_ASSIGN(const auto folders, wanted_folders(with, args));
  // The formats that the topics remember, as far as the metadata log can be read.
  metadata_image image;
  (void)verify_metadata({{}, fmt::format("{}/{}-0", with.on, metadata_topic)}, image);
  for (const auto& folder : folders) {
    const auto* topic = image.find_topic(folder.id.topic);
    const bool internal = folder.id.topic.starts_with("__");
    const rendering key{topic != nullptr ? topic->settings.key_format() : internal ? "?" : "text"};
    const rendering value{topic != nullptr ? topic->settings.value_format()
                          : internal       ? "?"
                                           : "text"};
    PENSTOCK_ASSIGN(const auto files, segment_files(machine_disk(), folder.path));
    auto left = limit;
    for (const auto& file : files) {
      PENSTOCK_ASSIGN(const bool more, to.dump(file, left, key, value));
      if (!more) break;
    }
  }
  return exit_ok;
}

}  // namespace penstock::tool
