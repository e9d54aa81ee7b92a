// A node with many partitions ends when it is told to, whatever it is doing.
#include "launch/embedded_node.hpp"

#include <caf/scoped_actor.hpp>
#include <chrono>

#include "actors/errors.hpp"
#include "actors/messages/messages.hpp"
#include "streams/log/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

constexpr std::int32_t many = 2000;

std::unique_ptr<embedded_node> node_with_many(const test::scratch_dir& folder) {
  embedded_options options;
  options.directory = folder.path();
  options.workers = 2;
  options.listen = false;
  auto node = embedded_node::open(options).value();
  caf::scoped_actor self{node->system()};
  self->request(node->node(), std::chrono::seconds{30},
                create_topic_request::make([](wire::CreateTopicRequest::Builder out) {
                  out.setName("many");
                  out.setPartitions(many);
                }))
      .receive([](const admin_reply& reply) { REQUIRE(!error_of(reply.open()->getFailure())); },
               [](const caf::error& why) { FAIL(from_caf(why).to_string()); });
  return node;
}

template <class F>
std::chrono::nanoseconds time_of(F&& f) {
  const auto before = std::chrono::steady_clock::now();
  f();
  return std::chrono::steady_clock::now() - before;
}

}  // namespace

// Generous: opening all of them takes longer, and waiting for the writer took forever.
TEST_CASE("a node that makes thousands of partitions closes at once", "[launch][slow]") {
  test::scratch_dir folder;
  auto node = node_with_many(folder);
  const auto spent = time_of([&] {
    auto closed = node->close();
    INFO((closed ? std::string{} : closed.error().to_string()));
    CHECK(closed);
    node.reset();
  });
  CHECK(spent < std::chrono::seconds{20});
  // Those that it came to are sound, and the next start goes on.
  CHECK(verify_folder(machine_disk(), folder.path() + "/__cluster_metadata-0").value().empty());
  embedded_options options;
  options.directory = folder.path();
  CHECK(embedded_node::open(options).value()->close());
}

TEST_CASE("a node that does not close in time is ended all the same", "[launch][slow]") {
  test::scratch_dir folder;
  auto node = node_with_many(folder);
  const auto spent = time_of([&] {
    auto closed = node->close(duration{0});
    CHECK((closed || closed.error() == errc::timed_out));
    node.reset();
  });
  CHECK(spent < std::chrono::seconds{20});
}

}  // namespace penstock
