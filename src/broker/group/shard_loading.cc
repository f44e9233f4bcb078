#include "base/mutant.hh"
#include "broker/group/coordinator_shard.hh"
#include "reactor/wait.hh"
#include "record/batch_view.hh"

/// What a coordinator's log has becomes its groups, after a start. Others take their turns between.

namespace millrace::broker {

namespace {
constexpr uint32_t read_bytes = 1 << 20;
constexpr base::duration read_again = base::seconds(1);
}  // namespace

struct coordinator_shard::loading {
  base::offset at{0};
  std::map<std::string, stored_group, std::less<>> groups;  ///< the newest of each
  std::vector<uint8_t> unpacked;
  size_t passed_over = 0;  ///< that do not decode
};

void coordinator_shard::load_if_empty() {
  const partition* const p = core_.find(id_);
  if (p == nullptr || p->high_watermark() != base::offset{0}) return;
  loaded_ = true;
}

reactor::task<void> coordinator_shard::load() {
  loading all;
  const bool complete = co_await read_all(&all);
  if (!complete) co_return;
  take_over(all);
  log_.begin_at(all.at);
  loaded_ = true;
  if (all.passed_over > 0) {
    core_.on().log().warn("broker", "records of __consumer_offsets that cannot be read are passed over",
                          base::field("partition", id_.partition), base::field("count", all.passed_over));
  }
  co_await forget_gone_topics();
}

/// Nothing is appended before all is read, so that the end does not move. False where it could not be read to its end.
reactor::task<bool> coordinator_shard::read_all(loading* into) {
  std::vector<uint8_t> joined;
  while (!closed_) {
    partition* p = core_.find(id_);
    if (p == nullptr) co_return false;
    into->at = p->log().behind_damage(std::max(into->at, p->log().log_start()));
    if (into->at >= p->high_watermark()) co_return true;
    const auto plan = p->log().plan_read(into->at, read_bytes, true);
    base::result<storage::read_result> got = storage::read_result{};
    if (plan) {
      got = co_await core_.logs().reader().read(id_, *plan);
    } else {
      got = plan.failure();
    }
    if (closed_) co_return false;
    const base::offset before = into->at;
    if (got) take_batches(storage::reader::in_one_piece(*got, joined), *into);
    if (into->at == before) {
      // Damage is passed over the next time; what is no damage may be gone by then.
      core_.on().log().error("broker", "__consumer_offsets cannot be read: what groups committed there may be lost",
                             base::field("partition", id_.partition), base::field("offset", before),
                             base::field("error", got ? base::error{base::errc::corrupt, 0, 0} : got.error()));
      co_await reactor::sleep(core_.on(), read_again);
    }
    co_await reactor::next_turn(core_.on());
  }
  co_return false;
}

void coordinator_shard::take_batches(base::bytes data, loading& into) {
  record::batch_iterator batches(data);
  while (!batches.done()) {
    const auto batch = batches.next();
    if (!batch) return;
    into.at = batch->next_offset();
    if (batch->is_control()) continue;
    const auto records = read_coordinator_batch(*batch, into.unpacked, INT32_MAX);
    if (!records) {
      ++into.passed_over;
      continue;
    }
    for (const read_record& r : *records) take(r, into);
  }
}

void coordinator_shard::take(const read_record& record, loading& into) {
  if (!record.what) {
    ++into.passed_over;
    return;
  }
  if (const auto* offset = std::get_if<stored_offset>(&*record.what)) {
    hosted_group* g = find(offset->group);
    if (!offset->commit) {
      if (g != nullptr) g->offsets.remove(record.at, offset->topic, offset->partition);
    } else {
      if (g == nullptr) g = &make(offset->group);
      const bool is_there = g->offsets.find(offset->topic, offset->partition) != nullptr;
      if (is_there && base::mutated(base::mutant::move_offset_back)) return;
      g->offsets.put(record.at, offset->topic, offset->partition, from_stored(*offset->commit));
    }
    return;
  }
  if (const auto* group = std::get_if<group_metadata>(&*record.what)) {
    if (group->state) {
      into.groups.insert_or_assign(std::string(group->group), from_record(*group->state, now()));
    } else {
      const auto found = into.groups.find(group->group);
      if (found != into.groups.end()) into.groups.erase(found);
    }
  }
}

void coordinator_shard::take_over(loading& all) {
  for (auto& [id, kept] : all.groups) {
    hosted_group* g = find(id);
    if (g == nullptr) g = &make(id);
    group_effects effects;
    const auto restored = g->machine.restore(std::move(kept), core_.on().now(), effects);
    if (!restored) {
      core_.on().log().warn("broker", "a group's record is not well-formed: the group begins anew", base::field("group", id),
                            base::field("error", restored.error()));
    }
    carry_out(*g, std::move(effects));
  }
  for (const std::string& id : group_ids()) settle(*find(id));
}

}  // namespace millrace::broker
