// The names under which actors exchange the schemas of this folder: `append_request` is the
// envelope of `wire::AppendRequest`.
#pragma once

#include "actors/messages/admin.capnp.h"
#include "actors/messages/connect.capnp.h"
#include "actors/messages/consume.capnp.h"
#include "actors/messages/envelope.hpp"
#include "actors/messages/failure.capnp.h"
#include "actors/messages/fetch.capnp.h"
#include "actors/messages/group.capnp.h"
#include "actors/messages/produce.capnp.h"
#include "actors/messages/setting.capnp.h"
#include "actors/messages/task.capnp.h"
#include "actors/messages/timer.capnp.h"
#include "actors/messages/writer.capnp.h"
#include "streams/base/error.hpp"

namespace penstock {

using tick = envelope<wire::Tick>;

using append_request = envelope<wire::AppendRequest>;
using append_reply = envelope<wire::AppendReply>;
using init_producer_request = envelope<wire::InitProducerRequest>;
using init_producer_reply = envelope<wire::InitProducerReply>;
using open_source_request = envelope<wire::OpenSourceRequest>;
using open_source_reply = envelope<wire::OpenSourceReply>;

using fetch_request = envelope<wire::FetchRequest>;
using fetch_reply = envelope<wire::FetchReply>;
using list_offsets_request = envelope<wire::ListOffsetsRequest>;
using list_offsets_reply = envelope<wire::ListOffsetsReply>;
using delete_records_request = envelope<wire::DeleteRecordsRequest>;
using delete_records_reply = envelope<wire::DeleteRecordsReply>;

using create_topic_request = envelope<wire::CreateTopicRequest>;
using alter_topic_request = envelope<wire::AlterTopicRequest>;
using delete_topic_request = envelope<wire::DeleteTopicRequest>;
using register_state_request = envelope<wire::RegisterStateRequest>;
using admin_reply = envelope<wire::AdminReply>;
using topics_request = envelope<wire::TopicsRequest>;
using topics_reply = envelope<wire::TopicsReply>;
using topic_changed = envelope<wire::TopicChanged>;
using metadata_loaded = envelope<wire::MetadataLoaded>;
using partition_request = envelope<wire::PartitionRequest>;
using partition_numbers = envelope<wire::Partition>;
using partition_change = envelope<wire::PartitionChange>;
using close_request = envelope<wire::CloseRequest>;

using join_group_request = envelope<wire::JoinGroupRequest>;
using join_group_reply = envelope<wire::JoinGroupReply>;
using sync_group_request = envelope<wire::SyncGroupRequest>;
using sync_group_reply = envelope<wire::SyncGroupReply>;
using heartbeat_request = envelope<wire::HeartbeatRequest>;
using leave_group_request = envelope<wire::LeaveGroupRequest>;
using commit_offsets_request = envelope<wire::CommitOffsetsRequest>;
using fetch_offsets_request = envelope<wire::FetchOffsetsRequest>;
using fetch_offsets_reply = envelope<wire::FetchOffsetsReply>;
using list_groups_request = envelope<wire::ListGroupsRequest>;
using list_groups_reply = envelope<wire::ListGroupsReply>;
using describe_group_request = envelope<wire::DescribeGroupRequest>;
using describe_group_reply = envelope<wire::DescribeGroupReply>;
using delete_group_request = envelope<wire::DeleteGroupRequest>;
using group_reply = envelope<wire::GroupReply>;

using poll_request = envelope<wire::PollRequest>;
using poll_reply = envelope<wire::PollReply>;
using commit_request = envelope<wire::CommitRequest>;
using seek_request = envelope<wire::SeekRequest>;
using assignment_request = envelope<wire::AssignmentRequest>;
using assignment_reply = envelope<wire::AssignmentReply>;
using leave_request = envelope<wire::LeaveRequest>;
using consumer_reply = envelope<wire::ConsumerReply>;

using sync_request = envelope<wire::SyncRequest>;
using sync_reply = envelope<wire::SyncReply>;

using connector_changed = envelope<wire::ConnectorChanged>;
using connector_order = envelope<wire::ConnectorOrder>;

using task_changed = envelope<wire::TaskChanged>;
using task_order = envelope<wire::TaskOrder>;
using deliver_request = envelope<wire::DeliverRequest>;
using deliver_reply = envelope<wire::DeliverReply>;
using job_request = envelope<wire::JobRequest>;
using job_reply = envelope<wire::JobReply>;
using job_order = envelope<wire::JobOrder>;

/// Text and data fields as the rest of the code reads them; borrowed from the message.
inline std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
inline bytes_view view(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
inline capnp::Data::Reader data_of(bytes_view from) {
  return {reinterpret_cast<const unsigned char*>(from.data()), from.size()};
}
/// For setters of text fields: a `std::string` (which ends in NUL, as Cap'n Proto asks).
inline capnp::Text::Reader text_of(const std::string& from) {
  return {from.c_str(), from.size()};
}

/// A failure as an error value, and back. `errc::none` both ways when there is none.
error error_of(wire::Failure::Reader failure);
void set_failure(wire::Failure::Builder to, const error& why);

/// A reply that says nothing but why not. Every reply schema has the field `failure`.
template <class Reply>
Reply failed(const error& why) {
  return Reply::make(why.message().size(), [&](typename Reply::schema::Builder to) {
    set_failure(to.initFailure(), why);
  });
}

}  // namespace penstock
