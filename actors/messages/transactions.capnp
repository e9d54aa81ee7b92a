# Transactions (KIP-98, in the protocol before KIP-890): a producer asks the node, the node routes to
# the transaction coordinator, which keeps the state of every transactional id in the compacted topic
# __transaction_state. The coordinator ends a transaction by a marker in each of its partitions; for
# the partition of __consumer_offsets the group coordinator writes it. Everything may be repeated.
@0x9d1ba5a86e4c9b27;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;
using OpaqueOffset = import "opaque.capnp".OpaqueOffset;
using TopicPartitions = import "group.capnp".TopicPartitions;

struct InitTransaction {
  # A producer takes over the transactional id: older ones are fenced, their transaction is aborted.
  id @0 :Text;
  timeoutMs @1 :Int32;
  producerId @2 :Int64 = -1;  # of a producer that wants its epoch raised; -1: a new producer
  epoch @3 :Int16 = -1;
}

struct InitTransactionReply {
  failure @0 :Failure;
  producerId @1 :Int64;
  epoch @2 :Int16;
}

struct AddToTransaction {
  id @0 :Text;
  producerId @1 :Int64;
  epoch @2 :Int16;
  partitions @3 :List(TopicPartitions);
  group @4 :Text;   # a group whose offsets will be committed; empty: none
  verify @5 :Bool;  # only ask whether all of it is in the open transaction
}

struct EndTransaction {
  # Answered when the decision is durable; the markers follow.
  id @0 :Text;
  producerId @1 :Int64;
  epoch @2 :Int16;
  commit @3 :Bool;
}

struct TransactionReply {
  failure @0 :Failure;
}

struct ListTransactions {
  ids @0 :List(Text);         # empty: all, without their partitions
  openForMs @1 :Int64 = -1;  # of all: only those that have been open for longer
}

struct Transactions {
  failure @0 :Failure;
  transactions @1 :List(Transaction);  # as asked for, or by id
  struct Transaction {
    failure @0 :Failure;
    id @1 :Text;
    state @2 :Text;
    producerId @3 :Int64;
    epoch @4 :Int16;
    timeoutMs @5 :Int32;
    startTime @6 :Int64;  # ms; -1: none is open
    partitions @7 :List(TopicPartitions);
  }
}

struct WriteMarker {
  topic @0 :Text;
  partition @1 :Int32;
  producerId @2 :Int64;
  epoch @3 :Int16;
  coordinatorEpoch @4 :Int32;
  commit @5 :Bool;
}

struct CommitInTransaction {
  # Offsets of a group that count when the transaction commits.
  id @0 :Text;
  producerId @1 :Int64;
  epoch @2 :Int16;
  group @3 :Text;
  member @4 :Text;      # empty, with generation -1: not checked
  instance @5 :Text;
  generation @6 :Int32;
  offsets @7 :List(OpaqueOffset);
}

struct ListProducers {
  topic @0 :Text;
  partition @1 :Int32;
}

struct Producers {
  failure @0 :Failure;
  producers @1 :List(Producer);
  struct Producer {
    id @0 :Int64;
    epoch @1 :Int16;
    lastSequence @2 :Int32;
    lastTime @3 :Int64;
    coordinatorEpoch @4 :Int32;
    transactionStart @5 :Int64;  # -1: none is open
  }
}
