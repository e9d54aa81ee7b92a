// Groups under chance: clients that start, leave, die, hang, lose replies, change what they read,
// share an instance id; records that are written late or not at all; coordinators that restart.
// Whatever happens, no partition has two readers in one generation, and once it is quiet everybody
// who lives is in, reading something.

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "streams/topic/assignor.hpp"
#include "streams/topic/consumer_protocol.hpp"
#include "streams/topic/group.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scale.hpp"

using namespace penstock;

namespace {

const partition_counts topics{{"a", 4}, {"b", 3}};
constexpr std::size_t clients_max = 8;

struct client {
  enum class state { out, joining, syncing, in };
  std::string name;
  std::optional<std::string> instance;
  bool alive = true;
  bool hangs = false;     // sends heartbeats, but never joins again
  bool known_id = false;  // asks for an id first
  state at = state::out;
  std::string member_id;
  std::int32_t generation = -1;
  std::string protocol;
  std::vector<std::string> reads;
  std::vector<topic_partition> owned;
  request_token waits = 0;
  group::time_point act{0};  // next heartbeat, or when to give up waiting
};

struct totals {
  std::size_t generations = 0, evictions = 0, lost_replies = 0, failed_stores = 0, restarts = 0;
  std::size_t fenced = 0, refused = 0;
};

class world {
 public:
  world(std::uint64_t seed, totals& sum) : chance_(seed), sum_(sum) {
    settings_.members_max = clients_max;
    settings_.initial_rebalance_delay = chance_.chance(1, 2) ? 3s : 0s;
    group_.emplace("g", settings_, chance_.fork());
  }

  void run() {
    for (auto steps = 60 + chance_.below(60); steps > 0; --steps) {
      disturb();
      step(100ms + some(4000));
    }
    quiet_ = true;
    for (auto& one : clients_) one->hangs = false;
    if (live() == 0) start(std::nullopt);
    // Ghosts, whose replies were lost before they knew their id, take five minutes to expire, and
    // one may hold up the next rebalance.
    for (int i = 0; i < 700 && !looks_settled(); ++i) step(3s);
    for (int i = 0; i < 10; ++i) step(3s);
    check_settled();
  }

 private:
  std::size_t live() const {
    return static_cast<std::size_t>(std::count_if(clients_.begin(), clients_.end(),
                                                  [](const auto& one) { return one->alive; }));
  }

  duration some(std::uint64_t millis) {
    return duration{static_cast<std::int64_t>(chance_.below(millis))};
  }

  client* some_live() {
    std::vector<client*> all;
    for (auto& one : clients_)
      if (one->alive) all.push_back(one.get());
    return all.empty() ? nullptr : all[chance_.below(all.size())];
  }

  void start(std::optional<std::string> instance) {
    auto made = std::make_unique<client>();
    made->name = "c" + std::to_string(clients_.size());
    made->instance = std::move(instance);
    made->known_id = chance_.chance(1, 2);
    // As in Kafka, a static member that comes back gets its old assignment whatever it reads now:
    // so what it reads goes with its instance id.
    bool one_topic = made->instance ? *made->instance == "i0" : chance_.chance(1, 3);
    made->reads = one_topic ? std::vector<std::string>{"a"} : std::vector<std::string>{"a", "b"};
    clients_.push_back(std::move(made));
  }

  void disturb() {
    auto* one = some_live();
    switch (chance_.below(12)) {
      case 0:
      case 1:
      case 2:
        if (live() < clients_max)
          start(chance_.chance(1, 3) ? std::optional{"i" + std::to_string(chance_.below(3))}
                                     : std::nullopt);
        break;
      case 3:
        if (one) one->alive = false;  // killed
        break;
      case 4:
        if (one && one->at == client::state::in) leave(*one);
        break;
      case 5:
        if (one) one->hangs = !one->hangs;
        break;
      case 6:
        if (one && one->at == client::state::in && !one->instance) {
          one->reads = one->reads.size() == 1 ? std::vector<std::string>{"a", "b"}
                                              : std::vector<std::string>{"b"};
          join(*one);
        }
        break;
      case 7:
        if (one && one->instance) {  // restarted
          one->alive = false;
          start(one->instance);
        }
        break;
      case 8:
        if (chance_.chance(1, 4)) restart();
        break;
      case 9:
        if (chance_.chance(1, 4)) take(group_->rebalance(now_));
        break;
      default:
        break;
    }
  }

  void step(duration time) {
    auto until = now_ + time;
    for (;;) {
      auto next = until;
      if (auto at = group_->next_deadline()) next = std::min(next, *at);
      for (const auto& one : stores_) next = std::min(next, one.at);
      for (const auto& one : replies_) next = std::min(next, one.at);
      for (const auto& one : clients_)
        if (one->alive) next = std::min(next, one->act);
      now_ = std::max(now_, next);
      bool busy = finish_stores();
      busy = deliver() || busy;
      busy = act() || busy;
      take(group_->tick(now_));
      auto deadline = group_->next_deadline();
      if (deadline && *deadline <= now_) FAIL("a tick leaves a deadline that is over");
      if (now_ >= until && !busy) return;
    }
  }

