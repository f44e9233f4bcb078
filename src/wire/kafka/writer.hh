#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

#include "base/assert.hh"
#include "base/bytes.hh"
#include "base/uuid.hh"

/// Where encoded bytes go. Three sinks with the same verbs, so that one walk over a message counts
/// or writes it: `writer` into memory of the exact size, `byte_counter` nowhere, `gather_writer`
/// all but the record batches.

namespace millrace::wire::kafka {

/// The bytes that `value` takes as an unsigned LEB128 number.
constexpr size_t varint_size(uint32_t value) { return (std::bit_width(value | 1u) + 6u) / 7u; }

/// Fills memory of the caller from its start. The size was computed before, so to pass the end is
/// our own error.
class writer {
 public:
  explicit writer(base::mutable_bytes out) : begin_(out.data()), at_(out.data()), end_(out.data() + out.size()) {}

  size_t written() const { return static_cast<size_t>(at_ - begin_); }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }

  /// Big endian.
  template <std::integral Int>
  void number(Int value) {
    base::store_big(claim(sizeof(Int)), value);
  }
  void boolean(bool value) { *claim(1) = value ? 1 : 0; }
  void float64(double value) { number(std::bit_cast<uint64_t>(value)); }
  void id(const base::uuid& value) { value.store(claim(sizeof(base::uuid))); }
  void varint(uint32_t value) {
    uint8_t* at = claim(varint_size(value));
    for (; value >= 0x80; value >>= 7) *at++ = static_cast<uint8_t>(value | 0x80);
    *at = static_cast<uint8_t>(value);
  }
  void raw(base::bytes data) {
    uint8_t* at = claim(data.size());
    if (!data.empty()) std::memcpy(at, data.data(), data.size());
  }
  void records(base::bytes data) { raw(data); }

 private:
  uint8_t* claim(size_t size) {
    ASSERT(size <= remaining());
    uint8_t* at = at_;
    at_ += size;
    return at;
  }

  uint8_t* begin_;
  uint8_t* at_;
  uint8_t* end_;
};

class byte_counter {
 public:
  size_t written() const { return written_; }
  /// Of those, the bytes of record batches.
  size_t record_bytes() const { return record_bytes_; }

  template <std::integral Int>
  void number(Int) {
    written_ += sizeof(Int);
  }
  void boolean(bool) { written_ += 1; }
  void float64(double) { written_ += 8; }
  void id(const base::uuid&) { written_ += sizeof(base::uuid); }
  void varint(uint32_t value) { written_ += varint_size(value); }
  void raw(base::bytes data) { written_ += data.size(); }
  void records(base::bytes data) { written_ += data.size(), record_bytes_ += data.size(); }

 private:
  size_t written_ = 0;
  size_t record_bytes_ = 0;
};

/// A writer that leaves record batches out: they go to the socket from where they are. cut() says
/// after how many written bytes the last of them belongs.
class gather_writer : public writer {
 public:
  using writer::writer;
  size_t cut() const { return cut_; }
  void records(base::bytes) { cut_ = written(); }

 private:
  size_t cut_ = 0;
};

}  // namespace millrace::wire::kafka
