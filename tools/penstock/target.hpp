// What `--on` names: a data directory that the tool opens itself when it is free, the process that
// has it otherwise, or a node over the network. Every word talks to it through one `node_actor`.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <memory>
#include <string>

#include "actors/broker/node.hpp"
#include "actors/cluster/conversations.hpp"
#include "actors/errors.hpp"
#include "streams/base/result.hpp"

namespace penstock::tool {

inline constexpr const char* default_directory = "./penstock-data";

class target {
 public:
  /// `create`: make the data directory when it is not there. `not_found` when it is not and must
  /// be; `locked` when a process has it and takes no links; what opening it failed with.
  /// `patience`: how long a node over the network may be away while it is worked with.
  static result<std::unique_ptr<target>> open(const std::string& on, bool create,
                                              duration patience = 0ms);
  virtual ~target() = default;

  virtual caf::actor_system& system() = 0;
  virtual const node_actor& node() const = 0;

  /// True when another process does the work.
  virtual bool attached() const = 0;

  /// Who the node is for Kafka's clients; -1 when it serves none.
  virtual std::int32_t node_id() const = 0;

  /// The job of that process; null when not attached.
  virtual job_handle job() const = 0;

  /// Ends the node cleanly when it is ours; errors are worth telling.
  virtual result<void> close() = 0;

  /// Asks the node and waits; a failure in the reply is an error.
  template <class Reply, class Request>
  result<Reply> ask(const Request& what, duration deadline = 60s) {
    return ask_of<Reply>(node(), what, deadline);
  }

  template <class Reply, class Actor, class Request>
  result<Reply> ask_of(const Actor& whom, const Request& what, duration deadline) {
    caf::scoped_actor self{system()};
    result<Reply> answer{errc::timed_out, "no answer from the node"};
    self->request(whom, deadline, what)
        .receive([&](const Reply& reply) { answer = reply; },
                 [&](const caf::error& why) { answer = from_caf(why); });
    if (answer.has_value()) {
      if (auto why = error_of(answer->open()->getFailure())) return why;
    }
    return answer;
  }
};

/// Fine when Penstock has worked on this directory; `not_found` with its name otherwise.
result<void> check_data_directory(const std::string& directory);

/// "HOST:PORT[,HOST:PORT…]", which `flag` was given, as `--on` says it; `invalid_argument` naming
/// what is wrong.
result<std::string> on_of_bootstrap(std::string_view flag, const std::string& bootstrap);

/// True when `on` is a directory of this machine rather than an address.
bool is_directory(const std::string& on);

}  // namespace penstock::tool
