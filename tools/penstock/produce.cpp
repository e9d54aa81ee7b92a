// penstock produce: lines to records.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "actors/client/producer.hpp"
#include "launch/exit_status.hpp"
#include "streams/topic/name.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/formats.hpp"
#include "tools/penstock/line_reader.hpp"
#include "tools/penstock/record_format.hpp"
#include "tools/penstock/stop_signal.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

// Acknowledgements may take long on a slow disk; a lost node is noticed by its link.
constexpr duration acknowledge_patience = 10min;

struct input {
  int descriptor = 0;
  std::string name = "standard input";
  ~input() {
    if (descriptor > 0) ::close(descriptor);
  }
};

result<void> open_input(const std::string& file, input& into) {
  if (file.empty() || file == "-") return {};
  into.descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  into.name = file;
  if (into.descriptor < 0) {
    const int code = errno;
    return error{code == ENOENT ? errc::not_found : errc::io_error,
                 fmt::format("cannot open {}: {}", file, std::strerror(code))};
  }
  return {};
}

// The topic, made with default settings when it is not there.
result<topic_info> topic_to_write(target& at, const std::string& name) {
  PENSTOCK_ASSIGN(auto found, describe_topics(at, {name}, false));
  if (!found.empty()) return std::move(found.front());
  const auto request = create_topic_request::make([&](wire::CreateTopicRequest::Builder to) {
    to.setName(text_of(name));
    to.setPartitions(-1);
  });
  auto created = at.ask<admin_reply>(request);
  if (!created && created.error().code() != errc::topic_exists) return created.error();
  PENSTOCK_ASSIGN(found, describe_topics(at, {name}, false));
  if (found.empty()) return no_such_topic(at, name);
  const auto partitions = found.front().partitions.size();
  if (created) {
    session::note(fmt::format("created topic {} with {} partition{}", name, partitions,
                              partitions == 1 ? "" : "s"));
  }
  return std::move(found.front());
}

// Turns lines into messages for the producer.
class line_parser {
 public:
  line_parser(const produce_arguments& args, const topic_info& topic, std::string separator,
              timestamp time)
      : args_(args),
        separator_(std::move(separator)),
        time_(time),
        key_(topic.settings.key_format()),
        value_(topic.settings.value_format()) {}

  /// Views into `line` or this object, valid until the next call.
  result<producer::message> parse(bytes_view line) {
    producer::message out;
    out.time = time_;
    out.partition = args_.partition;
    if (!separator_.empty()) {
      const auto at = line.find(separator_);
      if (at == line.npos) {
        return error{errc::bad_record,
                     fmt::format("no key separator \"{}\" in it: every line must be KEY{}VALUE",
                                 args_.key_separator, args_.key_separator)};
      }
      PENSTOCK_ASSIGN(out.key, field(line.substr(0, at), key_, key_bytes_, "key"));
      line.remove_prefix(at + separator_.size());
    }
    PENSTOCK_ASSIGN(out.value, field(line, value_, value_bytes_, "value"));
    return out;
  }

 private:
  result<std::optional<bytes_view>> field(bytes_view text, const rendering& as, bytes& held,
                                          const char* what) {
    if (!args_.null_as.empty() && text == args_.null_as) return std::optional<bytes_view>{};
    if (as.is_raw()) return std::optional<bytes_view>{text};
    held.clear();
    if (auto parsed = as.from_text(text, held); !parsed) {
      return parsed.error().with_context(what);
    }
    return std::optional<bytes_view>{held};
  }

  const produce_arguments& args_;
  std::string separator_;
  timestamp time_;
  rendering key_;
  rendering value_;
  bytes key_bytes_;
  bytes value_bytes_;
};

struct progress {
  std::uint64_t sent = 0;
};

