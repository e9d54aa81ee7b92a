#include "tools/penstock/server_properties.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "streams/base/assert.hpp"
#include "streams/base/nearest.hpp"
#include "streams/topic/settings.hpp"

namespace penstock::tool {

namespace {

constexpr const char* overridden = "--override";

struct property {
  std::string value;
  std::string where;  // "server.properties line 12"

  /// A file is refused; a flag that cannot be is a mistake of the command line.
  error refused(const std::string& why) const {
    return error{where == overridden ? errc::invalid_argument : errc::invalid_setting,
                 fmt::format("{}: {}", where, why)};
  }
};
using properties = std::map<std::string, property, std::less<>>;

// --- the form: java.util.Properties, in UTF-8

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r\f");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\f") - from + 1);
}

// Text for a message: a file that is no text must not write to the terminal as it likes.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

// Whether a line goes on with the next: at its end there is a backslash that none other escapes.
bool goes_on(std::string_view line) {
  const auto last = line.find_last_not_of('\\');
  const auto count = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return count % 2 == 1;
}

void add_line(properties& to, std::string_view line, const std::string& where) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#' || line.front() == '!') return;
  const auto end = std::min(line.find_first_of("=: \t"), line.size());
  auto value = trimmed(line.substr(end));
  if (!value.empty() && (value.front() == '=' || value.front() == ':'))
    value = trimmed(value.substr(1));
  to[std::string{line.substr(0, end)}] = {std::string{value}, where};
}

properties read_lines(std::string_view text, const std::string& name) {
  properties all;
  std::string joined;  // a line that ends in a backslash goes on with the next
  int number = 0;
  int begun = 1;
  bool inside = false;
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (!inside) begun = number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const auto content = trimmed(line);
    const bool comment =
        !inside && !content.empty() && (content.front() == '#' || content.front() == '!');
    // The blanks before the rest of a value are not part of it.
    if (inside) line.remove_prefix(std::min(line.find_first_not_of(" \t\f"), line.size()));
    inside = !comment && goes_on(line);
    joined += inside ? line.substr(0, line.size() - 1) : line;
    if (inside) continue;
    add_line(all, joined, fmt::format("{} line {}", name, begun));
    joined.clear();
  }
  add_line(all, joined, fmt::format("{} line {}", name, begun));
  return all;
}

// --- values

error wrong(const std::string& name, const property& from, const std::string& allowed) {
  return from.refused(
      fmt::format("{} cannot be \"{}\": give it {}", name, shown(from.value), allowed));
}

template <class T>
result<T> number_of(const std::string& name, const property& from, T low, T high) {
  T value{};
  const auto* end = from.value.data() + from.value.size();
  const auto got = std::from_chars(from.value.data(), end, value);
  if (got.ec != std::errc{} || got.ptr != end || value < low || value > high)
    return wrong(name, from, fmt::format("a whole number from {} to {}", low, high));
  return value;
}

