# Producing: a producer asks the node, the node routes to the partition, the partition answers.
#
# A sender keeps one AppendRequest in flight per partition and puts what gathers meanwhile into the
# next; `credit` in the reply bounds the bytes of that next request, so a mailbox is never the
# buffer. A request that was not answered may be sent again as it is: idempotent sequence numbers
# (or the source mark, in repartition topics) make the partition drop the repeat. A reply means what
# the topic's flush policy says: with `batch`, the bytes survive a power loss.
@0xa841943927b17f47;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;

struct AppendRequest {
  topic @0 :Text;
  partition @1 :Int32;
  batches @2 :Data;  # one or more whole record batches, Kafka v2 layout; all or nothing
  topicId @3 :Data;  # instead of `topic`; not_found when no topic has it
  guard @4 :Int64 = -1;
  # A batch that begins a transaction in this partition is refused as `transaction_unverified`,
  # with a guard in the reply. The sender asks the transaction coordinator whether the partition is
  # in the transaction, and sends the batch again with the guard, which holds as long as no
  # transaction ends here in between.
}

struct AppendReply {
  failure @0 :Failure;
  baseOffset @1 :Int64;     # of the first record
  nextOffset @2 :Int64;     # log end after it
  appendTime @3 :Int64;     # ms, with LogAppendTime; else -1
  duplicate @4 :Bool;       # all of it was there already
  credit @5 :UInt32;        # bytes that the next request may carry
  guard @6 :Int64;          # see AppendRequest
}

struct InitProducerRequest {
  # A fresh producer id for idempotent appends. Never given twice.
}

struct InitProducerReply {
  failure @0 :Failure;
  producerId @1 :Int64;
  epoch @2 :Int16;
}

struct OpenSourceRequest {
  # An upstream task starts writing into a repartition topic: its epoch fences earlier runs.
  topic @0 :Text;
  partition @1 :Int32;
  task @2 :Text;
  epoch @3 :Int32;
}

struct OpenSourceReply {
  failure @0 :Failure;
  sequence @1 :Int64;  # last sequence of this task that is in the partition; -1: none
}
