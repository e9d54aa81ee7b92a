#include "actors/broker/writer.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/errors.hpp"
#include "streams/log/sync_failure.hpp"

namespace penstock {
namespace {

constexpr std::size_t round_requests_max = 64;

struct writer_state {
  static inline const char* name = "penstock.writer";
  struct waiting {
    sync_request what;
    caf::typed_response_promise<sync_reply> whom;
  };
  disk* on = nullptr;
  std::deque<waiting> queue;

  /// Partitions that wait must learn that nobody will sync for them.
  ~writer_state() {
    for (auto& each : queue) each.whom.deliver(to_caf(error{errc::closed, "the writer has ended"}));
  }
};

using writer_self = writer_actor::stateful_pointer<writer_state>;

// Opened anew each time: a kept handle could belong to a file that compaction or a deleted and
// re-created topic has replaced under the same path, and syncing that one would be a lie. Opening
// costs some microseconds, the sync hundreds; a write-back error nobody has seen yet is reported
// to a fresh handle too (Linux 4.17).
error sync_file(disk& on, const std::string& path) {
  auto handle = on.open(path, open_mode::read_write);
  // Retention or a deleted topic removed it since: there is nothing left to lose.
  if (!handle && handle.error() == errc::not_found) return {};
  if (!handle) return handle.error();
  auto synced = (*handle)->sync();
  if (synced) return {};
  // Before anybody hears of it: whoever asked may end first, and its successor must know.
  note_sync_failure(on, path.substr(0, path.find_last_of('/')));
  return error{errc::sync_failed, synced.error().message()};
}

// One round for those who wait: a file named by several requests is synced once, and a failure
// reaches exactly those who named it. Between rounds the writer can be told to end.
void sync_round(writer_self self) {
  auto& state = self->state;
  std::vector<writer_state::waiting> round;
  while (!state.queue.empty() && round.size() < round_requests_max) {
    round.push_back(std::move(state.queue.front()));
    state.queue.pop_front();
  }
  if (!state.queue.empty()) self->send(self, tick{});
  std::unordered_map<std::string, error> done;
  for (auto& each : round) {
    error first;
    auto in = each.what.open();
    auto sync_once = [&](const std::string& path, bool folder) {
      auto [it, fresh] = done.try_emplace(path);
      if (fresh) {
        if (folder) {
          auto synced = state.on->sync_folder(path);
          if (!synced && !(synced.error() == errc::not_found))
            it->second = error{errc::sync_failed, synced.error().message()};
        } else {
          it->second = sync_file(*state.on, path);
        }
      }
      if (it->second && !first) first = it->second;
    };
    for (auto path : in->getFiles()) sync_once(std::string{view(path)}, false);
    for (auto path : in->getFolders()) sync_once(std::string{view(path)}, true);
    each.whom.deliver(first ? failed<sync_reply>(first) : sync_reply{});
  }
}

writer_actor::behavior_type writer(writer_self self, disk* on) {
  self->state.on = on;
  return {
      [self](const sync_request& what) -> caf::typed_response_promise<sync_reply> {
        auto promise = self->make_response_promise<sync_reply>();
        // The round starts behind everything that is in the mailbox already.
        if (self->state.queue.empty()) self->send(self, tick{});
        self->state.queue.push_back({what, promise});
        return promise;
      },
      [self](const tick&) { sync_round(self); },
  };
}

}  // namespace

writer_actor spawn_writer(caf::actor_system& system, disk& on, bool detached) {
  return detached ? system.spawn<caf::detached>(writer, &on) : system.spawn(writer, &on);
}

}  // namespace penstock
