# One topic setting as text, in requests and facts about topics.
@0xf250bb9205a8b3e3;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("penstock::wire");

struct Setting {
  name @0 :Text;
  value @1 :Text;
}
