// The thread that serves the sockets of one listener or one link. Actors never run on it and it
// never waits for actors. Private to this folder.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace penstock {

class io_thread {
 public:
  io_thread();
  ~io_thread();
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;

  boost::asio::io_context& io() { return io_; }

  /// Lets the thread end when nothing is left to do, waits for it, and runs what was posted
  /// meanwhile on the caller's thread. Not from the io thread.
  void finish();

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace penstock
