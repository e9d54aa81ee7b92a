# What the clients of Kafka ask of a node beyond the other conversations: members of groups that
# bring opaque bytes, which only the group's leader understands, offsets with leader epochs, and
# watching a partition without reading it. The groups are the same as those of group.capnp, and so
# are the rules; who asks may repeat everything that did not change the group's generation.
@0xf3a96bd41c72e085;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;
using TopicPartitions = import "group.capnp".TopicPartitions;

struct OpaqueJoin {
  group @0 :Text;
  member @1 :Text;    # empty the first time
  instance @2 :Text;  # static membership; empty: none, here and below
  client @3 :Text;
  host @4 :Text;
  sessionTimeoutMs @5 :UInt32;
  rebalanceTimeoutMs @6 :UInt32;
  protocolType @7 :Text;
  protocols @8 :List(Protocol);  # in order of preference
  requireKnownId @9 :Bool;       # a new member first gets an id and joins again with it
  skipAssignment @10 :Bool;      # the member understands `skipAssignment` in the reply
  struct Protocol {
    name @0 :Text;
    metadata @1 :Data;
  }
}

struct OpaqueJoined {
  failure @0 :Failure;
  generation @1 :Int32;
  member @2 :Text;
  leader @3 :Text;
  protocolType @4 :Text;
  protocol @5 :Text;
  skipAssignment @6 :Bool;   # the leader need not assign: the group keeps what it has
  members @7 :List(Member);  # for the leader only
  struct Member {
    id @0 :Text;
    instance @1 :Text;
    metadata @2 :Data;
  }
}

struct OpaqueSync {
  group @0 :Text;
  member @1 :Text;
  instance @2 :Text;
  generation @3 :Int32;
  protocolType @4 :Text;  # checked when given, as is the protocol
  protocol @5 :Text;
  assignments @6 :List(Assignment);  # from the leader only
  struct Assignment {
    member @0 :Text;
    content @1 :Data;
  }
}

struct OpaqueSynced {
  failure @0 :Failure;
  protocolType @1 :Text;
  protocol @2 :Text;
  content @3 :Data;
}

struct OpaqueHeartbeat {
  group @0 :Text;
  member @1 :Text;
  instance @2 :Text;
  generation @3 :Int32;
}

struct OpaqueLeave {
  group @0 :Text;
  members @1 :List(Member);
  struct Member {
    member @0 :Text;  # empty: found by its instance
    instance @1 :Text;
  }
}

struct OpaqueLeft {
  failure @0 :Failure;
  members @1 :List(Failure);  # one for each in the request
}

struct OpaqueOffset {
  topic @0 :Text;
  partition @1 :Int32;
  offset @2 :Int64;            # of the next record to read; -1: none, or forget it; others below
                               # zero mean something to those who commit them, and are kept
  leaderEpoch @3 :Int32 = -1;  # of the last record read; -1: not known
  metadata @4 :Text;
  pending @5 :Bool;  # in replies: a transaction that has not ended may change it
}

struct OpaqueCommit {
  # To forget offsets takes no membership; the asker has looked that no member reads the topic.
  group @0 :Text;
  member @1 :Text;
  instance @2 :Text;
  generation @3 :Int32;
  offsets @4 :List(OpaqueOffset);
}

struct OpaqueFetchOffsets {
  group @0 :Text;
  partitions @1 :List(TopicPartitions);  # empty: all that are committed
}

struct OpaqueOffsets {
  failure @0 :Failure;
  offsets @1 :List(OpaqueOffset);
}

struct OpaqueDescribe {
  group @0 :Text;  # empty: all, without their members
}

struct OpaqueGroups {
  failure @0 :Failure;
  groups @1 :List(Group);
  struct Group {
    id @0 :Text;
    state @1 :Text;
    protocolType @2 :Text;
    protocol @3 :Text;
    members @4 :List(Member);
  }
  struct Member {
    id @0 :Text;
    instance @1 :Text;
    client @2 :Text;
    host @3 :Text;
    metadata @4 :Data;
    assignment @5 :Data;
  }
}

struct WatchRequest {
  # Answered as a fetch is, without batches: at once when the high watermark is not `offset`, else
  # when it is no more, or when the wait is over.
  topic @0 :Text;
  partition @1 :Int32;
  offset @2 :Int64;
  maxWaitMs @3 :UInt32;
  topicId @4 :Data;  # instead of `topic`, as in a fetch
  committed @5 :Bool;  # the last stable offset counts, not the high watermark
}
