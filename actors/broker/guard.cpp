#include "actors/broker/guard.hpp"

#include <spdlog/spdlog.h>

namespace penstock {

void log_line(std::string_view thing, std::string_view what) {
  spdlog::warn("{}: {}", thing, what);
}

}  // namespace penstock
