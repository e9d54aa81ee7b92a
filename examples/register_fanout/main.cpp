// A registration is handed to mail and SMS senders. The caller returns when the record is durable;
// the senders work on their own: each group gets every registration (publish/subscribe), and
// inside a group its workers share them (point to point).
#include <penstock/client.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace penstock;

namespace {

struct registration {
  std::string name;
  std::string mail;
  std::string phone;
};
PENSTOCK_FIELDS(registration, name, mail, phone);

const topic<std::string, registration> registrations{"registrations", format::json};

constexpr int people = 24;
constexpr int workers_per_group = 2;
constexpr auto one_message = 20ms;  // what sending a mail or an SMS takes

[[noreturn]] void die(const error& why) {
  std::fprintf(stderr, "register_fanout: %s\n", why.to_string().c_str());
  std::exit(1);
}
template <class T>
T must(result<T> r) {
  if (!r) die(r.error());
  return std::move(*r);
}
void must(const result<void>& r) {
  if (!r) die(r.error());
}

// One kind of message: a group, and the workers that share it.
class senders {
 public:
  senders(local_node& node, std::string group) : group_(std::move(group)) {
    reader_options options;
    options.group = group_;
    for (int i = 0; i < workers_per_group; ++i)
      readers_.push_back(node.reader(registrations, options));
  }

  // Waits until every worker has its share of the partitions, so that the work is shared from the
  // first record on, then starts them.
  void start() {
    const auto has_a_share = [](auto& reader) { return !must(reader.partitions()).empty(); };
    while (!std::all_of(readers_.begin(), readers_.end(), has_a_share))
      std::this_thread::sleep_for(20ms);
    for (int i = 0; i < workers_per_group; ++i)
      threads_.emplace_back([this, i] { work(i, readers_[static_cast<std::size_t>(i)]); });
  }
  void finish() {
    for (auto& each : threads_) each.join();
  }
  int sent() const { return sent_; }

  // "mail: 24 sent, each person once, by 2 workers"
  void report() const {
    bool once = sent_ == people;
    for (const auto& [name, n] : by_person_) once = once && n == 1;
    std::printf("%s: %d sent, %s, by %zu workers\n", group_.c_str(), sent_.load(),
                once ? "each person once" : "NOT each person once", by_worker_.size());
  }

 private:
  void work(int worker, topic_reader<std::string, registration>& in) {
    while (sent_ < people) {
      for (const auto& each : must(in.poll(100ms))) {
        std::this_thread::sleep_for(one_message);  // the mail or SMS goes out
        note(worker, each.value.name);
      }
      must(in.commit());  // what was sent is not sent again, even after a crash
    }
  }

  void note(int worker, const std::string& name) {
    const std::lock_guard hold{mutex_};
    ++by_person_[name];
    ++by_worker_[worker];
    ++sent_;
  }

  std::string group_;
  std::atomic<int> sent_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> by_person_;
  std::map<int, int> by_worker_;
  std::vector<topic_reader<std::string, registration>> readers_;
  std::vector<std::thread> threads_;
};

void register_people(topic_writer<std::string, registration>& out) {
  for (int i = 0; i < people; ++i) {
    const auto name = "person-" + std::to_string(i);
    must(out.send(name, {name, name + "@example.org", "+49 30 " + std::to_string(1000 + i)}));
  }
  must(out.flush());  // acknowledged: durable, whatever happens to this process
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: register_fanout DIR    (a data directory, new or used)\n");
    return 2;
  }
  auto node = must(local_node::open(argv[1]));
  must(node.create(registrations));
  auto out = must(node.writer(registrations));

  senders mail{node, "mail"};
  senders sms{node, "sms"};
  mail.start();
  sms.start();
  register_people(out);
  const bool first = mail.sent() < people && sms.sent() < people;
  std::printf("%d people registered; the caller returned before the senders were done: %s\n",
              people, first ? "yes" : "no");
  mail.finish();
  sms.finish();
  mail.report();
  sms.report();
  return first ? 0 : 1;
}
