# What an actor says to itself later. Never leaves the actor.
@0xa984b38fcc9bc495;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");

struct Tick {
  kind @0 :UInt16;  # which of its timers
  id @1 :UInt64;    # to recognise one that has been overtaken
}
