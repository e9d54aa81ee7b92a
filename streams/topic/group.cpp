// Requests of members: what is checked, and what is answered at once. What a rebalance does, and
// when, is in group_rebalance.cpp.
#include "streams/topic/group.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "streams/base/assert.hpp"

namespace penstock {
namespace {

constexpr std::size_t id_bytes_max = 1024;

error dead(const std::string& group) {
  return error{errc::not_coordinator,
               fmt::format("group {} is not served here any more: look up its coordinator", group)};
}

member_joined refuse(const member_join& request, std::string member_id, error why) {
  member_joined reply;
  reply.token = request.token;
  reply.member_id = std::move(member_id);
  reply.why = std::move(why);
  return reply;
}

}  // namespace

std::string_view name_of(group_phase phase) {
  constexpr std::array<std::string_view, 5> names{"Empty", "PreparingRebalance",
                                                  "CompletingRebalance", "Stable", "Dead"};
  return names[static_cast<std::size_t>(phase)];
}

group::group(std::string id, const group_settings& settings, random chance)
    : id_(std::move(id)), settings_(settings), chance_(chance) {}

group group::restore(std::string id, const group_settings& settings, random chance,
                     const group_metadata_value& stored, time_point now) {
  group made{std::move(id), settings, chance};
  made.protocol_type_ = stored.protocol_type;
  made.generation_ = std::max(stored.generation, 0);
  if (stored.members.empty()) return made;
  made.protocol_ = stored.protocol.value_or("");
  for (const auto& one : stored.members) {
    member who;
    who.id = one.id;
    who.instance_id = one.instance_id;
    who.client_id = one.client_id;
    who.client_host = one.client_host;
    who.session_timeout =
        std::clamp(one.session_timeout, settings.session_timeout_min, settings.session_timeout_max);
    who.rebalance_timeout =
        std::clamp(one.rebalance_timeout, rebalance_timeout_min, settings.rebalance_timeout_max);
    who.protocols.push_back({made.protocol_, one.subscription});
    who.assignment = one.assignment;
    auto [at, is_new] = made.members_.emplace(one.id, std::move(who));
    if (!is_new) continue;
    made.count_protocols(at->second, true);
    made.keep_alive(at->second, now);
    if (one.instance_id) made.static_ids_[*one.instance_id] = one.id;
  }
  made.leader_ = stored.leader.value_or("");
  if (!made.members_.contains(made.leader_)) made.leader_ = made.members_.begin()->first;
  made.phase_ = group_phase::stable;
  return made;
}

group_effects group::join(const member_join& request, time_point now) {
  group_effects out;
  if (error why = check_join(request)) {
    out.replies.emplace_back(refuse(request, request.member_id, std::move(why)));
    return out;
  }
  if (!accepts(request)) {
    if (members_.contains(request.member_id)) forget(request.member_id, out);
    out.replies.emplace_back(
        refuse(request, "",
               error{errc::group_full,
                     fmt::format("group {} has its {} members: raise group.max.size, or start "
                                 "fewer",
                                 id_, settings_.members_max)}));
  } else if (!supports(request)) {
    out.replies.emplace_back(
        refuse(request, request.member_id,
               error{errc::inconsistent_protocol,
                     fmt::format("no protocol of this member (type \"{}\") is supported by all "
                                 "members of group {} (type \"{}\"): give all members one "
                                 "assignor in common",
                                 request.protocol_type, id_, protocol_type_)}));
  } else if (request.member_id.empty()) {
    join_new(request, now, out);
  } else {
    join_again(request, now, out);
  }
  if (phase_ == group_phase::preparing) try_complete_join(now, out);
  return out;
}

void group::join_new(const member_join& request, time_point now, group_effects& out) {
  auto new_id = make_id(request);
  if (request.instance_id) {
    auto there = static_ids_.find(*request.instance_id);
    if (there == static_ids_.end()) {
      add_member(request, new_id, now, out);
    } else {
      auto old_id = there->second;
      replace_static(request, old_id, new_id, now, out);
    }
  } else if (request.require_known_id) {
    // A client that gave up waiting and joins again would otherwise leave a member behind.
    auto until = now + request.session_timeout;
    promised_.emplace(new_id, until);
    arm(until);
    out.replies.emplace_back(
        refuse(request, new_id, error{errc::member_id_required, "join again with this member id"}));
  } else {
    add_member(request, new_id, now, out);
  }
}

void group::join_again(const member_join& request, time_point now, group_effects& out) {
  if (!request.instance_id && promised_.erase(request.member_id) > 0) {
    add_member(request, request.member_id, now, out);
    return;
  }
  if (error why = check_member(request.member_id, request.instance_id)) {
    out.replies.emplace_back(refuse(request, request.member_id, std::move(why)));
    return;
  }
  auto& who = members_.at(request.member_id);
  bool is_leader = who.id == leader_;
  bool same = who.protocols == request.protocols;
  // A repeat by a member that missed its reply is told again; only news start a rebalance. The
  // leader of a stable group joins to have one: it saw topics change, which we do not.
  bool only_tell =
      same && (phase_ == group_phase::completing || (phase_ == group_phase::stable && !is_leader));
  if (only_tell && !who.joining) {
    out.replies.emplace_back(current_state(who, request.token));
    return;
  }
  update_member(who, request, out);
  rebalance_if_settled(now, out);
}

group_effects group::sync(const member_sync& request, time_point now) {
  group_effects out;
  if (error why = check_sync(request)) {
    member_synced reply;
    reply.token = request.token;
    reply.why = std::move(why);
    out.replies.emplace_back(std::move(reply));
    return out;
  }
  auto& who = members_.at(request.member_id);
  who.must_sync = false;
  if (phase_ == group_phase::stable) {
    keep_alive(who, now);
    out.replies.emplace_back(assignment_of(who, request.token));
    return out;
  }
  if (who.syncing) {
    member_synced reply;
    reply.token = *who.syncing;
    reply.why = error{errc::rebalance_in_progress, "a newer request of this member took its place"};
    out.replies.emplace_back(std::move(reply));
  }
  who.syncing = request.token;
  if (who.id != leader_) return out;
  pending_store after;
  after.hands_out = true;
  after.generation = generation_;
  for (const auto& [id, unused] : members_) {
    auto given = request.assignments.find(id);
    after.assignments[id] = given == request.assignments.end() ? bytes{} : given->second;
  }
  store(std::move(after), out);
  return out;
}

group_effects group::heartbeat(const member_heartbeat& request, time_point now) {
  member_alive reply;
  reply.token = request.token;
  if (phase_ == group_phase::dead) {
    reply.why = dead(id_);
  } else if (error why = check_member(request.member_id, request.instance_id)) {
    reply.why = std::move(why);
  } else if (request.generation != generation_) {
    reply.why = error{errc::illegal_generation,
                      fmt::format("group {} is in generation {}, not {}: join again", id_,
                                  generation_, request.generation)};
  } else {
    keep_alive(members_.at(request.member_id), now);
    if (phase_ == group_phase::preparing)
      reply.why =
          error{errc::rebalance_in_progress, fmt::format("group {} rebalances: join again", id_)};
  }
  group_effects out;
  out.replies.emplace_back(std::move(reply));
  return out;
}

group_effects group::leave(const member_leave& request, time_point now) {
  group_effects out;
  member_left reply;
  reply.token = request.token;
  if (phase_ == group_phase::dead) {
    reply.why = dead(id_);
    out.replies.emplace_back(std::move(reply));
    return out;
  }
  for (const auto& one : request.members) {
    member_left::member answer{one.member_id, one.instance_id, {}};
    auto id = one.member_id;
    if (id.empty() && one.instance_id) {
      auto there = static_ids_.find(*one.instance_id);
      if (there != static_ids_.end()) id = there->second;
    }
    if (promised_.erase(id) > 0) {
      if (phase_ == group_phase::preparing) try_complete_join(now, out);
    } else if (error why = check_member(id, one.instance_id)) {
      answer.why = std::move(why);
    } else {
      remove_member(id, now, out);
    }
    reply.members.push_back(std::move(answer));
  }
  out.replies.emplace_back(std::move(reply));
  return out;
}

result<void> group::check_commit(const std::string& member_id,
                                 const std::optional<std::string>& instance_id,
                                 std::int32_t generation, time_point now) {
  if (phase_ == group_phase::dead) return dead(id_);
  if (generation < 0 && phase_ == group_phase::empty) return {};
  if (generation < 0 && member_id.empty() && !instance_id)
    return {errc::unknown_member,
            fmt::format("group {} has members: only they may commit; stop them first", id_)};
  if (error why = check_member(member_id, instance_id)) return why;
  if (generation != generation_)
    return {errc::illegal_generation,
            fmt::format("group {} is in generation {}, not {}: join again", id_, generation_,
                        generation)};
  if (phase_ == group_phase::completing)
    return {errc::rebalance_in_progress,
            fmt::format("group {} rebalances: sync, then commit", id_)};
  keep_alive(members_.at(member_id), now);
  return {};
}

group_effects group::kill() {
  group_effects out;
  for (auto& [unused, who] : members_) answer_waiting(who, dead(id_), out);
  members_.clear();
  static_ids_.clear();
  promised_.clear();
  supported_.clear();
  stores_.clear();
  rebalance_deadline_.reset();
  sync_deadline_.reset();
  initial_left_.reset();
  wake_.reset();
  leader_.clear();
  protocol_.clear();
  phase_ = group_phase::dead;
  return out;
}

group_description group::describe() const {
  group_description text;
  text.group = id_;
  text.phase = phase_;
  text.protocol_type = protocol_type_;
  text.protocol = protocol_;
  text.leader = leader_;
  text.generation = generation_;
  for (const auto& [id, who] : members_)
    text.members.push_back({id, who.instance_id, who.client_id, who.client_host, metadata_of(who),
                            phase_ == group_phase::stable ? who.assignment : bytes{}});
  return text;
}

error group::check_join(const member_join& request) const {
  if (phase_ == group_phase::dead) return dead(id_);
  auto refused = [this](std::string why) {
    return error{errc::invalid_argument, fmt::format("joining group {}: {}", id_, why)};
  };
  if (request.session_timeout < settings_.session_timeout_min ||
      request.session_timeout > settings_.session_timeout_max)
    return refused(fmt::format(
        "a session timeout of {} ms is not between {} and {} ms", request.session_timeout.count(),
        settings_.session_timeout_min.count(), settings_.session_timeout_max.count()));
  auto longest = std::max({id_.size(), request.member_id.size(), request.client_id.size(),
                           request.client_host.size(), request.protocol_type.size(),
                           request.instance_id ? request.instance_id->size() : 0});
  if (request.protocols.size() > settings_.protocols_max)
    return refused(fmt::format("{} protocols are more than {}", request.protocols.size(),
                               settings_.protocols_max));
  std::size_t size = 0;
  std::set<std::string_view> names;
  for (const auto& one : request.protocols) {
    longest = std::max(longest, one.name.size());
    size += one.metadata.size();
    if (!names.insert(one.name).second)
      return refused(fmt::format("protocol {} is there twice", one.name.substr(0, 80)));
  }
  if (longest > id_bytes_max)
    return refused(fmt::format("a name of {} bytes is longer than {}", longest, id_bytes_max));
  if (size > settings_.member_bytes_max)
    return refused(fmt::format("{} bytes of metadata are more than {}: subscribe to fewer topics",
                               size, settings_.member_bytes_max));
  return {};
}

error group::check_member(const std::string& id,
                          const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    auto there = static_ids_.find(*instance_id);
    if (there != static_ids_.end() && there->second != id)
      return error{errc::fenced_instance,
                   fmt::format("another process joined group {} as instance \"{}\": give each its "
                               "own instance id",
                               id_, *instance_id)};
    if (there != static_ids_.end()) return {};
  }
  if (!instance_id && members_.contains(id)) return {};
  return error{errc::unknown_member,
               fmt::format("\"{}\" is not a member of group {}: join without a member id",
                           id.substr(0, id_bytes_max), id_)};
}

