#include "streams/topic/group.hpp"

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/catch.hpp"

using namespace penstock;
using penstock::test::contains;

namespace {

// A group, its clock, and the replies it has given so far. Stores succeed at once unless held.
struct bench {
  group_settings settings = [] {
    group_settings s;
    s.initial_rebalance_delay = 0ms;
    s.members_max = 5;
    return s;
  }();
  group subject{"g", settings, penstock::random{1}};
  group::time_point now = 1000s;
  std::map<request_token, member_reply> replies;
  std::vector<group_store> held;
  std::vector<group_metadata_value> written;
  bool hold = false;
  request_token last = 0;

  bench() = default;
  explicit bench(const group_settings& other)
      : settings(other), subject("g", other, penstock::random{1}) {}

  void take(group_effects effects) {
    for (auto& reply : effects.replies) {
      auto token = std::visit([](const auto& one) { return one.token; }, reply);
      REQUIRE(replies.emplace(token, std::move(reply)).second);  // never a second reply
    }
    for (auto& one : effects.stores) {
      if (hold) {
        held.push_back(std::move(one));
        continue;
      }
      written.push_back(one.value);
      take(subject.stored(one.number, {}, now));
    }
  }

  void release(const error& why = {}) {
    for (auto& one : std::exchange(held, {})) take(subject.stored(one.number, why, now));
  }

  void pass(duration time) {
    auto until = now + time;
    while (subject.next_deadline() && *subject.next_deadline() <= until) {
      now = std::max(now, *subject.next_deadline());
      take(subject.tick(now));
    }
    now = until;
  }

  static member_join request(std::string id = {}) {
    member_join r;
    r.member_id = std::move(id);
    r.client_id = "client";
    r.client_host = "/127.0.0.1";
    r.protocol_type = "consumer";
    r.protocols = {{"range", "topics"}};
    return r;
  }
  static member_join static_request(std::string instance) {
    auto r = request();
    r.instance_id = std::move(instance);
    return r;
  }

  request_token join(member_join r) {
    r.token = ++last;
    take(subject.join(r, now));
    return last;
  }
  request_token sync(const member_joined& who, std::map<std::string, bytes> given = {}) {
    member_sync r;
    r.token = ++last;
    r.member_id = who.member_id;
    r.generation = who.generation;
    r.assignments = std::move(given);
    take(subject.sync(r, now));
    return last;
  }
  errc heartbeat(const std::string& id, std::int32_t generation) {
    take(subject.heartbeat({++last, id, std::nullopt, generation}, now));
    return reply<member_alive>(last).why.code();
  }
  errc leave(const std::string& id) {
    take(subject.leave({++last, {{id, std::nullopt}}}, now));
    return reply<member_left>(last).members.at(0).why.code();
  }

  bool answered(request_token token) const { return replies.contains(token); }
  template <class Reply>
  const Reply& reply(request_token token) const {
    REQUIRE(replies.contains(token));
    return std::get<Reply>(replies.at(token));
  }
  const member_joined& joined(request_token token) const { return reply<member_joined>(token); }
  const member_synced& synced(request_token token) const { return reply<member_synced>(token); }

  // Two members in a stable group.
  std::pair<member_joined, member_joined> two() {
    auto a = joined(join(request()));
    auto first = sync(a, {{a.member_id, "all"}});
    REQUIRE(synced(first).assignment == "all");
    auto b_token = join(request());
    REQUIRE(heartbeat(a.member_id, a.generation) == errc::rebalance_in_progress);
    auto a_token = join(request(a.member_id));
    a = joined(a_token);
    auto b = joined(b_token);
    auto b_sync = sync(b);
    REQUIRE_FALSE(answered(b_sync));
    sync(a, {{a.member_id, "half"}, {b.member_id, "other half"}});
    REQUIRE(synced(b_sync).assignment == "other half");
    REQUIRE(subject.phase() == group_phase::stable);
    return {a, b};
  }
};

}  // namespace

