# Reading: a consumer or task asks the node, the node routes to the partition, the partition answers
# at once or parks the request until there is data or its wait is over (long poll).
#
# A request is its own credit: one in flight per reader and partition, and the answer never carries
# more than `maxBytes` (but at least one batch). Requests may be repeated freely.
@0xb0a2baaeab06c5b4;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;

enum Isolation {
  uncommitted @0;  # everything below the high watermark
  committed @1;    # up to the last stable offset, with the list of what was aborted in it
  filtered @2;     # the same, what was aborted left out; `highWatermark` is the last stable offset
}

struct FetchRequest {
  topic @0 :Text;
  partition @1 :Int32;
  offset @2 :Int64;
  maxBytes @3 :UInt32;
  maxWaitMs @4 :UInt32;  # 0: answer at once
  topicId @5 :Data;      # instead of `topic`; not_found when no topic has it
  isolation @6 :Isolation;
}

struct FetchReply {
  failure @0 :Failure;
  highWatermark @1 :Int64;  # readers see nothing at or above it
  startOffset @2 :Int64;    # first offset that can be read
  nextOffset @3 :Int64;     # where to go on
  batches @4 :Data;         # whole batches; the first may begin below the offset asked for
  lastStableOffset @5 :Int64;  # all transactions that began below it have ended
  aborted @6 :List(Aborted);   # for `committed`: batches of the producer from `firstOffset` up to
                               # its next marker do not count
  struct Aborted {
    producerId @0 :Int64;
    firstOffset @1 :Int64;
  }
}

struct ListOffsetsRequest {
  topic @0 :Text;
  partition @1 :Int32;
  time @2 :Int64;  # ms: the first record not before it; -1: the end; -2: the start (as in Kafka)
  committed @3 :Bool;  # the end is the last stable offset
}

struct ListOffsetsReply {
  failure @0 :Failure;
  offset @1 :Int64;  # -1: no record that young
  time @2 :Int64;    # of that record; -1 for end and start
}

struct DeleteRecordsRequest {
  topic @0 :Text;
  partition @1 :Int32;
  before @2 :Int64;  # -1: all that is there
}

struct DeleteRecordsReply {
  failure @0 :Failure;
  startOffset @1 :Int64;
}
