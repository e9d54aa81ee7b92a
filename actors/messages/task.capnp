# A job at work. The job actor starts one task actor per sub-topology and partition, and hears from
# them; tasks read and write topics by the produce and fetch conversations. Between tasks of one
# process, repartitioned records can go directly (in memory) instead of through a topic: DeliverRequest,
# answered when the receiver has taken them over, with credit for the next; `Flushed` comes when what
# they caused is durable, and only then does the sender commit the source offsets behind them.
@0xd3e7a4b4462c0b02;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;
using ConnectorChanged = import "connect.capnp".ConnectorChanged;

struct TaskChanged {
  # Fact, task to job.
  part @0 :Int32;
  partition @1 :Int32;
  state @2 :State;
  failure @3 :Failure;
  numbers @4 :TaskNumbers;
  enum State {
    restoring @0;
    running @1;
    caughtUp @2;   # every input was read to the end it had, all of it is committed
    ended @3;      # stopped on request, everything committed
    failed @4;
  }
}

struct TaskNumbers {
  recordsIn @0 :UInt64;
  recordsOut @1 :UInt64;
  late @2 :UInt64;
  bad @3 :UInt64;
  lag @4 :UInt64;        # records between the position and the ends of the inputs
  restored @5 :UInt64;   # changelog records applied at start
  stateBytes @6 :UInt64; # memory that keyed state takes
}

struct TaskOrder {
  # Order, job to task.
  kind @0 :Kind;
  ends @1 :List(InputEnd);  # with `finishAt`: stop there
  enum Kind {
    report @0;        # send TaskChanged with fresh numbers
    stop @1;          # commit and end
    closeWindows @2;  # event time jumps past everything, then commit
    finishAt @3;      # the ends of external inputs are fixed: report caughtUp when they are reached
    upstreamDone @4;  # all tasks that write your inputs have caught up: read what is there, then report
  }
  struct InputEnd {
    topic @0 :Text;
    partition @1 :Int32;
    offset @2 :Int64;
  }
}

struct DeliverRequest {
  part @0 :Int32;       # receiver's sub-topology
  partition @1 :Int32;  # receiver's partition
  source @2 :Int32;     # which of its inputs
  batches @3 :Data;     # with source marks and watermark marks as in a repartition topic
  task @4 :Text;        # sender
}

struct DeliverReply {
  failure @0 :Failure;
  credit @1 :UInt32;    # bytes that the next request may carry
  flushed @2 :Int64;    # highest sequence of this sender that is durable in the receiver
}

struct JobRequest {
  # Anyone to job: how is it going?
}

struct JobReply {
  failure @0 :Failure;
  state @1 :Text;       # "starting", "running", "ending", "ended", "failed"
  tasks @2 :UInt32;
  numbers @3 :TaskNumbers;
  perTask @4 :List(TaskChanged);
  connectors @5 :List(ConnectorChanged);
}

struct JobOrder {
  kind @0 :Kind;
  enum Kind {
    stop @0;          # commit everything and end
    untilEnd @1;      # end by itself when the input of this moment is used up
  }
}
