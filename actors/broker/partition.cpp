#include "actors/broker/partition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "actors/broker/guard.hpp"
#include "actors/messages/data_room.hpp"
#include "actors/messages/settings.hpp"
#include "streams/base/planted.hpp"
#include "streams/log/log.hpp"
#include "streams/record/transaction_marker.hpp"
#include "streams/topic/metadata.hpp"

namespace penstock {
namespace {

enum timer : std::uint16_t { housekeeping = 1, fetch_deadline = 2, flush_interval = 3, reopen = 4 };

constexpr auto reopen_pause = 1s;  // a disk that is full or failing may recover

struct partition_state {
  static inline const char* name = "penstock.partition";

  /// An answer that may be given when everything below `up_to` is durable, or will never be.
  struct waiting {
    offset_t up_to;
    std::function<void(const error&)> answer;
  };
  struct parked_fetch {
    std::uint64_t id;
    fetch_request what;
    caf::typed_response_promise<fetch_reply> whom;
    bool watch = false;  // the answer needs no batches
  };

  partition_config config;
  bool asked = false;  // for the first time: the log was opened, or could not be
  std::unique_ptr<partition_log> log;
  error offline;                 // why nothing is served
  bool no_room = false;          // the last append found the disk full
  std::deque<waiting> unsynced;  // what waits for the writer, in offset order
  bool sync_in_flight = false;
  std::size_t segments_seen = 0;  // by `sync_closed_segments`
  bool segments_in_flight = false;
  std::vector<parked_fetch> parked;
  std::uint64_t next_fetch_id = 1;
  std::map<std::string, std::int32_t> source_epochs;  // upstream tasks that opened this partition
  bool flush_timer = false;
  std::int64_t guard = 0;  // for batches that begin transactions; another one after each marker