  // What is appended stays, whether the group hears of it before a crash or not.
  struct append {
    group::time_point at;
    group_store record;
    error why;
  };
  bool finish_stores() {
    if (stores_.empty() || stores_.front().at > now_) return false;
    auto one = std::move(stores_.front());
    stores_.pop_front();
    take(group_->stored(one.record.number, one.why, now_));
    return true;
  }

  void restart() {
    ++sum_.restarts;
    stores_.clear();
    auto generation = written_ ? written_->generation : 0;
    if (written_)
      group_ = group::restore("g", settings_, chance_.fork(), *written_, now_);
    else
      group_.emplace("g", settings_, chance_.fork());
    // Generations that were not stored are counted again: nobody got assignments in them.
    for (const auto& [key, unused] : owners_) REQUIRE(key.first <= generation);
    for (auto& one : clients_) {
      open_.erase(one->waits);
      if (one->at == client::state::joining || one->at == client::state::syncing)
        retry(*one, now_ + 1s);
    }
    open_.clear();
    replies_.clear();
  }

  struct envelope {
    group::time_point at;
    request_token token;
    member_reply reply;
  };

  void take(group_effects effects) {
    for (auto& one : effects.stores) {
      error why;
      if (!quiet_ && chance_.chance(1, 8)) {
        why = error{errc::disk_full, "by chance"};
        ++sum_.failed_stores;
      } else {
        written_ = one.value;
      }
      auto at = now_ + (quiet_ ? 0ms : some(300));
      if (!stores_.empty()) at = std::max(at, stores_.back().at);
      stores_.push_back({at, std::move(one), std::move(why)});
    }
    for (auto& reply : effects.replies) {
      auto token = std::visit([](const auto& one) { return one.token; }, reply);
      auto asked = open_.find(token);
      if (asked == open_.end()) FAIL("a reply to nothing, or a second one");
      if (auto* sync = std::get_if<member_synced>(&reply)) note_owner(*asked->second, *sync);
      open_.erase(asked);
      auto at = now_ + (quiet_ ? 0ms : some(200));
      replies_.push_back({at, token, std::move(reply)});
    }
    if (group_->member_count() > 2 * clients_max || stores_.size() > 64) FAIL("it grows");
  }

  void note_owner(const client& to, const member_synced& reply) {
    if (reply.why) return;
    auto owner = to.instance.value_or(to.member_id);
    auto given = decode_assignment(reply.assignment);
    REQUIRE(given.has_value());
    for (const auto& one : given->partitions) {
      auto [at, is_new] = owners_.try_emplace({group_->generation(), one}, owner);
      REQUIRE(at->second == owner);
    }
  }

  bool deliver() {
    auto due = std::find_if(replies_.begin(), replies_.end(),
                            [this](const envelope& one) { return one.at <= now_; });
    if (due == replies_.end()) return false;
    auto one = std::move(*due);
    replies_.erase(due);
    auto to = std::find_if(clients_.begin(), clients_.end(), [&](const auto& candidate) {
      return candidate->alive && candidate->waits == one.token;
    });
    if (to == clients_.end()) return true;
    if (!quiet_ && chance_.chance(1, 20)) {
      ++sum_.lost_replies;
      retry(**to, now_ + 5s);
      return true;
    }
    std::visit([&](const auto& reply) { hear(**to, reply); }, one.reply);
    return true;
  }

  void retry(client& who, group::time_point at) {
    who.waits = 0;
    who.at = client::state::out;
    who.act = at;
  }

  bool act() {
    for (auto& one : clients_) {
      if (!one->alive || one->act > now_) continue;
      if (one->at == client::state::out)
        join(*one);
      else if (one->at == client::state::in)
        heartbeat(*one);
      else
        one->act = now_ + 1h;
      return true;
    }
    return false;
  }

  request_token ask(client& who) {
    open_.emplace(++last_, &who);
    who.waits = last_;
    return last_;
  }

  void join(client& who) {
    consumer_subscription says;
    says.topics = who.reads;
    says.owned = who.owned;
    says.generation = who.generation;
    member_join request;
    request.token = ask(who);
    request.member_id = who.member_id;
    request.instance_id = who.instance;
    request.client_id = who.name;
    request.protocol_type = consumer_protocol_type;
    request.require_known_id = who.known_id;
    for (auto kind : {assignor::sticky, assignor::range})
      request.protocols.push_back({std::string{name_of(kind)}, encode(says, 2)});
    if (who.known_id) std::swap(request.protocols[0], request.protocols[1]);
    who.at = client::state::joining;
    who.act = now_ + 1h;
    take(group_->join(request, now_));
  }

  void heartbeat(client& who) {
    who.act = now_ + 3s;
    member_heartbeat request{ask(who), who.member_id, who.instance, who.generation};
    take(group_->heartbeat(request, now_));
  }

  void leave(client& who) {
    take(group_->leave({ask(who), {{who.member_id, who.instance}}}, now_));
    who.alive = false;
  }

