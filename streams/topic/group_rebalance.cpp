// How a group gets from one generation to the next: who is waited for, how long, and what happens
// to those that do not come. Requests are in group.cpp.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "streams/base/assert.hpp"
#include "streams/topic/group.hpp"

namespace penstock {
namespace {

error superseded() {
  return error{errc::rebalance_in_progress, "a newer request of this member took its place"};
}

member_joined join_failure(request_token token, std::string member_id, error why) {
  member_joined reply;
  reply.token = token;
  reply.member_id = std::move(member_id);
  reply.why = std::move(why);
  return reply;
}

member_synced sync_failure(request_token token, error why) {
  member_synced reply;
  reply.token = token;
  reply.why = std::move(why);
  return reply;
}

}  // namespace

void group::add_member(const member_join& request, const std::string& id, time_point now,
                       group_effects& out) {
  if (members_.empty()) protocol_type_ = request.protocol_type;
  if (phase_ == group_phase::preparing && generation_ == 0) new_member_added_ = true;
  auto [at, is_new] = members_.try_emplace(id);
  PENSTOCK_ASSERT(is_new, id);
  auto& who = at->second;
  who.id = id;
  who.is_new = true;
  who.instance_id = request.instance_id;
  if (request.instance_id) static_ids_[*request.instance_id] = id;
  if (leader_.empty()) leader_ = id;
  update_member(who, request, out);
  // It has no id yet and cannot send heartbeats: a client that is gone is noticed only by this.
  who.expires = now + settings_.new_member_join_timeout;
  arm(who.expires);
  rebalance_if_settled(now, out);
}

void group::update_member(member& known, const member_join& request, group_effects& out) {
  count_protocols(known, false);
  known.client_id = request.client_id;
  known.client_host = request.client_host;
  known.protocols = request.protocols;
  known.session_timeout = request.session_timeout;
  known.rebalance_timeout =
      std::clamp(request.rebalance_timeout, rebalance_timeout_min, settings_.rebalance_timeout_max);
  count_protocols(known, true);
  wait_for_join(known, request.token, out);
}

void group::wait_for_join(member& who, request_token token, group_effects& out) {
  if (who.joining)
    out.replies.emplace_back(join_failure(*who.joining, who.id, superseded()));
  else
    ++joined_;
  who.joining = token;
}

// A static member came back without its id: it takes the place and the assignment of the old one.
void group::replace_static(const member_join& request, const std::string& old_id,
                           const std::string& new_id, time_point now, group_effects& out) {
  auto node = members_.extract(old_id);
  PENSTOCK_ASSERT(!node.empty(), old_id);
  auto& who = node.mapped();
  answer_waiting(
      who,
      error{errc::fenced_instance, fmt::format("another process joined group {} as instance \"{}\"",
                                               id_, *request.instance_id)},
      out);
  pending_store after;
  after.generation = generation_;
  after.member_id = new_id;
  after.leader_before = leader_;
  after.token = request.token;
  after.skip_assignment = request.skip_assignment;
  after.replaced = who;

  who.id = new_id;
  node.key() = new_id;
  auto& placed = members_.insert(std::move(node)).position->second;
  static_ids_[*request.instance_id] = new_id;
  if (leader_ == old_id) leader_ = new_id;
  update_member(placed, request, out);
  // Without a first reply its successor, too, has no id to send heartbeats with.
  placed.expires =
      now + (placed.is_new ? settings_.new_member_join_timeout : placed.session_timeout);
  arm(placed.expires);
  if (phase_ == group_phase::stable && select_protocol() == protocol_)
    store(std::move(after), out);
  else
    rebalance_if_settled(now, out);
}

void group::answer_waiting(member& who, const error& why, group_effects& out) {
  if (who.joining) {
    out.replies.emplace_back(join_failure(*who.joining, who.id, why));
    who.joining.reset();
    --joined_;
  }
  if (who.syncing) {
    out.replies.emplace_back(sync_failure(*who.syncing, why));
    who.syncing.reset();
  }
}

void group::forget(const std::string& id, group_effects& out) {
  auto node = members_.extract(id);
  PENSTOCK_ASSERT(!node.empty(), id);
  auto& who = node.mapped();
  answer_waiting(who,
                 error{errc::unknown_member,
                       fmt::format("member {} was removed from group {}: join without a member id",
                                   who.id, id_)},
                 out);
  count_protocols(who, false);
  if (who.instance_id) static_ids_.erase(*who.instance_id);
  if (leader_ == who.id) leader_ = members_.empty() ? std::string{} : members_.begin()->first;
}

void group::remove_member(const std::string& id, time_point now, group_effects& out) {
  forget(std::string{id}, out);
  if (phase_ == group_phase::preparing)
    try_complete_join(now, out);
  else if (phase_ != group_phase::empty)
    rebalance_if_settled(now, out);
}

void group::rebalance_if_settled(time_point now, group_effects& out) {
  if (phase_ != group_phase::preparing) prepare_rebalance(now, out);
}

void group::prepare_rebalance(time_point now, group_effects& out) {
  if (phase_ == group_phase::completing)
    cancel_syncs(
        error{errc::rebalance_in_progress, fmt::format("group {} rebalances: join again", id_)},
        now, out);
  sync_deadline_.reset();
  initial_left_.reset();
  auto wait = rebalance_timeout();
  if (phase_ == group_phase::empty && settings_.initial_rebalance_delay > 0ms) {
    // The first members of a group usually start together: one rebalance for all of them.
    initial_left_ = std::max(wait - settings_.initial_rebalance_delay, duration{0});
    new_member_added_ = false;
    wait = settings_.initial_rebalance_delay;
  }
  phase_ = group_phase::preparing;
  rebalance_deadline_ = now + wait;
  arm(*rebalance_deadline_);
  try_complete_join(now, out);
}

void group::try_complete_join(time_point now, group_effects& out) {
  if (initial_left_ || joined_ != members_.size() || !promised_.empty()) return;
  complete_join(now, out);
}

void group::extend_or_complete_join(time_point now, group_effects& out) {
  if (initial_left_ && new_member_added_ && *initial_left_ > 0ms) {
    new_member_added_ = false;
    auto delay = std::min(settings_.initial_rebalance_delay, *initial_left_);
    *initial_left_ -= delay;
    rebalance_deadline_ = now + delay;
    return;
  }
  initial_left_.reset();
  complete_join(now, out);
}

void group::complete_join(time_point now, group_effects& out) {
  PENSTOCK_ASSERT(phase_ == group_phase::preparing, name_of(phase_));
  // Who did not come back in time is out; static members have until their session ends.
  std::vector<std::string> missing;
  for (const auto& [id, who] : members_)
    if (!who.joining && !who.instance_id) missing.push_back(id);
  for (const auto& id : missing) forget(id, out);
  if (!members_.empty() && !elect_leader()) {
    rebalance_deadline_ = now + rebalance_timeout();
    arm(*rebalance_deadline_);
    return;
  }
  ++generation_;
  rebalance_deadline_.reset();
  initial_left_.reset();
  if (members_.empty()) {
    phase_ = group_phase::empty;
    protocol_.clear();
    pending_store after;
    after.generation = generation_;
    store(std::move(after), out);
    return;
  }
  phase_ = group_phase::completing;
  protocol_ = select_protocol();
  for (auto& [unused, who] : members_) {
    if (who.joining) out.replies.emplace_back(current_state(who, *who.joining));
    who.joining.reset();
    who.is_new = false;
    who.must_sync = true;
    keep_alive(who, now);
  }
  joined_ = 0;
  sync_deadline_ = now + rebalance_timeout();
  arm(*sync_deadline_);
}

// A leader must be there to assign: when ours did not rejoin, another does it. False when nobody
// rejoined.
bool group::elect_leader() {
  auto leads = members_.find(leader_);
  if (leads != members_.end() && leads->second.joining) return true;
  auto other = std::find_if(members_.begin(), members_.end(),
                            [](const auto& entry) { return entry.second.joining.has_value(); });
  if (other == members_.end()) return false;
  leader_ = other->first;
  return true;
}

void group::cancel_syncs(const error& why, time_point now, group_effects& out) {
  for (auto& [unused, who] : members_) {
    who.assignment.clear();
    if (!who.syncing) continue;
    out.replies.emplace_back(sync_failure(*who.syncing, why));
    who.syncing.reset();
    keep_alive(who, now);
  }
}

void group::store(pending_store after, group_effects& out) {
  after.number = next_store_++;
  out.stores.push_back({after.number, to_value(after)});
  stores_.push_back(std::move(after));
}

group_effects group::stored(std::uint64_t number, const error& why, time_point now) {
  group_effects out;
  auto found = std::find_if(stores_.begin(), stores_.end(),
                            [&](const pending_store& one) { return one.number == number; });
  if (found == stores_.end()) {
    PENSTOCK_ASSERT(phase_ == group_phase::dead, id_, number);
    return out;
  }
  auto after = std::move(*found);
  stores_.erase(found);
  if (after.hands_out)
    hand_out(after, why, now, out);
  else if (after.replaced)
    finish_replacement(after, why, now, out);
  return out;
}

void group::hand_out(const pending_store& after, const error& why, time_point now,
                     group_effects& out) {
  // While the record was written somebody may have joined: then these assignments are void.
  if (phase_ != group_phase::completing || after.generation != generation_) return;
  if (why) {
    cancel_syncs(why, now, out);
    prepare_rebalance(now, out);
    return;
  }
  phase_ = group_phase::stable;
  for (auto& [id, who] : members_) {
    auto given = after.assignments.find(id);
    PENSTOCK_ASSERT(given != after.assignments.end(), id);
    who.assignment = given->second;
    keep_alive(who, now);
    if (!who.syncing) continue;
    out.replies.emplace_back(assignment_of(who, *who.syncing));
    who.syncing.reset();
  }
}

void group::finish_replacement(pending_store& after, const error& why, time_point now,
                               group_effects& out) {
  auto found = members_.find(after.member_id);
  // Gone, or a rebalance began: that answers it.
  if (found == members_.end() || found->second.joining != after.token) return;
  if (phase_ != group_phase::stable || after.generation != generation_) return;
  auto& who = found->second;
  who.joining.reset();
  --joined_;
  keep_alive(who, now);
  if (!why) {
    auto reply = current_state(who, after.token);
    if (after.skip_assignment && who.id == leader_) {
      reply.skip_assignment = true;
    } else {
      // It must not take itself for the leader: nobody would be told what it assigns now.
      reply.leader = after.leader_before;
      reply.members.clear();
    }
    out.replies.emplace_back(std::move(reply));
    return;
  }
  auto& before = *after.replaced;
  bool led = leader_ == who.id;
  count_protocols(who, false);
  count_protocols(before, true);
  static_ids_[*before.instance_id] = before.id;
  members_.erase(found);
  if (led) leader_ = before.id;
  auto& back = members_.emplace(before.id, before).first->second;
  keep_alive(back, now);
  auto reply = join_failure(after.token, "", why);
  reply.leader = after.leader_before;
  reply.generation = generation_;
  out.replies.emplace_back(std::move(reply));
}

group_effects group::tick(time_point now) {
  group_effects out;
  if (!wake_ || now < *wake_) return out;
  if (std::erase_if(promised_, [&](const auto& entry) { return entry.second <= now; }) > 0 &&
      phase_ == group_phase::preparing)
    try_complete_join(now, out);
  std::vector<std::string> late;
  for (const auto& [id, who] : members_)
    if (can_expire(who) && who.expires <= now) late.push_back(id);
  for (const auto& id : late) {
    // An eviction may have completed a rebalance, which removes and renews others.
    auto found = members_.find(id);
    if (found != members_.end() && can_expire(found->second) && found->second.expires <= now)
      remove_member(id, now, out);
  }
  if (rebalance_deadline_ && *rebalance_deadline_ <= now) extend_or_complete_join(now, out);
  if (sync_deadline_ && *sync_deadline_ <= now) evict_unsynced(now, out);
  rearm();
  return out;
}

void group::evict_unsynced(time_point now, group_effects& out) {
  sync_deadline_.reset();
  std::vector<std::string> silent;
  for (const auto& [id, who] : members_)
    if (who.must_sync) silent.push_back(id);
  for (const auto& id : silent) forget(id, out);
  if (!silent.empty()) rebalance_if_settled(now, out);
}

group_effects group::rebalance(time_point now) {
  group_effects out;
  if (phase_ == group_phase::stable || phase_ == group_phase::completing)
    prepare_rebalance(now, out);
  return out;
}

std::optional<group::time_point> group::next_deadline() const {
  return wake_;
}

bool group::can_expire(const member& who) {
  // Who waits for us is not late; but a new member, which cannot send heartbeats, must end.
  return who.is_new || (!who.joining && !who.syncing);
}

void group::keep_alive(member& who, time_point now) {
  who.expires = now + who.session_timeout;
  arm(who.expires);
}

void group::arm(time_point at) {
  wake_ = wake_ ? std::min(*wake_, at) : at;
}

void group::rearm() {
  wake_.reset();
  for (const auto& [unused, until] : promised_) arm(until);
  for (const auto& [unused, who] : members_)
    if (can_expire(who)) arm(who.expires);
  if (rebalance_deadline_) arm(*rebalance_deadline_);
  if (sync_deadline_) arm(*sync_deadline_);
}

member_joined group::current_state(const member& to, request_token token) const {
  member_joined reply;
  reply.token = token;
  reply.member_id = to.id;
  reply.generation = generation_;
  reply.protocol_type = protocol_type_;
  reply.protocol = protocol_;
  reply.leader = leader_;
  if (to.id == leader_)
    for (const auto& [id, who] : members_)
      reply.members.push_back({id, who.instance_id, metadata_of(who)});
  return reply;
}

member_synced group::assignment_of(const member& to, request_token token) const {
  member_synced reply;
  reply.token = token;
  reply.protocol_type = protocol_type_;
  reply.protocol = protocol_;
  reply.assignment = to.assignment;
  return reply;
}

// Every member votes for the first of its protocols that all support; a tie goes to the one that
// the leader likes better.
std::string group::select_protocol() const {
  std::map<std::string_view, std::size_t> votes;
  auto by_all = [this](const std::string& name) {
    auto found = supported_.find(name);
    return found != supported_.end() && found->second == members_.size();
  };
  for (const auto& [id, who] : members_) {
    auto choice = std::find_if(who.protocols.begin(), who.protocols.end(),
                               [&](const auto& one) { return by_all(one.name); });
    PENSTOCK_ASSERT(choice != who.protocols.end(), id_, id);
    ++votes[choice->name];
  }
  std::string best;
  std::size_t most = 0;
  for (const auto& one : members_.at(leader_).protocols) {
    auto found = votes.find(one.name);
    if (found == votes.end() || found->second <= most) continue;
    most = found->second;
    best = one.name;
  }
  return best;
}

duration group::rebalance_timeout() const {
  duration longest{0};
  for (const auto& [unused, who] : members_) longest = std::max(longest, who.rebalance_timeout);
  return longest;
}

group_metadata_value group::to_value(const pending_store& after) const {
  group_metadata_value value;
  value.protocol_type = protocol_type_;
  value.generation = generation_;
  if (members_.empty()) return value;
  value.protocol = protocol_;
  value.leader = leader_;
  for (const auto& [id, who] : members_)
    value.members.push_back({id, who.instance_id, who.client_id, who.client_host,
                             who.rebalance_timeout, who.session_timeout, metadata_of(who),
                             after.hands_out ? after.assignments.at(id) : who.assignment});
  return value;
}

const bytes& group::metadata_of(const member& who) const {
  static const bytes none;
  for (const auto& one : who.protocols)
    if (one.name == protocol_) return one.metadata;
  return none;
}

void group::count_protocols(const member& who, bool add) {
  for (const auto& one : who.protocols) {
    if (add) {
      ++supported_[one.name];
      continue;
    }
    auto found = supported_.find(one.name);
    PENSTOCK_ASSERT(found != supported_.end(), one.name);
    if (--found->second == 0) supported_.erase(found);
  }
}

}  // namespace penstock
