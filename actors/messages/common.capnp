# Types that several conversations share.
@0xee355024427af596;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");

struct Failure {
  # Why a request was not carried out. Code 0: it was. Codes are those of streams/base/error.hpp and
  # never renumbered; the message names the thing, the value and the remedy.
  code @0 :UInt8;
  message @1 :Text;
}

struct Tick {
  # What an actor says to itself later: a timer. Never leaves the actor.
  kind @0 :UInt16;  # which of its timers
  id @1 :UInt64;    # to recognise one that has been overtaken
}

struct Setting {
  name @0 :Text;
  value @1 :Text;
}