  // What Kafka's client does with an error; true when there was none.
  bool well(client& who, const error& why) {
    if (!why) return true;
    if (why == errc::fenced_instance) {
      ++sum_.fenced;
      who.alive = false;
      return false;
    }
    if (why == errc::group_full) ++sum_.refused;
    if (why == errc::unknown_member) ++sum_.evictions;
    if (why == errc::unknown_member || why == errc::group_full) {
      who.member_id.clear();
      who.owned.clear();
      who.generation = -1;
      who.hangs = false;
    }
    retry(who, now_ + (why == errc::group_full ? 5s : 100ms));
    return false;
  }

  void hear(client& who, const member_joined& reply) {
    if (reply.why == errc::member_id_required) {
      who.member_id = reply.member_id;
      join(who);
      return;
    }
    if (!well(who, reply.why)) return;
    who.member_id = reply.member_id;
    who.generation = reply.generation;
    who.at = client::state::syncing;
    who.act = now_ + 1h;
    member_sync request;
    request.token = ask(who);
    request.member_id = who.member_id;
    request.instance_id = who.instance;
    request.generation = who.generation;
    request.protocol = reply.protocol;
    if (reply.leader == reply.member_id) request.assignments = lead(reply);
    take(group_->sync(request, now_));
  }

  std::map<std::string, bytes> lead(const member_joined& reply) {
    ++sum_.generations;
    std::vector<assignor_member> members;
    for (const auto& one : reply.members) {
      auto says = decode_subscription(one.metadata);
      REQUIRE(says.has_value());
      members.push_back(
          {one.member_id, one.instance_id, says->topics, says->owned, says->generation});
    }
    std::map<std::string, bytes> given;
    for (const auto& [id, partitions] :
         assign(assignor_named(reply.protocol).value(), members, topics))
      given[id] = encode(consumer_assignment{partitions, {}});
    return given;
  }

  void hear(client& who, const member_synced& reply) {
    if (!well(who, reply.why)) return;
    who.owned = decode_assignment(reply.assignment).value().partitions;
    who.at = client::state::in;
    who.act = now_ + 3s;
    auto fine = group_->check_commit(who.member_id, who.instance, who.generation, now_);
    if (fine) REQUIRE(who.generation == group_->generation());
  }

  void hear(client& who, const member_alive& reply) {
    if (reply.why == errc::rebalance_in_progress && who.hangs) return;
    if (reply.why == errc::rebalance_in_progress)
      join(who);
    else
      well(who, reply.why);
  }

  void hear(client&, const member_left&) {}

  bool looks_settled() const {
    return group_->phase() == group_phase::stable && group_->member_count() == live() &&
           std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& one) { return !one->alive || one->at == client::state::in; });
  }

  void check_settled() {
    REQUIRE(group_->phase() == group_phase::stable);
    REQUIRE(group_->member_count() == live());
    std::map<topic_partition, int> readers;
    std::size_t wanted = 0;
    for (const auto& [topic, count] : topics)
      if (std::any_of(clients_.begin(), clients_.end(), [&, name = topic](const auto& one) {
            return one->alive &&
                   std::find(one->reads.begin(), one->reads.end(), name) != one->reads.end();
          }))
        wanted += static_cast<std::size_t>(count);
    for (const auto& one : clients_) {
      if (!one->alive) continue;
      REQUIRE(one->at == client::state::in);
      REQUIRE(one->generation == group_->generation());
      for (const auto& partition : one->owned) REQUIRE(++readers[partition] == 1);
    }
    REQUIRE(readers.size() == wanted);
    REQUIRE(open_.empty());  // nothing waits in the group any more
    REQUIRE(stores_.empty());
  }

  penstock::random chance_;
  totals& sum_;
  group_settings settings_;
  std::optional<group> group_;
  group::time_point now_ = 1000s;
  bool quiet_ = false;
  request_token last_ = 0;
  std::vector<std::unique_ptr<client>> clients_;
  std::map<request_token, client*> open_;
  std::deque<envelope> replies_;
  std::deque<append> stores_;
  std::optional<group_metadata_value> written_;
  std::map<std::pair<std::int32_t, topic_partition>, std::string> owners_;
};

}  // namespace

TEST_CASE("whatever happens to its members, a group gives no partition to two and settles",
          "[topic][group][model]") {
  totals sum;
  auto seeds = penstock::test::scaled(2000);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    world{seed, sum}.run();
  }
  std::printf(
      "%zu groups: %zu generations, %zu evictions, %zu fenced, %zu refused, %zu replies lost, "
      "%zu stores failed, %zu restarts\n",
      seeds, sum.generations, sum.evictions, sum.fenced, sum.refused, sum.lost_replies,
      sum.failed_stores, sum.restarts);
  if (penstock::test::scaled_down()) return;
  CHECK(sum.generations > 10 * seeds);
  CHECK(sum.evictions > 1000);
  CHECK(sum.fenced > 100);
  CHECK(sum.refused > 100);
  CHECK(sum.lost_replies > seeds);
  CHECK(sum.failed_stores > seeds);
  CHECK(sum.restarts > 1000);
}
