#include "launch/testing/run_tests.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "launch/exit_status.hpp"
#include "launch/testing/mock_table.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock::testing {

namespace {

using nlohmann::json;

class one_run {
 public:
  one_run(const plan& p, const test_case& test)
      : plan_(with_mocks(p, test.mocks)), test_(test), ends_(plan_), core_(plan_, test.options) {}

  std::vector<test_failure> run() {
    bool stopped = false;
    for (const test_step& each : test_.steps) {
      try {
        std::visit([&](const auto& what) { carry_out(what); }, each.what);
      } catch (const std::runtime_error& e) {
        stopped = true;
        job_stopped(each.at, e.what());
        break;  // what comes behind has nothing to look at
      }
    }
    if (test_.stops && !stopped) {
      fail(test_.stops->at, fmt::format("the job should have stopped because of \"{}\", and did "
                                        "not",
                                        test_.stops->what.get<std::string>()));
    }
    return std::move(failures_);
  }

 private:
  void carry_out(const feed_step& feed) {
    for (const fed_record& one : feed.records) {
      if (!feed.source.empty()) {
        core_.feed_line(feed.source, one.key, one.value.value_or(""));
        continue;
      }
      std::vector<header_view> headers;
      for (const auto& h : one.headers) headers.push_back({h.name, h.value});
      core_.feed(feed.topic, one.key, one.value, one.time, headers);
    }
  }
  void carry_out(const advance_to_step& step) { core_.advance_to(step.to); }
  void carry_out(const advance_by_step& step) { core_.advance_by(step.by); }
  void carry_out(plain_step step) {
    switch (step) {
      case plain_step::close_windows:
        return core_.close_windows();
      case plain_step::restart:
        return core_.restart();
      case plain_step::commit:
        return core_.commit();
    }
  }
  void carry_out(const expect_step& step) {
    core_.commit();
    for (const auto& list : step.lists) compare(list, found(list));
    for (const auto& counter : step.counters) compare(counter);
  }

  std::vector<json> found(const expected_list& list) {
    std::vector<json> all;
    if (list.kind == listed::printed) {
      for (auto& line : core_.take_printed()) all.push_back(as_json(std::optional{bytes{line}}));
    } else if (list.kind == listed::records) {
      const auto& end = *ends_.written(list.topic);
      for (const auto& one : core_.take(end.topic)) all.push_back(as_json(one, end));
    } else {
      const auto& bad = core_.bad_records();
      for (; bad_seen_ < bad.size(); ++bad_seen_) {
        const auto& one = bad[bad_seen_];
        all.push_back({{"key", as_json(one.key)},
                       {"value", as_json(one.value)},
                       {"reason", as_json(std::optional{bytes{one.reason}})},
                       {"step", one.step},
                       {"topic", one.topic},
                       {"partition", one.partition},
                       {"offset", one.offset}});
      }
    }
    return all;
  }

  void compare(const expected_list& list, const std::vector<json>& all) {
    const std::string what = list.kind == listed::records ? fmt::format("topic \"{}\"", list.topic)
                             : list.kind == listed::printed ? "printed lines"
                                                            : "dead letters";
    if (list.count && *list.count != all.size()) {
      std::vector<diff_line> lines;
      if (*list.count == 0) lines = difference(list.kind, list_order::in_order, {}, all);
      fail(list.at, fmt::format("{}: expected {}, found {}", what, *list.count, all.size()),
           std::move(lines));
    }
    if (!list.order) return;
    auto lines = difference(list.kind, *list.order, list.items, all);
    if (lines.empty()) return;
    const char* how = *list.order == list_order::in_order ? "expected exactly these, in this order"
                      : *list.order == list_order::any_order ? "expected exactly these"
                                                             : "expected these among what there is";
    // The place of the first element that is missing, when there is one.
    place at = list.at;
    if (const auto item = first_missing(list, all)) at = *item;
    fail(at,
         fmt::format("{}: {} ({} expected, {} found)", what, how, list.items.size(), all.size()),
         std::move(lines));
  }

