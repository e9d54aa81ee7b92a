// kafka-console-producer.sh, kafka-console-consumer.sh and kafka-dump-log.sh.
#include <fmt/format.h>
#include <unistd.h>

#include "launch/exit_status.hpp"
#include "tools/penstock/kafka_fronts.hpp"
#include "tools/penstock/record_format.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

using takes = kafka_flag::takes;

constexpr const char* own_serializer = "text is what is written and read: leave it out";
constexpr const char* own_settings = "it takes no settings of Kafka's client from a file";

// A literal for --format, where % and \ mean something.
std::string literal(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\\') out += c;
    out += c;
  }
  return out;
}

using named_values = std::map<std::string, std::string>;

// What people write in a shell for a tab.
std::string separator(const named_values& from, const char* name, std::string otherwise) {
  const auto at = from.find(name);
  return at == from.end() ? std::move(otherwise) : at->second;
}

bool yes(const named_values& from, const char* name, bool otherwise = false) {
  const auto at = from.find(name);
  return at == from.end() ? otherwise : at->second == "true";
}

// To Kafka everything but "true" is no: what was mistyped would be left out without a word.
result<void> check_switches(const named_values& of) {
  for (const auto& [name, value] : of) {
    const bool is_switch = name.starts_with("print.") || name == "parse.key";
    if (is_switch && value != "true" && value != "false")
      return error{errc::invalid_argument,
                   fmt::format("{}={}: give it true or false", name, value)};
  }
  return {};
}

}  // namespace

// ---- kafka-console-producer.sh -----------------------------------------------------------------

namespace {

// Those that only tune Kafka's client have nothing to do here and change no result.
constexpr kafka_flag producer_flags[] = {
    bootstrap_flag,
    command_config_flag,
    {"topic", takes::value},
    {"property", takes::value},
    {"reader-property", takes::value},
    {"producer-property", takes::value},
    {"command-property", takes::value},
    {"compression-codec", takes::maybe},
    {"sync"},
    {"batch-size", takes::value},
    {"timeout", takes::value},
    {"request-required-acks", takes::value},
    {"request-timeout-ms", takes::value},
    {"max-block-ms", takes::value},
    {"max-memory-bytes", takes::value},
    {"max-partition-memory-bytes", takes::value},
    {"message-send-max-retries", takes::value},
    {"metadata-expiry-ms", takes::value},
    {"retry-backoff-ms", takes::value},
    {"socket-buffer-size", takes::value},
    {"producer.config", takes::value, own_settings},
    {"line-reader", takes::value, "lines are read as they are; penstock produce does the same"},
    {"reader-config", takes::value, "--reader-property NAME=VALUE does it"},
    {"broker-list", takes::value, "it is called --bootstrap-server"},
};

constexpr std::string_view reader_properties[] = {"parse.key", "key.separator", "null.marker"};
constexpr std::string_view client_properties[] = {"acks",
                                                  "batch.size",
                                                  "buffer.memory",
                                                  "client.id",
                                                  "linger.ms",
                                                  "delivery.timeout.ms",
                                                  "enable.idempotence",
                                                  "compression.type",
                                                  "max.block.ms",
                                                  "retries",
                                                  "request.timeout.ms",
                                                  "max.in.flight.requests.per.connection"};

}  // namespace

result<int> kafka_console_producer(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(producer_flags));
  PENSTOCK_ASSIGN(auto where, with.at(flags));
  constexpr std::string_view of_reader[] = {"property", "reader-property"};
  constexpr std::string_view of_client[] = {"producer-property", "command-property"};
  PENSTOCK_ASSIGN(const auto reading, flags.properties(of_reader, reader_properties));
  PENSTOCK_ASSIGN(const auto client, flags.properties(of_client, client_properties));
  produce_arguments args;
  args.topic = flags.value("topic");
  if (args.topic.empty()) return error{errc::invalid_argument, "--topic is missing"};
  PENSTOCK_TRY(check_switches(reading));
  if (yes(reading, "parse.key")) {
    args.key_separator = separator(reading, "key.separator", "\\t");
    PENSTOCK_TRY(unescape("key.separator", args.key_separator));
  }
  args.null_as = separator(reading, "null.marker", "");
  args.compression = separator(client, "compression.type", "none");
  if (flags.has("compression-codec")) args.compression = flags.value("compression-codec", "gzip");
  args.prompt = ::isatty(0) == 1 && ::isatty(1) == 1;
  return produce(where, args);
}

// ---- kafka-console-consumer.sh -----------------------------------------------------------------