result<bool> boolean_of(const std::string& name, const property& from) {
  if (from.value == "true") return true;
  if (from.value == "false") return false;
  return wrong(name, from, "true or false");
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (auto part = trimmed(text.substr(0, comma)); !part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

struct endpoint {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
};

// "PLAINTEXT://host:9092", "CONTROLLER://:9093", "PLAINTEXT://[::1]:9092"
std::optional<endpoint> endpoint_of(std::string_view text) {
  const auto scheme = text.find("://");
  const auto colon = text.rfind(':');
  if (scheme == std::string_view::npos || colon < scheme + 3) return std::nullopt;
  endpoint to;
  to.name = std::string{text.substr(0, scheme)};
  to.host = std::string{text.substr(scheme + 3, colon - scheme - 3)};
  if (to.host.size() >= 2 && to.host.front() == '[' && to.host.back() == ']')
    to.host = to.host.substr(1, to.host.size() - 2);
  const auto digits = text.substr(colon + 1);
  const auto got = std::from_chars(digits.data(), digits.data() + digits.size(), to.port);
  if (got.ec != std::errc{} || got.ptr != digits.data() + digits.size()) return std::nullopt;
  return to;
}

// --- names

// Kafka's name for all topics -> the topic's own, and by what the value is multiplied.
struct topic_default {
  const char* name;
  const char* topic_name;
  std::int64_t factor;  // 0: text
};
constexpr topic_default topic_defaults[] = {
    // The finer unit comes behind the coarser one and wins, as in Kafka.
    {"log.retention.hours", "retention.ms", 3'600'000},
    {"log.retention.minutes", "retention.ms", 60'000},
    {"log.retention.ms", "retention.ms", 1},
    {"log.retention.bytes", "retention.bytes", 1},
    {"log.roll.hours", "segment.ms", 3'600'000},
    {"log.roll.ms", "segment.ms", 1},
    {"log.segment.bytes", "segment.bytes", 1},
    {"log.cleanup.policy", "cleanup.policy", 0},
    {"log.cleaner.delete.retention.ms", "delete.retention.ms", 1},
    {"log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio", 0},
    {"log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms", 1},
    {"log.index.interval.bytes", "index.interval.bytes", 1},
    {"log.message.timestamp.type", "message.timestamp.type", 0},
    {"log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms", 1},
    {"log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms", 1},
    {"message.max.bytes", "max.message.bytes", 1},
    {"compression.type", "compression.type", 0},
    {"log.flush.interval.ms", "flush.ms", 1},
};

constexpr std::int64_t message_bytes_most = std::int64_t{128} << 20;  // of max.message.bytes

// Names of Kafka's that have nothing to set here, or only one value that makes sense on one node.
bool without_effect(std::string_view name) {
  static const std::set<std::string_view> names{"controller.quorum.voters",
                                                "controller.quorum.bootstrap.servers",
                                                "inter.broker.listener.name",
                                                "num.network.threads",
                                                "num.io.threads",
                                                "num.recovery.threads.per.data.dir",
                                                "num.replica.fetchers",
                                                "background.threads",
                                                "socket.send.buffer.bytes",
                                                "socket.receive.buffer.bytes",
                                                "queued.max.requests",
                                                "default.replication.factor",
                                                "min.insync.replicas",
                                                "offsets.topic.replication.factor",
                                                "offsets.topic.num.partitions",
                                                "offsets.topic.segment.bytes",
                                                "transaction.state.log.replication.factor",
                                                "transaction.state.log.min.isr",
                                                "share.coordinator.state.topic.replication.factor",
                                                "share.coordinator.state.topic.min.isr",
                                                "share.coordinator.state.topic.num.partitions",
                                                "unclean.leader.election.enable",
                                                "auto.leader.rebalance.enable",
                                                "log.cleaner.enable",
                                                "log.cleaner.threads",
                                                "metadata.log.dir",
                                                "initial.broker.registration.timeout.ms"};
  return names.contains(name);
}

/// Who asks for protection must not get a node that everybody may read: such a name is refused.
bool asks_for_protection(std::string_view name, std::string_view value) {
  if (value.empty()) return false;
  if (name == "security.inter.broker.protocol") return value != "PLAINTEXT";
  for (const std::string_view each : {"ssl.", "sasl.", "authorizer.", "super.users"})
    if (name.starts_with(each)) return true;
  return name.starts_with("listener.name.") &&
         (name.find(".ssl.") != name.npos || name.find(".sasl.") != name.npos);
}

std::string why_without_effect(const std::string& name, const std::vector<std::string>& known) {
  const auto meant = nearest(name, known);
  return "is not known here and has no effect" +
         (meant.empty() ? std::string{} : fmt::format(": did you mean {}?", meant));
}

struct reading {
  const properties& all;
  server_properties& to;
  std::set<std::string_view> used;
  std::vector<std::string> known;  // those that were looked for

  const property* find(std::string_view name) {
    known.emplace_back(name);
    auto at = all.find(name);
    if (at == all.end()) return nullptr;
    used.insert(at->first);
    return &at->second;
  }

  template <class T>
  result<void> number(const char* name, T& into, T low, T high) {
    if (const auto* from = find(name)) {
      PENSTOCK_ASSIGN(into, number_of<T>(name, *from, low, high));
    }
    return {};
  }
  result<void> millis(const char* name, duration& into, std::int64_t low) {
    auto value = static_cast<std::int64_t>(into.count());
    PENSTOCK_TRY(number<std::int64_t>(name, value, low, std::int64_t{1} << 53));
    into = duration{value};
    return {};
  }
};

std::string allowed_of(std::string_view setting) {
  const auto table = topic_setting_table();
  const auto at = std::find_if(table.begin(), table.end(),
                               [&](const setting_info& each) { return each.name == setting; });
  PENSTOCK_ASSERT(at != table.end(), setting);
  return std::string{at->allowed};
}

result<void> read_topic_defaults(reading& in) {
  auto& defaults = in.to.node.defaults.topics;
  // Kafka leaves syncing to the system unless it is told; so does a node.
  defaults["penstock.flush"] = "none";
  defaults["message.timestamp.after.max.ms"] = "3600000";
  topic_settings checked;
  for (const auto& each : topic_defaults) {
    const auto* from = in.find(each.name);
    if (from == nullptr) continue;
    auto value = from->value;
    if (each.factor > 0) {
      PENSTOCK_ASSIGN(auto number, number_of<std::int64_t>(
                                       each.name, *from, -1,
                                       std::numeric_limits<std::int64_t>::max() / each.factor));
      // Files that are made for Kafka ask for more than any batch needs.
      if (std::string_view{each.name} == "message.max.bytes" && number > message_bytes_most) {
        in.to.warnings.push_back(fmt::format("{}: {} is more than {}, the most here: taken as that",
                                             from->where, each.name, message_bytes_most));
        number = message_bytes_most;
      }
      value = std::to_string(number < 0 ? number : number * each.factor);
      // Kafka's way to say never.
      if (std::string_view{each.topic_name} == "flush.ms") {
        if (number == std::numeric_limits<std::int64_t>::max()) continue;
        defaults["penstock.flush"] = "interval";
      }
    }
    if (!checked.set(each.topic_name, value))
      return wrong(each.name, *from, allowed_of(each.topic_name));
    defaults[each.topic_name] = checked.explicit_values().at(each.topic_name);
  }
  if (const auto* from = in.find("log.flush.interval.messages")) {
    PENSTOCK_ASSIGN(const auto count,
                    number_of<std::int64_t>("log.flush.interval.messages", *from, 1,
                                            std::numeric_limits<std::int64_t>::max()));
    if (count == 1) {
      defaults["penstock.flush"] = "batch";
    } else if (count < std::numeric_limits<std::int64_t>::max()) {
      in.to.warnings.push_back(
          from->where +
          ": log.flush.interval.messages can be 1 (every acknowledgement waits "
          "for a sync) or left out: taken as 1");
      defaults["penstock.flush"] = "batch";
    }
  }
  if (const auto* from = in.find("penstock.flush")) {
    if (!checked.set("penstock.flush", from->value))
      return wrong("penstock.flush", *from, allowed_of("penstock.flush"));
    defaults["penstock.flush"] = from->value;
  }
  in.to.edge.topic_defaults = defaults;
  return {};
}

result<void> read_listeners(reading& in) {
  std::set<std::string> of_controllers;
  if (const auto* from = in.find("controller.listener.names"))
    for (auto& each : list_of(from->value)) of_controllers.insert(each);
  std::map<std::string, std::string> protocols;
  if (const auto* from = in.find("listener.security.protocol.map"))
    for (const auto& each : list_of(from->value)) {
      const auto colon = each.find(':');
      if (colon == std::string::npos)
        return wrong("listener.security.protocol.map", *from, "NAME:PROTOCOL, with commas between");
      protocols[each.substr(0, colon)] = each.substr(colon + 1);
    }
  // The one listener for clients among those that a property names.
  const auto client_listener = [&](const char* name) -> result<std::optional<endpoint>> {
    const auto* from = in.find(name);
    std::optional<endpoint> found;
    if (from == nullptr) return found;
    for (const auto& each : list_of(from->value)) {
      auto at = endpoint_of(each);
      if (!at)
        return wrong(name, *from,
                     "NAME://HOST:PORT, with commas between, and a PORT from 0 to 65535");
      if (of_controllers.contains(at->name)) continue;
      const auto known = protocols.find(at->name);
      const auto& protocol = known == protocols.end() ? at->name : known->second;
      if (protocol != "PLAINTEXT")
        return from->refused(fmt::format("{}: listener {} speaks {}, but only PLAINTEXT is there",
                                         name, at->name, protocol));
      if (found)
        return from->refused(fmt::format(
            "{}: one listener for clients is possible, {} is a second one", name, at->name));
      found = std::move(at);
    }
    if (!found) return wrong(name, *from, "a listener for clients, such as PLAINTEXT://:9092");
    return found;
  };
  PENSTOCK_ASSIGN(const auto listen, client_listener("listeners"));
  if (listen) {
    in.to.listen_host = listen->host == "0.0.0.0" ? "" : listen->host;
    in.to.listen_port = listen->port;
  }
  PENSTOCK_ASSIGN(const auto advertised, client_listener("advertised.listeners"));
  const auto& shown = advertised ? advertised : listen;
  in.to.edge.port = shown ? shown->port : in.to.listen_port;
  in.to.edge.host = shown ? shown->host : "";
  if (in.to.edge.host.empty() || in.to.edge.host == "0.0.0.0" || in.to.edge.host == "::") {
    char name[256] = {};
    in.to.edge.host = ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
  }
  return {};
}

result<void> read_node(reading& in) {
  if (const auto* from = in.find("process.roles")) {
    auto roles = list_of(from->value);
    std::sort(roles.begin(), roles.end());
    if (roles != std::vector<std::string>{"broker", "controller"})
      return wrong("process.roles", *from, "broker,controller");
  }
  PENSTOCK_TRY(in.number<std::int32_t>("broker.id", in.to.edge.node_id, 0, 0x7fffffff));
  PENSTOCK_TRY(in.number<std::int32_t>("node.id", in.to.edge.node_id, 0, 0x7fffffff));
  in.to.node.directory = "/tmp/kafka-logs";  // Kafka's default, for what it is worth
  for (const auto* name : {"log.dir", "log.dirs"}) {
    const auto* from = in.find(name);
    if (from == nullptr) continue;
    const auto folders = list_of(from->value);
    if (folders.size() != 1) return wrong(name, *from, "one folder");
    in.to.node.directory = folders.front();
  }
  in.to.edge.directory = in.to.node.directory;
  if (const auto* from = in.find("auto.create.topics.enable")) {
    PENSTOCK_ASSIGN(in.to.edge.auto_create_topics, boolean_of("auto.create.topics.enable", *from));
  }
  if (const auto* from = in.find("delete.topic.enable")) {
    PENSTOCK_ASSIGN(in.to.edge.delete_topics, boolean_of("delete.topic.enable", *from));
    in.to.node.defaults.delete_topics = in.to.edge.delete_topics;
  }
  in.to.node.default_partitions = 1;
  return in.number<std::int32_t>("num.partitions", in.to.node.default_partitions, 1, 100'000);
}

// As a connection's address is written: 127.0.0.1, ::1.
std::optional<std::string> address_of(const std::string& text) {
  for (const int family : {AF_INET, AF_INET6}) {
    in6_addr parsed{};
    char written[INET6_ADDRSTRLEN] = {};
    if (::inet_pton(family, text.c_str(), &parsed) == 1 &&
        ::inet_ntop(family, &parsed, written, sizeof written) != nullptr)
      return std::string{written};
  }
  return std::nullopt;
}

result<void> read_connection_limits(reading& in) {
  auto& edge = in.to.edge;
  PENSTOCK_TRY(in.number<std::uint32_t>("max.connections", edge.connections_max, 1, 0x7fffffff));
  constexpr const char* overrides = "max.connections.per.ip.overrides";
  if (const auto* from = in.find(overrides))
    for (const auto& each : list_of(from->value)) {
      const auto colon = each.rfind(':');
      const auto address =
          colon == std::string::npos ? std::nullopt : address_of(each.substr(0, colon));
      if (!address)
        return wrong(overrides, *from, "ADDRESS:NUMBER such as 10.0.0.7:100, with commas between");
      const property number{each.substr(colon + 1), from->where};
      PENSTOCK_ASSIGN(edge.connections_of_address[*address],
                      number_of<std::uint32_t>(overrides, number, 0, 0x7fffffff));
    }
  // As in Kafka: nobody but those who are named.
  return in.number<std::uint32_t>("max.connections.per.ip", edge.connections_per_address_max,
                                  edge.connections_of_address.empty() ? 1 : 0, 0x7fffffff);
}

result<void> read_limits(reading& in) {
  auto& edge = in.to.edge;
  PENSTOCK_TRY(in.number<std::uint32_t>("socket.request.max.bytes", edge.request_bytes_max, 1024,
                                        0x7fffffff));
  PENSTOCK_TRY(in.number<std::uint32_t>("fetch.max.bytes", edge.fetch_bytes_max, 1024, 0x7fffffff));
  PENSTOCK_TRY(read_connection_limits(in));
  PENSTOCK_TRY(in.millis("connections.max.idle.ms", edge.idle_max, 100));
  std::int64_t queued = -1;  // as Kafka says that there is no limit: then it is ours
  PENSTOCK_TRY(
      in.number<std::int64_t>("queued.max.request.bytes", queued, -1, std::int64_t{1} << 40));
  if (queued > 0) edge.traffic_bytes_max = static_cast<std::uint64_t>(queued);
  auto& groups = in.to.node.defaults.groups;
  groups.initial_rebalance_delay = 3s;
  PENSTOCK_TRY(in.millis("group.initial.rebalance.delay.ms", groups.initial_rebalance_delay, 0));
  // With none at all, members that are started together would miss the group's first generation by
  // a millisecond, and wait until the others have given up their partitions.
  groups.initial_rebalance_delay = std::max<duration>(groups.initial_rebalance_delay, 25ms);
  PENSTOCK_TRY(in.millis("group.min.session.timeout.ms", groups.session_timeout_min, 1));
  PENSTOCK_TRY(in.millis("group.max.session.timeout.ms", groups.session_timeout_max, 1));
  if (groups.session_timeout_min > groups.session_timeout_max) {
    const auto* most = in.find("group.max.session.timeout.ms");
    return (most != nullptr ? most : in.find("group.min.session.timeout.ms"))
        ->refused(
            fmt::format("group.min.session.timeout.ms is {}, group.max.session.timeout.ms {}: "
                        "no member could join; raise the second one",
                        groups.session_timeout_min.count(), groups.session_timeout_max.count()));
  }
  std::uint32_t members = 0x7fffffff;
  PENSTOCK_TRY(in.number<std::uint32_t>("group.max.size", members, 1, 0x7fffffff));
  groups.members_max = std::min<std::size_t>(members, groups.members_max);
  edge.groups = groups;
  // One round does both; Kafka's default for compaction is the shorter of the two.
  duration compaction = 15s;
  PENSTOCK_TRY(in.millis("log.retention.check.interval.ms", in.to.node.housekeeping, 1));
  PENSTOCK_TRY(in.millis("log.cleaner.backoff.ms", compaction, 1));
  in.to.node.housekeeping = std::min<duration>(in.to.node.housekeeping, compaction);
  std::int64_t minutes = 7 * 24 * 60;
  PENSTOCK_TRY(in.number<std::int64_t>("offsets.retention.minutes", minutes, 1, 0x7fffffff));
  in.to.node.defaults.offsets_retention = std::chrono::minutes{minutes};
  auto& transactions = in.to.node.defaults.transactions;
  PENSTOCK_TRY(in.millis("transaction.max.timeout.ms", transactions.timeout_max, 1));
  PENSTOCK_TRY(in.millis("transactional.id.expiration.ms", transactions.id_retention, 1));
  PENSTOCK_TRY(in.number<std::int32_t>("transaction.state.log.num.partitions",
                                       transactions.partitions, 1, 1000));
  return {};
}

}  // namespace

result<server_properties> parse_server_properties(std::string_view text, const std::string& name,
                                                  const std::vector<std::string>& overrides) {
  auto all = read_lines(text, name);
  for (const auto& each : overrides) {
    const auto equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      return error{errc::invalid_argument,
                   fmt::format("{} {}: write it as NAME=VALUE", overridden, each)};
    all[std::string{trimmed(each.substr(0, equals))}] = {
        std::string{trimmed(std::string_view{each}.substr(equals + 1))}, overridden};
  }
  server_properties to;
  reading in{all, to, {}, {}};
  PENSTOCK_TRY(read_node(in));
  PENSTOCK_TRY(read_listeners(in));
  PENSTOCK_TRY(read_limits(in));
  PENSTOCK_TRY(read_topic_defaults(in));
  for (const auto& [known, from] : all) {
    if (asks_for_protection(known, from.value))
      return from.refused(
          fmt::format("{} asks for protection, and there is no encryption and no access control "
                      "yet: take it out if the network alone may protect this node",
                      shown(known)));
    to.edge.broker.push_back({known, from.value, false});
    if (!in.used.contains(known) && !without_effect(known) &&
        known != "security.inter.broker.protocol")
      to.warnings.push_back(
          fmt::format("{}: {} {}", from.where, shown(known), why_without_effect(known, in.known)));
  }
  return to;
}

}  // namespace penstock::tool
