#include "record/check.hh"

namespace millrace::record {

const char* explain(check c) noexcept {
  switch (c) {
    case check::none:
      return "nothing is wrong";
    case check::length:
      return "the batch's length does not match its bytes";
    case check::magic:
      return "the batch is not of format 2";
    case check::crc:
      return "the batch's bytes do not match its CRC";
    case check::base_offset:
      return "the batch's base offset is not 0, or not an offset";
    case check::record_count:
      return "the batch's record count does not match its records";
    case check::last_offset_delta:
      return "the batch's last offset delta is negative";
    case check::codec:
      return "the batch's compression codec does not exist";
    case check::control:
      return "a client may not write control batches";
    case check::sequence:
      return "the batch has a producer id but no sequence";
    case check::record_length:
      return "a record does not end where its length says";
    case check::offset_delta:
      return "a record's offset delta is out of order";
    case check::timestamp:
      return "a record's timestamp is out of the allowed range";
    case check::key:
      return "a record of a compacted topic has no key";
    case check::headers:
      return "a record's headers are malformed";
    case check::compression:
      return "the batch's records cannot be decompressed";
  }
  return "unknown";
}

}  // namespace millrace::record
