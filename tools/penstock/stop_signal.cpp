#include "tools/penstock/stop_signal.hpp"

#include <pthread.h>

#include <csignal>

namespace penstock::tool {

namespace {

volatile std::sig_atomic_t stop = 0;

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  action.sa_flags = SA_RESETHAND;  // and no SA_RESTART: a read from a terminal must end
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

signals_blocked::signals_blocked() {
  const auto set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

signals_blocked::~signals_blocked() {
  const auto set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool stop_requested() {
  return stop != 0;
}

}  // namespace penstock::tool
