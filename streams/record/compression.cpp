#include "streams/record/compression.hpp"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "streams/base/coding.hpp"

namespace penstock {
namespace {

/// Xerial's framing of snappy: this header, two versions, then length-prefixed blocks.
constexpr bytes_view xerial_magic{"\x82SNAPPY\0", 8};
constexpr std::size_t xerial_header_bytes = 16;
constexpr std::size_t xerial_block_bytes = 32 * 1024;

error damaged(codec with, const char* how) {
  return error{errc::corrupt,
               "records do not decompress with " + std::string{name_of(with)} + ": " + how};
}

error too_large(std::size_t max) {
  return error{errc::corrupt, "records decompress to more than " + std::to_string(max) + " bytes"};
}

/// The output side of the streaming decoders: a buffer that doubles up to one byte over the limit.
class bounded_output {
 public:
  bounded_output(bytes& buffer, std::size_t expected, std::size_t max)
      : buffer_(buffer), limit_(max + 1) {
    reserve(std::max<std::size_t>(expected, 1024));
  }

  char* at() { return buffer_.data() + used_; }
  std::size_t room() const { return std::min(buffer_.size(), limit_) - used_; }
  void advance(std::size_t by) { used_ += by; }
  std::size_t used() const { return used_; }
  bool over() const { return used_ >= limit_; }

  /// Makes room for at least one byte; false when the limit is reached.
  bool grow() {
    if (room() > 0) return true;
    if (over()) return false;
    reserve(buffer_.size() * 2);
    return true;
  }

 private:
  void reserve(std::size_t size) {
    size = std::min(size, limit_);
    if (buffer_.size() < size) buffer_.resize(size);
  }

  bytes& buffer_;
  std::size_t limit_;
  std::size_t used_ = 0;
};

void gzip_compress(int level, bytes_view from, bytes& to) {
  z_stream stream{};
  constexpr int window_bits_gzip = 15 + 16;
  int made = deflateInit2(&stream, level < 0 ? Z_DEFAULT_COMPRESSION : std::min(level, 9),
                          Z_DEFLATED, window_bits_gzip, 8, Z_DEFAULT_STRATEGY);
  PENSTOCK_ASSERT(made == Z_OK, made);
  std::size_t before = to.size();
  to.resize(before + deflateBound(&stream, from.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
  stream.avail_in = static_cast<uInt>(from.size());
  stream.next_out = reinterpret_cast<Bytef*>(to.data() + before);
  stream.avail_out = static_cast<uInt>(to.size() - before);
  int done = deflate(&stream, Z_FINISH);
  PENSTOCK_ASSERT(done == Z_STREAM_END, done);
  to.resize(before + stream.total_out);
  deflateEnd(&stream);
}

result<std::size_t> gzip_decompress(bytes_view from, bytes& buffer, std::size_t max) {
  z_stream stream{};
  constexpr int window_bits_gzip_or_zlib = 15 + 32;
  if (inflateInit2(&stream, window_bits_gzip_or_zlib) != Z_OK) {
    return damaged(codec::gzip, "no memory");
  }
  std::unique_ptr<z_stream, int (*)(z_stream*)> end{&stream, inflateEnd};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
  stream.avail_in = static_cast<uInt>(from.size());
  bounded_output out{buffer, from.size() * 4, max};
  while (true) {
    if (!out.grow()) return too_large(max);
    std::size_t room = std::min<std::size_t>(out.room(), std::numeric_limits<uInt>::max());
    stream.next_out = reinterpret_cast<Bytef*>(out.at());
    stream.avail_out = static_cast<uInt>(room);
    int state = inflate(&stream, Z_NO_FLUSH);
    out.advance(room - stream.avail_out);
    if (out.over()) return too_large(max);
    if (state == Z_STREAM_END) {
      if (stream.avail_in == 0) return out.used();
      if (inflateReset(&stream) != Z_OK) return damaged(codec::gzip, "second member");
    } else if (state != Z_OK) {
      // Z_BUF_ERROR with room left: the input ends too soon.
      return damaged(codec::gzip, stream.msg != nullptr ? stream.msg : "it ends too soon");
    } else if (stream.avail_in == 0 && stream.avail_out > 0) {
      return damaged(codec::gzip, "it ends too soon");
    }
  }
}

void snappy_compress(bytes_view from, bytes& to) {
  to.append(xerial_magic);
  put_be<std::int32_t>(to, 1);  // version
  put_be<std::int32_t>(to, 1);  // lowest version that can read it
  while (!from.empty()) {
    bytes_view block = from.substr(0, xerial_block_bytes);
    from.remove_prefix(block.size());
    std::size_t at = to.size();
    to.resize(at + 4 + snappy::MaxCompressedLength(block.size()));
    std::size_t length = 0;
    snappy::RawCompress(block.data(), block.size(), to.data() + at + 4, &length);
    store_be(to.data() + at, static_cast<std::int32_t>(length));
    to.resize(at + 4 + length);
  }
}

result<void> snappy_block(bytes_view block, bytes& buffer, std::size_t& used, std::size_t max) {
  std::size_t length = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &length)) {
    return damaged(codec::snappy, "a block has no length");
  }
  if (length > max - used) return too_large(max);
  // A snappy element of three bytes makes at most 64: a longer claim is a lie, and must not make
  // us allocate.
  if (length / 32 > block.size()) return damaged(codec::snappy, "a block's length is too large");
  if (buffer.size() < used + length) buffer.resize(used + length);
  if (!snappy::RawUncompress(block.data(), block.size(), buffer.data() + used)) {
    return damaged(codec::snappy, "a block is damaged");
  }
  used += length;
  return {};
}

result<std::size_t> snappy_decompress(bytes_view from, bytes& buffer, std::size_t max) {
  std::size_t used = 0;
  if (!from.starts_with(xerial_magic)) {
    PENSTOCK_TRY(snappy_block(from, buffer, used, max));
    return used;
  }
  if (from.size() < xerial_header_bytes) return damaged(codec::snappy, "it ends too soon");
  byte_reader in{from.substr(xerial_header_bytes)};
  while (!in.at_end()) {
    auto length = in.be<std::int32_t>();
    bytes_view block = in.take(static_cast<std::uint32_t>(length));
    if (!in.ok() || length < 0) return damaged(codec::snappy, "a block ends too soon");
    PENSTOCK_TRY(snappy_block(block, buffer, used, max));
  }
  return used;
}

void lz4_compress(int level, bytes_view from, bytes& to) {
  // Java's reader knows neither linked blocks nor larger frames without them.
  LZ4F_preferences_t wanted{};
  wanted.frameInfo.blockMode = LZ4F_blockIndependent;
  wanted.frameInfo.blockSizeID = LZ4F_max64KB;
  wanted.compressionLevel = std::max(level, 0);
  std::size_t before = to.size();
  to.resize(before + LZ4F_compressFrameBound(from.size(), &wanted));
  std::size_t length =
      LZ4F_compressFrame(to.data() + before, to.size() - before, from.data(), from.size(), &wanted);
  PENSTOCK_ASSERT(!LZ4F_isError(length), LZ4F_getErrorName(length));
  to.resize(before + length);
}

struct free_lz4 {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

result<std::size_t> lz4_decompress(bytes_view from, bytes& buffer, std::size_t max) {
  thread_local std::unique_ptr<LZ4F_dctx, free_lz4> context;
  if (!context) {
    LZ4F_dctx* made = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION))) {
      return damaged(codec::lz4, "no memory");
    }
    context.reset(made);
  }
  LZ4F_resetDecompressionContext(context.get());
  bounded_output out{buffer, from.size() * 4, max};
  std::size_t hint = 1;
  while (!from.empty() || hint != 0) {
    if (!out.grow()) return too_large(max);
    std::size_t made = out.room();
    std::size_t taken = from.size();
    hint = LZ4F_decompress(context.get(), out.at(), &made, from.data(), &taken, nullptr);
    if (LZ4F_isError(hint)) return damaged(codec::lz4, LZ4F_getErrorName(hint));
    out.advance(made);
    if (out.over()) return too_large(max);
    from.remove_prefix(taken);
    if (made == 0 && taken == 0) return damaged(codec::lz4, "it ends too soon");
  }
  return out.used();
}

