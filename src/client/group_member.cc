#include "client/group_member.hh"

#include <algorithm>

#include "client/kafka_code.hh"
#include "millrace/admin.hh"
#include "reactor/wait.hh"

namespace millrace::client {

using base::result;
using reactor::task;

group_consumer::group_consumer(client& on, group_options options, consumer_options reading)
    : member_(std::make_unique<group_member>(on, std::move(options), reading)) {}
group_consumer::~group_consumer() = default;
task<result<void>> group_consumer::start() { return member_->start(); }
task<const fetched*> group_consumer::next() { return member_->reading().next(); }
void group_consumer::interrupt() { member_->reading().interrupt(); }
bool group_consumer::settled() const noexcept { return member_->settled(); }
uint64_t group_consumer::shares() const noexcept { return member_->shares(); }
size_t group_consumer::assigned() const noexcept { return member_->assigned(); }
std::optional<base::error> group_consumer::trouble() const noexcept { return member_->trouble(); }
task<void> group_consumer::close() { return member_->close(); }
void group_consumer::abandon() noexcept { member_->abandon(); }

group_member::group_member(client& on, group_options options, consumer_options reading)
    : client_(on), core_(on.on()), options_(std::move(options)), consumer_(on, reading), tasks_(core_) {}

task<result<void>> group_member::start() {
  for (const std::string& name : options_.topics) {
    CO_TRY_CHECK(co_await client_.topic(name));
  }
  tasks_.spawn(live(), "group member");
  co_return result<void>();
}

/// Until it is closed: in the group, or on its way into it.
task<void> group_member::live() {
  base::duration pause = client_.options().backoff_least;
  while (!closing_) {
    result<void> went = co_await settle();
    if (went) {
      pause = client_.options().backoff_least;
      trouble_.reset();
      went = co_await dwell();
    }
    settled_ = false;
    const result<void> given = co_await give_up_share();
    if (given && went) continue;
    const base::error why = went ? given.error() : went.error();
    if (why.code == base::errc::refused) note(static_cast<int16_t>(why.detail));
    const bool at_once = why == base::fail(base::errc::refused, code::rebalance_in_progress).what ||
                         why == base::fail(base::errc::refused, code::member_id_required).what;
    if (at_once || closing_) continue;
    trouble_ = why;
    if (link_ != nullptr && !link_->is_open()) link_ = nullptr;
    co_await reactor::sleep(core_, pause);
    pause = std::min(pause * 2, client_.options().backoff_most);
  }
}

/// What an error code of the coordinator means for who we are.
void group_member::note(int16_t code) {
  if (code == code::unknown_member_id) id_.clear();
  if (code == code::illegal_generation || code == code::unknown_member_id) generation_ = -1;
  if (code == code::not_coordinator || code == code::coordinator_not_available) link_ = nullptr;
}

/// Into the group, and a share of the partitions.
task<result<void>> group_member::settle() {
  if (link_ == nullptr || !link_->is_open()) {
    CO_TRY(link_, co_await client_.coordinator(options_.group));
  }
  CO_TRY_CHECK(co_await join());
  CO_TRY_CHECK(co_await sync());
  settled_ = true;
  ++shares_;
  co_return result<void>();
}

/// Beats and commits until the group begins anew.
task<result<void>> group_member::dwell() {
  base::instant commit_at = core_.now() + options_.commit_interval;
  base::instant beat_at = core_.now() + options_.heartbeat;
  while (!closing_) {
    co_await reactor::sleep(core_, std::min(options_.heartbeat, base::milliseconds(50)));
    if (closing_) break;
    if (core_.now() >= beat_at) {
      beat_at = core_.now() + options_.heartbeat;
      CO_TRY_CHECK(co_await heartbeat());
    }
    if (core_.now() >= commit_at && !closing_) {
      commit_at = core_.now() + options_.commit_interval;
      CO_TRY_CHECK(co_await commit(consumer_.positions()));
    }
  }
  co_return result<void>();
}

/// Reads no more, and says how far it got: whoever has the partitions next goes on there.
task<result<void>> group_member::give_up_share() {
  std::vector<start_position> positions = consumer_.positions();
  share_.clear();
  std::vector<start_position> nothing;
  CO_TRY_CHECK(co_await consumer_.assign(std::move(nothing)));
  if (positions.empty() || generation_ < 0 || link_ == nullptr || !link_->is_open()) co_return result<void>();
  co_return co_await commit(std::move(positions));
}

task<void> group_member::close() {
  closing_ = true;
  co_await tasks_.close();
  co_await leave();
  co_await consumer_.close();
}

void group_member::abandon() noexcept {
  tasks_.abandon();
  consumer_.abandon();
}

}  // namespace millrace::client