  /// However it ends: whoever waits hears of it, and asks the next actor of this partition.
  ~partition_state() {
    const error why{errc::overloaded, "partition " + config.id.to_string() + " is being restarted"};
    for (auto& each : unsynced) each.answer(why);
    for (auto& each : parked) each.whom.deliver(failed<fetch_reply>(why));
  }
};

using partition_self = partition_actor::stateful_pointer<partition_state>;

// Readers see nothing that an acknowledgement would not cover.
offset_t high_watermark(const partition_state& state) {
  return state.log->settings().flush == flush_policy::batch ? state.log->synced_offset()
                                                            : state.log->end_offset();
}

offset_t last_stable(partition_state& state) {
  return state.log->last_stable_offset(high_watermark(state));
}

// What a disk gives back is not always what it was given, and a shutdown in order means that
// nothing was scanned at the start: nobody may believe a byte that was not `checked`.
// Offsets are outside of a batch's checksum: they must be those that were asked for.
result<void> check_batches(bytes_view batches, bool checked, offset_t from, offset_t limit) {
  offset_t behind = from;
  for (bool first = true; !batches.empty(); first = false) {
    PENSTOCK_ASSIGN(auto batch, batch_view::parse(batches));
    if (!checked) PENSTOCK_TRY(batch.check_crc());
    const offset_t least = first ? batch.last_offset() : batch.base_offset();
    if (least < behind || batch.next_offset() > limit) {
      return error{errc::corrupt,
                   fmt::format("a record batch has offsets {} to {} where {} to {} are expected",
                               batch.base_offset(), batch.last_offset(), behind, limit - 1)};
    }
    behind = batch.next_offset();
    batches.remove_prefix(batch.size());
  }
  return {};
}

// Leaves out what was aborted, in place. Returns how many bytes are left.
std::size_t without(const std::vector<aborted_transaction>& aborted, char* batches,
                    std::size_t size) {
  std::size_t kept = 0;
  for (std::size_t at = 0; at < size;) {
    const auto batch = batch_view::parse({batches + at, size - at});
    PENSTOCK_ASSERT(batch.has_value());
    const auto length = batch->size();
    const bool gone = batch->is_transactional() && !batch->is_control() &&
                      std::any_of(aborted.begin(), aborted.end(),
                                  [&](const auto& each) { return each.covers(*batch); });
    if (!gone) {
      std::memmove(batches + kept, batches + at, length);
      kept += length;
    }
    at += length;
  }
  return kept;
}

fetch_reply read_now(partition_state& state, wire::FetchRequest::Reader in) {
  const auto isolation = in.getIsolation();
  const offset_t stable = last_stable(state);
  const offset_t end = high_watermark(state);
  const offset_t limit = isolation == wire::Isolation::UNCOMMITTED ? end : stable;
  const auto bytes_max = std::clamp<std::size_t>(in.getMaxBytes(), 1, envelope_bytes_max / 2);
  // Read where the message will have it.
  data_room room;
  auto got = state.log->read_into(in.getOffset(), bytes_max, limit,
                                  [&](std::size_t size) { return room.make(size); });
  if (got)
    if (auto sound = check_batches({room.data(), got->bytes}, got->checked, in.getOffset(), limit);
        !sound)
      got = sound.error().with_context("partition " + state.config.id.to_string() +
                                       " is damaged (penstock log verify shows where)");
  const auto set_offsets = [&](wire::FetchReply::Builder out, offset_t next) {
    out.setHighWatermark(isolation == wire::Isolation::FILTERED ? stable : end);
    out.setLastStableOffset(stable);
    out.setStartOffset(state.log->start_offset());
    out.setNextOffset(next);
  };
  if (!got) {
    return fetch_reply::make([&](wire::FetchReply::Builder out) {
      set_offsets(out, in.getOffset());
      set_failure(out.initFailure(), got.error());
    });
  }
  std::vector<aborted_transaction> aborted;
  if (limit == stable && got->next_offset > in.getOffset())
    aborted = state.log->aborted_between(in.getOffset(), got->next_offset);
  std::size_t size = got->bytes;
  if (isolation == wire::Isolation::FILTERED && !aborted.empty())
    size = without(aborted, room.data(), size);
  if (isolation != wire::Isolation::COMMITTED) aborted.clear();
  return std::move(room).build<fetch_reply>(
      size, [&](wire::FetchReply::Builder out, capnp::Orphan<capnp::Data> data) {
        set_offsets(out, got->next_offset);
        out.adoptBatches(std::move(data));
        if (aborted.empty()) return;
        auto list = out.initAborted(static_cast<unsigned>(aborted.size()));
        for (unsigned i = 0; i < aborted.size(); ++i) {
          list[i].setProducerId(aborted[i].producer_id);
          list[i].setFirstOffset(aborted[i].first_offset);
        }
      });
}

// Where the partition begins and ends, without its batches.
fetch_reply look_now(partition_state& state, offset_t offset) {
  return fetch_reply::make([&](wire::FetchReply::Builder out) {
    out.setHighWatermark(high_watermark(state));
    out.setLastStableOffset(last_stable(state));
    out.setStartOffset(state.log->start_offset());
    out.setNextOffset(offset);
  });
}

void answer_parked(partition_state& state, partition_state::parked_fetch& which) {
  auto in = which.what.open();
  which.whom.deliver(which.watch ? look_now(state, in->getOffset()) : read_now(state, *in));
}

bool has_data(partition_state& state, wire::FetchRequest::Reader in) {
  // An offset out of range is answered at once, with its error.
  const offset_t end = high_watermark(state);
  if (in.getIsolation() == wire::Isolation::UNCOMMITTED || in.getOffset() > end)
    return in.getOffset() != end;
  return in.getOffset() < last_stable(state);
}

void serve_parked(partition_state& state) {
  auto rest = std::partition(state.parked.begin(), state.parked.end(),
                             [&](auto& each) { return !has_data(state, *each.what.open()); });
  std::vector<partition_state::parked_fetch> ready(std::make_move_iterator(rest),
                                                   std::make_move_iterator(state.parked.end()));
  state.parked.erase(rest, state.parked.end());
  for (auto& each : ready) answer_parked(state, each);
}

append_reply reply_for(const partition_state& state, const append_result& done) {
  return append_reply::make([&](wire::AppendReply::Builder out) {
    out.setBaseOffset(done.base_offset);
    out.setNextOffset(done.next_offset);
    out.setAppendTime(to_millis(done.append_time));
    out.setDuplicate(done.duplicate);
    out.setCredit(state.config.append_credit_bytes);
  });
}

// From here on every request gets `why`, and everybody who waits gets it now.
void go_offline(partition_state& state, const error& why) {
  // Waiting or trying again does not help against damage.
  const auto code = why.code() == errc::corrupt ? errc::io_error : errc::partition_offline;
  state.offline =
      error{code, "partition " + state.config.id.to_string() + " is offline: " + why.to_string()};
  for (auto& each : state.unsynced) each.answer(why);
  for (auto& each : state.parked) each.whom.deliver(failed<fetch_reply>(state.offline));
  state.unsynced.clear();
  state.parked.clear();
}

// After an operation that could not keep the log sound, nothing that waits will ever be durable.
bool go_offline_if_failed(partition_state& state) {
  if (!state.log->failure()) return false;
  go_offline(state, state.log->failure());
  return true;
}

void acknowledge_synced(partition_state& state) {
  const offset_t synced = state.log->synced_offset();
  while (!state.unsynced.empty() && state.unsynced.front().up_to <= synced) {
    state.unsynced.front().answer({});
    state.unsynced.pop_front();
  }
  serve_parked(state);
}

// Has `by` sync what is pending; `in_flight` is set meanwhile. A failure takes the partition
// offline.
void sync_by(partition_self self, const writer_actor& by, bool partition_state::*in_flight,
             const partition_log::pending_sync& pending, std::function<void()> then) {
  self->state.*in_flight = true;
  auto request = sync_request::make(
      (pending.files.size() + pending.folders.size()) * 256, [&](wire::SyncRequest::Builder out) {
        auto fill = [](auto list, const std::vector<std::string>& from) {
          for (unsigned i = 0; i < from.size(); ++i) list.set(i, text_of(from[i]));
        };
        fill(out.initFiles(static_cast<unsigned>(pending.files.size())), pending.files);
        fill(out.initFolders(static_cast<unsigned>(pending.folders.size())), pending.folders);
      });
  self->request(by, caf::infinite, std::move(request))
      .then(
          [self, pending, in_flight, then](const sync_reply& reply) {
            auto& now = self->state;
            now.*in_flight = false;
            if (now.offline) return;
            if (auto why = error_of(reply.open()->getFailure())) {
              now.log->mark_sync_failed(why);
              return go_offline(now, why);
            }
            now.log->mark_synced(pending);
            acknowledge_synced(now);
            then();
          },
          [self](const caf::error&) {
            // Its supervisor starts another writer, and this partition again with it: what was not
            // acknowledged is sent again by those who sent it.
            self->quit(to_caf(error{errc::closed, "the writer of the data directory has ended"}));
          });
}

void request_sync(partition_self self) {
  auto& state = self->state;
  if (state.sync_in_flight || !state.log) return;
  const auto pending = state.log->unsynced();
  if (pending.files.empty() && pending.folders.empty()) return;
  sync_by(self, state.config.writer, &partition_state::sync_in_flight, pending, [self] {
    if (!self->state.unsynced.empty()) request_sync(self);
  });
}

// Once for each segment that was begun, so that a log that cannot note it is not synced all the
// time. Nobody waits for it.
void sync_closed_segments(partition_self self) {
  auto& state = self->state;
  const auto segments = state.log->segment_count();
  if (state.segments_in_flight || state.segments_seen == segments) return;
  state.segments_seen = segments;
  const auto pending = state.log->unsynced_segments();
  if (pending.files.empty()) return;
  sync_by(self, state.config.background_writer, &partition_state::segments_in_flight, pending,
          [self] { sync_closed_segments(self); });
}

using append_promise = caf::typed_response_promise<append_reply>;

// Who runs the node hears once that its disk is full, and once that it no longer is.
void tell_of_room(partition_state& state, const result<append_result>& appended) {
  if (!appended && appended.error() == errc::disk_full) {
    if (!std::exchange(state.no_room, true))
      log_line(state.config.id.to_string(),
               appended.error().to_string() + "; until then what is produced is refused");
  } else if (appended && std::exchange(state.no_room, false)) {
    log_line(state.config.id.to_string(), "there is room on the disk again");
  }
}

// Calls `then` when the batches are in the log, and as durable as the flush policy asks for.
void append_then(partition_self self, bytes_view batches, const kept_memory& kept,
                 std::function<void(const result<append_result>&)> then) {
  auto& state = self->state;
  auto appended = state.log->append(batches, 0, kept);
  tell_of_room(state, appended);
  if (!appended) {
    then(appended.error());
    go_offline_if_failed(state);
    return;
  }
  sync_closed_segments(self);
  const auto policy = state.log->settings().flush;
  const bool wait = policy == flush_policy::batch &&
                    appended->next_offset > state.log->synced_offset() &&
                    !planted(planted_bug::ack_before_sync);
  if (!wait) {
    then(*appended);
    if (policy == flush_policy::batch) request_sync(self);
    if (policy == flush_policy::interval && !state.flush_timer) {
      state.flush_timer = true;
      self->delayed_send(self, state.log->settings().flush_interval,
                         tick::make([](auto out) { out.setKind(timer::flush_interval); }));
    }
    serve_parked(state);
    return;
  }
  state.unsynced.push_back({appended->next_offset, [then, done = *appended](const error& why) {
                              then(why ? result<append_result>{why} : result<append_result>{done});
                            }});
  request_sync(self);
}

append_promise append_now(partition_self self, const append_request& what, bytes_view batches) {
  auto promise = self->make_response_promise<append_reply>();
  const std::shared_ptr<const void> message{what.held().get(), [held = what.held()](auto*) {}};
  append_then(
      self, batches, {message, what.wire_bytes().size()},
      [&state = self->state, promise](const result<append_result>& done) mutable {
        promise.deliver(done ? reply_for(state, *done) : failed<append_reply>(done.error()));
      });
  return promise;
}

// Whether a batch begins a transaction here of which the coordinator may know nothing. What is not
// a sound batch is left to the log.
bool begins_transaction(const partition_state& state, bytes_view batches) {
  while (!batches.empty()) {
    const auto batch = batch_view::parse(batches);
    if (!batch) return false;
    if (batch->is_transactional() && !batch->is_control() &&
        !state.log->in_transaction(batch->producer_id(), batch->producer_epoch()))
      return true;
    batches.remove_prefix(batch->size());
  }
  return false;
}

append_promise handle_append(partition_self self, const append_request& what) {
  auto& state = self->state;
  auto in = what.open();
  if (in->getGuard() != state.guard && begins_transaction(state, view(in->getBatches()))) {
    auto promise = self->make_response_promise<append_reply>();
    promise.deliver(append_reply::make([&](wire::AppendReply::Builder out) {
      set_failure(out.initFailure(), error{errc::transaction_unverified,
                                           "partition " + state.config.id.to_string() +
                                               " is not known to be in the transaction"});
      out.setGuard(state.guard);
    }));
    return promise;
  }
  return append_now(self, what, view(in->getBatches()));
}

// The end of a transaction, as the coordinator has decided it. An older producer's is refused.
caf::typed_response_promise<transaction_reply> handle_marker(partition_self self,
                                                             wire::WriteMarker::Reader in) {
  auto& state = self->state;
  auto promise = self->make_response_promise<transaction_reply>();
  auto answer = [promise](const error& why) mutable {
    promise.deliver(why ? failed<transaction_reply>(why) : transaction_reply{});
  };
  ++state.guard;
  const bytes batch = encode_marker({in.getCommit(), in.getCoordinatorEpoch()}, in.getProducerId(),
                                    in.getEpoch(), state.config.time->now());
  append_then(self, batch, {}, [answer](const result<append_result>& done) mutable {
    answer(done ? error{} : done.error());
  });
  return promise;
}

producers_list list_producers_now(const partition_state& state) {
  const auto all = state.log->producers();
  return producers_list::make(all.size() * 64, [&](wire::Producers::Builder out) {
    auto list = out.initProducers(static_cast<unsigned>(all.size()));
    for (unsigned i = 0; i < all.size(); ++i) {
      const auto& [id, entry] = all[i];
      list[i].setId(id);
      list[i].setEpoch(entry.epoch);
      list[i].setLastSequence(entry.count > 0 ? entry.batches[entry.count - 1].last_sequence : -1);
      list[i].setLastTime(to_millis(entry.last_time));
      list[i].setCoordinatorEpoch(entry.coordinator_epoch);
      list[i].setTransactionStart(entry.transaction_start);
    }
  });
}

using fetch_promise = caf::typed_response_promise<fetch_reply>;

fetch_promise handle_fetch(partition_self self, const fetch_request& what, bool watch = false) {
  auto& state = self->state;
  auto promise = self->make_response_promise<fetch_reply>();
  auto in = what.open();
  if (in->getMaxWaitMs() == 0 || has_data(state, *in)) {
    promise.deliver(watch ? look_now(state, in->getOffset()) : read_now(state, *in));
    return promise;
  }
  if (state.parked.size() >= state.config.parked_fetches_max) {
    promise.deliver(failed<fetch_reply>(
        error{errc::overloaded, "partition " + state.config.id.to_string() + " has " +
                                    std::to_string(state.parked.size()) + " waiting readers"}));
    return promise;
  }
  const auto id = state.next_fetch_id++;
  const auto wait = std::min<std::uint32_t>(in->getMaxWaitMs(), 60'000);
  state.parked.push_back({id, what, promise, watch});
  self->delayed_send(self, std::chrono::milliseconds{wait}, tick::make([&](auto out) {
                       out.setKind(timer::fetch_deadline);
                       out.setId(id);
                     }));
  return promise;
}

void end_fetch(partition_state& state, std::uint64_t id) {
  auto at = std::find_if(state.parked.begin(), state.parked.end(),
                         [&](const auto& each) { return each.id == id; });
  if (at == state.parked.end()) return;
  answer_parked(state, *at);
  state.parked.erase(at);
}

// A fetch that is parked like any other, and answered without batches.
fetch_promise handle_watch(partition_self self, wire::WatchRequest::Reader in) {
  return handle_fetch(self, fetch_request::make([&](wire::FetchRequest::Builder out) {
                        out.setPartition(in.getPartition());
                        out.setOffset(in.getOffset());
                        out.setMaxWaitMs(in.getMaxWaitMs());
                        if (in.getCommitted()) out.setIsolation(wire::Isolation::COMMITTED);
                      }),
                      true);
}

using open_promise = caf::typed_response_promise<open_source_reply>;

open_promise handle_open_source(partition_self self, wire::OpenSourceRequest::Reader in) {
  auto& state = self->state;
  auto promise = self->make_response_promise<open_source_reply>();
  std::string task{view(in.getTask())};
  auto last = state.log->last_from(task);
  auto& epoch = state.source_epochs[task];
  const std::int32_t known = std::max(epoch, last ? last->epoch : 0);
  if (in.getEpoch() < known) {
    promise.deliver(failed<open_source_reply>(
        error{errc::producer_fenced, "task " + task + " runs with epoch " + std::to_string(known) +
                                         "; epoch " + std::to_string(in.getEpoch()) + " is over"}));
    return promise;
  }
  epoch = in.getEpoch();
  auto answer = [promise, sequence = last ? last->sequence : -1](const error& why) mutable {
    promise.deliver(why ? failed<open_source_reply>(why)
                        : open_source_reply::make([&](wire::OpenSourceReply::Builder out) {
                            out.setSequence(sequence);
                          }));
  };
  // The task will rely on what an earlier run has written: it must not vanish again.
  if (state.log->settings().flush == flush_policy::batch &&
      state.log->synced_offset() < state.log->end_offset()) {
    state.unsynced.push_back({state.log->end_offset(), answer});
    request_sync(self);
  } else {
    answer({});
  }
  return promise;
}

// The first of the youngest records: the latest time at or after which there is a record, found by
// doubling and halving.
result<std::optional<partition_log::time_hit>> find_youngest(partition_state& state) {
  std::optional<partition_log::time_hit> youngest;
  auto look = [&](timestamp from) -> result<bool> {
    PENSTOCK_ASSIGN(auto hit, state.log->find_time(from));
    if (!hit || hit->offset >= high_watermark(state)) return false;
    youngest = hit;
    return true;
  };
  // False as well where there is no later time: producers may claim any.
  auto look_later = [&](std::int64_t step) -> result<bool> {
    if (to_millis(youngest->time) > to_millis(max_timestamp) - step) return false;
    return look(youngest->time + duration{step});
  };
  PENSTOCK_ASSIGN(const bool any, look(from_millis(0)));
  if (!any) return youngest;
  std::int64_t step = 1;
  while (true) {
    PENSTOCK_ASSIGN(const bool more, look_later(step));
    if (!more || step > to_millis(max_timestamp) / 2) break;
    step *= 2;
  }
  while (step > 0) {
    PENSTOCK_ASSIGN(const bool more, look_later(step));
    if (!more) step /= 2;
  }
  return youngest;
}

list_offsets_reply handle_list_offsets(partition_state& state,
                                       wire::ListOffsetsRequest::Reader in) {
  offset_t offset = -1;
  timestamp time = no_timestamp;
  const offset_t limit = in.getCommitted() ? last_stable(state) : high_watermark(state);
  if (in.getTime() == -1) {
    offset = limit;
  } else if (in.getTime() == -2) {
    offset = state.log->start_offset();
  } else {
    auto hit =
        in.getTime() == -3 ? find_youngest(state) : state.log->find_time(from_millis(in.getTime()));
    if (!hit) return failed<list_offsets_reply>(hit.error());
    if (*hit && (*hit)->offset < limit) {
      offset = (*hit)->offset;
      time = (*hit)->time;
    }
  }
  return list_offsets_reply::make([&](wire::ListOffsetsReply::Builder out) {
    out.setOffset(offset);
    out.setTime(to_millis(time));
  });
}

delete_records_reply handle_delete(partition_state& state, wire::DeleteRecordsRequest::Reader in) {
  const offset_t limit = high_watermark(state);
  const offset_t before = in.getBefore() == -1 ? limit : in.getBefore();
  if (before > limit)
    return failed<delete_records_reply>(
        error{errc::offset_out_of_range, "cannot delete records of " + state.config.id.to_string() +
                                             " before offset " + std::to_string(before) +
                                             ": it ends at " + std::to_string(limit)});
  auto moved = state.log->delete_before(before);
  if (!moved) return failed<delete_records_reply>(moved.error());
  return delete_records_reply::make(
      [&](wire::DeleteRecordsReply::Builder out) { out.setStartOffset(*moved); });
}

partition_numbers numbers(const partition_state& state) {
  return partition_numbers::make([&](wire::Partition::Builder out) {
    out.setIndex(state.config.id.partition);
    if (state.offline) set_failure(out.initOffline(), state.offline);
    if (!state.log) return;
    out.setStartOffset(state.log->start_offset());
    out.setHighWatermark(high_watermark(state));
    out.setBytes(state.log->size_bytes());
    out.setSegments(static_cast<std::uint32_t>(state.log->segment_count()));
  });
}

// Renamed first, so that a crash in between leaves nothing that looks like a partition.
result<void> clear_folder(partition_state& state) {
  auto& on = *state.config.on;
  const std::string doomed = state.config.folder + std::string{removed_folder_suffix};
  PENSTOCK_TRY(on.remove_folder(doomed));
  PENSTOCK_ASSIGN(const bool there, on.exists(state.config.folder));
  if (!there) return {};
  PENSTOCK_TRY(on.rename(state.config.folder, doomed));
  return on.remove_folder(doomed);
}

// What another topic of the same name left is moved aside, not removed: it may be all that is left
// of a directory whose metadata was lost.
result<void> set_aside(partition_state& state) {
  auto& on = *state.config.on;
  for (int number = 1;; ++number) {
    const std::string aside = fmt::format("{}.{}-stray", state.config.folder, number);
    PENSTOCK_ASSIGN(const bool taken, on.exists(aside));
    if (taken) continue;
    log_line(state.config.id.to_string(),
             "the folder is of another topic of this name: its files are kept in " + aside +
                 "; nothing reads them, delete that folder when you do not miss them");
    return on.rename(state.config.folder, aside);
  }
}

// A folder belongs to one topic id.
result<void> claim_folder(partition_state& state) {
  auto& on = *state.config.on;
  topic_id id;
  PENSTOCK_ASSERT(state.config.topic_id.size() == id.bytes.size(), state.config.topic_id.size());
  std::copy(state.config.topic_id.begin(), state.config.topic_id.end(), id.bytes.begin());
  const std::string wanted = "version: 0\ntopic_id: " + id.to_string() + "\n";
  const std::string path = state.config.folder + "/partition.metadata";
  auto found = read_file(on, path, 1024);
  if (found && *found == wanted) {
    if (state.config.made) return {};
    // An earlier run may have ended before it was durable.
    PENSTOCK_TRY(on.sync_folder(state.config.folder));
    return on.sync_folder(state.config.folder.substr(0, state.config.folder.rfind('/')));
  }
  if (!found && found.error() == errc::not_found && state.config.made) {
    return error{errc::corrupt,
                 path + " is missing, and was there: restore the folder " + state.config.folder +
                     " from a copy; or delete the topic and make it again, which gives up its "
                     "records"};
  }
  if (found) PENSTOCK_TRY(set_aside(state));
  if (!found && !(found.error() == errc::not_found)) return std::move(found).error();
  PENSTOCK_TRY(make_folder_durably(on, state.config.folder));
  return write_file(on, path, wanted);
}

admin_reply handle_change(partition_self self, wire::PartitionChange::Reader in) {
  auto& state = self->state;
  if (in.getClose()) {
    error why;
    if (state.log && !state.offline) {
      if (auto closed = state.log->close(); !closed) {
        why = closed.error();
      } else {
        acknowledge_synced(state);  // close has synced everything
      }
    }
    go_offline(state, error{errc::closed, in.getRemove() ? "the topic is being deleted"
                                                         : "the node is shutting down"});
    state.log.reset();
    if (in.getRemove())
      if (auto removed = clear_folder(state); !removed && !why) why = removed.error();
    self->quit();
    return why ? failed<admin_reply>(why) : admin_reply{};
  }
  auto parsed = parse_settings(in.getSettings());
  if (!parsed) return failed<admin_reply>(parsed.error());
  state.config.log = parsed->to_log_settings();
  if (state.log) state.log->change_settings(state.config.log);
  return {};
}

void keep_house(partition_self self) {
  auto& state = self->state;
  const auto& settings = state.log->settings();
  result<std::uint64_t> done{std::uint64_t{0}};
  if (settings.cleanup_delete) done = state.log->apply_retention();
  if (done && settings.cleanup_compact) done = state.log->compact();
  if (go_offline_if_failed(state)) return;
  // A failed pass leaves the log readable; it is tried again, and appends say so if it is the disk.
  if (done && *done > 0) request_sync(self);
  self->delayed_send(self, state.config.housekeeping,
                     tick::make([](auto out) { out.setKind(timer::housekeeping); }));
}

void open_log(partition_self self);

void on_tick(partition_self self, wire::Tick::Reader in) {
  auto& state = self->state;
  if (in.getKind() == timer::reopen) return open_log(self);
  if (!state.log || state.offline) return;
  switch (in.getKind()) {
    case timer::housekeeping:
      return keep_house(self);
    case timer::fetch_deadline:
      return end_fetch(state, in.getId());
    case timer::flush_interval:
      state.flush_timer = false;
      return request_sync(self);
    default:
      return;
  }
}

// Damage stays until somebody mends it; a full disk gets room again.
void cannot_open(partition_self self, const error& why) {
  go_offline(self->state, why);
  if (why == errc::disk_full || why == errc::io_error || why == errc::read_only)
    self->delayed_send(self, reopen_pause,
                       tick::make([](auto out) { out.setKind(timer::reopen); }));
}

void open_log(partition_self self) {
  auto& state = self->state;
  if (auto claimed = claim_folder(state); !claimed) return cannot_open(self, claimed.error());
  recovery_report report;
  auto opened = partition_log::open(*state.config.on, *state.config.time, state.config.folder,
                                    state.config.log, &report);
  if (!opened) return cannot_open(self, opened.error());
  state.log = std::move(*opened);
  state.guard = state.config.time->monotonic().count();
  state.offline = {};
  for (const auto& line : report.messages) log_line(state.config.id.to_string(), line);
  if (state.log->settings().flush == flush_policy::batch) request_sync(self);
  sync_closed_segments(self);
  self->delayed_send(self, state.config.housekeeping,
                     tick::make([](auto out) { out.setKind(timer::housekeeping); }));
}

partition_actor::behavior_type partition(partition_self self, partition_config config) {
  self->state.config = std::move(config);
  if (planted(planted_bug::repeats_not_dropped)) self->state.config.log.drop_repeats = false;
  guard(self);
  auto& state = self->state;
  // Opened by whoever asks first, so that a node with many partitions starts, and ends, at once. An
  // offline partition answers everything with its reason.
  auto serving = [self, &state] {
    if (!std::exchange(state.asked, true)) open_log(self);
    return state.log && !state.offline;
  };
  return {
      [=, &state](const append_request& what) -> append_promise {
        assertion_guard guarded;
        if (serving()) return handle_append(self, what);
        auto promise = self->make_response_promise<append_reply>();
        promise.deliver(failed<append_reply>(state.offline));
        return promise;
      },
      [=, &state](const open_source_request& what) -> open_promise {
        assertion_guard guarded;
        if (serving()) return handle_open_source(self, *what.open());
        auto promise = self->make_response_promise<open_source_reply>();
        promise.deliver(failed<open_source_reply>(state.offline));
        return promise;
      },
      [=, &state](const fetch_request& what) -> fetch_promise {
        assertion_guard guarded;
        if (serving()) return handle_fetch(self, what);
        auto promise = self->make_response_promise<fetch_reply>();
        promise.deliver(failed<fetch_reply>(state.offline));
        return promise;
      },
      [=, &state](const watch_request& what) -> fetch_promise {
        assertion_guard guarded;
        if (serving()) return handle_watch(self, *what.open());
        auto promise = self->make_response_promise<fetch_reply>();
        promise.deliver(failed<fetch_reply>(state.offline));
        return promise;
      },
      [=, &state](const list_offsets_request& what) {
        assertion_guard guarded;
        return serving() ? handle_list_offsets(state, *what.open())
                         : failed<list_offsets_reply>(state.offline);
      },
      [=, &state](const delete_records_request& what) {
        assertion_guard guarded;
        if (!serving()) return failed<delete_records_reply>(state.offline);
        auto reply = handle_delete(state, *what.open());
        if (!go_offline_if_failed(state)) request_sync(self);
        return reply;
      },
      [=, &state](const partition_request&) {
        assertion_guard guarded;
        serving();
        return numbers(state);
      },
      [=](const partition_change& what) {
        assertion_guard guarded;
        return handle_change(self, *what.open());
      },
      [=, &state](const write_marker& what) -> caf::typed_response_promise<transaction_reply> {
        assertion_guard guarded;
        if (serving()) return handle_marker(self, *what.open());
        auto promise = self->make_response_promise<transaction_reply>();
        promise.deliver(failed<transaction_reply>(state.offline));
        return promise;
      },
      [=, &state](const list_producers&) {
        assertion_guard guarded;
        return serving() ? list_producers_now(state) : failed<producers_list>(state.offline);
      },
      [=](const tick& what) {
        assertion_guard guarded;
        on_tick(self, *what.open());
      },
  };
}

}  // namespace

partition_actor spawn_partition(caf::actor_system& system, partition_config config) {
  return system.spawn(partition, std::move(config));
}

}  // namespace penstock