TEST_CASE("a lone member leads generation one and gets what it assigns itself", "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::request()));
  CHECK_FALSE(me.why);
  CHECK_THAT(me.member_id, contains("client-"));
  CHECK(me.generation == 1);
  CHECK(me.leader == me.member_id);
  CHECK(me.protocol == "range");
  REQUIRE(me.members.size() == 1);
  CHECK(me.members[0].metadata == "topics");
  CHECK(t.subject.phase() == group_phase::completing);
  CHECK(t.synced(t.sync(me, {{me.member_id, "p0"}})).assignment == "p0");
  CHECK(t.subject.phase() == group_phase::stable);
  CHECK(t.synced(t.sync(me)).assignment == "p0");
}

TEST_CASE("a second member makes the first join again; only the leader sees the members",
          "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  CHECK(a.generation == 2);
  CHECK(b.leader == a.member_id);
  CHECK(a.members.size() == 2);
  CHECK(b.members.empty());
  CHECK(t.heartbeat(a.member_id, 2) == errc::none);
  CHECK(t.heartbeat(b.member_id, 1) == errc::illegal_generation);
  CHECK(t.heartbeat("stranger", 2) == errc::unknown_member);
}

TEST_CASE("what is handed out was stored first", "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::request()));
  t.hold = true;
  auto token = t.sync(me, {{me.member_id, "p0"}});
  CHECK_FALSE(t.answered(token));
  CHECK(t.subject.phase() == group_phase::completing);
  REQUIRE(t.held.size() == 1);
  CHECK(t.held[0].value.members.at(0).assignment == "p0");
  CHECK(t.held[0].value.leader == me.member_id);
  t.release();
  CHECK(t.synced(token).assignment == "p0");
}

TEST_CASE("assignments that could not be stored are not handed out, and the group joins again",
          "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::request()));
  t.hold = true;
  auto token = t.sync(me, {{me.member_id, "p0"}});
  t.release(error{errc::disk_full, "no space"});
  CHECK(t.synced(token).why == errc::disk_full);
  CHECK(t.subject.phase() == group_phase::preparing);
  CHECK(t.joined(t.join(bench::request(me.member_id))).generation == 2);
}

TEST_CASE("assignments stored too late for their generation are void", "[topic][group]") {
  bench t;
  auto a = t.joined(t.join(bench::request()));
  t.hold = true;
  auto stale = t.sync(a, {{a.member_id, "p0"}});
  t.join(bench::request());
  CHECK(t.synced(stale).why == errc::rebalance_in_progress);
  t.release();
  CHECK(t.subject.phase() == group_phase::preparing);
}

TEST_CASE("members that start together share the first rebalance", "[topic][group]") {
  group_settings settings;
  bench t{settings};
  auto first = t.join(bench::request());
  t.pass(2s);
  auto second = t.join(bench::request());
  t.pass(2s);
  CHECK_FALSE(t.answered(first));  // extended, since somebody came
  t.pass(2s);
  CHECK(t.joined(first).generation == 1);
  CHECK(t.joined(second).generation == 1);
}

TEST_CASE("the first rebalance ends at the rebalance timeout though members keep coming",
          "[topic][group]") {
  bench t{group_settings{}};
  auto quick = bench::request();
  quick.rebalance_timeout = 8s;
  auto first = t.join(quick);
  for (int i = 0; i < 9; ++i) {
    t.pass(1s);
    t.join(quick);
  }
  CHECK(t.answered(first));
}

TEST_CASE("a silent member is evicted after its session timeout", "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  for (int i = 0; i < 3; ++i) {
    t.pass(4s);
    t.heartbeat(a.member_id, 2);
  }
  CHECK(t.subject.member_count() == 1);
  CHECK(t.subject.phase() == group_phase::preparing);
  CHECK(t.heartbeat(b.member_id, 2) == errc::unknown_member);
  CHECK(t.joined(t.join(bench::request(a.member_id))).generation == 3);
}

TEST_CASE("a member that lives but does not join again is evicted at the rebalance timeout",
          "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto token = t.join(bench::request(a.member_id));  // the leader asks for a rebalance
  for (int i = 0; i < 14; ++i) {
    t.pass(4s);
    CHECK(t.heartbeat(b.member_id, 2) == errc::rebalance_in_progress);
    CHECK_FALSE(t.answered(token));
  }
  t.pass(4s);
  CHECK(t.joined(token).generation == 3);
  CHECK(t.joined(token).members.size() == 1);
  CHECK(t.heartbeat(b.member_id, 2) == errc::unknown_member);
}

