/// The worked examples of docs/formats are the bytes that the code writes.

#include "streams/record/batch.hpp"
#include "streams/record/task_marks.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"

namespace penstock {
namespace {

std::string hex(bytes_view from) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char each : from) {
    const auto value = static_cast<unsigned char>(each);
    out += {digits[value >> 4], digits[value & 15]};
  }
  return out;
}

constexpr auto example_time = from_millis(1'700'000'000'000);

TEST_CASE("the record batch of the page is what a builder writes", "[record][docs]") {
  batch_options options;
  options.producer_id = 7;
  options.producer_epoch = 0;
  options.base_sequence = 0;
  batch_builder builder{options};
  const header_view header{"h", bytes_view{"v"}};
  builder.add(example_time, "key", "value", {&header, 1});
  builder.add(example_time + 5ms, std::nullopt, "two");
  bytes batch{builder.finish()};
  assign_offsets(batch.data(), 42, 0);
  CHECK(hex(batch) == hex(test::hex_of_page("docs/formats/record-batch.md")));
}

TEST_CASE("the marks of the page are what tasks write", "[record][docs]") {
  const bytes source = encode(source_mark{"word-count/0/1", 12, 345});
  const bytes watermark =
      encode(watermark_mark{"word-count/0/1", 12, example_time, false}, example_time + 100ms);
  CHECK(hex(source + watermark) == hex(test::hex_of_page("docs/formats/repartition.md")));
}

}  // namespace
}  // namespace penstock
