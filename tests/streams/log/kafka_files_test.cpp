// A partition's folder as Apache Kafka 4.3.1 left it (tests/golden/kafka_log, written by
// tests/kafka/WriteTopics.java): two segments, every codec, idempotent and transactional batches.
// The other direction is tests/kafka/files.py.

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "streams/base/disk.hpp"
#include "streams/log/log.hpp"
#include "streams/record/batch.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock::test {
namespace {

struct kafka_folder {
  scratch_dir scratch;
  std::string folder = scratch.file("written-by-kafka-0");
  manual_clock clock;
  std::unique_ptr<partition_log> log;

  kafka_folder() { std::filesystem::copy(source_dir() + "/tests/golden/kafka_log", folder); }

  void open() {
    log.reset();
    log_settings settings;
    settings.retention = -1ms;
    auto opened = partition_log::open(machine_disk(), clock, folder, settings);
    INFO((opened ? std::string{} : opened.error().to_string()));
    REQUIRE(opened);
    log = *std::move(opened);
  }

  bytes read_all() {
    bytes all;
    for (offset_t at = log->start_offset(); at < log->end_offset();) {
      auto read = log->read(at, 1 << 20, log->end_offset());
      REQUIRE(read);
      REQUIRE(!read->batches.empty());
      all += read->batches;
      at = read->next_offset;
    }
    return all;
  }
};

std::string text_of(std::optional<bytes_view> what) {
  return what ? std::string{*what} : std::string{"\\N"};
}

// A record as WriteTopics.java prints it, without the partition.
std::string line_of(const record_view& each) {
  std::string headers;
  for (const auto& header : headers_of(each)) {
    headers += headers.empty() ? "" : ",";
    headers += std::string{header.name} + "=" + std::string{header.value.value_or("")};
  }
  return std::to_string(each.offset) + "\t" + std::to_string(to_millis(each.time)) + "\t" +
         text_of(each.key) + "\t" + text_of(each.value) + "\t" + headers;
}

std::vector<std::string> expected_lines() {
  std::ifstream in{source_dir() + "/tests/golden/kafka_log/expected.tsv"};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line.substr(2));
  return lines;
}

}  // namespace

TEST_CASE("a log that Kafka wrote reads record by record as it was written") {
  kafka_folder kafka;
  kafka.open();
  CHECK(kafka.log->start_offset() == 0);
  CHECK(kafka.log->end_offset() == 144);
  CHECK(kafka.log->segment_count() == 2);
  std::vector<std::string> lines;
  std::size_t markers = 0;
  std::map<codec, int> codecs;
  const bytes all = kafka.read_all();
  for (bytes_view left = all; !left.empty();) {
    auto batch = batch_view::parse(left);
    REQUIRE(batch);
    REQUIRE(batch->check_crc());
    left.remove_prefix(batch->size());
    if (batch->is_control()) {
      ++markers;
      continue;
    }
    ++codecs[batch->compression()];
    batch_cursor cursor;
    REQUIRE(cursor.open(*batch));
    record_view each;
    while (true) {
      auto more = cursor.next(each);
      REQUIRE(more);
      if (!*more) break;
      lines.push_back(line_of(each));
    }
  }
  CHECK(lines == expected_lines());
  CHECK(markers == 4);  // two transactions committed, two aborted
  CHECK(codecs.size() == 5);
}

TEST_CASE("a log that Kafka wrote goes on: times, producers and new batches") {
  kafka_folder kafka;
  kafka.open();
  auto hit = kafka.log->find_time(from_millis(1'700'000'100'000));
  REQUIRE(hit);
  REQUIRE(hit->has_value());
  CHECK((*hit)->offset == 100);

  const auto produced = [](std::int32_t sequence) {
    batch_options options;
    options.producer_id = 4;  // wrote offsets 96 to 119, sequences 0 to 23, in Kafka
    options.base_sequence = sequence;
    options.producer_epoch = 0;
    batch_builder builder{options};
    builder.add(from_millis(1'700'000'200'000), "k", "ours");
    return bytes{builder.finish()};
  };
  auto gap = kafka.log->append(produced(30));
  REQUIRE(!gap);
  CHECK(gap.error() == errc::out_of_order_sequence);
  auto appended = kafka.log->append(produced(24));
  REQUIRE(appended);
  CHECK(appended->base_offset == 144);
  REQUIRE(kafka.log->close());
  kafka.open();
  CHECK(kafka.log->end_offset() == 145);
  auto again = kafka.log->append(produced(24));
  REQUIRE(again);
  CHECK(again->base_offset == 144);
  CHECK(kafka.log->end_offset() == 145);
}

TEST_CASE("the transaction index is made as Kafka makes it") {
  kafka_folder kafka;
  const std::string name = "/00000000000000000125.txnindex";
  const bytes theirs = read_file(machine_disk(), kafka.folder + name, 1 << 20).value();
  REQUIRE(theirs.size() == 2 * aborted_transaction::bytes_each);
  kafka.open();
  const auto known = kafka.log->aborted_between(0, kafka.log->end_offset());
  CHECK(encode(known) == theirs);
  kafka.log.reset();
  REQUIRE(machine_disk().remove(kafka.folder + name));
  for (const char* each : {"125", "144"})  // so that the batches are read
    REQUIRE(machine_disk().remove(kafka.folder + "/00000000000000000" + each + ".snapshot"));
  kafka.open();
  CHECK(kafka.log->aborted_between(0, kafka.log->end_offset()) == known);
  CHECK(read_file(machine_disk(), kafka.folder + name, 1 << 20).value() == theirs);
  CHECK(kafka.log->last_stable_offset(kafka.log->end_offset()) == kafka.log->end_offset());
}

}  // namespace penstock::test