TEST_CASE("a member that never syncs is evicted, though it sends heartbeats", "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto a_token = t.join(bench::request(a.member_id));
  auto b_token = t.join(bench::request(b.member_id));
  t.sync(t.joined(a_token), {});
  for (int i = 0; i < 15; ++i) {
    t.pass(4s);
    t.heartbeat(a.member_id, 3);
    t.heartbeat(b.member_id, 3);
  }
  t.pass(1s);
  CHECK(t.subject.member_count() == 1);
  CHECK(t.subject.phase() == group_phase::preparing);
  CHECK(t.joined(b_token).generation == 3);
}

TEST_CASE("when the leader does not come back another member leads", "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  CHECK(t.leave(a.member_id) == errc::none);
  auto alone = t.joined(t.join(bench::request(b.member_id)));
  CHECK(alone.leader == b.member_id);
  CHECK(alone.members.size() == 1);
}

TEST_CASE("the last member to leave leaves an empty group, which is stored", "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::request()));
  t.sync(me);
  CHECK(t.leave(me.member_id) == errc::none);
  CHECK(t.leave(me.member_id) == errc::unknown_member);
  CHECK(t.subject.phase() == group_phase::empty);
  REQUIRE(t.written.size() == 2);
  CHECK(t.written.back().members.empty());
  CHECK(t.written.back().generation == 2);
  CHECK_FALSE(t.written.back().protocol.has_value());
  t.pass(1h);
  CHECK_FALSE(t.subject.next_deadline().has_value());
}

TEST_CASE("a new member of a client that knows ids is told its id first", "[topic][group]") {
  bench t;
  auto request = bench::request();
  request.require_known_id = true;
  auto told = t.joined(t.join(request));
  CHECK(told.why == errc::member_id_required);
  CHECK(t.subject.member_count() == 0);
  request.member_id = told.member_id;
  CHECK(t.joined(t.join(request)).generation == 1);
  CHECK(t.joined(t.join(bench::request("invented"))).why == errc::unknown_member);
}

TEST_CASE("a promised id is waited for until its session timeout", "[topic][group]") {
  bench t;
  auto known = bench::request();
  known.require_known_id = true;
  t.join(known);
  auto waits = t.join(bench::request());
  CHECK_FALSE(t.answered(waits));
  t.pass(10s);
  CHECK(t.joined(waits).members.size() == 1);
}

TEST_CASE("protocols that do not match the group's are refused", "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto other = bench::request();
  other.protocols = {{"sticky", ""}};
  CHECK(t.joined(t.join(other)).why == errc::inconsistent_protocol);
  other = bench::request();
  other.protocol_type = "connect";
  CHECK(t.joined(t.join(other)).why == errc::inconsistent_protocol);
  other = bench::request();
  other.protocols.clear();
  CHECK(t.joined(t.join(other)).why == errc::inconsistent_protocol);
  member_sync sync{++t.last, a.member_id, {}, 2, "consumer", "sticky", {}};
  t.take(t.subject.sync(sync, t.now));
  CHECK(t.synced(t.last).why == errc::inconsistent_protocol);
}

TEST_CASE("members vote: the first protocol of most that all support is chosen", "[topic][group]") {
  bench t;
  auto first = bench::request();
  first.protocols = {{"range", "r"}, {"sticky", "s"}, {"mine", "m"}};
  auto a = t.joined(t.join(first));
  CHECK(a.protocol == "range");
  auto second = bench::request();
  second.protocols = {{"else", "e"}, {"sticky", "s"}, {"range", "r"}};
  auto b = t.join(second);
  auto c = t.join(second);
  first.member_id = a.member_id;
  auto again = t.joined(t.join(first));
  CHECK(again.protocol == "sticky");
  CHECK(again.members.at(0).metadata == "s");
  CHECK(t.joined(c).protocol == "sticky");
  CHECK(t.joined(b).generation == 2);
}

TEST_CASE("a repeated join with nothing new is told the generation; with news it rebalances",
          "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto repeat = t.joined(t.join(bench::request(b.member_id)));
  CHECK(repeat.generation == 2);
  CHECK(t.subject.phase() == group_phase::stable);
  auto news = bench::request(b.member_id);
  news.protocols = {{"range", "more topics"}};
  auto token = t.join(news);
  CHECK_FALSE(t.answered(token));
  CHECK(t.subject.phase() == group_phase::preparing);
  auto twice = t.join(news);
  CHECK(t.joined(token).why == errc::rebalance_in_progress);
  CHECK_FALSE(t.answered(twice));
}

