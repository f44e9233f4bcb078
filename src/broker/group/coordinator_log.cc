#include "broker/group/coordinator_log.hh"

namespace millrace::broker {

namespace {

group_error outcome_of(const append_part& part) {
  if (!part.failed) return group_error::none;
  switch (part.why.code) {
    case base::errc::too_large:
      return group_error::unknown_server_error;
    case base::errc::closed:
    case base::errc::not_leader:
    case base::errc::unknown_topic_or_partition:
      return group_error::not_coordinator;
    default:
      return group_error::coordinator_not_available;
  }
}

}  // namespace

coordinator_log::coordinator_log(broker_core& on, storage::log_id id) : core_(on), id_(id), teller_(*this) {}

coordinator_log::~coordinator_log() = default;

offsets_range coordinator_log::append(std::span<const timed_record> records, uint32_t bytes_max,
                                      std::unique_ptr<coordinator_write> who) {
  const offsets_range places{next_, next_ + static_cast<int64_t>(records.size())};
  next_ = places.limit;
  writes_.push_back(std::make_unique<batch_write>(*this, std::move(who)));
  batch_write& w = *writes_.back();
  const auto built = build_coordinator_batch(records, w.bytes);
  if (closed_) {
    w.refused = group_error::not_coordinator;
  } else if (!built || built->size() > bytes_max) {
    w.refused = group_error::unknown_server_error;
  }
  if (w.refused != group_error::none) {
    w.on_settled();
    return places;
  }
  w.part.id = id_;
  w.part.batch = *built;
  w.part.crc = storage::crc_check::already_verified;
  w.parts = {&w.part, 1};
  core_.send(w, core_.on().id());
  return places;
}

void coordinator_log::batch_write::on_settled() {
  is_settled = true;
  of_.news();
}

void coordinator_log::news() {
  if (!teller_.linked()) core_.on().make_ready(teller_);
}

/// Who is told may append again.
void coordinator_log::tell() {
  while (!writes_.empty() && writes_.front()->is_settled) {
    const std::unique_ptr<batch_write> w = std::move(writes_.front());
    writes_.pop_front();
    if (w->who) w->who->done(w->refused != group_error::none ? w->refused : outcome_of(w->part));
  }
}

void coordinator_log::close() {
  closed_ = true;
  for (size_t i = 0; i < writes_.size(); ++i) {
    const std::unique_ptr<coordinator_write> who = std::move(writes_[i]->who);
    if (who) who->done(group_error::not_coordinator);
  }
}

}  // namespace millrace::broker
