// What does the log cost over the bytes themselves? Appends of 64 KiB batches (100-byte records) to
// a partition log beside pwrite and CRC-32C of the same bytes; reads from the tail cache and from
// the file. Nothing is synced. Processor time is what is compared: the clock depends on what else
// the disk has to do.
//   bench_log [ROUNDS [PART]]     PART: append or fetch
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "bench/support/report.hpp"
#include "bench/support/workload.hpp"
#include "streams/base/crc32c.hpp"
#include "streams/base/disk.hpp"
#include "streams/log/log.hpp"

namespace penstock::bench {
namespace {

constexpr std::size_t record_bytes = 100;
constexpr std::size_t bytes_per_round = std::size_t{64} << 20;
constexpr std::size_t fetch_bytes = std::size_t{1} << 20;

struct cost {
  double cpu = 0;
  double wall = 0;
};

template <class F>
cost cost_of(F&& f) {
  const double cpu = thread_cpu_seconds(), wall = wall_seconds();
  f();
  return {thread_cpu_seconds() - cpu, wall_seconds() - wall};
}

input make_batches() {
  random chance{4};
  input_writer writer;
  std::string value(record_bytes, ' ');
  for (std::size_t size = 0; size < bytes_per_round; size += record_bytes) {
    for (std::size_t i = 0; i < value.size(); i += 8) {
      const std::uint64_t bits = chance.next();
      value.replace(i, 8, reinterpret_cast<const char*>(&bits), std::min<std::size_t>(8, 100 - i));
    }
    writer.add(from_millis(1'700'000'000'000), std::nullopt, value);
  }
  return writer.finish();
}

cost write_raw(const std::string& path, const input& in) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644);
  if (file < 0) die("cannot make " + path);
  std::uint32_t check = 0;
  const auto took = cost_of([&] {
    off_t at = 0;
    for (const bytes& raw : in.batches) {
      check ^= crc32c(raw);
      if (::pwrite(file, raw.data(), raw.size(), at) != static_cast<ssize_t>(raw.size()))
        die("cannot write " + path);
      at += static_cast<off_t>(raw.size());
    }
  });
  ::close(file);
  if (check == 1) die("an unlikely checksum");
  return took;
}

std::unique_ptr<partition_log> open_log(const std::string& folder, std::uint32_t cache_bytes) {
  log_settings settings;
  settings.flush = flush_policy::none;
  settings.tail_cache_bytes = cache_bytes;
  settings.retention = duration{-1};
  return must(partition_log::open(machine_disk(), machine_clock(), folder, settings));
}

cost append_all(partition_log& log, const input& in) {
  return cost_of([&] {
    // As a node does it: the request that brought the batch may be kept.
    for (const bytes& raw : in.batches) {
      const std::shared_ptr<const void> kept{&raw, [](auto*) {}};
      must(log.append(raw, 0, {kept, raw.size()}));
    }
  });
}

cost read_all(partition_log& log) {
  return cost_of([&] {
    for (offset_t at = 0; at < log.end_offset();) {
      const auto got = must(log.read(at, fetch_bytes, log.end_offset()));
      at = got.next_offset;
    }
  });
}

cost read_raw(const std::string& path, std::size_t size) {
  const int file = ::open(path.c_str(), O_RDONLY);
  if (file < 0) die("cannot open " + path);
  const auto took = cost_of([&] {
    for (std::size_t at = 0; at < size; at += fetch_bytes) {
      bytes to(std::min(fetch_bytes, size - at), '\0');
      if (::pread(file, to.data(), to.size(), static_cast<off_t>(at)) < 0) die("cannot read");
    }
  });
  ::close(file);
  return took;
}

void bench_append(const std::string& folder, const input& in, int rounds) {
  int number = 0;
  std::vector<cost> raw, ours;
  take_turns(rounds, {[&] {
                        const std::string path = fmt::format("{}/raw-{}", folder, ++number);
                        raw.push_back(write_raw(path, in));
                        ::unlink(path.c_str());
                        return 0.0;
                      },
                      [&] {
                        const std::string path = fmt::format("{}/log-{}", folder, ++number);
                        {
                          const auto log = open_log(path, 1u << 20);
                          ours.push_back(append_all(*log, in));
                        }
                        if (auto gone = machine_disk().remove_folder(path); !gone)
                          die(gone.error().to_string());
                        return 0.0;
                      }});
  std::size_t size = 0;
  for (const bytes& each : in.batches) size += each.size();
  const auto figures = [&](const std::vector<cost>& costs, double cost::*which) {
    samples made;
    for (std::size_t i = 1; i < costs.size(); ++i) made.values.push_back(costs[i].*which);
    return made;
  };
  const double mb = static_cast<double>(size) / 1e6;
  report("append 64 KiB batches beside pwrite + CRC, MB/CPU-s", figures(ours, &cost::cpu).rate(mb),
         figures(raw, &cost::cpu).rate(mb), ratio_at_least(0.8));
  report("the same by the clock, MB/s", figures(ours, &cost::wall).rate(mb),
         figures(raw, &cost::wall).rate(mb), ratio_at_least(0.8));
  report("the same, M records/CPU-s",
         figures(ours, &cost::cpu).rate(static_cast<double>(in.records) / 1e6));
}

void bench_read(const std::string& folder, const input& in, int rounds) {
  const std::string cold = folder + "/cold", hot = folder + "/hot";
  auto in_file = open_log(cold, 64 << 10);
  auto in_memory = open_log(hot, 256u << 20);
  append_all(*in_file, in);
  append_all(*in_memory, in);
  const double mb = static_cast<double>(in_file->size_bytes()) / 1e6;
  const std::string segment = cold + "/00000000000000000000.log";
  const auto cpu = take_turns(
      rounds, {[&] { return read_raw(segment, in_file->size_bytes()).cpu; },
               [&] { return read_all(*in_file).cpu; }, [&] { return read_all(*in_memory).cpu; }});
  report("fetch 1 MiB from the file beside pread, MB/CPU-s", cpu[1].rate(mb), cpu[0].rate(mb),
         std::nullopt);
  report("fetch 1 MiB from the tail cache beside pread, MB/CPU-s", cpu[2].rate(mb), cpu[0].rate(mb),
         std::nullopt);
  report("the same, M records/CPU-s", cpu[2].rate(static_cast<double>(in.records) / 1e6));
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  const int rounds = rounds_from(argc, argv);
  const input in = make_batches();
  const temp_folder folder;
  const std::string_view only = argc > 2 ? argv[2] : "";
  if (only.empty() || only == "append") bench_append(folder.path(), in, rounds);
  if (only.empty() || only == "fetch") bench_read(folder.path(), in, rounds);
}