TEST_CASE("a static member that restarts gets its assignment back without a rebalance",
          "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::static_request("i-1")));
  CHECK_THAT(me.member_id, contains("i-1-"));
  t.sync(me, {{me.member_id, "p0"}});
  t.hold = true;
  auto token = t.join(bench::static_request("i-1"));
  CHECK_FALSE(t.answered(token));
  t.release();
  auto back = t.joined(token);
  CHECK(back.generation == 1);
  CHECK(back.member_id != me.member_id);
  CHECK(back.leader == me.member_id);  // so that it does not assign
  CHECK(back.members.empty());
  CHECK(t.synced(t.sync(back)).assignment == "p0");
  CHECK(t.subject.phase() == group_phase::stable);
  member_heartbeat old{++t.last, me.member_id, "i-1", 1};
  t.take(t.subject.heartbeat(old, t.now));
  CHECK(t.reply<member_alive>(t.last).why == errc::fenced_instance);
  CHECK(t.subject.check_commit(me.member_id, "i-1", 1, t.now).error() == errc::fenced_instance);

  auto modern = bench::static_request("i-1");
  modern.skip_assignment = true;
  auto leads = t.join(modern);
  t.release();
  CHECK(t.joined(leads).skip_assignment);
  CHECK(t.joined(leads).leader == t.joined(leads).member_id);
  CHECK(t.joined(leads).members.size() == 1);
}

TEST_CASE("a static member's return that could not be stored is undone", "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::static_request("i-1")));
  t.sync(me, {{me.member_id, "p0"}});
  t.hold = true;
  auto token = t.join(bench::static_request("i-1"));
  t.release(error{errc::sync_failed, "disk"});
  CHECK(t.joined(token).why == errc::sync_failed);
  CHECK(t.heartbeat(me.member_id, 1) == errc::none);
  CHECK(t.synced(t.sync(me)).assignment == "p0");
}

TEST_CASE("a static member replaced while it waits is fenced", "[topic][group]") {
  bench t{group_settings{}};
  auto old = t.join(bench::static_request("i-1"));
  auto newer = t.join(bench::static_request("i-1"));
  CHECK(t.joined(old).why == errc::fenced_instance);
  t.pass(10s);
  CHECK(t.joined(newer).generation == 1);
}

TEST_CASE("a static member is removed by its instance id, and stays while it only restarts",
          "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::static_request("i-1")));
  t.sync(me);
  t.take(t.subject.rebalance(t.now));
  t.pass(9s);
  CHECK(t.subject.member_count() == 1);
  t.take(t.subject.leave({++t.last, {{"", "i-1"}, {"", "i-2"}}}, t.now));
  const auto& left = t.reply<member_left>(t.last);
  CHECK_FALSE(left.members.at(0).why);
  CHECK(left.members.at(1).why == errc::unknown_member);
  CHECK(t.subject.phase() == group_phase::empty);
}

TEST_CASE("a group has a limit of members", "[topic][group]") {
  bench t;
  auto first = t.joined(t.join(bench::request()));
  t.sync(first);
  for (int i = 0; i < 5; ++i) t.join(bench::request());
  CHECK(t.subject.member_count() == 6);  // five wait, the first may come too late
  auto refused = t.joined(t.join(bench::request()));
  CHECK(refused.why == errc::group_full);
  CHECK(t.joined(t.join(bench::request(first.member_id))).why == errc::group_full);
  CHECK(t.subject.member_count() == 5);
  CHECK(t.subject.phase() == group_phase::completing);

  bench ids;
  auto known = bench::request();
  known.require_known_id = true;
  for (int i = 0; i < 5; ++i) CHECK(ids.joined(ids.join(known)).why == errc::member_id_required);
  CHECK(ids.joined(ids.join(known)).why == errc::group_full);
}

