// penstock: topics, records, groups, logs and jobs from the command line.
#include "launch/process_memory.hpp"
#include "launch/standard_descriptors.hpp"
#include "tools/penstock/cli.hpp"

int main(int argc, char** argv) {
  penstock::keep_standard_descriptors();
  penstock::keep_freed_memory();
  return penstock::tool::run(argc, argv);
}
