#include "load/fetch_parser.hh"

#include <algorithm>

#include "base/crc32c.hh"
#include "common/die.hh"

namespace millrace::bench {
namespace {

// Record batch v2: base offset 8, length 4 (of what follows it), leader epoch 4, magic 1, crc 4,
// and from here under the CRC: attributes 2, last offset delta 4, two timestamps 16, producer 14,
// record count 4.
constexpr size_t batch_header_size = 61;
constexpr size_t batch_length_end = 12;
constexpr size_t batch_crc_at = 17;
constexpr size_t batch_crc_begin = 21;
constexpr size_t batch_last_delta_at = 23;
constexpr size_t batch_count_at = 57;

}  // namespace

// Length, correlation id, throttle time, error, session id, number of topics (22 bytes); topic
// name, number of partitions, partition, error, high watermark, last stable offset, log start,
// number of aborted transactions.
fetch_parser::fetch_parser(size_t topic_size, bool check_crc)
    : prefix_size_(22 + 2 + topic_size + 4 + 4 + 2 + 3 * 8 + 4), check_crc_(check_crc) {
  collect(part::prefix, prefix_size_);
}

void fetch_parser::collect(part what, size_t size) {
  part_ = what;
  head_.clear();
  head_wanted_ = size;
}

void fetch_parser::pass(part what, size_t size) {
  part_ = what;
  head_wanted_ = 0;
  passing_ = size;
}

/// Takes some bytes of the current part; returns how many.
size_t fetch_parser::step(base::bytes input) {
  if (head_wanted_ > 0) {
    const size_t take = std::min(input.size(), head_wanted_ - head_.size());
    head_.insert(head_.end(), input.begin(), input.begin() + static_cast<ptrdiff_t>(take));
    if (head_.size() == head_wanted_) on_header();
    return take;
  }
  const size_t take = std::min(input.size(), passing_);
  if (check_crc_ && part_ == part::batch_body) crc_ = base::crc32c(crc_, input.first(take));
  passing_ -= take;
  if (passing_ > 0) return take;
  if (part_ == part::aborted)
    collect(part::records_size, 8);
  else if (part_ == part::batch_body)
    on_batch_end();
  else
    finish();
  return take;
}

void fetch_parser::on_header() {
  const uint8_t* h = head_.data();
  switch (part_) {
    case part::prefix: {
      const size_t size = base::load_big<uint32_t>(h);
      response_ = {.correlation = base::load_big<uint32_t>(h + 4), .error = base::load_big<int16_t>(h + 12)};
      if (response_.error != 0) die("Fetch: error {}", response_.error);
      if (base::load_big<int32_t>(h + 18) != 1) die("Fetch: an answer without its topic");
      if (size + 4 < prefix_size_ + 8) die("Fetch: an answer of only {} bytes", size);
      response_left_ = size + 4 - prefix_size_ - 8;
      const uint8_t* partition = h + prefix_size_ - 4 - 24 - 2 - 4;
      response_.partition = base::load_big<int32_t>(partition);
      response_.error = base::load_big<int16_t>(partition + 4);
      const auto aborted = base::load_big<int32_t>(h + prefix_size_ - 4);
      if (aborted <= 0) return collect(part::records_size, 8);
      const size_t aborted_bytes = static_cast<size_t>(aborted) * 16;
      if (aborted_bytes > response_left_) die("Fetch: more aborted transactions than bytes");
      response_left_ -= aborted_bytes;
      return pass(part::aborted, aborted_bytes);
    }
    case part::records_size: {
      const auto size = base::load_big<int32_t>(h + 4);
      if (static_cast<size_t>(std::max(size, 0)) != response_left_)
        die("Fetch: {} bytes of records in {}", size, response_left_);
      return begin_batch();
    }
    case part::batch_header:
      return on_batch_header();
    default:
      die("Fetch: lost in the response");
  }
}

/// At the beginning of a batch or at the end of the response; the last batch may be cut anywhere.
void fetch_parser::begin_batch() {
  if (response_left_ == 0) return finish();
  if (response_left_ < batch_header_size) return pass(part::rest, response_left_);
  collect(part::batch_header, batch_header_size);
}

void fetch_parser::on_batch_header() {
  const uint8_t* h = head_.data();
  const size_t size = batch_length_end + base::load_big<uint32_t>(h + 8);
  if (h[16] != 2) die("Fetch: a batch of magic {}", h[16]);
  if (size > response_left_) return pass(part::rest, response_left_ - batch_header_size);
  if (size < batch_header_size) die("Fetch: a batch of {} bytes", size);
  response_left_ -= size;
  response_.batch_bytes += size;
  response_.messages += base::load_big<uint32_t>(h + batch_count_at);
  response_.next_offset = base::load_big<int64_t>(h) + base::load_big<int32_t>(h + batch_last_delta_at) + 1;
  crc_ = check_crc_ ? base::crc32c(0, {h + batch_crc_begin, batch_header_size - batch_crc_begin}) : 0;
  if (size == batch_header_size) return on_batch_end();
  pass(part::batch_body, size - batch_header_size);
}

void fetch_parser::on_batch_end() {
  if (check_crc_ && crc_ != base::load_big<uint32_t>(head_.data() + batch_crc_at)) {
    die("Fetch: the batch that ends before offset {} has a wrong CRC", response_.next_offset);
  }
  begin_batch();
}

void fetch_parser::finish() {
  complete_ = true;
  collect(part::prefix, prefix_size_);
}

}  // namespace millrace::bench
