// A task that crashes anywhere and restores from its changelog ends where one ends that never did.
#include <set>

#include "streams/base/random.hpp"
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

const topic<std::string, std::uint64_t> in{"in"};
const topic<std::string, windowed<std::uint64_t>> closed{"closed"};
const topic<std::string, windowed<std::uint64_t>> larger{"larger"};
const topic<std::string, std::uint64_t> late_out{"late"};
const topic<std::string, std::uint64_t> passed{"passed"};

/// Every kind of state, windows behind windows, and a table behind a table's changes.
topology job() {
  topology t{"job"};
  t.on_bad_record(skip);
  const auto s = t.from(in).event_time(
      "time", [](std::uint64_t ms) { return from_millis(static_cast<std::int64_t>(ms)); },
      out_of_order{3s});
  s.count("n").changes().sum("sum-of-counts");
  s.top_k("top", 3);
  s.dedupe("once", 7s).throttle("some", at_most{2, 10s}).to(passed);
  const auto sums = s.window(tumbling{5s, grace{1s}}).late(late_out).sum("w").on_close(never_idle);
  sums.to(closed);
  sums.window(tumbling{20s, no_grace})
      .sum("ww", [](const windowed<std::uint64_t>& w) { return w.value; })
      .on_close(never_idle)
      .to(larger);
  return t;
}

using lines = std::vector<std::string>;

lines without(const std::set<std::string>& some, const std::set<std::string>& others) {
  lines left;
  std::set_difference(some.begin(), some.end(), others.begin(), others.end(),
                      std::back_inserter(left));
  return left;
}

struct outputs final : task_output {
  explicit outputs(const plan& p) {
    for (const plan_sink& sink : p.sub_topologies()[0].sinks) {
      names.push_back(sink.topic);
    }
  }
  void emit(std::int32_t sink, const emitted& out) override {
    // What may come again after a crash is compared as a set.
    seen.insert(names[static_cast<std::size_t>(sink)] + " " + bytes{*out.key} + " " +
                bytes{*out.value});
  }
  void print(std::string_view) override {}
  std::vector<std::string> names;
  std::set<std::string> seen;
};

/// What is durable between two lives of a task.
struct durable {
  std::vector<bytes> changelog;
  bytes progress;
  std::size_t next = 0;  // batch to read
};

std::unique_ptr<task_runner> start(const plan& p, const durable& d, task_output& out,
                                   const clock& time) {
  runner_settings settings;
  settings.time = &time;
  settings.upstream_tasks = {0};
  auto runner = p.make_runner(0, 0, settings, out);
  for (const bytes& raw : d.changelog) {
    batch_cursor cursor;
    cursor.open(batch_view::parse(raw).value()).value();
    record_view r;
    while (cursor.next(r).value()) runner->restore(*r.key, r.value).value();
  }
  if (!d.progress.empty()) runner->restore_progress(d.progress).value();
  return runner;
}

void commit(task_runner& runner, durable& d, std::size_t next) {
  runner.flush().value();
  batch_builder changes;
  runner.take_changes(changes);
  if (!changes.empty()) d.changelog.emplace_back(changes.finish());
  d.progress = runner.save_progress();
  d.next = next;
  CHECK_FALSE(runner.has_changes());
}

std::vector<bytes> input_of(random& chance) {
  std::vector<bytes> batches;
  offset_t offset = 0;
  for (int b = 0; b < 60; ++b) {
    batch_builder builder;
    const auto count = 1 + chance.below(8);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto time = static_cast<std::uint64_t>(b) * 700 + 5000 - chance.below(5000);
      bytes value;
      serde<std::uint64_t>::encode(time, value);
      builder.add(from_millis(0), "k" + std::to_string(chance.below(6)), value);
    }
    batches.emplace_back(builder.finish(offset));
    offset += static_cast<offset_t>(count);
  }
  return batches;
}

using states = std::map<std::string, std::map<bytes, bytes>>;

