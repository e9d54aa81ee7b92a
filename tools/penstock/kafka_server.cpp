// kafka-server-start.sh, kafka-server-stop.sh and kafka-storage.sh: a node, begun and ended as in
// Kafka's quick start. Whoever starts one leaves its process id in the log folder; stopping signals
// those, and nobody else.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "launch/exit_status.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/topic/metadata.hpp"
#include "tools/penstock/kafka_fronts.hpp"
#include "tools/penstock/node_word.hpp"
#include "tools/penstock/server_properties.hpp"

namespace penstock::tool {

namespace {

constexpr const char* front_name = "kafka-server-start";
constexpr const char* output_name = "kafkaServer.out";  // as Kafka calls it

error refused(const std::string& what) {
  const int code = errno;
  return error{errc::io_error, fmt::format("{}: {}", what, std::strerror(code))};
}

// $LOG_DIR as in Kafka's scripts, or a folder of this user.
result<std::string> log_folder() {
  const char* given = std::getenv("LOG_DIR");
  const char* temporary = std::getenv("TMPDIR");
  const bool own = given == nullptr || *given == '\0';
  const std::string folder =
      own ? fmt::format("{}/penstock-{}", temporary != nullptr ? temporary : "/tmp", ::getuid())
          : std::string{given};
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return refused("cannot make the log folder " + folder + " (LOG_DIR names another)");
  struct stat about {};
  if (::lstat(folder.c_str(), &about) != 0) return refused("cannot use the log folder " + folder);
  if (own && (!S_ISDIR(about.st_mode) || about.st_uid != ::getuid()))
    return error{
        errc::read_only,
        fmt::format("{} belongs to somebody else: set LOG_DIR to a folder of yours", folder)};
  return folder;
}

// The process id of a file "node-4711.pid"; 0 for other names.
pid_t pid_of(std::string_view name) {
  if (!name.starts_with("node-") || !name.ends_with(".pid")) return 0;
  name.remove_prefix(5);
  name.remove_suffix(4);
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return failure == std::errc{} && end == name.data() + name.size() && pid > 0 ? pid : 0;
}

// False when that process has ended, though another may have its number by now.
bool is_node(pid_t pid) {
  const int file = ::open(fmt::format("/proc/{}/cmdline", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[4096];
  const auto count = ::read(file, text, sizeof text);
  ::close(file);
  return count > 0 && std::string_view{text, static_cast<std::size_t>(count)}.find(front_name) !=
                          std::string_view::npos;
}

// The rest of this process goes on without a terminal; the one that was started ends well.
result<void> into_background(const std::string& folder) {
  const auto file = folder + "/" + output_name;
  const int to = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (to < 0) return refused("cannot write " + file);
  const pid_t child = ::fork();
  if (child < 0) return refused("cannot start a process");
  if (child > 0) ::_exit(exit_ok);
  ::setsid();
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(to, STDOUT_FILENO);
  ::dup2(to, STDERR_FILENO);
  return {};
}

struct pid_file {
  explicit pid_file(const std::string& folder)
      : path(fmt::format("{}/node-{}.pid", folder, ::getpid())) {}
  ~pid_file() { ::unlink(path.c_str()); }
  pid_file(const pid_file&) = delete;
  pid_file& operator=(const pid_file&) = delete;

  result<void> write() const {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return refused("cannot write " + path);
    ::close(file);
    return {};
  }
  std::string path;
};

constexpr const char* start_usage =
    "USAGE: kafka-server-start.sh [-daemon] server.properties [--override property=value]*";

}  // namespace

result<int> kafka_server_start(kafka_front& with) {
  if (with.wants_help()) {
    with.out.text() += fmt::format("{}\n", start_usage);
    return exit_ok;
  }
  node_arguments args;
  bool daemon = false;
  const auto& words = with.words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (words[i] == "-daemon") {
      daemon = true;
    } else if (words[i] == "-name" && more) {
      ++i;  // of the Java process
    } else if (words[i] == "-loggc") {
      continue;  // there is no garbage collector to log
    } else if (words[i] == "--override" && more) {
      args.overrides.push_back(words[++i]);
    } else if (args.config.empty() && !words[i].starts_with('-')) {
      args.config = words[i];
    } else {
      return error{errc::invalid_argument, fmt::format("{}: {}", words[i], start_usage)};
    }
  }
  if (args.config.empty()) return error{errc::invalid_argument, start_usage};
  // Before it goes into the background, where nobody would see what is wrong.
  PENSTOCK_ASSIGN(auto config, read_node_config(args));
  PENSTOCK_ASSIGN(const auto folder, log_folder());
  if (daemon) PENSTOCK_TRY(into_background(folder));
  const pid_file mine{folder};
  PENSTOCK_TRY(mine.write());
  return node_run(std::move(config));
}

result<int> kafka_server_stop(kafka_front& with) {
  if (with.wants_help()) {
    with.out.text() += "USAGE: kafka-server-stop.sh\n";
    return exit_ok;
  }
  if (!with.words.empty())
    return error{
        errc::invalid_argument,
        fmt::format("{} is not supported: all nodes that kafka-server-start.sh started are "
                    "stopped; kill PROCESS ends one",
                    with.words.front())};
  PENSTOCK_ASSIGN(const auto folder, log_folder());
  bool any = false;
  if (auto* listing = ::opendir(folder.c_str()); listing != nullptr) {
    while (const auto* entry = ::readdir(listing)) {
      const auto pid = pid_of(entry->d_name);
      if (pid == 0) continue;
      if (is_node(pid) && ::kill(pid, SIGTERM) == 0) {
        any = true;
      } else {
        ::unlink((folder + "/" + entry->d_name).c_str());  // it ended without tidying up
      }
    }
    ::closedir(listing);
  }
  if (any) return exit_ok;
  with.out.text() += "No kafka server to stop\n";
  return exit_failed;
}

// ---- kafka-storage.sh --------------------------------------------------------------------------

namespace {

using takes = kafka_flag::takes;
constexpr const char* one_format = "there is one format: leave it out";

constexpr kafka_flag storage_flags[] = {
    {"config", takes::value, nullptr, 'c'},
    {"cluster-id", takes::value, nullptr, 't'},
    {"ignore-formatted", takes::nothing, nullptr, 'g'},
    {"standalone", takes::nothing, nullptr, 's'},
    {"no-initial-controllers", takes::nothing, nullptr, 'N'},
    {"initial-controllers", takes::value, "a cluster is one node: --standalone", 'I'},
    {"release-version", takes::value, one_format, 'r'},
    {"feature", takes::value, one_format, 'f'},
    {"add-scram", takes::value, "there are no users in this version", 'S'},
};

// Sixteen bytes in URL-safe base64 without padding.
bool is_uuid(const std::string& text) {
  return text.size() == 22 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_';
         });
}

result<int> format_storage(kafka_front& with, const kafka_flags& flags) {
  if (!flags.has("config")) return error{errc::invalid_argument, "--config FILE is missing"};
  const auto id = flags.value("cluster-id");
  if (id.empty())
    return error{errc::invalid_argument,
                 "--cluster-id is missing: give it what kafka-storage.sh random-uuid prints"};
  if (!is_uuid(id))
    return error{errc::invalid_argument,
                 fmt::format("--cluster-id {}: give what kafka-storage.sh random-uuid prints", id)};
  PENSTOCK_ASSIGN(const auto config, read_node_config({flags.value("config"), {}}));
  const auto& directory = config.node.directory;
  auto made = format_directory(directory, config.edge.node_id, id);
  if (!made && made.error() == errc::already_exists) {
    if (flags.has("ignore-formatted")) {
      with.out.text() += "All of the log directories are already formatted.\n";
      return exit_ok;
    }
    return error{errc::already_exists,
                 fmt::format("Log directory {} is already formatted. Use --ignore-formatted to "
                             "ignore this directory and format the others.",
                             directory)};
  }
  if (!made) return made.error();
  with.out.text() += fmt::format("Formatting metadata directory {} for node {} of cluster {}.\n",
                                 directory, config.edge.node_id, id);
  return exit_ok;
}

}  // namespace

result<int> kafka_storage(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(storage_flags, 1));
  const auto what = flags.words().size() == 1 ? flags.words().front() : std::string{};
  if (what == "format") return format_storage(with, flags);
  if (what == "random-uuid") {
    with.out.text() += fresh_cluster_id() + "\n";
    return exit_ok;
  }
  return error{errc::invalid_argument,
               what.empty() ? "one of format and random-uuid is missing"
                            : fmt::format("{} is not supported: format and random-uuid are", what)};
}

}  // namespace penstock::tool
