#include "actors/cluster/io_thread.hpp"

#include <csignal>

namespace penstock {

io_thread::io_thread() : io_(1), work_(io_.get_executor()) {
  // Signals belong to the program's own threads: this one takes none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { io_.run(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

io_thread::~io_thread() {
  finish();
}

void io_thread::finish() {
  if (!thread_.joinable()) return;
  work_.reset();
  thread_.join();
  io_.restart();
  io_.poll();
}

}  // namespace penstock
