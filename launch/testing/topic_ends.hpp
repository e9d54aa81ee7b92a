// The topics that a plan reads and writes, with what makes text of their bytes: how a test file
// names and writes records.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "streams/plan/plan.hpp"
#include "streams/record/record.hpp"
#include "streams/record/rendering.hpp"

namespace penstock::testing {

struct topic_end {
  topic_end(std::string topic_name, topic_formats how)
      : topic(std::move(topic_name)),
        formats(std::move(how)),
        key(formats.key),
        value(formats.value) {}

  std::string topic;
  std::string step;  // of a source or sink, which is what people name; else empty
  topic_formats formats;
  rendering key;
  rendering value;
};

class topic_ends {
 public:
  explicit topic_ends(const plan& p);

  /// A topic that the plan reads, or writes, by its name or by that of its source or sink; null
  /// when it does not.
  const topic_end* read(const std::string& name) const { return find(read_, name); }
  const topic_end* written(const std::string& name) const { return find(written_, name); }

  std::vector<std::string> names_read() const { return names(read_); }
  std::vector<std::string> names_written() const { return names(written_); }

 private:
  static const topic_end* find(const std::vector<topic_end>& in, const std::string& name);
  static std::vector<std::string> names(const std::vector<topic_end>& of);

  std::vector<topic_end> read_;
  std::vector<topic_end> written_;
};

/// A record as tests see it: {"key", "value", "at", "headers"}.
nlohmann::json as_json(const record& r, const topic_end& in);

/// Text as it is, or what JSON can say of bytes that are none.
nlohmann::json as_json(const std::optional<bytes>& raw);

}  // namespace penstock::testing
