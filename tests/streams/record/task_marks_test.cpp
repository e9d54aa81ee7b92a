#include "streams/record/task_marks.hpp"

#include "streams/base/coding.hpp"
#include "tests/support/catch.hpp"

namespace penstock {

TEST_CASE("a source mark travels in the first record's header", "[record][marks]") {
  source_mark mark{"counts/0/3", 5, 123'456'789'012};
  bytes value = encode(mark);
  for (codec c : {codec::none, codec::zstd}) {
    batch_options options;
    options.compression = c;
    batch_builder builder{options};
    std::vector<header_view> headers{{"other", bytes_view{"x"}}, {source_mark_header, value}};
    builder.add(from_millis(1), "k", "v", headers);
    builder.add(from_millis(2), "k", "v");
    bytes made{builder.finish()};
    CHECK(source_mark_of(batch_view::parse(made).value()).value() == mark);
  }
}

TEST_CASE("a batch without a mark has none, a damaged one is corrupt", "[record][marks]") {
  batch_builder builder;
  builder.add(from_millis(1), "k", "v");
  bytes plain{builder.finish()};
  CHECK_FALSE(source_mark_of(batch_view::parse(plain).value()).value().has_value());
  auto marked = [&](bytes_view value) {
    std::vector<header_view> headers{{source_mark_header, value}};
    builder.add(from_millis(1), "k", "v", headers);
    bytes made{builder.finish()};
    return source_mark_of(batch_view::parse(made).value());
  };
  CHECK(marked("").error() == errc::corrupt);
  CHECK(marked(bytes_view{"\1\0\0\0\0\0\0", 7}).error() == errc::corrupt);
  CHECK(marked("\2").error() == errc::unsupported_version);
}

TEST_CASE("a watermark is a control batch", "[record][marks]") {
  watermark_mark mark{"counts/0/1", 2, from_millis(1'600'000'000'000), true};
  bytes made = encode(mark, from_millis(5));
  auto batch = batch_view::parse(made).value();
  CHECK(batch.validate());
  CHECK(batch.is_control());
  CHECK(batch.record_count() == 1);
  CHECK(watermark_mark_of(batch).value() == mark);
  mark.idle = false;
  mark.watermark = min_timestamp;
  made = encode(mark, from_millis(5));
  CHECK(watermark_mark_of(batch_view::parse(made).value()).value() == mark);
}

TEST_CASE("control batches of other types and data batches are no watermarks", "[record][marks]") {
  batch_options options;
  options.control = true;
  batch_builder builder{options};
  builder.add(from_millis(1), bytes_view{"\0\0\0\1", 4}, bytes_view{"\0\0\0\0\0\0", 6});
  bytes commit_marker{builder.finish()};
  CHECK_FALSE(watermark_mark_of(batch_view::parse(commit_marker).value()).value().has_value());
  builder.add(from_millis(1), bytes_view{"\0\0\0\x40", 4}, "\0");
  bytes torn{builder.finish()};
  CHECK(watermark_mark_of(batch_view::parse(torn).value()).error() == errc::corrupt);
  batch_builder data;
  data.add(from_millis(1), bytes_view{"\0\0\0\x40", 4}, "\0");
  bytes not_control{data.finish()};
  CHECK_FALSE(watermark_mark_of(batch_view::parse(not_control).value()).value().has_value());
}

}  // namespace penstock
