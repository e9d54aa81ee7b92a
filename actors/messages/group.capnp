# Consumer groups: a member asks the node, the node routes to the group coordinator. Join and sync are
# answered when the whole group has got there (classic group protocol, KIP-62 and KIP-345); the
# leader of a generation computes the assignment. Members say they live by heartbeats; a member that
# is silent for its session timeout, or does not join again within the rebalance timeout, is out.
# Offsets live in the compacted topic __consumer_offsets, in Kafka's record schemas.
@0xca99f0957b56d139;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;

struct TopicPartitions {
  topic @0 :Text;
  partitions @1 :List(Int32);
}

struct Subscription {
  topics @0 :List(Text);
  owned @1 :List(TopicPartitions);  # what the member had before, for sticky assignment
}

struct JoinGroupRequest {
  group @0 :Text;
  member @1 :Text;    # empty the first time
  instance @2 :Text;  # static membership; empty: none
  client @3 :Text;
  sessionTimeoutMs @4 :UInt32;
  rebalanceTimeoutMs @5 :UInt32;
  assignors @6 :List(Text);  # in order of preference: "range", "roundrobin", "sticky"
  subscription @7 :Subscription;
}

struct JoinGroupReply {
  failure @0 :Failure;
  generation @1 :Int32;
  member @2 :Text;
  leader @3 :Text;
  assignor @4 :Text;
  members @5 :List(Member);  # for the leader only
  struct Member {
    id @0 :Text;
    subscription @1 :Subscription;
  }
}

struct SyncGroupRequest {
  group @0 :Text;
  member @1 :Text;
  generation @2 :Int32;
  assignments @3 :List(Assignment);  # from the leader only
  struct Assignment {
    member @0 :Text;
    partitions @1 :List(TopicPartitions);
  }
}

struct SyncGroupReply {
  failure @0 :Failure;
  partitions @1 :List(TopicPartitions);
}

struct HeartbeatRequest {
  group @0 :Text;
  member @1 :Text;
  generation @2 :Int32;
}

struct LeaveGroupRequest {
  group @0 :Text;
  member @1 :Text;
}

struct GroupReply {
  failure @0 :Failure;
}

struct PartitionOffset {
  topic @0 :Text;
  partition @1 :Int32;
  offset @2 :Int64;  # of the next record to read; -1: none committed
  metadata @3 :Text;
}

struct CommitOffsetsRequest {
  group @0 :Text;
  member @1 :Text;        # empty with generation -1: a reader without membership
  generation @2 :Int32;
  offsets @3 :List(PartitionOffset);  # offset -1: forget what was committed
}

struct FetchOffsetsRequest {
  group @0 :Text;
  partitions @1 :List(TopicPartitions);  # empty: all that are committed
}

struct FetchOffsetsReply {
  failure @0 :Failure;
  offsets @1 :List(PartitionOffset);
}

struct ListGroupsRequest {}

struct ListGroupsReply {
  failure @0 :Failure;
  groups @1 :List(Group);
}

struct DescribeGroupRequest {
  group @0 :Text;
}

struct DescribeGroupReply {
  failure @0 :Failure;
  group @1 :Group;
}

struct DeleteGroupRequest {
  group @0 :Text;
}

struct Group {
  id @0 :Text;
  state @1 :Text;  # "Empty", "PreparingRebalance", "CompletingRebalance", "Stable"
  generation @2 :Int32;
  assignor @3 :Text;
  members @4 :List(Member);
  struct Member {
    id @0 :Text;
    instance @1 :Text;
    client @2 :Text;
    partitions @3 :List(TopicPartitions);
  }
}
