// Records flowing: what you may do with them next, as a type. Every step takes its name first and
// functions of (value) or (key, value), pointers to members included. Functions are copied into
// each task, run on its thread, and must not block; one that throws makes a bad record.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>

#include "dsl/aggregates.hpp"
#include "dsl/enriching.hpp"
#include "dsl/graph.hpp"
#include "dsl/redacting.hpp"
#include "dsl/table.hpp"
#include "dsl/topic.hpp"
#include "dsl/window.hpp"
#include "dsl/windowed.hpp"
#include "streams/operators/ends.hpp"
#include "streams/operators/keyed.hpp"
#include "streams/operators/mock.hpp"
#include "streams/operators/stateless.hpp"
#include "streams/plan/connector.hpp"

namespace penstock {

/// A branch by name: `when("errors", [](const access& a) { return a.status >= 500; })`.
template <class F>
struct when {
  when(std::string branch, F holds) : name(std::move(branch)), predicate(std::move(holds)) {}
  std::string name;
  F predicate;
};

/// The branch of the records that no `when` took: `rest("fine")`.
struct rest {
  explicit rest(std::string branch) : name(std::move(branch)) {}
  std::string name;
};

/// `one_in{100}`: a hundredth.
struct one_in {
  explicit constexpr one_in(std::uint64_t count) : n(count) {}
  std::uint64_t n;
};

/// `at_most{10, 1min}`: ten per minute.
struct at_most {
  constexpr at_most(std::uint64_t records, duration period) : n(records), per(period) {}
  std::uint64_t n;
  duration per;
};

template <class K, class V>
class stream : public detail::aggregates<stream<K, V>, K, V> {
 public:
  using key = K;
  using value = V;

  explicit stream(detail::graph_end at) : at_(std::move(at)) {}

  /// Replaces the value by what `f` gives. The key stays the key.
  template <step_function<K, V> F>
  auto map(std::string name, F f) const {
    using R = detail::called_t<F, K, V>;
    static_assert(!std::is_void_v<R>, "map needs a function that gives a value; see peek");
    return behind<detail::map_operator<K, V, F>, K, R>("map", std::move(name), std::move(f),
                                                       detail::mock_of_value<K, V, R>());
  }

  /// `map` with a function of the value alone.
  template <std::invocable<const V&> F>
  auto map_values(std::string name, F f) const {
    using R = detail::called_t<F, K, V>;
    static_assert(!std::is_void_v<R>, "map_values needs a function that gives a value; see peek");
    return behind<detail::map_operator<K, V, F>, K, R>("map_values", std::move(name), std::move(f),
                                                       detail::mock_of_value<K, V, R>());
  }

  /// Replaces the value by each element of the range that `f` gives, in order; none is fine. The
  /// elements may borrow from the value (`std::string_view`).
  template <step_function<K, V> F>
  auto flat_map(std::string name, F f) const {
    using R = detail::call_t<F, K, V>;
    static_assert(detail::range_like<std::remove_reference_t<R>>,
                  "flat_map needs a function that gives a range, such as a std::vector");
    using E = detail::element_t<R>;
    return behind<detail::flat_map_operator<K, V, F>, K, E>(
        "flat_map", std::move(name), std::move(f), detail::mock_of_range<K, V, E>());
  }

  /// `map` with a function that can say no: it gives a `result<T>`. An error makes a bad record
  /// with the error's words. A parser that was given a wrong pattern is a problem of the topology.
  template <step_function<K, V> F>
  auto try_map(std::string name, F f) const {
    using R = detail::called_t<F, K, V>;
    static_assert(detail::is_result<R>::value, "try_map needs a function that gives a result<T>");
    using T = typename R::value_type;
    return behind<detail::try_map_operator<K, V, F>, K, T>("try_map", std::move(name), std::move(f),
                                                           detail::mock_of_value<K, V, T>());
  }

