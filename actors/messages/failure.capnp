# Why a request was not carried out; part of every reply.
@0xee355024427af596;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");

struct Failure {
  # Code 0: it was carried out. Codes are those of streams/base/error.hpp and never renumbered; the
  # message names the thing, the value and the remedy.
  code @0 :UInt8;
  message @1 :Text;
}
