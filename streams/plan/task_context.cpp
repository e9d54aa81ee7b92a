#include "streams/plan/task_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <set>
#include <string>

#include "streams/plan/connector.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock {

task_context::task_context(const plan& p, std::int32_t part, std::int32_t partition,
                           const runner_settings& settings, task_output& output)
    : plan_(&p),
      part_(&p.sub_topologies()[static_cast<std::size_t>(part)]),
      partition_(partition),
      settings_(settings),
      output_(&output) {
  if (settings_.job.empty()) settings_.job = p.name();
  for (std::size_t i = 0; i < part_->sinks.size(); ++i) {
    if (part_->sinks[i].dead_letter) dead_letter_sink_ = static_cast<std::int32_t>(i);
  }
  for (const plan_timeline& line : part_->timelines) {
    timelines_.push_back({});
    timelines_.back().layout = &line;
  }
}

output_port task_context::input_port(std::size_t index, int port) {
  PENSTOCK_ASSERT(index < self_->inputs.size(), self_->name);
  const step_id wanted = self_->inputs[index];
  const auto found = std::find_if(made_.begin(), made_.end(),
                                  [&](const auto& one) { return one.first == wanted; });
  PENSTOCK_ASSERT(found != made_.end(), self_->name, wanted);
  return found->second->output(port);
}

timeline_numbers task_context::timelines() const {
  timeline_numbers numbers(part_->sources.size() + 1, -1);
  for (std::size_t i = 0; i < part_->timelines.size(); ++i) {
    const plan_timeline& line = part_->timelines[i];
    if (line.at == self_->id) {
      numbers[static_cast<std::size_t>(line.source + 1)] = static_cast<int>(i);
    }
  }
  return numbers;
}

void task_context::bad_record(const step& at, const record_context& context,
                              std::string_view reason) {
  ++counters_.bad;
  const offset_t offset = context.raw != nullptr ? context.raw->offset : -1;
  const bool from_state = offset < 0 || source_ < 0;
  const std::string_view topic =
      from_state ? std::string_view{} : part_->sources[static_cast<std::size_t>(source_)].topic;
  using action = bad_record_policy::action;
  if (plan_->on_bad_record().what == action::stop) {
    const std::string where =
        from_state ? fmt::format("a record that left a state, partition {}", partition_)
                   : fmt::format("topic {}, partition {}, offset {}", topic, partition_, offset);
    failure_ = error{errc::bad_record,
                     fmt::format("job {}, step \"{}\", {}: {} (to go on past such records, set "
                                 "on_bad_record to skip or dead_letter)",
                                 settings_.job, at.name, where, reason)};
    throw stop_task{};
  }
  if (plan_->on_bad_record().what == action::dead_letter) dead_letter(at, context, reason);
  const record_view nothing;
  const record_view& raw = context.raw != nullptr ? *context.raw : nothing;
  output_->on_bad_record({at.name, topic, partition_, offset, reason, raw.key, raw.value});
}

namespace {

// Where records of a source come from that a person can look at: topics of others, and what
// connectors read, through however many repartitions. Source -1: any.
void add_origins(const plan& p, const sub_topology& part, std::int32_t source,
                 std::set<std::string>& to) {
  for (std::size_t i = 0; i < part.sources.size(); ++i) {
    if (source >= 0 && static_cast<std::size_t>(source) != i) continue;
    const plan_source& each = part.sources[i];
    if (each.repartition) {
      add_origins(p, p.sub_topologies()[static_cast<std::size_t>(each.upstream)], -1, to);
      continue;
    }
    const step& s = p.steps()[static_cast<std::size_t>(each.from)];
    to.insert(s.reads_from ? place_of(*s.reads_from) : each.topic);
  }
}

// Empty when `topic`, where the record was read, says it already.
std::string origin_of(const plan& p, const sub_topology& part, std::int32_t source,
                      std::string_view topic) {
  std::set<std::string> origins;
  add_origins(p, part, source, origins);
  if (origins.size() == 1 && *origins.begin() == topic) return {};
  return fmt::format("{}", fmt::join(origins, ", "));
}

}  // namespace

void task_context::dead_letter(const step& at, const record_context& context,
                               std::string_view reason) {
  const record_view nothing;
  const record_view& raw = context.raw != nullptr ? *context.raw : nothing;
  const std::string_view topic =
      source_ < 0 || raw.offset < 0
          ? std::string_view{}
          : std::string_view{part_->sources[static_cast<std::size_t>(source_)].topic};
  const std::string origin = origin_of(*plan_, *part_, topic.empty() ? -1 : source_, topic);
  const std::string partition = std::to_string(partition_);
  const std::string offset = std::to_string(raw.offset);
  std::vector<header_view> headers;
  if (raw.header_count > 0) {
    for (const header_view& h : headers_of(raw)) {
      if (!h.name.starts_with("penstock.")) headers.push_back(h);
    }
  }
  headers.push_back({"penstock.reason", reason});
  headers.push_back({"penstock.step", at.name});
  headers.push_back({"penstock.topic", topic});
  headers.push_back({"penstock.partition", partition});
  headers.push_back({"penstock.offset", offset});
  if (!origin.empty()) headers.push_back({"penstock.origin", origin});
  emit(dead_letter_sink_, {raw.key, raw.value, raw.time, headers});
}

void task_context::caught(const step& at, const record_context& context) {
  try {
    throw;
  } catch (const stop_task&) {
    throw;
  } catch (const assertion_failed&) {
    throw;
  } catch (const std::exception& e) {
    bad_record(at, context, fmt::format("the function threw: {}", e.what()));
  } catch (...) {
    bad_record(at, context, "the function threw something that is not a std::exception");
  }
}

std::string task_context::implausible(timestamp time) {
  if (plausible(time)) return {};
  if (time < timestamp{}) {
    return fmt::format("its time is negative ({} ms)", to_millis(time));
  }
  if (settings_.time == nullptr) {
    plausible_until_ = max_timestamp;
    return {};
  }
  const timestamp now = settings_.time->now();
  plausible_until_ = now + settings_.max_ahead;
  if (time <= plausible_until_) return {};
  std::string text = "its time ";
  encode_text(time, text);
  text += fmt::format(" is more than {} ms ahead of the clock (", settings_.max_ahead.count());
  encode_text(now, text);
  return text + ")";
}

}  // namespace penstock
