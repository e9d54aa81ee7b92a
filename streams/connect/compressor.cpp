#include "streams/connect/compressor.hpp"

#include <zlib.h>
#include <zstd.h>

#include <array>

namespace penstock {

namespace {
constexpr int gzip_window = 15 + 16;  // the largest, with gzip's header
constexpr int gzip_memory = 8;
constexpr std::size_t piece_bytes = std::size_t{64} << 10;
}  // namespace

struct file_compressor::state {
  explicit state(codec with) : gzip(with == codec::gzip) {
    PENSTOCK_ASSERT(with == codec::gzip || with == codec::zstd);
    if (gzip) {
      ready = deflateInit2(&flat, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, gzip_memory,
                           Z_DEFAULT_STRATEGY) == Z_OK;
    } else {
      stream = ZSTD_createCCtx();
      ready = stream != nullptr;
    }
  }
  ~state() {
    if (gzip && ready) deflateEnd(&flat);
    ZSTD_freeCCtx(stream);
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  result<void> deflate_some(bytes_view piece, bytes& to, int flush) {
    flat.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));  // NOLINT: zlib
    flat.avail_in = static_cast<uInt>(piece.size());
    while (true) {
      flat.next_out = reinterpret_cast<Bytef*>(room.data());
      flat.avail_out = static_cast<uInt>(room.size());
      const int done = deflate(&flat, flush);
      if (done == Z_STREAM_ERROR) return error{errc::internal, "zlib refuses to compress"};
      to.append(room.data(), room.size() - flat.avail_out);
      if (flush == Z_FINISH ? done == Z_STREAM_END : flat.avail_out > 0) return {};
    }
  }

  result<void> zstd_some(bytes_view piece, bytes& to, ZSTD_EndDirective mode) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    while (true) {
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      const auto left = ZSTD_compressStream2(stream, &out, &in, mode);
      if (ZSTD_isError(left) != 0) return error{errc::internal, ZSTD_getErrorName(left)};
      to.append(room.data(), out.pos);
      if (mode == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }

  result<void> some(bytes_view piece, bytes& to, bool last) {
    if (!ready) return error{errc::internal, "no memory to compress with"};
    return gzip ? deflate_some(piece, to, last ? Z_FINISH : Z_NO_FLUSH)
                : zstd_some(piece, to, last ? ZSTD_e_end : ZSTD_e_continue);
  }

  bool gzip;
  bool ready = false;
  z_stream flat{};
  ZSTD_CCtx* stream = nullptr;
  std::array<char, piece_bytes> room{};
};

file_compressor::file_compressor(codec with) : state_(std::make_unique<state>(with)) {}
file_compressor::~file_compressor() = default;
file_compressor::file_compressor(file_compressor&&) noexcept = default;
file_compressor& file_compressor::operator=(file_compressor&&) noexcept = default;

result<void> file_compressor::add(bytes_view piece, bytes& to) {
  return state_->some(piece, to, false);
}

result<void> file_compressor::finish(bytes& to) {
  return state_->some({}, to, true);
}

}  // namespace penstock
