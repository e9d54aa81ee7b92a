# What the two ends of a link say to each other about the link itself; no actor sees it.
@0xa7d2c5e80b1f4963;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");
using Failure = import "failure.capnp".Failure;

struct ClaimRequest {
  # The asking side runs the tasks of this topology. A node lets one process do so at a time: whoever
  # comes second is refused (locked), unless it is the same run on a new link, which takes over.
  topology @0 :Text;
  owner @1 :Text;  # this run, among all
  about @2 :Text;  # for people: "process 4711 on build-3"
}

struct ClaimReply {
  failure @0 :Failure;
}