  /// Enriches from a table that was read when the topology was built
  /// (streams/logs/lookup_table.hpp): `key_of` gives what to look up, `f(value, row)` the new
  /// value; `row` is a pointer, null when the table has no such row.
  /// `s.lookup("host", hosts, &hit::client, [](const hit& h, const host* row) { … })`
  template <detail::lookup_source Table, step_function<K, V> KeyOf, class F>
  auto lookup(std::string name, Table rows, KeyOf key_of, F f) const {
    using enricher = detail::enricher<K, V, Table, KeyOf, F>;
    static_assert(std::invocable<F&, const V&, typename enricher::row>,
                  "lookup needs a function of the value and a pointer to a row, which may be null");
    detail::check_function(*at_.graph, name, rows);
    using R = std::remove_cvref_t<std::invoke_result_t<F&, const V&, typename enricher::row>>;
    return behind<detail::map_operator<K, V, enricher>, K, R>(
        "lookup", std::move(name), enricher{std::move(rows), std::move(key_of), std::move(f)});
  }

  /// Keeps the records for which `f` gives true.
  template <step_function<K, V> F>
  stream filter(std::string name, F f) const {
    static_assert(std::convertible_to<detail::call_t<F, K, V>, bool>,
                  "filter needs a predicate: (value) -> bool");
    return behind<detail::filter_operator<K, V, F>, K, V>("filter", std::move(name), std::move(f),
                                                          detail::mock_of_filter<K, V>());
  }

  /// Calls `f` and passes the record on unchanged.
  template <step_function<K, V> F>
  stream peek(std::string name, F f) const {
    return behind<detail::peek_operator<K, V, F>, K, V>("peek", std::move(name), std::move(f));
  }

  /// Gives records a new key. The only word that moves data: when a step that keeps state follows,
  /// records go through a repartition topic so that equal keys meet in one task.
  template <step_function<K, V> F>
  auto key_by(std::string name, F f) const {
    using R = detail::called_t<F, K, V>;
    static_assert(detail::encodable<R>,
                  "this key type has no serde: add PENSTOCK_FIELDS(type, members...)");
    static_assert(detail::encodable<V>,
                  "key_by may move this value, which has no serde: add PENSTOCK_FIELDS(type, "
                  "members...)");
    auto s = detail::step_behind(at_, step_kind::key_by, "key_by", std::move(name));
    s.formats = {detail::binary_name<R>(), detail::binary_name<V>()};
    s.make = [f = std::move(f)](task_context& task) -> std::unique_ptr<operator_base> {
      if (task.side() == hop_side::read) return std::make_unique<detail::hop_reader<R, V>>(task);
      if (task.side() == hop_side::write) {
        return detail::maker<detail::hop_writer<K, V, F>, K, V>(f)(task);
      }
      return detail::maker<detail::key_by_operator<K, V, F>, K, V>(f)(task);
    };
    return stream<R, V>{add(std::move(s))};
  }

  /// Splits by named predicates, the first that holds takes the record:
  /// `auto [errors, fine] = s.branch("by-status", when("errors", failed), rest("fine"));`
  /// Without `rest`, records that no predicate takes end here.
  template <step_function<K, V>... Fs>
  auto branch(std::string name, when<Fs>... branches) const {
    return branch_into<sizeof...(Fs)>(std::move(name), {branches.name...},
                                      std::move(branches.predicate)...);
  }
  template <step_function<K, V> F1, class... More>
  requires(sizeof...(More) > 0) auto branch(std::string name, when<F1> first, More... more) const {
    return branch_with_rest(std::move(name), std::make_index_sequence<sizeof...(More)>{},
                            std::make_tuple(std::move(first), std::move(more)...));
  }

