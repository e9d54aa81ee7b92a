#include "launch/simulated_outside.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <nlohmann/json.hpp>

#include "actors/connect/fed_source.hpp"
#include "actors/connect/http_sink.hpp"
#include "streams/base/assert.hpp"
#include "streams/connect/content_stream.hpp"
#include "streams/connect/line_cutter.hpp"
#include "streams/connect/rotation.hpp"
#include "streams/plan/connector.hpp"

namespace penstock {
namespace {

constexpr std::uint64_t file_bytes_max = std::uint64_t{1} << 30;

/// A document of a request as the value it was made of.
std::string value_of(const std::string& document, bool json) {
  if (json) return document;
  const auto read = nlohmann::json::parse(document, nullptr, false);
  return read.is_object() && read.contains("message") ? read["message"].get<std::string>()
                                                      : document;
}

std::vector<std::string> lines_of(bytes_view text) {
  std::vector<std::string> lines;
  const auto add = [&](std::string_view line) { lines.emplace_back(line); };
  line_cutter cutter{text.size() + 1};
  cutter.add(text, add);
  cutter.finish(add);
  return lines;
}

/// The values in a request's body.
std::vector<std::string> values_of(const http_body& as, const bytes& body, bool json) {
  std::vector<std::string> values;
  if (std::holds_alternative<loki_push>(as)) {
    const auto read = nlohmann::json::parse(body);
    for (const auto& each : read["streams"][0]["values"])
      values.push_back(each[1].get<std::string>());
    return values;
  }
  const auto lines = lines_of(body);
  const std::size_t each = std::holds_alternative<elastic_bulk>(as) ? 2 : 1;
  for (auto at = each - 1; at < lines.size(); at += each)
    values.push_back(value_of(lines[at], json));
  return values;
}

/// Bytes at hand as a file.
class held_file final : public readable_file {
 public:
  explicit held_file(bytes content) : content_(std::move(content)) {}
  result<file_facts> facts() override {
    file_facts is;
    is.size = content_.size();
    return is;
  }
  result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) override {
    if (position >= content_.size()) return std::size_t{0};
    const auto part = bytes_view{content_}.substr(position, length);
    std::memcpy(to, part.data(), part.size());
    return part.size();
  }

 private:
  bytes content_;
};

/// The content of a file, which may be compressed.
result<bytes> content_of(disk& on, const std::string& path) {
  PENSTOCK_ASSIGN(auto raw, read_file(on, path, file_bytes_max));
  const auto coding = coding_of(raw);
  if (coding == file_coding::plain) return raw;
  held_file file{std::move(raw)};
  PENSTOCK_ASSIGN(auto stream, open_content(file, coding));
  bytes text, block(64u << 10, '\0');
  for (;;) {
    PENSTOCK_ASSIGN(const auto got, stream->read(block.data(), block.size()));
    if (got == 0) return text;
    text.append(block, 0, got);
  }
}

/// Everything that a file sink has written and not removed.
result<std::vector<std::string>> lines_written(disk& on, const std::string& path) {
  const auto slash = path.rfind('/');
  const auto folder = slash == path.npos ? std::string{} : path.substr(0, slash + 1);
  const auto name = slash == path.npos ? path : path.substr(slash + 1);
  std::map<timestamp, std::string> aside;  // of the two forms of one file either
  PENSTOCK_ASSIGN(const bool there, on.exists(folder.empty() ? "." : folder));
  if (!there) return std::vector<std::string>{};
  PENSTOCK_ASSIGN(const auto names, on.list(folder.empty() ? "." : folder));
  for (const auto& each : names)
    if (const auto rotated = parse_rotated(name, each); rotated && !rotated->partial)
      aside.emplace(rotated->at, each);
  std::vector<std::string> lines;
  const auto add = [&](const std::string& file) -> result<void> {
    PENSTOCK_ASSIGN(const auto text, content_of(on, folder + file));
    for (auto& each : lines_of(text)) lines.push_back(std::move(each));
    return {};
  };
  for (const auto& [at, file] : aside) PENSTOCK_TRY(add(file));
  if (std::find(names.begin(), names.end(), name) != names.end()) PENSTOCK_TRY(add(name));
  return lines;
}

}  // namespace

/// The way of one sink to its server. While that is down, requests get no answer, or a bad one; or
/// they are taken, and the answer is lost.
class simulated_outside::transport final : public http_transport {
 public:
  transport(server& to, const http_body& as, bool json, const clock& time, random& chance)
      : to_(to), as_(as), json_(json), time_(time), chance_(chance) {}

  void post(std::size_t, std::string_view, const http_fields&, bytes body, receiver then) override {
    waiting_.emplace_back(std::move(body), std::move(then));
  }

  void work(duration) override {
    for (const auto& [body, then] : std::exchange(waiting_, {})) then(answer(body));
  }

 private:
  result<http_answer> answer(const bytes& body) {
    const auto how = time_.monotonic() < to_.down_until ? chance_.below(4) : 4;
    if (how >= 3)
      for (auto& each : values_of(as_, body, json_)) to_.taken.push_back(std::move(each));
    switch (how) {
      case 0:
        return error{errc::io_error, "cannot connect"};
      case 1:
        return http_answer{503, "Service Unavailable", {}, {}};
      case 2:
        return http_answer{429, "Too Many Requests", duration{1000}, {}};
      case 3:
        return error{errc::closed, "no answer"};
      default:
        return http_answer{200, "OK", {}, "{\"errors\":false}"};
    }
  }

  server& to_;
  const http_body& as_;
  bool json_;
  const clock& time_;
  random& chance_;
  std::deque<std::pair<bytes, receiver>> waiting_;
};

simulated_outside::simulated_outside(const plan& p, disk& files, const clock& time, random chance)
    : files_(files), time_(time), chance_(chance) {
  for (const auto& s : p.steps())
    if (s.writes_to && std::holds_alternative<http_sink>(s.writes_to->how)) servers_[s.name] = {};
}

connector_actor simulated_outside::connect(caf::actor_system& system, connector_config config) {
  if (config.what.source) return spawn_fed_source(system, std::move(config));
  const auto& s = config.topology->steps()[static_cast<std::size_t>(config.what.at)];
  const auto* http = std::get_if<http_sink>(&s.writes_to->how);
  if (http == nullptr) return spawn_connector(system, std::move(config));
  auto& to = servers_.at(s.name);
  // The plan outlives its connectors, and this outlives both.
  return spawn_http_sink(system, std::move(config),
                         [this, &to, http, json = s.formats.value == "json"](
                             const http_peer&, std::size_t, duration,
                             const clock&) -> result<std::unique_ptr<http_transport>> {
                           return std::unique_ptr<http_transport>{
                               std::make_unique<transport>(to, http->body, json, time_, chance_)};
                         });
}

void simulated_outside::take_down(std::chrono::nanoseconds how_long) {
  PENSTOCK_ASSERT(!servers_.empty());
  auto at = servers_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(chance_.below(servers_.size())));
  at->second.down_until = time_.monotonic() + how_long;
}

result<simulated_deliveries> simulated_outside::delivered(const plan& p) const {
  simulated_deliveries all;
  for (const auto& [step, each] : servers_) all[step] = each.taken;
  for (const auto& s : p.steps()) {
    if (!s.writes_to) continue;
    if (const auto* file = std::get_if<file_sink>(&s.writes_to->how)) {
      PENSTOCK_ASSIGN(all[s.name], lines_written(files_, file->path));
    }
  }
  return all;
}

}  // namespace penstock