states all_states(const plan& p, const task_runner& runner) {
  states all;
  for (const plan_store& store : p.sub_topologies()[0].stores) {
    runner.each_state(store.step, [&](bytes_view key, bytes_view value) {
      all[store.step][bytes{key}] = bytes{value};
    });
  }
  return all;
}

TEST_CASE("state restored after crashes anywhere equals that of a run without", "[dsl][restore]") {
  const plan p = job().plan();
  REQUIRE(p.problems().empty());
  const manual_clock time;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    const auto input = input_of(chance);

    outputs smooth_out{p};
    durable smooth_disk;
    const auto smooth = start(p, smooth_disk, smooth_out, time);
    outputs rough_out{p};
    durable rough_disk;
    auto rough = start(p, rough_disk, rough_out, time);
    std::set<std::size_t> commits;  // the smooth run commits where the rough one did
    for (std::size_t next = 0; next < input.size();) {
      rough->process(0, batch_view::parse(input[next]).value(), 0).value();
      ++next;
      if (chance.chance(1, 5)) {
        commit(*rough, rough_disk, next);
        commits.insert(next);
      }
      if (chance.chance(1, 8)) {
        rough = start(p, rough_disk, rough_out, time);
        next = rough_disk.next;
      }
    }
    commit(*rough, rough_disk, input.size());
    commits.insert(input.size());
    for (std::size_t next = 0; next < input.size(); ++next) {
      smooth->process(0, batch_view::parse(input[next]).value(), 0).value();
      if (commits.contains(next + 1)) commit(*smooth, smooth_disk, next + 1);
    }
    for (const auto& [step, entries] : all_states(p, *smooth)) {
      INFO(step);
      CHECK(all_states(p, *rough)[step] == entries);
    }
    CHECK(rough->save_progress() == smooth->save_progress());

    // And nothing was lost on the way out; a last restore knows all of it.
    rough = start(p, rough_disk, rough_out, time);
    CHECK(all_states(p, *rough) == all_states(p, *smooth));
    for (task_runner* one : {rough.get(), smooth.get()}) {
      one->close_windows().value();
      one->flush().value();
    }
    CHECK(without(rough_out.seen, smooth_out.seen) == lines{});
    CHECK(without(smooth_out.seen, rough_out.seen) == lines{});
  }
}

TEST_CASE("a stored state of another type or step is refused with the remedy", "[dsl][restore]") {
  topology t{"job"};
  t.from(in).count("n");
  const plan p = t.plan();
  outputs out{p};
  const manual_clock time;
  const auto runner = start(p, {}, out, time);
  const auto wrong_type = runner->restore(bytes("n\0k", 3), "abc");
  REQUIRE_FALSE(wrong_type);
  CHECK(wrong_type.error().code() == errc::state_changed);
  CHECK_THAT(wrong_type.error().message(), contains("\"n\"") && contains("--reset"));
  const auto no_step = runner->restore(bytes("gone\0k", 6), bytes(8, '\0'));
  REQUIRE_FALSE(no_step);
  CHECK(no_step.error().code() == errc::state_changed);
  CHECK_THAT(no_step.error().message(), contains("\"gone\"") && contains("--reset"));
  CHECK_FALSE(runner->restore("no zero byte", "x"));
  CHECK_FALSE(runner->restore_progress("rubbish"));
}

TEST_CASE("records below the offset to start from are skipped", "[dsl]") {
  topology t{"job"};
  t.from(in).count("n");
  const plan p = t.plan();
  outputs out{p};
  const manual_clock time;
  const auto runner = start(p, {}, out, time);
  batch_builder builder;
  for (int i = 0; i < 5; ++i) builder.add(from_millis(0), "k", bytes(8, '\0'));
  const bytes raw{builder.finish(10)};
  runner->process(0, batch_view::parse(raw).value(), 13).value();
  CHECK(runner->counters().records_in == 2);
  CHECK(runner->current_offset() == 14);
}

}  // namespace
}  // namespace penstock::test
