/// The rules of the conversations, as facts of the types: every actor is typed, and everything that
/// it takes or gives is an envelope.

#include <caf/detail/type_list.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "actors/broker/controller.hpp"
#include "actors/broker/coordinator.hpp"
#include "actors/broker/node.hpp"
#include "actors/broker/partition.hpp"
#include "actors/broker/writer.hpp"
#include "actors/client/consumer.hpp"
#include "actors/cluster/conversations.hpp"
#include "actors/connect/connector.hpp"
#include "actors/messages/transactions.hpp"
#include "actors/processor/job.hpp"
#include "actors/processor/task.hpp"
#include "launch/simulated_driver.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

template <class T>
struct only_envelopes : std::false_type {};
template <>
struct only_envelopes<caf::output_tuple<void>> : std::true_type {};
template <class... Ts>
struct only_envelopes<caf::detail::type_list<Ts...>>
    : std::bool_constant<(is_envelope<Ts>::value && ...)> {};
template <class... Ts>
struct only_envelopes<caf::output_tuple<Ts...>>
    : std::bool_constant<(is_envelope<Ts>::value && ...)> {};
template <class In, class Out>
struct only_envelopes<caf::typed_mpi<In, Out>>
    : std::bool_constant<only_envelopes<In>::value && only_envelopes<Out>::value> {};
template <class... Conversations>
struct only_envelopes<caf::typed_actor<Conversations...>>
    : std::bool_constant<(only_envelopes<Conversations>::value && ...)> {};

static_assert(only_envelopes<writer_actor>::value);
static_assert(only_envelopes<partition_actor>::value);
static_assert(only_envelopes<node_actor>::value);
static_assert(only_envelopes<controller_actor>::value);
static_assert(only_envelopes<metadata_listener>::value);
static_assert(only_envelopes<coordinator_actor>::value);
static_assert(only_envelopes<opaque_members_actor>::value);
static_assert(only_envelopes<watchable_actor>::value);
static_assert(only_envelopes<transactions_actor>::value);
static_assert(only_envelopes<marked_actor>::value);
static_assert(only_envelopes<consumer_actor>::value);
static_assert(only_envelopes<task_actor>::value);
static_assert(only_envelopes<task_inlet>::value);
static_assert(only_envelopes<task_listener>::value);
static_assert(only_envelopes<job_actor>::value);
static_assert(only_envelopes<connector_actor>::value);
static_assert(only_envelopes<connector_listener>::value);
static_assert(only_envelopes<job_handle>::value);
static_assert(only_envelopes<simulated_driver>::value);
static_assert(!only_envelopes<caf::typed_actor<caf::reacts_to<int>>>::value);
static_assert(!only_envelopes<caf::typed_actor<caf::replies_to<tick>::with<int>>>::value);

std::string text_of_file(const std::filesystem::path& path) {
  std::ifstream in{path};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST_CASE("every typed actor of the tree is checked above, and no actor is untyped",
          "[architecture]") {
  const auto root = std::filesystem::path{test::source_dir()};
  const auto own = text_of_file(__FILE__[0] == '/' ? std::filesystem::path{__FILE__}
                                                   : root / "tests/actors/architecture_test.cpp");
  const std::regex handle{R"(using\s+(\w+)\s*=\s*caf::typed_actor<)"};
  const std::regex untyped{
      R"(caf::event_based_actor\s*\*|caf::blocking_actor\s*\*|caf::behavior\b)"};
  int handles = 0;
  for (const auto& folder : {"actors", "launch"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root / folder}) {
      const auto extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp") continue;
      const auto text = text_of_file(entry.path());
      INFO(entry.path());
      CHECK_FALSE(std::regex_search(text, untyped));
      if (extension != ".hpp") continue;
      for (std::sregex_iterator at{text.begin(), text.end(), handle}, end; at != end; ++at) {
        INFO((*at)[1].str());
        CHECK(own.find("only_envelopes<" + (*at)[1].str() + ">::value") != std::string::npos);
        ++handles;
      }
    }
  }
  CHECK(handles >= 6);
}

TEST_CASE("schemas use Data only for batches, keys, values and ids", "[architecture]") {
  const auto root = std::filesystem::path{test::source_dir()} / "actors/messages";
  const std::regex data{R"((\w+)\s*@\d+\s*:Data\b)"};
  for (const auto& entry : std::filesystem::directory_iterator{root}) {
    if (entry.path().extension() != ".capnp") continue;
    const auto text = text_of_file(entry.path());
    for (std::sregex_iterator at{text.begin(), text.end(), data}, end; at != end; ++at) {
      INFO(entry.path() << ": " << (*at)[1].str());
      const auto field = (*at)[1].str();
      // What members bring in bytes, only their leader understands.
      if (entry.path().filename() == "opaque.capnp" &&
          (field == "metadata" || field == "content" || field == "assignment"))
        continue;
      CHECK((field == "batches" || field == "key" || field == "value" || field == "id" ||
             field == "topicId"));
    }
  }
}

}  // namespace
}  // namespace penstock
