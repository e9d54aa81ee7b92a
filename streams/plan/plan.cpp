#include "streams/plan/plan.hpp"

#include "streams/base/assert.hpp"
#include "streams/plan/connector.hpp"
#include "streams/plan/layout.hpp"
#include "streams/plan/plan_runner.hpp"

namespace penstock {

plan::plan(std::string name, std::vector<step> steps, bad_record_policy on_bad,
           plan_options options, std::vector<std::string> problems)
    : name_(std::move(name)),
      steps_(std::move(steps)),
      on_bad_(std::move(on_bad)),
      options_(options),
      moves_(detail::moving_steps(steps_, options_)),
      problems_(std::move(problems)) {
  for (std::string& one : detail::find_problems(name_, steps_, on_bad_)) {
    problems_.push_back(std::move(one));
  }
  parts_ = detail::lay_out(name_, steps_, moves_, on_bad_, problems_);
  detail::lay_out_time(steps_, moves_, parts_);
  for (const step& s : steps_) {
    if (!s.reads_from && !s.writes_to) continue;
    const bool remembers = s.reads_from && has_checkpoint(*s.reads_from);
    connectors_.push_back({s.id, s.name, s.topic,
                           remembers ? checkpoint_topic(name_, s.name) : std::string{},
                           s.reads_from != nullptr});
  }
}

std::vector<std::string> plan::endless_sources() const {
  std::vector<std::string> names;
  for (const step& s : steps_)
    if (s.reads_from && !has_end(*s.reads_from)) names.push_back(s.name);
  return names;
}

std::string plan::repartition_topic(step_id id) const {
  return name_ + "-" + steps_[detail::index_of(id)].name + "-repartition";
}

std::uint64_t plan::fingerprint() const {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto mix = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;  // a byte that text in UTF-8 does not have
  };
  mix(name_);
  for (const step& s : steps_) {
    mix(s.name);
    mix(s.verb);
    mix(s.details);
    mix(s.topic);
    mix(s.formats.key);
    mix(s.formats.value);
    mix(s.state_fingerprint);
    mix(std::to_string(static_cast<int>(s.kind)));
    mix(moves_[detail::index_of(s.id)] ? "moves" : "stays");
    for (const step_id input : s.inputs) mix(std::to_string(input));
  }
  return hash;
}

std::unique_ptr<task_runner> plan::make_runner(std::int32_t part, std::int32_t partition,
                                               const runner_settings& settings,
                                               task_output& output) const {
  PENSTOCK_ASSERT(problems_.empty(), name_);
  PENSTOCK_ASSERT(part >= 0 && static_cast<std::size_t>(part) < parts_.size(), part);
  return std::make_unique<plan_runner>(*this, part, partition, settings, output);
}

}  // namespace penstock
