#include "api/kafka/zero_copy_sends.hh"

#include <string>
#include <utility>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"

namespace millrace::api::kafka {

namespace {

/// A small answer is cheaper copied than pinned and released.
constexpr size_t send_bytes_min = 16 << 10;
/// What one connection has sent and the peer not taken. Beyond it sends are plain ones, of which the kernel holds a copy.
constexpr size_t unreleased_bytes_max = 1 << 20;
constexpr unsigned unreleased_max = 16;

bool on_this_machine(const std::string& peer) {
  return peer.starts_with("127.") || peer.starts_with("[::1]") || peer.starts_with("[::ffff:127.");
}

}  // namespace

zero_copy_sends::~zero_copy_sends() { ASSERT(unreleased_ == 0 || core_.abandoned()); }

bool zero_copy_sends::pays() {
  if (mode_ == send_mode::automatic && !asked_) {
    asked_ = true;
    // Loopback copies always.
    pays_ = !on_this_machine(of_.peer_name());
  }
  return pays_;
}

bool zero_copy_sends::takes(size_t bytes) {
  return mode_ != send_mode::copy && bytes >= send_bytes_min && unreleased_ < unreleased_max &&
         unreleased_bytes_ + bytes <= unreleased_bytes_max && pays();
}

void zero_copy_sends::start(int socket, std::span<const iovec> pieces, size_t bytes) {
  if (leaving_ == nullptr) leaving_ = &free_parcel();
  send& s = free_send();
  s.from = leaving_;
  s.bytes = bytes;
  s.told = false;
  s.handle = socket;
  s.iov = pieces.data();
  s.iov_count = static_cast<uint32_t>(pieces.size());
  ++leaving_->unreleased;
  ++unreleased_;
  unreleased_bytes_ += bytes;
  ++of_.at().counters().sends_zero_copy;
  core_.submit(s);
}

void zero_copy_sends::answered(send& s) {
  const bool first = !std::exchange(s.told, true);
  const int64_t result = s.result;
  const bool last = !s.in_flight;
  if (last) released(s);
  if (first) of_.sent(result);
  if (last) of_.released();
}

void zero_copy_sends::released(send& s) {
  if (s.copied) {
    ++of_.at().counters().sends_copied;
    if (mode_ == send_mode::automatic) pays_ = false;
  }
  --unreleased_;
  unreleased_bytes_ -= s.bytes;
  parcel& p = *std::exchange(s.from, nullptr);
  if (--p.unreleased > 0 || !p.whole) return;
  held_ -= p.bytes.held_in_all();
  p.bytes.clear_all();
  of_.let_go_of(p.exchanges);
  p.whole = false;
  p.free = true;
}

void zero_copy_sends::keep(reply_buffer& bytes, base::intrusive_list<exchange>& exchanges) {
  if (leaving_ == nullptr) return;
  parcel& p = *std::exchange(leaving_, nullptr);
  if (p.unreleased == 0) {
    p.free = true;
    return;
  }
  std::swap(p.bytes, bytes);
  p.exchanges.splice_back(exchanges);
  p.whole = true;
  held_ += p.bytes.held_in_all();
}

/// As many as a connection ever had unreleased: they are kept.
zero_copy_sends::send& zero_copy_sends::free_send() {
  for (auto& s : sends_) {
    if (s->from == nullptr) return *s;
  }
  sends_.push_back(std::make_unique<send>(*this));
  return *sends_.back();
}

zero_copy_sends::parcel& zero_copy_sends::free_parcel() {
  for (auto& p : parcels_) {
    if (!p->free) continue;
    p->free = false;
    return *p;
  }
  parcels_.push_back(std::make_unique<parcel>(core_.memory()));
  parcels_.back()->free = false;
  return *parcels_.back();
}

void zero_copy_sends::abandon() noexcept {
  for (auto& p : parcels_) {
    while (!p->exchanges.empty()) p->exchanges.pop_front().abandon();
  }
}

}  // namespace millrace::api::kafka
