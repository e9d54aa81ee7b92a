# Consuming through a handle: a program polls its consumer actor, which is the member of the group,
# fetches ahead within its buffer, and beats its heart. One poll in flight per handle; a consumer
# that is not polled for its poll interval leaves the group, and joins again at the next poll.
@0xe6571d9f84aea390;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;
using PartitionOffset = import "group.capnp".PartitionOffset;
using TopicPartitions = import "group.capnp".TopicPartitions;

struct PollRequest {
  maxBytes @0 :UInt32;
  maxWaitMs @1 :UInt32;
}

struct PollReply {
  failure @0 :Failure;
  slices @1 :List(Slice);
  generation @2 :Int32;  # changes when partitions were gained or lost
  atEnd @3 :Bool;        # every assigned partition has been handed over up to its high watermark
  struct Slice {
    topic @0 :Text;
    partition @1 :Int32;
    fromOffset @2 :Int64;     # records below it are not meant: they come with a whole batch
    nextOffset @3 :Int64;
    highWatermark @4 :Int64;
    batches @5 :Data;
  }
}

struct CommitRequest {
  offsets @0 :List(PartitionOffset);  # empty: everything handed over by the polls so far
}

struct SeekRequest {
  offsets @0 :List(PartitionOffset);
}

struct AssignmentRequest {}

struct AssignmentReply {
  failure @0 :Failure;
  generation @1 :Int32;
  partitions @2 :List(TopicPartitions);
  positions @3 :List(PartitionOffset);  # of the next record to hand over
}

struct ConsumerReply {
  failure @0 :Failure;
}

struct LeaveRequest {
  # Commit nothing more, leave the group, end.
}
