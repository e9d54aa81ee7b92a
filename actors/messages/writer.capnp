# Making bytes durable: a partition asks the writer of its data directory and waits for the answer
# with at most one request in flight, so the writer's queue is bounded by the number of partitions.
# The writer takes everything that waits, syncs each file once, and answers all (group commit).
@0xadf2b8b16d8aa675;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;

struct SyncRequest {
  files @0 :List(Text);    # paths; what was written to them before this request becomes durable
  folders @1 :List(Text);  # entries created, renamed or removed in them become durable
}

struct SyncReply {
  failure @0 :Failure;
}