  /// Both streams as one, in the order in which their records come.
  stream merge(std::string name, const stream& other) const {
    if (at_.graph != other.at_.graph) {
      problem("merge \"" + name + "\" joins streams of two topologies");
      return *this;
    }
    auto s = detail::step_behind(at_, step_kind::stateless, "merge", std::move(name));
    if (other.at_.id != at_.id) s.inputs.push_back(other.at_.id);
    const std::size_t inputs = s.inputs.size();
    s.make = [inputs](task_context& task) {
      auto op = std::make_unique<detail::merge_operator<K, V>>(task);
      for (std::size_t i = 0; i < inputs; ++i) task.input<K, V>(i).add(*op);
      return std::unique_ptr<operator_base>{std::move(op)};
    };
    return stream{add(std::move(s))};
  }

  /// Keeps one record in n: by the key's hash, so that a key is kept or dropped as a whole, or by
  /// position where there is no key. The same input gives the same sample.
  stream sample(std::string name, one_in share) const {
    if (share.n == 0) problem("step \"" + name + "\": one in 0 is no share");
    const std::uint64_t n = share.n == 0 ? 1 : share.n;
    auto s = detail::step_behind(at_, step_kind::stateless, "sample", std::move(name));
    s.details = "one in " + std::to_string(share.n);
    s.make = detail::maker<detail::sample_operator<K, V>, K, V>(n);
    return stream{add(std::move(s))};
  }

  /// Takes addresses, card numbers and secrets out of the text (streams/logs/redact.hpp):
  /// `redact("private", {redact::email, redact::ipv4})`. Keys are left as they are.
  stream<K, std::string> redact(std::string name,
                                penstock::redact::redactor how) const requires string_like<V> {
    return redacted<std::string>(std::move(name), how, how);
  }

  /// The same for every text of `logs::fields`.
  stream<K, logs::fields> redact(std::string name, penstock::redact::redactor how)
      const requires std::same_as<V, logs::fields> {
    return redacted<logs::fields>(std::move(name), how, detail::redact_fields{how});
  }

  /// The same for members of a struct, strings or optional ones; the others stay as they are:
  /// `redact("private", {redact::email}, &mail::from, &mail::to)`.
  template <class Struct, class... Members>
  requires std::derived_from<V, Struct> &&
      (detail::redactable<Members>&&...)stream<K, V> redact(std::string name,
                                                            penstock::redact::redactor how,
                                                            Members Struct::*... members) const {
    return redacted<V>(std::move(name), how,
                       detail::redact_members<V, Struct, Members...>{how, {members...}});
  }

  /// Takes event time from the record: `event_time("time", &access::time, out_of_order{60s})`.
  /// Without this step, event time is the record's timestamp in the topic, in order.
  template <step_function<K, V> F>
  stream event_time(std::string name, F f, out_of_order disorder) const {
    static_assert(std::convertible_to<decltype(std::chrono::floor<duration>(
                                          std::declval<detail::called_t<F, K, V>>())),
                                      timestamp>,
                  "event_time needs a function that gives a time point of the system clock");
    detail::check_duration(*at_.graph, name, "out_of_order", disorder.value, duration{0});
    auto s = detail::step_behind(at_, step_kind::stateless, "event_time", std::move(name));
    s.details = "out of order " + detail::show_duration(disorder.value);
    s.out_of_order = disorder.value;
    s.make = detail::maker<detail::event_time_operator<K, V, F>, K, V>(std::move(f));
    return stream{add(std::move(s))};
  }

  /// Drops a record when one with its key passed less than `within` of event time before it.
  stream dedupe(std::string name, duration within) const requires key_type<K> {
    detail::check_duration(*at_.graph, name, "within", within, duration{1});
    auto s = keyed("dedupe", std::move(name), "timestamp");
    s.details = "within " + detail::show_duration(within);
    s.make = detail::maker<detail::dedupe_operator<K, V>, K, V>(within);
    return stream{add(std::move(s))};
  }

