// penstock: topics, records, groups, logs and jobs from the command line.
#include "tools/penstock/cli.hpp"

int main(int argc, char** argv) {
  return penstock::tool::run(argc, argv);
}
