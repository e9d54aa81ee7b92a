#include "actors/messages/validate.hpp"

#include <capnp/dynamic.h>
#include <fmt/format.h>

#include <cstdint>

namespace penstock {

namespace {

// Deeper than any schema of ours, and what `envelope::reader` allows.
constexpr int nesting_max = 16;

// Reads everything that can be read; what is malformed throws kj::Exception on the way.
class walker {
 public:
  /// Empty, or what is wrong with the content of an otherwise well-formed message.
  std::string walk(const capnp::DynamicStruct::Reader& from) {
    for (auto field : from.getSchema().getFields()) {
      const auto proto = field.getProto();
      if (proto.getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT) {
        auto active = from.which();
        KJ_IF_MAYBE (which, active) {
          if (*which != field) continue;
        } else {
          continue;  // a union member of a newer schema
        }
      }
      // Numbers cannot be wrong; pointers that are null need no reading.
      if (!proto.isGroup() && !is_pointer(field.getType())) continue;
      if (!proto.isGroup() && !from.has(field)) continue;
      const auto before = place_.size();
      place_.append(".").append(proto.getName().cStr());
      if (auto why = walk(from.get(field)); !why.empty()) return why;
      place_.resize(before);
    }
    return {};
  }

  /// Where the walk was when it ended or threw.
  const std::string& place() const { return place_; }

 private:
  static bool is_pointer(capnp::Type type) {
    return type.isText() || type.isData() || type.isList() || type.isStruct() ||
           type.isAnyPointer() || type.isInterface();
  }

  std::string walk(const capnp::DynamicValue::Reader& value) {
    switch (value.getType()) {
      case capnp::DynamicValue::STRUCT:
        return walk(value.as<capnp::DynamicStruct>());
      case capnp::DynamicValue::LIST: {
        const auto list = value.as<capnp::DynamicList>();
        if (!is_pointer(list.getSchema().getElementType())) return {};
        for (auto element : list) {
          if (auto why = walk(element); !why.empty()) return why;
        }
        return {};
      }
      case capnp::DynamicValue::ANY_POINTER:
      case capnp::DynamicValue::CAPABILITY:
        return "a pointer without a type";
      default:
        return {};
    }
  }

  std::string place_;
};

}  // namespace

result<void> validate_message(const frame* message, capnp::StructSchema schema) {
  if (message == nullptr) return {};
  const std::string name = schema.getShortDisplayName().cStr();
  walker border;
  try {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = message->size() + 64;
    options.nestingLimit = nesting_max;
    const auto words = kj::arrayPtr(message->words(), message->size());
    capnp::FlatArrayMessageReader reader(words, options);
    if (reader.getEnd() != words.end()) {
      return error{errc::corrupt,
                   fmt::format("a {} of {} words is followed by {} words too many", name,
                               reader.getEnd() - words.begin(), words.end() - reader.getEnd())};
    }
    const auto why = border.walk(reader.getRoot<capnp::DynamicStruct>(schema));
    if (!why.empty()) {
      return error{errc::corrupt, fmt::format("{}{}: {}", name, border.place(), why)};
    }
    return {};
  } catch (const kj::Exception& malformed) {
    return error{errc::corrupt,
                 fmt::format("{}{}: {}", name, border.place(), malformed.getDescription().cStr())};
  }
}

}  // namespace penstock
