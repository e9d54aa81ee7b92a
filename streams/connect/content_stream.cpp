#include "streams/connect/content_stream.hpp"

#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <string>

namespace penstock {

namespace {

constexpr std::size_t input_bytes = std::size_t{64} << 10;

/// The compressed bytes of the file, a buffer at a time.
class compressed_input {
 public:
  explicit compressed_input(readable_file& from) : from_(from), buffer_(input_bytes, '\0') {}

  /// Fills when empty; false at the end of the file.
  result<bool> fill() {
    if (at_ < end_) return true;
    PENSTOCK_ASSIGN(end_, from_.read_at(position_, buffer_.data(), buffer_.size()));
    at_ = 0;
    position_ += end_;
    return end_ > 0;
  }
  const char* data() const { return buffer_.data() + at_; }
  std::size_t size() const { return end_ - at_; }
  void use(std::size_t count) { at_ += count; }

 private:
  readable_file& from_;
  bytes buffer_;
  std::uint64_t position_ = 0;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

class gzip_stream final : public content_stream {
 public:
  explicit gzip_stream(readable_file& from) : in_(from) {}
  ~gzip_stream() override {
    if (open_) inflateEnd(&z_);
  }
  gzip_stream(const gzip_stream&) = delete;
  gzip_stream& operator=(const gzip_stream&) = delete;

  result<bool> open() {
    open_ = inflateInit2(&z_, 15 + 16) == Z_OK;  // gzip alone
    return open_;
  }

  result<std::size_t> read(char* to, std::size_t length) override {
    z_.next_out = reinterpret_cast<Bytef*>(to);
    z_.avail_out = static_cast<uInt>(length);
    while (z_.avail_out > 0 && !damaged_) {
      PENSTOCK_ASSIGN(const bool more, in_.fill());
      if (!more) break;
      if (ended_) {  // gzip files may stand behind each other
        inflateReset(&z_);
        ended_ = false;
      }
      z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in_.data()));
      z_.avail_in = static_cast<uInt>(in_.size());
      const int how = inflate(&z_, Z_NO_FLUSH);
      in_.use(in_.size() - z_.avail_in);
      if (how == Z_STREAM_END) {
        ended_ = true;
      } else if (how != Z_OK && how != Z_BUF_ERROR) {
        damaged_ = true;
      }
    }
    // What came out before the damage is given first.
    const std::size_t got = length - z_.avail_out;
    if (damaged_ && got == 0) return error{errc::corrupt, "is not gzip to its end"};
    return got;
  }

  bool complete() const override { return ended_; }

 private:
  compressed_input in_;
  z_stream z_{};
  bool open_ = false;
  bool ended_ = false;
  bool damaged_ = false;
};

class zstd_stream final : public content_stream {
 public:
  explicit zstd_stream(readable_file& from) : in_(from), z_(ZSTD_createDStream()) {
    // A frame may ask for a window of gigabytes.
    ZSTD_DCtx_setParameter(z_, ZSTD_d_windowLogMax, 27);
  }
  ~zstd_stream() override { ZSTD_freeDStream(z_); }
  zstd_stream(const zstd_stream&) = delete;
  zstd_stream& operator=(const zstd_stream&) = delete;

  result<std::size_t> read(char* to, std::size_t length) override {
    ZSTD_outBuffer out{to, length, 0};
    while (out.pos < out.size && damage_.empty()) {
      PENSTOCK_ASSIGN(const bool more, in_.fill());
      ZSTD_inBuffer in{in_.data(), in_.size(), 0};
      const std::size_t before = out.pos;
      const std::size_t left = ZSTD_decompressStream(z_, &out, &in);
      if (ZSTD_isError(left) != 0) {
        damage_ = ZSTD_getErrorName(left);
        break;
      }
      in_.use(in.pos);
      if (in.pos > 0 || out.pos > before) ended_ = left == 0;
      if (!more && out.pos == before) break;
    }
    // What came out before the damage is given first.
    if (!damage_.empty() && out.pos == 0)
      return error{errc::corrupt, "is not zstd to its end: " + damage_};
    return out.pos;
  }

  bool complete() const override { return ended_; }

 private:
  compressed_input in_;
  ZSTD_DStream* z_;
  bool ended_ = false;
  std::string damage_;
};

}  // namespace

file_coding coding_of(bytes_view first) {
  if (first.starts_with("\x1f\x8b")) return file_coding::gzip;
  if (first.starts_with("\x28\xb5\x2f\xfd")) return file_coding::zstd;
  return file_coding::plain;
}

result<std::unique_ptr<content_stream>> open_content(readable_file& from, file_coding how) {
  if (how == file_coding::zstd) {
    return std::unique_ptr<content_stream>{std::make_unique<zstd_stream>(from)};
  }
  auto opened = std::make_unique<gzip_stream>(from);
  PENSTOCK_ASSIGN(const bool fine, opened->open());
  if (!fine) return error{errc::internal, "no memory to read gzip"};
  return std::unique_ptr<content_stream>{std::move(opened)};
}

}  // namespace penstock
