#include "actors/broker/node.hpp"

#include <caf/send.hpp>
#include <deque>

#include "actors/broker/writer.hpp"
#include "actors/messages/settings.hpp"
#include "streams/log/checkpoint.hpp"
#include "streams/log/file_names.hpp"
#include "streams/log/sync_failure.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock {
namespace {

using test::contains;
using test::virtual_node;
using strings = std::vector<std::string>;

error failure_of(const auto& reply) {
  return error_of(reply.open()->getFailure());
}

TEST_CASE("what was appended is fetched, in order", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders", 2));
  REQUIRE(!failure_of(n.append("orders", {"a", "b"})));
  auto reply = n.append("orders", {"c"});
  CHECK(reply.open()->getBaseOffset() == 2);
  CHECK(reply.open()->getCredit() > 0);
  CHECK(n.read("orders") == strings{"a", "b", "c"});
  CHECK(n.read("orders", 0, 1).empty());
}

TEST_CASE("an acknowledged record survives a power loss, with policy batch", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  REQUIRE(!failure_of(n.append("orders", {"a"})));
  n.disk.freeze();
  caf::anon_send_exit(n.node, caf::exit_reason::kill);
  n.clock.run_for(std::chrono::seconds{1});
  random chance{7};
  n.disk.crash(chance);
  n.start();
  CHECK(n.read("orders") == strings{"a"});
}

TEST_CASE("a fetch at the end waits for data", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  caf::scoped_actor reader{n.clock.system};
  auto pending = reader->request(n.node, caf::infinite, n.fetch_of("orders", 0, 10'000));
  n.clock.run_for(std::chrono::seconds{2});
  CHECK(reader->mailbox().empty());
  n.append("orders", {"late"});
  REQUIRE(n.clock.run_until([&] { return !reader->mailbox().empty(); }, std::chrono::seconds{1}));
  pending.receive(
      [&](const fetch_reply& got) { CHECK(virtual_node::values_in(got) == strings{"late"}); },
      [](const caf::error&) { FAIL("no answer"); });
}

TEST_CASE("a fetch that finds nothing is answered when its wait is over", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  const auto before = n.clock.time.monotonic();
  CHECK(virtual_node::values_in(n.ask<fetch_reply>(n.fetch_of("orders", 0, 3'000))).empty());
  CHECK(n.clock.time.monotonic() - before >= std::chrono::seconds{3});
}

TEST_CASE("requests about what is not there say so", "[actors][node]") {
  virtual_node n;
  CHECK(failure_of(n.append("nothing", {"a"})) == errc::unknown_topic);
  REQUIRE(!n.create("orders"));
  CHECK_THAT(failure_of(n.append("orders", {"a"}, 5)).message(), contains("1 partitions"));
  auto beyond = n.ask<fetch_reply>(n.fetch_of("orders", 10));
  CHECK(failure_of(beyond) == errc::offset_out_of_range);
  CHECK(n.create("orders") == errc::topic_exists);
  CHECK(n.create("or/ders") == errc::invalid_topic);
  CHECK(n.create("__own") == errc::invalid_topic);
  CHECK(n.create("many", 200'000) == errc::invalid_argument);
  CHECK(n.create("bad", 1, {{"retention.ms", "soon"}}) == errc::invalid_setting);
  CHECK(n.remove("nothing") == errc::unknown_topic);
}

TEST_CASE("bytes that are no batch are refused and nothing is appended", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  auto garbage = [](std::size_t size, char filler) {
    return append_request::make(size, [&](auto out) {
      out.setTopic("orders");
      out.setBatches(data_of(std::string(size, filler)));
    });
  };
  CHECK(failure_of(n.ask<append_reply>(garbage(100, 'x'))));
  CHECK(failure_of(n.ask<append_reply>(garbage(100, '\0'))));
  CHECK(failure_of(n.ask<append_reply>(garbage(10, '\0'))) == errc::corrupt);
  CHECK(n.read("orders").empty());
}

TEST_CASE("topics and their settings survive a restart", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders", 3, {{"retention.ms", "60000"}}));
  REQUIRE(!failure_of(n.ask<admin_reply>(alter_topic_request::make([](auto out) {
    out.setName("orders");
    out.setPartitions(4);
    auto set = out.initSet(1);
    set[0].setName("segment.bytes");
    set[0].setValue("1048576");
  }))));
  REQUIRE(!failure_of(n.append("orders", {"kept"}, 3)));
  REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
  n.start();
  auto reply =
      n.ask<topics_reply>(topics_request::make([](auto out) { out.setWithPartitions(true); }));
  auto in = reply.open();
  auto topics = in->getTopics();
  REQUIRE(topics.size() == 1);
  CHECK(view(topics[0].getName()) == "orders");
  CHECK(topics[0].getPartitions().size() == 4);
  CHECK(topics[0].getPartitions()[3].getHighWatermark() == 1);
  auto settings = parse_settings(topics[0].getSettings()).value();
  CHECK(settings.value_of("retention.ms").value() == "60000");
  CHECK(settings.value_of("segment.bytes").value() == "1048576");
}

TEST_CASE("a topic created again under the same name starts empty", "[actors][node]") {
  virtual_node n;
  for (int round = 0; round < 3; ++round) {
    REQUIRE(!n.create("orders"));
    n.clock.run_for(std::chrono::milliseconds{10});
    CHECK(n.read("orders").empty());
    REQUIRE(!failure_of(n.append("orders", {"x"})));
    REQUIRE(!n.remove("orders"));
  }
  n.clock.run_for(std::chrono::seconds{1});
  for (const auto& path : n.disk.files_below("/data")) CHECK_THAT(path, !contains("/orders-0"));
}

TEST_CASE("what groups committed for a topic goes with the topic", "[actors][node]") {
  virtual_node n;
  const auto committed = [&] {
    auto reply = n.ask<fetch_offsets_reply>(fetch_offsets_request::make([](auto out) {
      out.setGroup("readers");
      auto list = out.initPartitions(1);
      list[0].setTopic("orders");
      list[0].initPartitions(1).set(0, 0);
    }));
    return reply.open()->getOffsets()[0].getOffset();
  };
  const auto restart = [&] {
    REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
    n.start();
  };
  REQUIRE(!n.create("orders"));
  REQUIRE(!failure_of(n.ask<group_reply>(commit_offsets_request::make([](auto out) {
    out.setGroup("readers");
    out.setGeneration(-1);
    auto list = out.initOffsets(1);
    list[0].setTopic("orders");
    list[0].setOffset(7);
  }))));
  CHECK(committed() == 7);
  restart();  // the groups have not been read when the topic goes
  REQUIRE(!n.remove("orders"));
  restart();
  REQUIRE(!n.create("orders"));
  CHECK(committed() == -1);
}

TEST_CASE("a partition folder that was made and is gone is not made anew", "[actors][node]") {
  virtual_node n;
  const auto restart = [&] {
    REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
    n.clock.run_for(std::chrono::seconds{1});  // topic ids come from the time of the start
    n.start();
  };
  REQUIRE(!n.create("orders", 2));
  REQUIRE(!failure_of(n.append("orders", {"a"}, 1)));
  SECTION("after a shutdown in order") {
    REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
  }
  SECTION("after a crash") {
    n.clock.run_for(std::chrono::seconds{3});
    caf::anon_send_exit(n.node, caf::exit_reason::kill);
    n.clock.run_for(std::chrono::seconds{1});
  }
  bool emptied = false;
  SECTION("emptied") {
    REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
    emptied = true;
  }
  REQUIRE(n.disk.remove_folder("/data/orders-1"));
  if (emptied) REQUIRE(n.disk.make_folder("/data/orders-1"));
  n.start();
  auto refused = n.ask<fetch_reply>(n.fetch_of("orders", 0, 0, 1));
  CHECK(failure_of(refused) == errc::io_error);
  CHECK_THAT(failure_of(refused).message(), contains("/data/orders-1"));
  CHECK(!n.disk.exists("/data/orders-1/partition.metadata").value());
  CHECK(n.read("orders", 0, 0).empty());
  restart();
  CHECK(failure_of(n.ask<fetch_reply>(n.fetch_of("orders", 0, 0, 1))) == errc::io_error);

  // The remedy that the error names.
  REQUIRE(!n.remove("orders"));
  REQUIRE(!n.create("orders", 2));
  n.clock.run_for(std::chrono::milliseconds{10});
  CHECK(n.read("orders", 0, 1).empty());
}

TEST_CASE("a partition that a crash kept from being made is made at the next start",
          "[actors][node]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    virtual_node n{seed};
    REQUIRE(!n.create("orders", 3));
    if (seed % 2 == 0) n.clock.run_for(std::chrono::milliseconds{1100});
    n.disk.freeze();
    caf::anon_send_exit(n.node, caf::exit_reason::kill);
    n.clock.run_for(std::chrono::seconds{1});
    random chance{seed};
    n.disk.crash(chance);
    n.start();
    for (int p = 0; p < 3; ++p) REQUIRE(!failure_of(n.append("orders", {"a"}, p)));
  }
}

TEST_CASE("a flipped bit in the metadata log is damage, not another format", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders", 1, {{"retention.ms", "60000"}}));
  REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
  const std::string file = "/data/__cluster_metadata-0/" + file_names::of(0, file_names::log);
  const auto sound = n.disk.content(file).value();
  std::size_t refused = 0, tried = 0;
  for (std::size_t byte = 8; byte < sound.size(); byte += 5) {
    CAPTURE(byte);
    n.disk.set_content(file, sound);
    n.disk.flip_bit(file, byte, static_cast<unsigned>(byte % 8));
    n.start();
    ++tried;
    const auto why = failure_of(n.ask<topics_reply>(topics_request{}));
    CHECK_FALSE(why == errc::unsupported_version);
    if (why) ++refused;
    caf::anon_send_exit(n.node, caf::exit_reason::kill);
    n.clock.run_for(std::chrono::seconds{1});
  }
  // The checksum covers all but what the log itself fills in: offset, length and epoch.
  CHECK(refused > tried * 3 / 4);
}

TEST_CASE("a failed sync takes the partition offline and nothing is acknowledged",
          "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  REQUIRE(!n.create("other"));
  n.clock.run_for(std::chrono::seconds{1});  // what creating them had to sync is synced
  n.disk.fail_syncs(1);
  CHECK(failure_of(n.append("orders", {"a"})) == errc::sync_failed);
  CHECK(failure_of(n.append("orders", {"a"})) == errc::partition_offline);
  CHECK(!failure_of(n.append("other", {"b"})));
  auto reply =
      n.ask<topics_reply>(topics_request::make([](auto out) { out.setWithPartitions(true); }));
  auto offline = error_of(reply.open()->getTopics()[0].getPartitions()[0].getOffline());
  CHECK_THAT(offline.message(), contains("orders-0 is offline"));
}

TEST_CASE("the writer leaves a note of a failed sync before anybody hears of it",
          "[actors][writer]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  n.clock.run_for(std::chrono::seconds{1});
  auto writer = spawn_writer(n.clock.system, n.disk, false);
  const std::string folder = "/data/orders-0";
  const auto log = folder + "/" + file_names::of(0, file_names::log);
  // Nobody waits for the answer any more when it comes.
  caf::anon_send(writer, sync_request::make([&](auto out) { out.initFiles(1).set(0, log); }));
  n.disk.fail_syncs(1);
  n.clock.run_for(std::chrono::seconds{1});
  CHECK(sync_failure_noted(n.disk, folder).value());
  caf::anon_send_exit(writer, caf::exit_reason::kill);
}

TEST_CASE("segments of a topic that is never flushed are synced once they are full",
          "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders", 1, {{"penstock.flush", "none"}, {"segment.bytes", "1024"}}));
  const auto recovery_point = [&] {
    const auto read = read_checkpoint(n.disk, "/data/orders-0");
    return read && *read ? (*read)->recovery_point : -1;
  };
  for (int i = 0; i < 3; ++i) REQUIRE(!failure_of(n.append("orders", {std::string(1000, 'x')})));
  n.clock.run_for(std::chrono::seconds{1});
  CHECK(recovery_point() == 2);
  REQUIRE(!failure_of(n.append("orders", {std::string(1000, 'x')})));
  n.clock.run_for(std::chrono::seconds{1});
  CHECK(recovery_point() == 3);
  CHECK(n.read("orders").size() == 4);
  // Also those of a node that was killed before it came to it, without waiting for records.
  REQUIRE(!failure_of(n.append("orders", {std::string(1000, 'x')})));
  caf::anon_send_exit(n.node, caf::exit_reason::kill);
  n.clock.run_for(std::chrono::seconds{1});
  n.start();
  CHECK(n.read("orders").size() == 5);
  n.clock.run_for(std::chrono::seconds{1});
  CHECK(recovery_point() == 4);
}

TEST_CASE("a full disk refuses appends, and takes them again when there is room",
          "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  REQUIRE(!failure_of(n.append("orders", {"a"})));
  n.disk.set_space_left(10);
  CHECK(failure_of(n.append("orders", {"b"})) == errc::disk_full);
  CHECK(n.read("orders") == strings{"a"});
  n.disk.set_space_left(std::nullopt);
  REQUIRE(!failure_of(n.append("orders", {"c"})));
  CHECK(n.read("orders") == strings{"a", "c"});
}

TEST_CASE("a partition that met a full disk when it was opened serves once there is room",
          "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("first"));
  n.disk.set_space_left(
      600);  // enough for the fact in the metadata log, not for the folder's files
  (void)n.create("orders");
  n.disk.set_space_left(0);
  n.clock.run_for(std::chrono::seconds{3});
  CHECK(failure_of(n.append("orders", {"a"})));
  n.disk.set_space_left(std::nullopt);
  n.clock.run_for(std::chrono::seconds{3});
  if (n.create("orders") == errc::topic_exists) n.clock.run_for(std::chrono::seconds{3});
  CHECK(!failure_of(n.append("orders", {"b"})));
}

TEST_CASE("a byte that changed on the disk is never handed to a reader", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  REQUIRE(!failure_of(n.append("orders", {"something long enough to be hit"})));
  REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
  REQUIRE(n.disk.flip_bit("/data/orders-0/00000000000000000000.log", 75, 3));
  n.start();
  auto reply = n.ask<fetch_reply>(n.fetch_of("orders", 0));
  CHECK(failure_of(reply) == errc::corrupt);
  CHECK_THAT(failure_of(reply).message(), contains("orders-0 is damaged"));
  CHECK(reply.open()->getBatches().size() == 0);
}

TEST_CASE("a batch whose offset changed on the disk is damage, not the end of the topic",
          "[actors][node]") {
  for (const std::uint64_t byte : {0u, 3u, 6u, 7u}) {
    INFO("byte " << byte << " of the base offset");
    virtual_node n;
    REQUIRE(!n.create("orders"));
    REQUIRE(!failure_of(n.append("orders", {"a"})));
    REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
    REQUIRE(n.disk.flip_bit("/data/orders-0/00000000000000000000.log", byte, 2));
    n.start();
    auto reply = n.ask<fetch_reply>(n.fetch_of("orders", 0));
    CHECK(failure_of(reply) == errc::corrupt);
    CHECK(reply.open()->getBatches().size() == 0);
  }
}

TEST_CASE("a folder of another topic with the same name is kept aside", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  REQUIRE(!failure_of(n.append("orders", {"precious"})));
  REQUIRE(!failure_of(n.ask<admin_reply>(close_request{})));
  // The metadata is lost, the records are there.
  REQUIRE(n.disk.remove_folder("/data/__cluster_metadata-0"));
  (void)n.disk.remove("/data/penstock.partitions");
  n.start();
  REQUIRE(!n.create("first"));  // takes the id that the simulated chance gives again
  REQUIRE(!n.create("orders"));
  CHECK(n.read("orders").empty());
  const auto kept = read_file(n.disk, "/data/orders-0.1-stray/00000000000000000000.log", 1 << 20);
  REQUIRE(kept);
  CHECK_THAT(*kept, contains("precious"));
}

TEST_CASE("appends of many senders share syncs and all are acknowledged", "[actors][node]") {
  virtual_node n;
  REQUIRE(!n.create("orders"));
  std::deque<caf::scoped_actor> senders;
  for (int i = 0; i < 50; ++i) senders.emplace_back(n.clock.system);
  std::vector<decltype(senders[0]->request(n.node, caf::infinite, append_request{}))> pending;
  for (auto& each : senders)
    pending.push_back(each->request(n.node, caf::infinite, n.append_of("orders", {"x"})));
  REQUIRE(n.clock.run_until([&] {
    return std::all_of(senders.begin(), senders.end(),
                       [](auto& each) { return !each->mailbox().empty(); });
  }));
  for (auto& each : pending)
    each.receive([](const append_reply& reply) { CHECK(!failure_of(reply)); },
                 [](const caf::error&) { FAIL("no answer"); });
  CHECK(n.read("orders").size() == 50);
}

TEST_CASE("producer ids are never given twice, also across a crash", "[actors][node]") {
  virtual_node n;
  auto give = [&] {
    return n.ask<init_producer_reply>(init_producer_request{}).open()->getProducerId();
  };
  const auto first = give();
  CHECK(give() > first);
  const auto last = give();
  n.disk.freeze();
  caf::anon_send_exit(n.node, caf::exit_reason::kill);
  n.clock.run_for(std::chrono::seconds{1});
  random chance{3};
  n.disk.crash(chance);
  n.start();
  CHECK(give() > last);
}

TEST_CASE("a step whose stored state changed is refused with the remedy", "[actors][node]") {
  virtual_node n;
  auto registered = [&](const std::string& step, const std::string& fingerprint,
                        const std::string& drop = "") {
    return failure_of(n.ask<admin_reply>(register_state_request::make([&](auto out) {
      out.setTopology("word-count");
      auto store = out.initStores(1)[0];
      store.setStep(text_of(step));
      store.setFingerprint(text_of(fingerprint));
      store.setChangelog("word-count-counts-changelog");
      if (!drop.empty()) out.initDrop(1).set(0, text_of(drop));
    })));
  };
  REQUIRE(!registered("counts", "u64"));
  REQUIRE(!registered("counts", "u64"));
  auto changed = registered("counts", "double");
  CHECK(changed == errc::state_changed);
  CHECK_THAT(changed.message(), contains("--drop-state counts"));
  CHECK_THAT(registered("totals", "u64").message(), contains("no longer in the topology"));
  CHECK(!registered("totals", "u64", "counts"));
}

}  // namespace
}  // namespace penstock