result<void> send_all(line_reader& lines, line_parser& parser, producer& to,
                      const std::string& topic, bool prompt, progress& done) {
  while (true) {
    if (prompt) (void)!::write(STDOUT_FILENO, ">", 1);
    PENSTOCK_ASSIGN(const auto line, lines.next());
    if (!line) return {};
    const auto in_line = [&](const error& why) {
      return why.with_context(fmt::format("line {}", lines.number()));
    };
    const auto message = parser.parse(*line);
    if (!message) return in_line(message.error());
    if (auto sent = to.send(topic, *message, acknowledge_patience); !sent) {
      // Only what is wrong with this line is about this line.
      const bool own = sent.error().code() == errc::record_too_large;
      return own ? in_line(sent.error()) : sent.error();
    }
    ++done.sent;
  }
}

// "lines 1 to 7 are"
std::string lines_to(std::uint64_t last) {
  return last == 1 ? "line 1 is" : fmt::format("lines 1 to {} are", last);
}

// What the person must know beside the reason: which lines are in, and where to go on.
error explain(const error& why, std::uint64_t sent, std::uint64_t written) {
  auto text = why.message();
  if (sent == 0) {
    text += "; nothing was written";
  } else if (written == 0) {
    text += fmt::format("; it is not known whether any of lines 1 to {} is written", sent);
  } else if (written < sent) {
    text += fmt::format("; {} written, some of lines {} to {} may be", lines_to(written),
                        written + 1, sent);
  } else {
    text += fmt::format("; {} written, nothing behind", lines_to(written));
  }
  return error{why.code(), std::move(text)};
}

}  // namespace

result<int> produce(session& with, const produce_arguments& args) {
  PENSTOCK_ASSIGN(auto separator, unescape("--key-separator", args.key_separator));
  timestamp time = no_timestamp;
  if (!args.time.empty()) {
    PENSTOCK_ASSIGN(time, parse_time("--timestamp", args.time));
  }
  producer_config config;
  PENSTOCK_ASSIGN(config.compression, codec_named(args.compression));
  config.batch_bytes = std::size_t{256} << 10;
  input from;
  PENSTOCK_TRY(open_input(args.file, from));

  if (is_internal_topic(args.topic)) {
    return error{
        errc::invalid_topic,
        fmt::format("topic \"{}\" is Penstock's own: nobody else writes to it", args.topic)};
  }
  PENSTOCK_ASSIGN(auto at, with.open(true));
  PENSTOCK_ASSIGN(const auto topic, topic_to_write(*at, args.topic));
  if (args.partition >= static_cast<std::int32_t>(topic.partitions.size())) {
    return no_such_partition(topic, args.partition);
  }
  PENSTOCK_ASSIGN(auto opened, producer::open(at->system(), at->node(), config));
  std::optional<producer> to{std::move(opened)};
  const auto limit = topic.settings.to_log_settings().message_bytes_max;
  line_reader lines{from.descriptor, from.name, limit};
  line_parser parser{args, topic, std::move(separator), time};
  progress done;
  auto sent = send_all(lines, parser, *to, topic.name, args.prompt, done);
  auto flushed = to->flush(acknowledge_patience);
  const auto written = to->acknowledged();
  to.reset();  // its actor must end before the node does
  if (!sent && sent.error().code() == errc::record_too_large) {
    sent = error{errc::record_too_large,
                 fmt::format("line {}: larger than topic \"{}\" takes: raise its "
                             "max.message.bytes, now {}, or split the line",
                             lines.number(), topic.name, limit)};
  }
  if (!sent && sent.error().code() == errc::cancelled && flushed) {
    session::note("interrupted; " +
                  (done.sent == 0 ? std::string{"nothing was"} : lines_to(done.sent)) + " written");
    return exit_killed;
  }
  if (!flushed) return explain(flushed.error(), done.sent, written);
  if (!sent) return explain(sent.error(), done.sent, written);
  if (with.json) {
    auto& out = with.out.text();
    out += "{\"topic\":";
    append_json_string(topic.name, out);
    fmt::format_to(std::back_inserter(out), ",\"records\":{}}}\n", done.sent);
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

}  // namespace penstock::tool
