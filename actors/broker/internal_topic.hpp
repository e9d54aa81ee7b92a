// What the coordinators of groups and of transactions have in common: each keeps what it knows in a
// compacted topic of the node's own, makes it when it first needs it, and lets requests wait until
// the topic has been read.
#pragma once

#include <caf/typed_response_promise.hpp>
#include <string>
#include <string_view>

#include "actors/messages/messages.hpp"

namespace penstock {

inline create_topic_request internal_topic(std::string_view name, std::int32_t partitions) {
  return create_topic_request::make([&](wire::CreateTopicRequest::Builder out) {
    out.setName(std::string{name}.c_str());
    out.setPartitions(partitions);
    out.setInternal(true);
    auto settings = out.initSettings(2);
    settings[0].setName("cleanup.policy");
    settings[0].setValue("compact");
    settings[1].setName("segment.bytes");
    settings[1].setValue("104857600");
  });
}

template <class Self, class Reply, class Request>
using internal_topic_handler = void (*)(Self, typename Request::schema::Reader,
                                        caf::typed_response_promise<Reply>);

/// A handler of `Request`s: calls `handle` at once when the state of `self` is `ready`. Otherwise
/// the request waits in `parked`, and `open` is called, which ends by calling all that wait with
/// its error. Beyond `config.parked_max` requests are refused with `refusal`.
template <class Reply, class Request, class Self>
auto serve_when_read(Self self, internal_topic_handler<Self, Reply, Request> handle,
                     void (*open)(Self), const char* refusal) {
  return [=](const Request& what) -> caf::typed_response_promise<Reply> {
    auto promise = self->template make_response_promise<Reply>();
    auto& state = self->state;
    if (state.ready) {
      auto in = what.open();
      handle(self, *in, promise);
    } else if (state.parked.size() >= state.config.parked_max) {
      promise.deliver(failed<Reply>(error{errc::overloaded, refusal}));
    } else {
      state.parked.push_back([=](const error& why) mutable {
        auto in = what.open();
        if (why) {
          promise.deliver(failed<Reply>(why));
        } else {
          handle(self, *in, promise);
        }
      });
      open(self);
    }
    return promise;
  };
}

}  // namespace penstock