struct free_zstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

void zstd_compress(int level, bytes_view from, bytes& to) {
  thread_local std::unique_ptr<ZSTD_CCtx, free_zstd> context{ZSTD_createCCtx()};
  std::size_t before = to.size();
  to.resize(before + ZSTD_compressBound(from.size()));
  std::size_t length =
      ZSTD_compressCCtx(context.get(), to.data() + before, to.size() - before, from.data(),
                        from.size(), level < 0 ? ZSTD_CLEVEL_DEFAULT : level);
  PENSTOCK_ASSERT(!ZSTD_isError(length), ZSTD_getErrorName(length));
  to.resize(before + length);
}

result<std::size_t> zstd_decompress(bytes_view from, bytes& buffer, std::size_t max) {
  thread_local std::unique_ptr<ZSTD_DCtx, free_zstd> context{ZSTD_createDCtx()};
  if (!context) return damaged(codec::zstd, "no memory");
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  bounded_output out{buffer, from.size() * 4, max};
  ZSTD_inBuffer in{from.data(), from.size(), 0};
  std::size_t state = 1;
  while (in.pos < in.size || state != 0) {
    if (!out.grow()) return too_large(max);
    ZSTD_outBuffer piece{out.at(), out.room(), 0};
    std::size_t before = in.pos;
    state = ZSTD_decompressStream(context.get(), &piece, &in);
    if (ZSTD_isError(state)) return damaged(codec::zstd, ZSTD_getErrorName(state));
    out.advance(piece.pos);
    if (out.over()) return too_large(max);
    if (piece.pos == 0 && in.pos == before) return damaged(codec::zstd, "it ends too soon");
  }
  return out.used();
}

}  // namespace

void compress(codec with, int level, bytes_view from, bytes& to) {
  switch (with) {
    case codec::none:
      to.append(from);
      return;
    case codec::gzip:
      return gzip_compress(level, from, to);
    case codec::snappy:
      return snappy_compress(from, to);
    case codec::lz4:
      return lz4_compress(level, from, to);
    case codec::zstd:
      return zstd_compress(level, from, to);
  }
}

result<std::size_t> decompress(codec with, bytes_view from, bytes& buffer, std::size_t max) {
  switch (with) {
    case codec::none:
      break;
    case codec::gzip:
      return gzip_decompress(from, buffer, max);
    case codec::snappy:
      return snappy_decompress(from, buffer, max);
    case codec::lz4:
      return lz4_decompress(from, buffer, max);
    case codec::zstd:
      return zstd_decompress(from, buffer, max);
  }
  if (from.size() > max) return too_large(max);
  if (buffer.size() < from.size()) buffer.resize(from.size());
  from.copy(buffer.data(), from.size());
  return from.size();
}

}  // namespace penstock
