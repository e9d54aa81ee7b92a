#include "actors/processor/task_sinks.hpp"

#include <spdlog/spdlog.h>

#include "streams/base/assert.hpp"

namespace penstock {

task_sinks::task_sinks(task_sinks_config config, produce_queue& queue)
    : config_(std::move(config)), queue_(queue) {
  PENSTOCK_ASSERT(config_.sinks.size() == config_.partitions.size());
  random chance{std::hash<std::string>{}(config_.task)};
  for (std::size_t i = 0; i < config_.sinks.size(); ++i) {
    sink each{config_.sinks[i], sticky_partitioner{chance.fork()}, {}};
    batch_options options;
    options.checksum = !(each.what.repartition && config_.in_memory);
    for (std::int32_t p = 0; p < config_.partitions[i]; ++p) {
      each.lanes.push_back({{each.what.topic, p}, batch_builder{options}, -1});
      if (each.what.repartition) targets_.push_back({each.what.topic, p});
    }
    sinks_.push_back(std::move(each));
  }
}

std::string task_sinks::mark_name(std::int32_t source) const {
  if (config_.stateful || config_.sources == 1) return config_.task;
  return config_.task + "/" + std::to_string(source);
}

std::vector<std::string> task_sinks::mark_names() const {
  if (config_.stateful || config_.sources == 1) return {config_.task};
  std::vector<std::string> names;
  for (std::int32_t s = 0; s < config_.sources; ++s) names.push_back(mark_name(s));
  return names;
}

void task_sinks::set_sent(const topic_partition& to, const std::string& mark,
                          std::int64_t sequence) {
  sent_[{to, mark}] = sequence;
}

void task_sinks::begin_chunk(const task_runner& runner, std::int32_t source, offset_t last) {
  if (config_.stateful) return;
  runner_ = &runner;
  sequence_ = last;
  mark_.clear();
  if (source == source_ || targets_.empty()) return;
  source_ = source;
  const auto name = mark_name(source);
  for (auto& each : sinks_) {
    if (!each.what.repartition) continue;
    for (auto& to : each.lanes) {
      auto known = sent_.find({to.to, name});
      to.sent = known == sent_.end() ? -1 : known->second;
    }
  }
}

void task_sinks::emit(std::int32_t number, const emitted& out) {
  auto& target = sinks_[static_cast<std::size_t>(number)];
  auto partition = static_cast<std::size_t>(
      target.choose.partition(out.key, static_cast<std::int32_t>(target.lanes.size())));
  auto& to = target.lanes[partition];
  if (target.what.repartition) {
    if (runner_ != nullptr && runner_->current_offset() <= to.sent) return;
    const auto before = to.builder.empty() ? 0 : to.builder.size();
    add(to, out, before == 0);
    repartition_bytes_ += to.builder.size() - before;
    return;
  }
  add(to, out, false);
  ordinary_open_ = true;
  if (to.builder.size() < batch_bytes) return;
  bytes_out_ += to.builder.size();
  queue_.push(to.to, to.builder);
  if (!out.key) target.choose.next_batch(static_cast<std::int32_t>(target.lanes.size()));
}

void task_sinks::add(lane& to, const emitted& out, bool mark) {
  const auto time = out.time == no_timestamp ? config_.time->now() : out.time;
  if (!mark) return to.builder.add(time, out.key, out.value, out.headers);
  if (mark_.empty()) mark_ = encode(source_mark{mark_name(source_), epoch_, sequence_});
  headers_.assign(out.headers.begin(), out.headers.end());
  headers_.push_back({source_mark_header, bytes_view{mark_}});
  to.builder.add(time, out.key, out.value, headers_);
}

std::vector<outgoing_batch> task_sinks::take_repartitioned() {
  std::vector<outgoing_batch> taken;
  mark_.clear();
  if (repartition_bytes_ == 0) return taken;
  for (auto& each : sinks_) {
    if (!each.what.repartition) continue;
    for (auto& to : each.lanes) {
      if (to.builder.empty()) continue;
      bytes_out_ += to.builder.size();
      taken.push_back({to.to, bytes{to.builder.finish()}});
    }
  }
  repartition_bytes_ = 0;
  return taken;
}

void task_sinks::flush_ordinary() {
  if (!ordinary_open_) return;
  ordinary_open_ = false;
  for (auto& each : sinks_) {
    if (each.what.repartition) continue;
    for (auto& to : each.lanes) {
      if (to.builder.empty()) continue;
      bytes_out_ += to.builder.size();
      queue_.push(to.to, to.builder);
    }
  }
}

void task_sinks::print(std::string_view line) {
  if (config_.print) config_.print(line);
}

void task_sinks::on_bad_record(const bad_record_notice& notice) {
  spdlog::debug("{}: step {} could not process {}-{} offset {}: {}", config_.task, notice.step,
                notice.topic, notice.partition, notice.offset, notice.reason);
}

}  // namespace penstock
