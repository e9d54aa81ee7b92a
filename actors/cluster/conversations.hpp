// Every conversation that goes over a link, in one table: its number on the wire, its request and
// reply, and how to check, deliver and refuse them without knowing their types. A conversation of
// `node_actor` that is missing here does not compile.
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/message_id.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "actors/broker/node.hpp"
#include "actors/messages/envelope.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"

namespace caf {
class type_erased_tuple;
}

namespace penstock {

/// Whom a job's conversations are asked of: whoever watches or steers a running job.
using job_handle = caf::typed_actor<caf::replies_to<job_request>::with<job_reply>>;

/// Which actor of the other process answers.
enum class link_service : std::uint8_t { node, job };

/// One row. Frames stand for envelopes whose type the row knows.
struct conversation {
  using frame_ptr = caf::intrusive_ptr<const frame>;

  std::uint16_t kind;     // on the wire; never renumbered
  std::string_view name;  // of the request's schema
  link_service service;
  bool served;  // false: meant for actors of the same process only, refused at the border

  /// The request's frame, when `content` is this conversation's request (a frame may be null:
  /// then it is the message of defaults).
  std::optional<frame_ptr> (*request_in)(const caf::type_erased_tuple& content);
  std::optional<frame_ptr> (*reply_in)(const caf::type_erased_tuple& content);

  result<void> (*check_request)(const frame* request);
  result<void> (*check_reply)(const frame* reply);

  /// Puts the request, or the reply, into an actor's mailbox. Both frames were checked.
  void (*ask)(const caf::strong_actor_ptr& whom, caf::strong_actor_ptr asker, caf::message_id id,
              frame_ptr request);
  void (*answer)(const caf::strong_actor_ptr& whom, caf::message_id id, frame_ptr reply);

  /// A reply that says why not.
  frame_ptr (*refusal)(const error& why);

  /// How long the answer may take because the request asks to wait (long polls, group joins).
  duration (*patience)(const frame* request);

  /// About how many bytes of reply the request asks for.
  std::uint64_t (*reply_bytes)(const frame* request);
};

/// All of them, sorted by kind.
std::span<const conversation> all_conversations();

/// Null for a kind that this version does not know.
const conversation* find_conversation(std::uint16_t kind);

/// The conversation whose request `content` is, with the request; null when it is none of them.
struct recognised_request {
  const conversation* row = nullptr;
  conversation::frame_ptr request;
};
recognised_request recognise_request(const caf::type_erased_tuple& content);

}  // namespace penstock