namespace {

constexpr kafka_flag consumer_flags[] = {
    bootstrap_flag,
    command_config_flag,
    {"topic", takes::value},
    {"group", takes::value},
    {"from-beginning"},
    {"max-messages", takes::value},
    {"timeout-ms", takes::value},
    {"partition", takes::value},
    {"offset", takes::value},
    {"property", takes::value},
    {"formatter-property", takes::value},
    {"consumer-property", takes::value},
    {"command-property", takes::value},
    {"key-deserializer", takes::value},
    {"value-deserializer", takes::value},
    {"formatter", takes::value},
    {"skip-message-on-error"},
    {"include", takes::value, "one topic at a time is read: --topic NAME"},
    {"whitelist", takes::value, "one topic at a time is read: --topic NAME"},
    {"isolation-level", takes::value},
    {"consumer.config", takes::value, own_settings},
    {"formatter-config", takes::value, "--formatter-property NAME=VALUE does it"},
    {"enable-systest-events", takes::nothing, "it is for Kafka's own tests"},
};

constexpr std::string_view formatter_properties[] = {
    "print.key",    "print.value",       "print.timestamp",  "print.partition",
    "print.offset", "print.headers",     "key.separator",    "line.separator",
    "null.literal", "headers.separator", "key.deserializer", "value.deserializer"};
constexpr std::string_view reader_settings[] = {
    "group.id",           "auto.offset.reset", "client.id",
    "enable.auto.commit", "fetch.min.bytes",   "fetch.max.wait.ms",
    "max.poll.records",   "isolation.level",   "session.timeout.ms"};

// The name of a format for one of Kafka's deserializers; `none` for the topic's own.
result<std::string> format_of(std::string name, const std::string& none) {
  if (name.empty()) return none;
  if (const auto dot = name.rfind('.'); dot != name.npos) name.erase(0, dot + 1);
  static const std::map<std::string, std::string> known{
      {"StringDeserializer", "text"},        {"ByteArrayDeserializer", "text"},
      {"BytesDeserializer", "text"},         {"LongDeserializer", "binary:i64"},
      {"IntegerDeserializer", "binary:i32"}, {"ShortDeserializer", "binary:i16"},
      {"DoubleDeserializer", "binary:f64"},  {"FloatDeserializer", "binary:f32"}};
  const auto at = known.find(name);
  if (at != known.end()) return at->second;
  return error{errc::invalid_argument,
               fmt::format("deserializer {} is not known: String, Bytes, Long, Integer, Short, "
                           "Double and Float are",
                           name)};
}

std::string line_format(const std::map<std::string, std::string>& how) {
  const auto between = literal(separator(how, "key.separator", "\t"));
  std::string out;
  const auto add = [&](const char* part) { out += (out.empty() ? "" : between) + part; };
  if (yes(how, "print.timestamp")) add("CreateTime:%t");
  if (yes(how, "print.partition")) add("Partition:%p");
  if (yes(how, "print.offset")) add("Offset:%o");
  if (yes(how, "print.headers")) add("%H");
  if (yes(how, "print.key")) add("%k");
  if (yes(how, "print.value", true)) add("%v");
  return out + literal(separator(how, "line.separator", "\n"));
}

// Asking for a topic makes it, as Kafka's own consumer does.
result<void> make_topic(session& where, const std::string& name) {
  PENSTOCK_ASSIGN(auto at, where.open());
  PENSTOCK_ASSIGN(const auto found, describe_topics(*at, {name}, false));
  if (!found.empty()) return {};
  auto made =
      at->ask<admin_reply>(create_topic_request::make([&](wire::CreateTopicRequest::Builder to) {
        to.setName(text_of(name));
        to.setPartitions(-1);
      }));
  if (!made && !(made.error() == errc::topic_exists)) return made.error();
  return {};
}

result<consume_arguments> consumer_arguments(const kafka_flags& flags) {
  constexpr std::string_view of_formatter[] = {"property", "formatter-property"};
  constexpr std::string_view of_client[] = {"consumer-property", "command-property"};
  PENSTOCK_ASSIGN(const auto how, flags.properties(of_formatter, formatter_properties));
  PENSTOCK_ASSIGN(const auto client, flags.properties(of_client, reader_settings));
  consume_arguments args;
  PENSTOCK_TRY(check_switches(how));
  args.topic = flags.value("topic");
  if (args.topic.empty()) return error{errc::invalid_argument, "--topic is missing"};
  args.group = flags.value("group", separator(client, "group.id", ""));
  args.from_beginning =
      flags.has("from-beginning") || separator(client, "auto.offset.reset", "") == "earliest";
  if (flags.has("partition")) {
    PENSTOCK_ASSIGN(const auto partition, flags.number("partition", 0, 0, 0x7fffffff));
    args.partitions = {static_cast<std::int32_t>(partition)};
  }
  if (const auto offset = flags.value("offset"); offset == "earliest") {
    args.from_beginning = true;
  } else if (!offset.empty() && offset != "latest") {
    if (args.partitions.empty()) return error{errc::invalid_argument, "--offset needs --partition"};
    if (flags.has("from-beginning"))
      return error{errc::invalid_argument, "--from-beginning and --offset exclude each other"};
    args.from_beginning = false;
    if (!flags.number("offset", 0, 0, std::numeric_limits<std::int64_t>::max()))
      return error{errc::invalid_argument,
                   fmt::format("--offset {}: give it earliest, latest or a number", offset)};
    args.offsets = {fmt::format("{}:{}", args.partitions.front(), offset)};
  }
  if (!args.group.empty() && !args.partitions.empty())
    return error{errc::invalid_argument, "--group and --partition exclude each other"};
  if (!args.group.empty() && !args.offsets.empty())
    return error{errc::invalid_argument, "--group and --offset exclude each other"};
  if (flags.has("max-messages")) {
    PENSTOCK_ASSIGN(const auto count, flags.number("max-messages", -1, -1, 0x7fffffff));
    if (count >= 0) args.count = static_cast<std::uint64_t>(count);
  }
  PENSTOCK_ASSIGN(const auto idle, flags.number("timeout-ms", 0, 0, 0x7fffffff));
  args.idle_max = duration{idle};
  // Kafka's own tool shows what transactions have not committed unless it is told otherwise.
  const auto isolation =
      flags.value("isolation-level", separator(client, "isolation.level", "read_uncommitted"));
  if (isolation != "read_committed" && isolation != "read_uncommitted")
    return error{
        errc::invalid_argument,
        fmt::format("isolation level {}: give it read_committed or read_uncommitted", isolation)};
  args.isolation = isolation == "read_committed" ? "read-committed" : "read-uncommitted";
  const auto formatter = flags.value("formatter");
  if (!formatter.empty() && !formatter.ends_with("DefaultMessageFormatter"))
    return error{
        errc::invalid_argument,
        fmt::format("--formatter {} is not supported: the default one is; penstock consume "
                    "--format prints in other ways",
                    formatter)};
  PENSTOCK_ASSIGN(
      args.key_format,
      format_of(flags.value("key-deserializer", separator(how, "key.deserializer", "")), ""));
  PENSTOCK_ASSIGN(
      args.value_format,
      format_of(flags.value("value-deserializer", separator(how, "value.deserializer", "")), ""));
  args.format = line_format(how);
  args.null_as = separator(how, "null.literal", "null");
  return args;
}

}  // namespace