  /// Lets a number of records per key pass in each period of event time and drops the others.
  stream throttle(std::string name, at_most limit) const requires key_type<K> {
    detail::check_duration(*at_.graph, name, "the period", limit.per, duration{1});
    auto s = keyed("throttle", std::move(name), serde<throttle_state>::name());
    s.details = "at most " + std::to_string(limit.n) + " per " + detail::show_duration(limit.per);
    s.make = detail::maker<detail::throttle_operator<K, V>, K, V>(limit.n, limit.per);
    return stream{add(std::move(s))};
  }

  /// Cuts the stream into windows of event time; an aggregate must follow.
  windowed_stream<K, V> window(tumbling shape) const requires key_type<K> { return {at_, shape}; }

  /// Writes the records to a topic.
  void to(const topic<owned_t<K>, owned_t<V>>& out) const {
    auto s = detail::step_behind(at_, step_kind::sink, "to", out.name());
    s.topic = out.name();
    s.formats = {out.key_formatting().name(), out.value_formatting().name()};
    s.make =
        detail::maker<detail::topic_sink<K, V>, K, V>(out.key_formatting(), out.value_formatting());
    add(std::move(s));
  }

  /// Appends the values to a file, a line each: as text where they have a text form, as JSON
  /// otherwise. They wait in the topic `<topology>-<name>-sink` until they are durable in the file,
  /// which has each of them once. Nobody else may write the file while the job runs.
  void to_file(std::string name, std::string path, rotate put_aside = {}) const {
    file_sink where;
    where.path = std::move(path);
    where.put_aside = put_aside;
    to_connector(std::move(name), "to_file", {std::move(where)});
  }

  /// Sends the values to a server, many with each POST: JSON documents, text as
  /// {"message":"…"}, or what `body` says. They wait in the topic `<topology>-<name>-sink` until
  /// the server has taken them, however long it is away; after a crash some may be sent again. What
  /// the server will never take goes the way of `on_bad_record`. `as`: headers such as
  /// Authorization, and whom to trust where the URL is https.
  void to_http(std::string name, std::string url, batch gather = {}, retry tries = {},
               http_body body = ndjson{}, http_client as = {}) const {
    http_sink where;
    where.url = std::move(url);
    where.gather = gather;
    where.tries = tries;
    where.body = std::move(body);
    where.as = std::move(as);
    where.partitions = gather.in_flight;
    to_connector(std::move(name), "to_http", {std::move(where)});
  }

  /// Calls `f` for every record; records may come again after a crash.
  template <step_function<K, V> F>
  void for_each(std::string name, F f) const {
    auto s = detail::step_behind(at_, step_kind::effect, "for_each", std::move(name));
    s.make = detail::maker<detail::for_each_operator<K, V, F>, K, V>(std::move(f));
    s.mock = detail::mock_that_prints<K, V>();
    add(std::move(s));
  }

  /// Prints "name: key<tab>value" lines on the standard output.
  void print(std::string name) const {
    auto s = detail::step_behind(at_, step_kind::effect, "print", std::move(name));
    s.make = detail::maker<detail::print_operator<K, V>, K, V>();
    add(std::move(s));
  }

 private:
  friend class detail::aggregates<stream<K, V>, K, V>;

  detail::graph_end add(step s) const { return {at_.graph, at_.graph->add(std::move(s))}; }
  void problem(std::string what) const { at_.graph->problems.push_back(std::move(what)); }

  template <class Operator, class KOut, class VOut, class F>
  stream<KOut, VOut> behind(std::string verb, std::string name, F f,
                            std::shared_ptr<const step_mock> mock = nullptr) const {
    detail::check_function(*at_.graph, name, f);
    auto s = detail::step_behind(at_, step_kind::stateless, std::move(verb), std::move(name));
    s.make = detail::maker<Operator, K, V>(std::move(f));
    s.mock = std::move(mock);
    return stream<KOut, VOut>{add(std::move(s))};
  }