TEST_CASE("requests beyond the limits are refused by name", "[topic][group]") {
  bench t;
  auto check = [&](member_join r, const std::string& words) {
    const auto& why = t.joined(t.join(std::move(r))).why;
    CHECK(why == errc::invalid_argument);
    CHECK_THAT(why.message(), contains(words));
  };
  auto r = bench::request();
  r.session_timeout = 1s;
  check(r, "session timeout of 1000 ms");
  r = bench::request();
  r.protocols[0].metadata.assign(300 << 10, 'x');
  check(r, "307200 bytes");
  r = bench::request();
  r.protocols.assign(65, {"a", ""});
  check(r, "65 protocols");
  r.protocols.resize(2);
  check(r, "twice");
  r = bench::request();
  r.client_id.assign(40'000, 'x');
  check(r, "40000 bytes");
  auto me = t.joined(t.join(bench::request()));
  CHECK(t.synced(t.sync(me, {{me.member_id, bytes(300 << 10, 'x')}})).why ==
        errc::invalid_argument);
}

TEST_CASE("commits are for members of the generation, or for anybody while the group is empty",
          "[topic][group]") {
  bench t;
  auto check = [&](const std::string& id, std::int32_t generation) {
    auto fine = t.subject.check_commit(id, {}, generation, t.now);
    return fine ? errc::none : fine.error().code();
  };
  CHECK(check("", -1) == errc::none);
  CHECK(check("x", 1) == errc::unknown_member);
  auto [a, b] = t.two();
  CHECK(check(a.member_id, 2) == errc::none);
  CHECK(check(a.member_id, 1) == errc::illegal_generation);
  CHECK(check("x", 2) == errc::unknown_member);
  CHECK(check("", -1) == errc::unknown_member);
  auto token = t.join(bench::request(a.member_id));
  CHECK(check(b.member_id, 2) == errc::none);  // before it rejoins it saves what it has done
  t.join(bench::request(b.member_id));
  REQUIRE(t.answered(token));
  CHECK(check(b.member_id, 3) == errc::rebalance_in_progress);
}

TEST_CASE("commits keep a member alive", "[topic][group]") {
  bench t;
  auto me = t.joined(t.join(bench::request()));
  t.sync(me);
  for (int i = 0; i < 5; ++i) {
    t.pass(8s);
    CHECK(t.subject.check_commit(me.member_id, {}, 1, t.now).has_value());
  }
  CHECK(t.subject.phase() == group_phase::stable);
}

TEST_CASE("a group restored from its record goes on in its generation", "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto record = decode_group_metadata(encode(t.written.back())).value();
  bench after;
  after.subject = group::restore("g", after.settings, penstock::random{2}, record, after.now);
  CHECK(after.subject.phase() == group_phase::stable);
  CHECK(after.heartbeat(b.member_id, 2) == errc::none);
  CHECK(after.synced(after.sync(b)).assignment == "other half");
  auto joins = after.join(bench::request());
  CHECK_FALSE(after.answered(joins));
  after.pass(10s);
  CHECK(after.joined(joins).generation == 3);

  record.members.clear();
  auto empty = group::restore("g", after.settings, penstock::random{2}, record, after.now);
  CHECK(empty.phase() == group_phase::empty);
  CHECK(empty.generation() == 2);
}

TEST_CASE("a group that is given up answers everything that waits, and everything to come",
          "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto waits = t.join(bench::request(a.member_id));
  t.take(t.subject.kill());
  CHECK(t.joined(waits).why == errc::not_coordinator);
  CHECK(t.joined(t.join(bench::request())).why == errc::not_coordinator);
  CHECK(t.synced(t.sync(b)).why == errc::not_coordinator);
  CHECK(t.heartbeat(b.member_id, 2) == errc::not_coordinator);
  CHECK(t.subject.check_commit(b.member_id, {}, 2, t.now).error() == errc::not_coordinator);
  CHECK_FALSE(t.subject.next_deadline().has_value());
  CHECK(t.subject.describe().phase == group_phase::dead);
}

TEST_CASE("a description shows who is there and what they have", "[topic][group]") {
  bench t;
  auto [a, b] = t.two();
  auto text = t.subject.describe();
  CHECK(name_of(text.phase) == "Stable");
  CHECK(text.protocol == "range");
  CHECK(text.leader == a.member_id);
  REQUIRE(text.members.size() == 2);
  CHECK(text.members[0].member_id < text.members[1].member_id);
  CHECK(text.members[0].client_host == "/127.0.0.1");
  CHECK(text.members[0].metadata == "topics");
  CHECK((text.members[0].assignment == "half" || text.members[1].assignment == "half"));
}
