#include "actors/cluster/conversations.hpp"

#include <algorithm>
#include <array>
#include <caf/mailbox_element.hpp>
#include <caf/type_erased_tuple.hpp>
#include <type_traits>

#include "actors/messages/opaque.hpp"
#include "actors/messages/validate.hpp"

namespace penstock {

namespace {

template <std::uint16_t Kind, class Request, class Reply, link_service Service = link_service::node,
          bool Served = true>
struct row {
  static constexpr std::uint16_t kind = Kind;
  using request = Request;
  using reply = Reply;
  static constexpr link_service service = Service;
  static constexpr bool served = Served;
};

template <class... Rows>
struct rows {};

// Numbers are part of the protocol: new conversations take the next, retired ones leave a gap.
using table =
    rows<row<1, append_request, append_reply>, row<2, init_producer_request, init_producer_reply>,
         row<3, open_source_request, open_source_reply>, row<4, fetch_request, fetch_reply>,
         row<5, list_offsets_request, list_offsets_reply>,
         row<6, delete_records_request, delete_records_reply>,
         row<7, create_topic_request, admin_reply>, row<8, alter_topic_request, admin_reply>,
         row<9, delete_topic_request, admin_reply>, row<10, register_state_request, admin_reply>,
         row<11, topics_request, topics_reply>, row<12, join_group_request, join_group_reply>,
         row<13, sync_group_request, sync_group_reply>, row<14, heartbeat_request, group_reply>,
         row<15, leave_group_request, group_reply>, row<16, commit_offsets_request, group_reply>,
         row<17, fetch_offsets_request, fetch_offsets_reply>,
         row<18, list_groups_request, list_groups_reply>,
         row<19, describe_group_request, describe_group_reply>,
         row<20, delete_group_request, group_reply>,
         // Only the process that owns a node closes it.
         row<21, close_request, admin_reply, link_service::node, false>,
         row<22, job_request, job_reply, link_service::job>,
         row<23, opaque_describe, opaque_groups>>;

// ---- no conversation is forgotten --------------------------------------------------------------

template <class Signature, class... Rows>
constexpr bool listed(rows<Rows...>) {
  return (std::is_same_v<Signature, typename caf::replies_to<typename Rows::request>::template with<
                                        typename Rows::reply>> ||
          ...);
}

template <class... Signatures>
constexpr bool all_listed(caf::detail::type_list<Signatures...>) {
  return (listed<Signatures>(table{}) && ...);
}

static_assert(all_listed(node_actor::signatures{}),
              "a conversation of node_actor has no row in the link's table");
static_assert(all_listed(job_handle::signatures{}),
              "a conversation of job_handle has no row in the link's table");

// ---- what a row does, by its types -------------------------------------------------------------

using frame_ptr = conversation::frame_ptr;

template <class Envelope>
std::optional<frame_ptr> frame_in(const caf::type_erased_tuple& content) {
  if (!content.match_elements<Envelope>()) return std::nullopt;
  return content.get_as<Envelope>(0).held();
}

template <class Envelope>
result<void> check(const frame* message) {
  return validate_message(message, capnp::Schema::from<typename Envelope::schema>());
}

template <class Envelope>
void ask(const caf::strong_actor_ptr& whom, caf::strong_actor_ptr asker, caf::message_id id,
         frame_ptr request) {
  whom->enqueue(caf::make_mailbox_element(std::move(asker), id, {},
                                          Envelope::adopt_unchecked(std::move(request))),
                nullptr);
}

template <class Envelope>
void answer(const caf::strong_actor_ptr& whom, caf::message_id id, frame_ptr reply) {
  whom->enqueue(
      caf::make_mailbox_element(nullptr, id, {}, Envelope::adopt_unchecked(std::move(reply))),
      nullptr);
}

template <class Envelope>
frame_ptr refusal(const error& why) {
  return failed<Envelope>(why).held();
}

template <class Request>
duration patience(const frame* request) {
  if (request == nullptr) return 0ms;
  const auto message = Request::adopt_unchecked(conversation::frame_ptr{request}).open();
  if constexpr (std::is_same_v<Request, fetch_request>) {
    return duration{message->getMaxWaitMs()};
  } else if constexpr (std::is_same_v<Request, join_group_request>) {
    return duration{std::int64_t{message->getRebalanceTimeoutMs()} +
                    message->getSessionTimeoutMs()};
  } else if constexpr (std::is_same_v<Request, sync_group_request>) {
    return 5min;  // until the leader has decided; its rebalance timeout is not in the request
  } else {
    return 0ms;
  }
}

template <class Request>
std::uint64_t reply_bytes(const frame* request) {
  constexpr std::uint64_t small = 4096;
  if constexpr (std::is_same_v<Request, fetch_request>) {
    if (request == nullptr) return small;
    const auto message = Request::adopt_unchecked(conversation::frame_ptr{request}).open();
    return small + std::min<std::uint64_t>(message->getMaxBytes(), envelope_bytes_max);
  } else {
    return small;
  }
}

template <class Row>
conversation entry() {
  using request = typename Row::request;
  using reply = typename Row::reply;
  return {Row::kind,
          capnp::Schema::from<typename request::schema>().getShortDisplayName().cStr(),
          Row::service,
          Row::served,
          &frame_in<request>,
          &frame_in<reply>,
          &check<request>,
          &check<reply>,
          &ask<request>,
          &answer<reply>,
          &refusal<reply>,
          &patience<request>,
          &reply_bytes<request>};
}

template <class... Rows>
std::array<conversation, sizeof...(Rows)> entries(rows<Rows...>) {
  return {entry<Rows>()...};
}

const auto& entries() {
  static const auto built = entries(table{});
  return built;
}

}  // namespace

std::span<const conversation> all_conversations() {
  return entries();
}

const conversation* find_conversation(std::uint16_t kind) {
  const auto all = all_conversations();
  const auto at = std::lower_bound(
      all.begin(), all.end(), kind,
      [](const conversation& row, std::uint16_t wanted) { return row.kind < wanted; });
  return at != all.end() && at->kind == kind ? &*at : nullptr;
}

recognised_request recognise_request(const caf::type_erased_tuple& content) {
  for (const auto& row : all_conversations()) {
    if (auto request = row.request_in(content)) return {&row, *std::move(request)};
  }
  return {};
}

}  // namespace penstock