  void to_connector(std::string name, std::string verb, sink_connector connector) const {
    using Key = owned_t<K>;
    using Value = owned_t<V>;
    using inner = typename detail::optional_inner<Value>::type;
    static_assert(textual<inner> || json_encodable<inner>,
                  "this value has neither a text form nor JSON: add PENSTOCK_FIELDS(type, "
                  "members...)");
    const auto out = [&] {
      const std::string topic_name = sink_topic(at_.graph->name, name);
      if constexpr (textual<inner>) {
        return topic<Key, Value>{topic_name, detail::readable_format<Key>(), format::text};
      } else {
        return topic<Key, Value>{topic_name, detail::readable_format<Key>(), format::json};
      }
    }();
    auto s = detail::step_behind(at_, step_kind::sink, std::move(verb), std::move(name));
    s.topic = out.name();
    s.formats = {out.key_formatting().name(), out.value_formatting().name()};
    s.writes_to = std::make_shared<const sink_connector>(std::move(connector));
    s.make =
        detail::maker<detail::topic_sink<K, V>, K, V>(out.key_formatting(), out.value_formatting());
    add(std::move(s));
  }

  template <class VOut, class F>
  stream<K, VOut> redacted(std::string name, const penstock::redact::redactor& how, F f) const {
    detail::check_function(*at_.graph, name, how);
    auto s = detail::step_behind(at_, step_kind::stateless, "redact", std::move(name));
    s.details = how.describe();
    s.make = detail::maker<detail::map_operator<K, V, F>, K, V>(std::move(f));
    return stream<K, VOut>{add(std::move(s))};
  }

  step keyed(std::string verb, std::string name, const std::string& state) const {
    auto s = detail::step_behind(at_, step_kind::stateful, verb, std::move(name));
    s.state_fingerprint = verb + " " + serde<K>::name() + " -> " + state;
    s.needs_time = true;
    return s;
  }

  template <class Aggregator>
  table<K, typename Aggregator::shown> fold(std::string verb, std::string name, Aggregator how,
                                            std::string details = {}) const {
    static_assert(detail::encodable<typename Aggregator::state>,
                  "this state is kept on disk and has no serde: add PENSTOCK_FIELDS(type, "
                  "members...)");
    auto s = detail::step_behind(at_, step_kind::stateful, verb, std::move(name));
    s.details = std::move(details);
    s.formats = {detail::binary_name<K>(), detail::binary_name<typename Aggregator::shown>()};
    s.state_fingerprint =
        verb + " " + serde<K>::name() + " -> " + serde<typename Aggregator::state>::name();
    s.make = detail::maker<detail::aggregate_operator<K, V, Aggregator>, K, V>(std::move(how));
    return table<K, typename Aggregator::shown>{add(std::move(s))};
  }

  /// `N` handles: one per predicate and, when there are more names than predicates, the rest.
  template <std::size_t N, class... Fs>
  std::array<stream, N> branch_into(std::string name, std::array<std::string, N> names,
                                    Fs... predicates) const {
    auto s = detail::step_behind(at_, step_kind::stateless, "branch", std::move(name));
    s.make = detail::maker<detail::branch_operator<K, V, Fs...>, K, V>(std::move(predicates)...);
    const detail::graph_end split = add(std::move(s));
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<stream, N>{one_branch(split, static_cast<int>(I), std::move(names[I]))...};
    }
    (std::make_index_sequence<N>{});
  }
  stream one_branch(const detail::graph_end& split, int port, std::string name) const {
    auto s = detail::step_behind(split, step_kind::stateless, "when", std::move(name));
    s.make = [port](task_context& task) -> std::unique_ptr<operator_base> {
      return std::make_unique<detail::alias_operator>(task, port);
    };
    return stream{add(std::move(s))};
  }
  template <std::size_t... I, class Branches>
  auto branch_with_rest(std::string name, std::index_sequence<I...>, Branches branches) const {
    return branch_into<sizeof...(I) + 1>(
        std::move(name), {std::get<I>(branches).name..., std::get<sizeof...(I)>(branches).name},
        std::move(std::get<I>(branches).predicate)...);
  }

  detail::graph_end at_;
};

}  // namespace penstock