  static std::optional<place> first_missing(const expected_list& list,
                                            const std::vector<json>& all) {
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (*list.order == list_order::in_order) {
        if (i >= all.size() ||
            !difference(list.kind, list_order::in_order, {list.items[i]}, {all[i]}).empty())
          return list.items[i].at;
      } else if (!difference(list.kind, list_order::contains, {list.items[i]}, all).empty()) {
        return list.items[i].at;
      }
    }
    return std::nullopt;
  }

  void compare(const expected_counter& counter) {
    const auto all = core_.counters();
    const auto found = counter.name == "late"         ? all.late
                       : counter.name == "bad"        ? all.bad
                       : counter.name == "records_in" ? all.records_in
                                                      : all.records_out;
    if (found != counter.value) {
      fail(counter.at, fmt::format("counter \"{}\": expected {}, found {}", counter.name,
                                   counter.value, found));
    }
  }

  void job_stopped(place at, const std::string& why) {
    if (!test_.stops) {
      fail(at, "the job stopped: " + why);
    } else if (const auto wanted = test_.stops->what.get<std::string>();
               why.find(wanted) == std::string::npos) {
      fail(test_.stops->at,
           fmt::format("the job stopped, but not because of \"{}\": {}", wanted, why));
    }
  }

  void fail(place at, std::string what, std::vector<diff_line> lines = {}) {
    failures_.push_back({at, std::move(what), std::move(lines)});
  }

  plan plan_;
  const test_case& test_;
  topic_ends ends_;
  detail::driver_core core_;
  std::size_t bad_seen_ = 0;
  std::vector<test_failure> failures_;
};

std::string_view word_for(diff_line::side from) {
  switch (from) {
    case diff_line::side::expected:
      return "expected";
    case diff_line::side::found:
      return "found";
    default:
      return "";
  }
}

void print(const test_file& file, const test_case& test,
           const std::vector<test_failure>& failures) {
  fmt::print("{}  {}\n", failures.empty() ? "ok  " : "FAIL", test.name);
  for (const auto& one : failures) {
    fmt::print("      {}:{}: {}\n", file.path, one.at.line, one.what);
    for (const auto& line : one.lines)
      fmt::print("        {:<8}  {}\n", word_for(line.from), line.text);
  }
}

json as_json(const test_file& file, const test_case& test,
             const std::vector<test_failure>& failures) {
  json all{{"file", file.path},
           {"name", test.name},
           {"line", test.at.line},
           {"passed", failures.empty()},
           {"failures", json::array()}};
  for (const auto& one : failures) {
    json failure{{"line", one.at.line}, {"message", one.what}, {"difference", json::array()}};
    for (const auto& line : one.lines) {
      const auto word = word_for(line.from);
      failure["difference"].push_back(
          {{"side", word.empty() ? "both" : word}, {"text", line.text}});
    }
    all["failures"].push_back(std::move(failure));
  }
  return all;
}

}  // namespace

std::vector<test_failure> run_test(const plan& p, const test_case& test) {
  return one_run{p, test}.run();
}

int run_test_files(const plan& p, const std::vector<std::string>& paths, bool as_json_document) {
  std::vector<test_file> files;
  for (const auto& path : paths) {
    auto file = read_test_file(path, p);
    if (!file) {
      fmt::print(stderr, "{}\n", file.error().message());
      return exit_usage;
    }
    files.push_back(*std::move(file));
  }
  json document{{"tests", json::array()}};
  std::size_t passed = 0;
  std::size_t failed = 0;
  for (const auto& file : files) {
    for (const auto& test : file.tests) {
      const auto failures = run_test(p, test);
      ++(failures.empty() ? passed : failed);
      if (as_json_document) {
        document["tests"].push_back(as_json(file, test, failures));
      } else {
        print(file, test, failures);
      }
    }
  }
  if (as_json_document) {
    document["passed"] = passed;
    document["failed"] = failed;
    fmt::print("{}\n", document.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{} of {} tests passed\n", passed, passed + failed);
  }
  std::fflush(stdout);
  return failed == 0 ? exit_ok : exit_failed;
}

}  // namespace penstock::testing
