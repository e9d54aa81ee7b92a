# A client's socket and its connection actor: the socket hands over one frame after the other; what
# the actor answers goes back as bytes, outside of messages. The socket bounds how much of one client
# is under way, so the actor's mailbox is bounded too.
@0xd1f3c7a59b0e6482;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");

struct FrameArrived {
  content @0 :Data;  # without the length in front
}

struct ClientGone {
  # Fact: the socket is closed; what is under way is of no use any more.
}
