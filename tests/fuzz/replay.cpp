// Runs a fuzz target without libFuzzer: over every file of its corpus, over every prefix of it, and
// over seeded damage to it.  Crashes, sanitizer reports and failed assertions end the process.
//   replay_<name> CORPUS_FOLDER [SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t prefixes_max = 512;
constexpr int damaged_per_file = 200;

std::size_t inputs = 0;

// A fresh allocation of exactly this size, so that AddressSanitizer sees a read past its end.
void run(const std::string& bytes, std::size_t size) {
  const std::vector<std::uint8_t> exact(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++inputs;
}

std::string damage(std::string bytes, std::mt19937_64& random) {
  const auto edits = 1 + random() % 4;
  for (std::uint64_t edit = 0; edit < edits && !bytes.empty(); ++edit) {
    const auto at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.erase(at, 1 + random() % 8);
        break;
      default:
        bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 16));
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || !std::filesystem::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [SEED]\n", argv[0]);
    return 2;
  }
  const auto seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::printf("seed %llu\n", seed);
  std::mt19937_64 random{seed};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1]))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "%s holds no files: give it at least one valid input\n", argv[1]);
    return 1;
  }
  run({}, 0);
  for (const auto& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
    run(bytes, bytes.size());
    for (std::size_t size = 0; size < std::min(bytes.size(), prefixes_max); ++size)
      run(bytes, size);
    for (int round = 0; round < damaged_per_file; ++round) {
      const auto damaged = damage(bytes, random);
      run(damaged, damaged.size());
    }
  }
  std::printf("%zu inputs from %zu files\n", inputs, files.size());
  return 0;
}
