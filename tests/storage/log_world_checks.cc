#include "log_world.hh"

/// What logs answer, compared with what was appended.

namespace millrace::storage::test {

task<base::result<read_result>> log_world::read_task(log_manager* from, log_id id, int64_t at, uint32_t bytes_max) {
  const log* l = from->find(id);
  const auto plan = l->plan_read(base::offset(at), bytes_max, true);
  if (!plan) co_return plan.failure();
  read_plan steps = *plan;
  steps.file_range_will_do = true;
  auto got = co_await from->reader().read(id, steps);
  co_return got;
}

base::result<read_result> log_world::read(model_log& m, int64_t at, uint32_t bytes_max) {
  return w.run(n, core_of(m), read_task(&manager_of(m), m.id, at, bytes_max));
}

/// Of an answer in memory, or in a file.
std::vector<uint8_t> log_world::bytes_of(const read_result& got) {
  std::vector<uint8_t> whole;
  for (const slice& s : got.slices) {
    if (!s.file) {
      whole.insert(whole.end(), s.data, s.data + s.size);
      continue;
    }
    std::vector<uint8_t> from_file(s.size);
    const sim::open_handle* opened = n.handles.find(s.file.handle());
    REQUIRE(opened != nullptr);
    CHECK(opened->flags == reactor::open_read);
    REQUIRE(opened->file->image.read(s.file.position(), from_file) == s.size);
    whole.insert(whole.end(), from_file.begin(), from_file.end());
  }
  return whole;
}

int64_t log_world::check_answer(const model_log& m, const read_result& got, int64_t at) {
  const std::vector<uint8_t> whole = bytes_of(got);
  REQUIRE(whole.size() == got.bytes);
  record::batch_iterator batches(whole);
  bool first = true;
  while (!batches.done()) {
    const auto b = batches.next();
    REQUIRE(b);
    const int64_t offset = b->base_offset().value();
    // The first holds what was asked for, each other one follows.
    const bool follows = first ? offset <= at : offset == at;
    REQUIRE(follows);
    const auto expected = m.batches.find(offset);
    REQUIRE(expected != m.batches.end());
    REQUIRE(b->size() == expected->second.bytes.size());
    REQUIRE(std::memcmp(b->data().data(), expected->second.bytes.data(), b->size()) == 0);
    REQUIRE(b->next_offset().value() > at);
    at = b->next_offset().value();
    first = false;
  }
  return at;
}

void log_world::check_log(model_log& m, int64_t from) {
  CAPTURE(m.directory);
  int64_t at = std::max(from, m.start_asked);
  while (at < m.acknowledged) {
    CAPTURE(at);
    const auto bytes_max = static_cast<uint32_t>(1 + random.below(random.chance(0.5) ? 300000 : 5000));
    const auto got = read(m, at, bytes_max);
    if (!got) MESSAGE("read: error ", static_cast<int>(got.error().code));
    REQUIRE(got);
    REQUIRE(got->bytes > 0);
    const int64_t next = check_answer(m, *got, at);
    // Over the limit only where the first batch alone is.
    if (got->bytes > bytes_max) CHECK(std::next(m.batches.upper_bound(at), -1)->second.bytes.size() == got->bytes);
    at = next;
  }
}

void log_world::check_all() {
  for (auto& l : logs) {
    check_log(*l, l->acknowledged > 0 ? static_cast<int64_t>(random.below(static_cast<uint64_t>(l->acknowledged))) : 0);
  }
}

void log_world::check_times(model_log& m, base::unix_ms target) {
  CAPTURE(target);
  timestamp_and_offset expected;
  for (const auto& [base, b] : m.batches) {
    for (size_t i = 0; i < b.times.size() && expected.offset.value() < 0; ++i) {
      const int64_t offset = base + static_cast<int64_t>(i);
      if (offset >= m.start && b.times[i] >= target) expected = {b.times[i], base::offset(offset)};
    }
  }
  const auto got = w.run(n, core_of(m), manager_of(m).reader().find_timestamp(m.id, target));
  REQUIRE(got);
  CHECK(got->offset == expected.offset);
  CHECK(got->timestamp == expected.timestamp);
}

void log_world::check_max_time(model_log& m) {
  timestamp_and_offset expected;
  for (const auto& [base, b] : m.batches) {
    for (size_t i = 0; i < b.times.size(); ++i) {
      const int64_t offset = base + static_cast<int64_t>(i);
      if (offset >= m.start && b.times[i] > expected.timestamp) expected = {b.times[i], base::offset(offset)};
    }
  }
  const auto got = w.run(n, core_of(m), manager_of(m).reader().find_max_timestamp(m.id));
  REQUIRE(got);
  CHECK(got->offset == expected.offset);
  CHECK(got->timestamp == expected.timestamp);
}

}  // namespace millrace::storage::test
