// What becomes of a job when a topic that it uses is deleted, and perhaps made again: it ends with
// an error that names the topic and the remedy, and never goes on at a position of the old one.
#include <penstock/penstock.hpp>

#include "actors/processor/job.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock {
namespace {

const topic<no_key, std::string> lines{"lines"};
const topic<std::string, std::uint64_t> counts{"counts"};

topology counting_job() {
  topology t{"words"};
  t.from(lines)
      .key_by("by-line", [](const std::string& line) { return line; })
      .count("seen")
      .to(counts);
  return t;
}

topology copying_job() {
  topology t{"copies"};
  t.from(lines).to(topic<no_key, std::string>{"copied"});
  return t;
}

struct job_on_node : test::virtual_node {
  explicit job_on_node(topology t) : topology_(std::make_shared<const plan>(t.plan())) {
    REQUIRE(!create("lines"));
  }
  ~job_on_node() { end(); }

  void run(bool until_end, bool reset = false) {
    end();
    job_config config;
    config.topology = topology_;
    config.node = node;
    config.time = &clock.time;
    config.settings.commit_interval = 20ms;
    config.until_end = until_end;
    config.reset = reset;
    job_ = spawn_job(clock.system, std::move(config));
  }
  void end() {
    if (!job_) return;
    caf::anon_send_exit(job_, caf::exit_reason::kill);
    job_ = nullptr;
    clock.run_for(std::chrono::seconds{1});
  }
  job_reply ask_job() {
    auto pending = self->request(job_, caf::infinite, job_request{});
    REQUIRE(clock.run_until([&] { return !self->mailbox().empty(); }));
    job_reply answer;
    pending.receive([&](const job_reply& reply) { answer = reply; },
                    [](const caf::error& why) { FAIL(from_caf(why).to_string()); });
    return answer;
  }
  /// What the job says when it has come to its end.
  error outcome() {
    for (int i = 0; i < 1000; ++i) {
      auto reply = ask_job();
      const std::string state{view(reply.open()->getState())};
      if (state == "ended" || state == "failed") return error_of(reply.open()->getFailure());
      clock.run_for(std::chrono::milliseconds{50});
    }
    return error{errc::timed_out, "the job goes on"};
  }
  void feed(int count) {
    for (int i = 0; i < count; ++i)
      REQUIRE(!error_of(append("lines", {"line " + std::to_string(i)}).open()->getFailure()));
  }
  std::size_t written(const std::string& topic) { return read(topic).size(); }

  std::shared_ptr<const plan> topology_;
  job_actor job_;
};

}  // namespace

TEST_CASE("a job refuses an input that was deleted and made again, however long it is",
          "[launch][job]") {
  job_on_node n{counting_job()};
  n.feed(3);
  n.run(true);
  CHECK(n.outcome().to_string() == "none");
  for (int length : {0, 2, 3, 10}) {
    CAPTURE(length);
    n.end();
    REQUIRE(!n.remove("lines"));
    REQUIRE(!n.create("lines"));
    n.feed(length);
    n.run(true);
    const auto why = n.outcome();
    CHECK(why == errc::state_changed);
    CHECK_THAT(why.message(), test::contains("topic \"lines\" was deleted and made again"));
    CHECK_THAT(why.message(), test::contains("--reset"));
  }
  n.run(true, true);
  CHECK(n.outcome().to_string() == "none");
  CHECK(n.written("counts") == 3 + 10);  // the ten lines are ten keys
}

TEST_CASE("a job without state begins an input that was made again at its start", "[launch][job]") {
  job_on_node n{copying_job()};
  n.feed(3);
  n.run(true);
  CHECK(n.outcome().to_string() == "none");
  n.end();
  REQUIRE(!n.remove("lines"));
  REQUIRE(!n.create("lines"));
  n.feed(10);
  n.run(true);
  CHECK(n.outcome().to_string() == "none");
  CHECK(n.written("copied") == 3 + 10);
}

TEST_CASE("a job whose topic is deleted ends with an error that names it", "[launch][job]") {
  for (const std::string gone : {"lines", "counts", "words-seen-changelog"}) {
    CAPTURE(gone);
    job_on_node n{counting_job()};
    n.feed(3);
    n.run(false);
    n.clock.run_for(std::chrono::seconds{3});
    REQUIRE(view(n.ask_job().open()->getState()) == "running");
    REQUIRE(!n.remove(gone));
    const auto why = n.outcome();
    CHECK(why == errc::unknown_topic);
    CHECK_THAT(why.message(), test::contains("topic \"" + gone +
                                             "\" was deleted while topology "
                                             "\"words\" was using it"));
    CHECK_THAT(why.message(), test::contains("--reset"));
    // Nobody else is disturbed.
    REQUIRE(!n.create("other"));
    CHECK(!error_of(n.append("other", {"x"}).open()->getFailure()));
  }
}

TEST_CASE("a job whose topic is made again under it ends as well", "[launch][job]") {
  job_on_node n{counting_job()};
  n.feed(3);
  n.run(false);
  n.clock.run_for(std::chrono::seconds{3});
  REQUIRE(!n.remove("lines"));
  REQUIRE(!n.create("lines"));
  n.feed(10);
  const auto why = n.outcome();
  CHECK((why == errc::state_changed || why == errc::unknown_topic));
  CHECK_THAT(why.message(), test::contains("topic \"lines\" was deleted"));
}

}  // namespace penstock
