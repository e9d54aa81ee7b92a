# Topics and the metadata log: a client asks the node, the node asks the controller, the controller
# writes the metadata log and answers when the change is durable and applied. Every request may be
# repeated: creating what is there and deleting what is not are named failures without effect.
@0xbffd37c18ae504bf;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;
using Setting = import "setting.capnp".Setting;

struct CreateTopicRequest {
  name @0 :Text;
  partitions @1 :Int32;  # -1: the node's default
  settings @2 :List(Setting);
  internal @3 :Bool;     # made by Penstock itself: names beginning with "__" are allowed
}

struct AlterTopicRequest {
  name @0 :Text;
  partitions @1 :Int32;  # more than now, or -1: as they are
  set @2 :List(Setting);
  reset @3 :List(Text);  # back to the default
}

struct DeleteTopicRequest {
  name @0 :Text;
}

struct AdminReply {
  failure @0 :Failure;
}

struct Topic {
  name @0 :Text;
  id @1 :Data;  # 16 bytes, as in Kafka
  partitions @2 :List(Partition);
  settings @3 :List(Setting);  # those that were set
  internal @4 :Bool;
}

struct Partition {
  index @0 :Int32;
  startOffset @1 :Int64;
  highWatermark @2 :Int64;
  bytes @3 :UInt64;
  segments @4 :UInt32;
  offline @5 :Failure;  # why it does not serve, if it does not
}

struct TopicsRequest {
  names @0 :List(Text);     # these and those with the ids; neither: all
  withPartitions @1 :Bool;  # ask every partition for its numbers
  ids @2 :List(Data);       # of topics, 16 bytes each
}

struct TopicsReply {
  failure @0 :Failure;  # unknown topics are left out, not a failure
  topics @1 :List(Topic);
}

struct RegisterStateRequest {
  # What the steps of a topology remember, checked against what an earlier run registered. A step
  # that changed or vanished is refused (state_changed) unless it is listed in `drop` ("*": all).
  topology @0 :Text;
  stores @1 :List(Store);
  drop @2 :List(Text);
  struct Store {
    step @0 :Text;
    fingerprint @1 :Text;
    changelog @2 :Text;
  }
}

struct TopicChanged {
  # Fact, controller to node: a topic was created or altered; with `deleted`, it is gone.
  name @0 :Text;
  id @1 :Data;
  partitions @2 :Int32;
  settings @3 :List(Setting);
  deleted @4 :Bool;
  internal @5 :Bool;
}

struct MetadataLoaded {
  # Fact, controller to node: the metadata log has been read to its end (or could not be).
  failure @0 :Failure;
}

struct PartitionRequest {
  # Node to partition: your numbers, please.
}

struct PartitionChange {
  # Order, node to partition: new settings, or give up (the topic was deleted, or the node closes).
  settings @0 :List(Setting);
  close @1 :Bool;
  remove @2 :Bool;  # with `close`: and delete the folder
}

struct CloseRequest {
  # Order to a node: finish what is acknowledged, sync, mark every log as cleanly shut down.
}
