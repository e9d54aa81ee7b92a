#include "tools/penstock/node_word.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "kafka/listener/listener.hpp"
#include "launch/exit_status.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/topic/metadata.hpp"
#include "tools/penstock/server_properties.hpp"
#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

constexpr std::uint64_t config_bytes_max = std::uint64_t{1} << 20;
constexpr const char* identity_file = "/meta.properties";  // as in Kafka

std::string identity(const std::string& cluster_id, std::int32_t node_id) {
  return fmt::format("version=1\ncluster.id={}\nnode.id={}\n", cluster_id, node_id);
}

// Who this cluster is: made once, kept in the data directory.
result<std::string> cluster_id_of(const std::string& directory, std::int32_t node_id) {
  auto& disk = machine_disk();
  const auto path = directory + identity_file;
  auto found = read_file(disk, path, 64 << 10);
  if (!found && !(found.error() == errc::not_found)) return found.error();
  std::string id;
  std::string node;
  for (std::string_view rest = found ? bytes_view{*found} : bytes_view{}; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.starts_with("cluster.id=")) id = line.substr(11);
    if (line.starts_with("node.id=")) node = line.substr(8);
  }
  if (!id.empty() && !node.empty() && node != std::to_string(node_id))
    return error{errc::invalid_setting,
                 fmt::format("{} belongs to node {}: node.id is {}; set it back, or give another "
                             "log.dirs",
                             directory, node, node_id)};
  if (!id.empty()) return id;
  id = fresh_cluster_id();
  PENSTOCK_TRY(write_file(disk, path, identity(id, node_id)));
  return id;
}

// As many files and sockets as the system lets us have, not as few as it begins with.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // where it is refused, it stays as it is
}

// Among the lines of the log, and with its time once the node runs.
void note(std::string_view line) {
  spdlog::info("{}", line);
}

// Signals are blocked except while we wait for one, so none is missed.
void wait_for_stop() {
  const signals_blocked held;
  sigset_t while_waiting;
  sigemptyset(&while_waiting);
  while (!stop_requested()) sigsuspend(&while_waiting);
}

}  // namespace

std::string fresh_cluster_id() {
  random chance{static_cast<std::uint64_t>(machine_clock().now().time_since_epoch().count()) ^
                static_cast<std::uint64_t>(machine_clock().monotonic().count()) ^
                static_cast<std::uint64_t>(::getpid())};
  // One that begins with a dash would read as a flag.
  auto id = topic_id::make(chance).to_string();
  while (id.starts_with('-')) id = topic_id::make(chance).to_string();
  return id;
}

result<void> format_directory(const std::string& directory, std::int32_t node_id,
                              const std::string& cluster_id) {
  auto& disk = machine_disk();
  const auto path = directory + identity_file;
  PENSTOCK_ASSIGN(const bool there, disk.exists(path));
  if (there) return error{errc::already_exists, directory + " is formatted already"};
  PENSTOCK_TRY(disk.make_folder(directory));
  return write_file(disk, path, identity(cluster_id, node_id));
}

result<server_properties> read_node_config(const node_arguments& args) {
  PENSTOCK_ASSIGN(const auto text, read_file(machine_disk(), args.config, config_bytes_max));
  const auto slash = args.config.rfind('/');
  const auto name = slash == std::string::npos ? args.config : args.config.substr(slash + 1);
  PENSTOCK_ASSIGN(auto config, parse_server_properties(text, name, args.overrides));
  for (const auto& each : config.warnings) note("warning: " + each);
  return config;
}

result<int> node_run(server_properties config) {
  raise_descriptor_limit();
  // It runs for months, and what takes its lines may keep no time of them.
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %n: %v", spdlog::pattern_time_type::utc);
  std::unique_ptr<embedded_node> node;
  std::unique_ptr<kafka::listener> listener;
  {
    const signals_blocked quiet;  // signals are for the main thread
    PENSTOCK_ASSIGN(node, embedded_node::open(config.node));
    PENSTOCK_ASSIGN(config.edge.cluster_id, cluster_id_of(node->directory(), config.edge.node_id));
    node->links().name_node(config.edge.node_id);
    PENSTOCK_ASSIGN(listener,
                    kafka::listener::open(node->system(), config.listen_host, config.listen_port,
                                          node->node(), config.edge, &node->links()));
  }
  const auto advertised = config.edge.port == 0 ? listener->port() : config.edge.port;
  note(fmt::format("node {} of cluster {} serves clients on {}:{}, data in {}", config.edge.node_id,
                   config.edge.cluster_id, config.edge.host, advertised, node->directory()));
  if (advertised != listener->port())
    note(
        fmt::format("warning: it listens on port {}, and clients are told to connect to port {} "
                    "(advertised.listeners): something must lead from there to here",
                    listener->port(), advertised));
  wait_for_stop();
  note("stopping");
  listener.reset();
  PENSTOCK_TRY(node->close());
  return static_cast<int>(exit_ok);
}

}  // namespace penstock::tool
