// lines(name, …): one stream of bytes into its topic, a record per line. Reads while less than a
// limit waits to be acknowledged, so that a slow node slows down whoever writes the stream. A
// stream cannot be read again: nothing of it is remembered.
#include "actors/connect/lines.hpp"

#include "actors/connect/hosted.hpp"
#include "actors/connect/topic_writer.hpp"
#include "streams/connect/line_cutter.hpp"

namespace penstock {
namespace {

constexpr std::size_t block_bytes = std::size_t{256} << 10;
constexpr std::uint64_t unsent_bytes_max = std::uint64_t{8} << 20;
constexpr auto idle_wait = 100ms;  // in which no order is heard
constexpr auto busy_wait = 2ms;    // while answers are on their way

class lines_connector final : public connector {
 public:
  lines_connector(self_pointer self, connector_config config, input_opener open)
      : connector(self, std::move(config)),
        open_(std::move(open)),
        what_(std::get<lines_source>(self_step().reads_from->how)),
        cutter_(what_.line_bytes_max),
        out_(*this, [this] { progressed(); }),
        block_(block_bytes, '\0') {}

 protected:
  void begin() override {
    if (what_.multiline) {
      auto made = logs::event_assembler::make(*what_.multiline);
      if (!made) return fail(made.error());
      events_ = std::move(*made);
    }
    auto opened = open_(what_.path);
    if (!opened) return fail(opened.error());
    input_ = std::move(*opened);
    out_.open([this] {
      running();
      read();
    });
  }

  void finish() override {}  // it ends at its end anyway

  void stop() override { end_input(); }

  connector_numbers numbers() const override {
    return {out_.acknowledged(), out_.value_bytes(), 0, 0, cutter_.too_long()};
  }

 private:
  void read() {
    if (over_) return;
    if (out_.pending_bytes() >= unsent_bytes_max) {
      out_.flush();  // or nothing would ever be acknowledged
      waiting_ = true;
      return;
    }
    auto got = input_->read_some(block_.data(), block_.size(), out_.idle() ? idle_wait : 0ms);
    if (!got) {
      // What came before is kept; the job hears of the rest.
      out_.flush();
      return fail(got.error());
    }
    if (!*got) {
      if (events_) events_->tick(config_.time->monotonic(), give());
      out_.flush();
      return out_.idle() ? again([this] { read(); }) : after(busy_wait, [this] { read(); });
    }
    if (**got == 0) return end_input();
    time_ = config_.time->now();
    const auto now = config_.time->monotonic();
    cutter_.add({block_.data(), **got}, [&](std::string_view line) { take(now, line); });
    again([this] { read(); });
  }

  void take(std::chrono::nanoseconds now, std::string_view line) {
    if (!events_) return emit(line);
    events_->add(line, now, give());
  }

  logs::event_assembler::emit_function give() {
    return [this](std::string_view event) { emit(event); };
  }

  void emit(std::string_view line) {
    // So many lines each in turn: order holds in each partition.
    out_.add(turn_, time_, std::nullopt, line);
    if (++in_turn_ < lines_in_turn) return;
    in_turn_ = 0;
    turn_ = (turn_ + 1) % static_cast<std::size_t>(config_.partitions);
  }

  void end_input() {
    if (std::exchange(over_, true)) return;
    time_ = config_.time->now();
    const auto now = config_.time->monotonic();
    cutter_.finish([&](std::string_view line) { take(now, line); });
    if (events_) events_->finish(give());
    out_.flush();
    progressed();
  }

  void progressed() {
    if (over_) {
      if (out_.idle()) ended();
    } else if (waiting_ && out_.pending_bytes() < unsent_bytes_max) {
      waiting_ = false;
      read();
    }
  }

  static constexpr std::uint32_t lines_in_turn = 1024;

  input_opener open_;
  lines_source what_;
  line_cutter cutter_;
  std::optional<logs::event_assembler> events_;
  timestamp time_ = no_timestamp;  // of the block's lines
  topic_writer out_;
  bytes block_;
  std::unique_ptr<input> input_;
  std::size_t turn_ = 0;
  std::uint32_t in_turn_ = 0;
  bool waiting_ = false;  // for acknowledgements
  bool over_ = false;
};

}  // namespace

std::unique_ptr<connector> make_lines(connector::self_pointer self, connector_config config) {
  return std::make_unique<lines_connector>(self, std::move(config), open_input);
}

connector_actor spawn_lines(caf::actor_system& system, connector_config config, input_opener open) {
  return spawn_hosted(system, false, [config, open](connector::self_pointer self) {
    return std::make_unique<lines_connector>(self, config, open);
  });
}

}  // namespace penstock
