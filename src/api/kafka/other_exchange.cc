#include "api/kafka/other_exchange.hh"

#include <algorithm>
#include <cstring>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/reply_buffer.hh"
#include "wire/kafka/arena.hh"

namespace millrace::api::kafka {

namespace {
/// What decoding one request and building its answer may take: metadata of 10,000 partitions takes about 2 MiB.
constexpr size_t memory_bytes_max = 64 << 20;
/// What a request takes while it is handled, decoded and answered, for each byte of its frame.
constexpr size_t handling_factor = 8;
/// Shorter answers are copied behind others; longer ones are sent from where they are.
constexpr size_t copied_max = 4 << 10;
}  // namespace

other_exchange::other_exchange(connection& c, base::bytes frame, frame_buffer* owner,
                               const wire::kafka::request_header& header, size_t body_at)
    : frame_(frame), header_(header), body_at_(body_at) {
  open(c);
  hold({.own = sizeof *this + handling_factor * frame.size()});
  if (owner != nullptr) {
    owner_ = std::make_unique<frame_buffer>(std::move(*owner));
    return;
  }
  copy_.assign(frame.begin(), frame.end());
  frame_ = copy_;
  if (header_.client_id) {
    // The header's views follow the copy.
    const auto at = reinterpret_cast<const uint8_t*>(header_.client_id->data()) - frame.data();
    header_.client_id = std::string_view(reinterpret_cast<const char*>(copy_.data()) + at, header_.client_id->size());
  }
}

reactor::task<void> other_exchange::run() {
  const served_api* api = find_api(header_.request_api_key);
  wire::kafka::arena memory(std::min(memory_bytes_max, of().at().on().memory().capacity() / 4));
  request_context context{.door = of().at(),
                          .advertised = of().advertised(),
                          .key = header_.request_api_key,
                          .version = header_.request_api_version,
                          .correlation_id = header_.correlation_id,
                          .client_id = header_.client_id.value_or(std::string_view()),
                          .body = wire::kafka::reader(frame_.subspan(body_at_)),
                          .memory = memory,
                          .answer = answer_,
                          .from = &of(),
                          .parked = this};
  const auto handled = co_await api->handle(context);
  if (!handled) of().abort("request not well-formed");
  // Only the answer is left to be kept.
  drop_frame();
  hold({.own = sizeof *this + answer_.capacity()});
  set_ready();
}

void other_exchange::drop_frame() noexcept {
  header_.client_id.reset();
  frame_ = {};
  copy_ = std::vector<uint8_t>();  // {} would keep its memory
  owner_.reset();
}

/// How long is for others to decide, and what it asks is counted where it is asked: those who wait must not keep the core
/// from reading.
void other_exchange::waits() {
  drop_frame();
  hold({.own = sizeof *this});
}

/// Who waits for the members of its group waits on while its connection lasts.
void other_exchange::hurry() {
  if (of().ending()) parked_slot::hurry();
}

void other_exchange::write(reply_buffer& out) {
  if (answer_.size() > copied_max) return out.refer(answer_);
  const base::mutable_bytes target = out.append(answer_.size());
  if (!answer_.empty()) std::memcpy(target.data(), answer_.data(), answer_.size());
  answer_ = std::vector<uint8_t>();
  hold({.own = sizeof *this});
}

}  // namespace millrace::api::kafka