error group::check_sync(const member_sync& request) const {
  if (phase_ == group_phase::dead) return dead(id_);
  if (error why = check_member(request.member_id, request.instance_id)) return why;
  if (request.generation != generation_)
    return error{errc::illegal_generation,
                 fmt::format("group {} is in generation {}, not {}: join again", id_, generation_,
                             request.generation)};
  if ((request.protocol_type && *request.protocol_type != protocol_type_) ||
      (request.protocol && *request.protocol != protocol_))
    return error{errc::inconsistent_protocol,
                 fmt::format("group {} uses protocol {} of type {}: join again", id_, protocol_,
                             protocol_type_)};
  if (phase_ == group_phase::preparing)
    return error{errc::rebalance_in_progress, fmt::format("group {} rebalances: join again", id_)};
  if (request.member_id != leader_) return {};
  for (const auto& [id, assignment] : request.assignments)
    if (assignment.size() > settings_.member_bytes_max)
      return error{errc::invalid_argument,
                   fmt::format("the assignment of member {} in group {} has {} bytes, at most {} "
                               "are allowed",
                               id.substr(0, id_bytes_max), id_, assignment.size(),
                               settings_.member_bytes_max)};
  return {};
}

bool group::accepts(const member_join& request) const {
  if (request.instance_id && static_ids_.contains(*request.instance_id)) return true;
  // Ids given but not used yet must not add up without limit either.
  if (request.member_id.empty() && request.require_known_id &&
      promised_.size() >= settings_.members_max)
    return false;
  switch (phase_) {
    case group_phase::empty:
    case group_phase::dead:
      return true;
    case group_phase::preparing: {
      // Who is not back yet may not come back: those that came first stay.
      auto known = members_.find(request.member_id);
      return (known != members_.end() && known->second.joining) || joined_ < settings_.members_max;
    }
    case group_phase::completing:
    case group_phase::stable:
      return members_.contains(request.member_id) || members_.size() < settings_.members_max;
  }
  return false;
}

bool group::supports(const member_join& request) const {
  if (phase_ == group_phase::empty)
    return !request.protocol_type.empty() && !request.protocols.empty();
  return request.protocol_type == protocol_type_ &&
         std::any_of(request.protocols.begin(), request.protocols.end(), [this](const auto& one) {
           auto found = supported_.find(one.name);
           // In a group whose members all left while it prepares, everything is welcome.
           return members_.empty() ||
                  (found != supported_.end() && found->second == members_.size());
         });
}

std::string group::make_id(const member_join& request) {
  auto high = chance_.next();
  auto low = chance_.next();
  auto uuid = fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                          high & 0xfff, 0x8000 | ((low >> 48) & 0x3fff), low & 0xffff'ffff'ffff);
  const auto& prefix = request.instance_id ? *request.instance_id : request.client_id;
  return prefix.empty() ? uuid : prefix + "-" + uuid;
}

}  // namespace penstock
