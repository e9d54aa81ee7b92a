# Connectors at work: the job starts one actor per source and sink connector of its topology, orders it
# to end, and hears how it goes. Records do not travel here: a source appends to its topic by the
# produce conversation, a sink fetches from its own.
@0xb4a6b1a51a5f7c21;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;

struct ConnectorChanged {
  # Fact, connector to job: as ordered, and whenever the state changes.
  name @0 :Text;               # of the step
  state @1 :State;
  failure @2 :Failure;         # with `failed`, the job fails with it; with `ended`, it ends and says so
  numbers @3 :ConnectorNumbers;
  downSinceMs @4 :Int64 = -1;  # wall clock: since when it cannot reach what is outside; -1: it can
  downWhy @5 :Text;
  source @6 :Bool;
  enum State {
    starting @0;
    running @1;
    ended @2;   # nothing more comes, everything taken is durable (source) or delivered (sink)
    failed @3;
  }
}

struct ConnectorNumbers {
  records @0 :UInt64;  # since its start: durable in the topic (source), delivered (sink)
  bytes @1 :UInt64;    # of those records' values
  waiting @2 :UInt64;  # records of the topic still to be delivered (sink); bytes known to be unread
                       # (source)
  dropped @3 :UInt64;  # records that were lost on the way to a source, as far as it knows
  cut @4 :UInt64;      # lines that were too long and came in pieces
}

struct ConnectorOrder {
  # Order, job to connector.
  kind @0 :Kind;
  enum Kind {
    report @0;  # send ConnectorChanged with fresh numbers
    finish @1;  # end when the input of this moment is used up, or the topic of this moment delivered
    stop @2;    # take nothing more; make lasting what was taken, and end
  }
}