result<int> kafka_console_consumer(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(consumer_flags));
  PENSTOCK_ASSIGN(auto where, with.at(flags));
  PENSTOCK_ASSIGN(auto args, consumer_arguments(flags));
  std::uint64_t printed = 0;
  args.printed = &printed;
  PENSTOCK_TRY(make_topic(where, args.topic));
  auto done = consume(where, args);
  if (done || done.error() == errc::cancelled)
    fmt::print(stderr, "Processed a total of {} messages\n", printed);
  return done;
}

// ---- kafka-dump-log.sh -------------------------------------------------------------------------

namespace {

constexpr const char* own_indexes =
    "penstock log verify checks the indexes with the log they belong to";

constexpr kafka_flag dump_flags[] = {
    {"files", takes::value},
    {"print-data-log"},
    {"deep-iteration"},
    {"max-message-size", takes::value},
    {"max-bytes", takes::value, "penstock log dump --file FILE --count N does it"},
    {"index-sanity-check", takes::nothing, own_indexes},
    {"verify-index-only", takes::nothing, own_indexes},
    {"offsets-decoder", takes::nothing, "penstock group describe NAME shows what it would"},
    {"transaction-log-decoder", takes::nothing, "records are printed as they are"},
    {"cluster-metadata-decoder", takes::nothing, "penstock topic describe shows what it would"},
    {"remote-log-metadata-decoder", takes::nothing, "there is no tiered storage"},
    {"share-group-state-decoder", takes::nothing, "there are no share groups"},
    {"skip-record-metadata", takes::nothing, "penstock log dump prints in other ways"},
    {"key-decoder-class", takes::value, own_serializer},
    {"value-decoder-class", takes::value, own_serializer},
};

constexpr std::string_view dumped_files[] = {".log", ".index", ".timeindex", ".txnindex"};

}  // namespace

result<int> kafka_dump_log(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(dump_flags));
  log_arguments args;
  const auto files = flags.value("files");
  for (std::string_view rest = files; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    if (comma > 0) args.files.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (comma == 0) continue;
    const bool known =
        std::any_of(std::begin(dumped_files), std::end(dumped_files),
                    [&](std::string_view suffix) { return args.files.back().ends_with(suffix); });
    if (!known)
      return error{errc::invalid_argument,
                   fmt::format("--files {}: {} files are read", args.files.back(),
                               fmt::join(dumped_files, ", "))};
  }
  if (args.files.empty()) return error{errc::invalid_argument, "--files FILE[,FILE…] is missing"};
  args.records = flags.has("print-data-log") || flags.has("deep-iteration");
  args.kafka_heads = true;
  session here{default_directory, false, with.out};
  return log_dump(here, args);
}

}  // namespace penstock::tool
