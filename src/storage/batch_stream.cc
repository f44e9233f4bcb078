#include "storage/batch_stream.hh"

#include "storage/log_manager.hh"

namespace millrace::storage {

namespace {
constexpr uint32_t read_bytes_max = 1u << 20;
}  // namespace

reactor::task<base::result<std::optional<record::batch_view>>> batch_stream::next() {
  std::optional<record::batch_view> found;
  while (!found && next_ < limit_) {
    if (!batches_ || batches_->done()) {
      const auto read = co_await read_more();
      if (!read) co_return read.failure();
    }
    const auto batch = batches_->next();
    if (!batch) co_return base::fail(base::errc::storage);
    if (batch->next_offset() <= next_) continue;
    next_ = batch->next_offset();
    if (batch->base_offset() < limit_) found = *batch;
  }
  co_return found;
}

reactor::task<base::result<void>> batch_stream::read_more() {
  const log* l = manager_.find(id_);
  if (l == nullptr || manager_.stopping()) co_return base::fail(base::errc::closed);
  auto plan = l->plan_read(next_, read_bytes_max, true);
  if (!plan) co_return plan.failure();
  plan->pace = &pace_;
  auto got = co_await manager_.reader().read(id_, *plan);
  if (!got) co_return got.failure();
  if (got->bytes == 0) co_return base::fail(base::errc::storage);  // below `limit` there are batches
  got_ = std::move(*got);
  bytes_ += got_.bytes;
  joined_.clear();
  const work_pace::counted joining(&pace_);
  batches_.emplace(reader::in_one_piece(got_, joined_));
  co_return base::result<void>();
}

}  // namespace millrace::storage
