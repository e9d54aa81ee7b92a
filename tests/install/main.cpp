#include <cstdio>
#include <string>

#include <streams/base/version.hpp>

int main() {
  std::printf("outside: built with Penstock %s\n", std::string(penstock::version()).c_str());
  return 0;
}
