#include "tools/penstock/target.hpp"

#include <fmt/format.h>

#include <caf/actor_system_config.hpp>
#include <chrono>
#include <thread>

#include "actors/cluster/node_link.hpp"
#include "launch/embedded_node.hpp"
#include "streams/base/disk.hpp"
#include "streams/topic/metadata.hpp"
#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

// A process that starts or ends has the lock for a moment without taking links.
constexpr auto takeover_patience = std::chrono::seconds{3};
constexpr auto takeover_pause = std::chrono::milliseconds{50};

struct settings : caf::actor_system_config {
  settings() {
    const auto cores = std::max(2u, std::thread::hardware_concurrency());
    set("scheduler.max-threads", static_cast<std::size_t>(cores));
    set("scheduler.max-throughput", std::size_t{300});
    set("scheduler.policy", caf::atom("sharing"));
  }
};

struct actors {
  // An actor that was forgotten must not keep the process from ending.
  actors() { system.await_actors_before_shutdown(false); }
  settings config;
  caf::actor_system system{config};
};

std::unique_ptr<actors> start_actors() {
  const signals_blocked quiet;  // signals are for the main thread
  return std::make_unique<actors>();
}

// Our own node on a directory that is free.
class own_node final : public target {
 public:
  explicit own_node(std::unique_ptr<embedded_node> node) : node_(std::move(node)) {}

  caf::actor_system& system() override { return node_->system(); }
  const node_actor& node() const override { return node_->node(); }
  bool attached() const override { return false; }
  std::int32_t node_id() const override { return -1; }
  job_handle job() const override { return job_handle{}; }
  result<void> close() override { return node_->close(); }

 private:
  std::unique_ptr<embedded_node> node_;
};

class linked_node final : public target {
 public:
  linked_node(std::unique_ptr<actors> system, std::unique_ptr<node_link> link)
      : actors_(std::move(system)), link_(std::move(link)) {}
  ~linked_node() override { (void)close(); }

  caf::actor_system& system() override { return actors_->system; }
  const node_actor& node() const override { return link_->node(); }
  bool attached() const override { return true; }
  std::int32_t node_id() const override { return link_->node_id(); }
  job_handle job() const override { return link_->job(); }

  result<void> close() override {
    link_.reset();
    actors_.reset();
    return {};
  }

 private:
  std::unique_ptr<actors> actors_;
  std::unique_ptr<node_link> link_;
};

result<std::unique_ptr<target>> attach(const link_address& to, duration patience = 0ms) {
  auto system = start_actors();
  link_manners manners;
  manners.patience = patience;
  PENSTOCK_ASSIGN(auto link, connect_node(system->system, to, {}, manners));
  return std::unique_ptr<target>{std::make_unique<linked_node>(std::move(system), std::move(link))};
}

result<std::unique_ptr<target>> open_own(const embedded_options& options) {
  const signals_blocked quiet;  // signals are for the main thread
  PENSTOCK_ASSIGN(auto node, embedded_node::open(options));
  return std::unique_ptr<target>{std::make_unique<own_node>(std::move(node))};
}

result<std::unique_ptr<target>> open_directory(const std::string& directory, bool create) {
  // A word that only looks must not turn any folder it is pointed at into a data directory.
  if (!create) PENSTOCK_TRY(check_data_directory(directory));
  const auto until = std::chrono::steady_clock::now() + takeover_patience;
  embedded_options options;
  options.directory = directory;
  while (true) {
    auto opened = open_own(options);
    if (opened) return opened;
    if (opened.error().code() != errc::locked) return opened;
    auto linked = attach(link_address::local(node_socket_path(directory)));
    if (linked) return linked;
    if (linked.error().code() != errc::closed || stop_requested() ||
        std::chrono::steady_clock::now() > until) {
      return error{errc::locked, fmt::format("{} (it takes no links: {})", opened.error().message(),
                                             linked.error().message())};
    }
    std::this_thread::sleep_for(takeover_pause);
  }
}

}  // namespace

result<void> check_data_directory(const std::string& directory) {
  auto& on = machine_disk();
  PENSTOCK_ASSIGN(const bool there, on.exists(directory));
  if (!there) {
    return error{
        errc::not_found,
        fmt::format("there is no data directory \"{}\": name one with --on DIR", directory)};
  }
  PENSTOCK_ASSIGN(const bool used, on.exists(fmt::format("{}/{}-0", directory, metadata_topic)));
  if (!used) {
    return error{
        errc::not_found,
        fmt::format("{} is not a data directory of Penstock: name one with --on DIR", directory)};
  }
  return {};
}

bool is_directory(const std::string& on) {
  return on.find("://") == std::string::npos && !on.starts_with("unix:") && !on.starts_with("tcp:");
}

result<std::string> on_of_bootstrap(std::string_view flag, const std::string& bootstrap) {
  std::string on;
  for (std::string_view rest = bootstrap; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto address = "penstock://" + std::string{rest.substr(0, comma)};
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (!link_address::parse(address)) break;
    on += (on.empty() ? "" : ",") + address;
    if (rest.empty()) return on;
  }
  return error{errc::invalid_argument,
               fmt::format("{} {}: write HOST:PORT, as in localhost:9092; ports go up to 65535",
                           flag, bootstrap)};
}

namespace {

// The first of several addresses that answers: they are doors of the same cluster.
result<std::unique_ptr<target>> attach_first(std::string_view addresses, duration patience) {
  error last{errc::invalid_argument, "no address"};
  while (!addresses.empty()) {
    const auto comma = std::min(addresses.find(','), addresses.size());
    PENSTOCK_ASSIGN(const auto address, link_address::parse(addresses.substr(0, comma)));
    addresses.remove_prefix(std::min(comma + 1, addresses.size()));
    auto found = attach(address, patience);
    if (found) return found;
    last = found.error();
  }
  return last;
}

}  // namespace

result<std::unique_ptr<target>> target::open(const std::string& on, bool create,
                                             duration patience) {
  if (is_directory(on)) return open_directory(on, create);
  if (on.starts_with("kafka://")) {
    return error{errc::invalid_argument,
                 fmt::format("--on {}: this tool works on Penstock's own topics; use Kafka's "
                             "tools for a Kafka cluster",
                             on)};
  }
  if (on.starts_with("penstock://")) return attach_first(on, patience);
  PENSTOCK_ASSIGN(const auto address, link_address::parse(on));
  return attach(address);
}

}  // namespace penstock::tool
