#include "millrace/consumer.hh"

#include <algorithm>
#include <utility>

#include "client/consumer_core.hh"
#include "reactor/wait.hh"
#include "record/compression.hh"

namespace millrace::client {

using base::result;
using reactor::task;

consumer::consumer(client& on, consumer_options options) : core_(std::make_unique<consumer_core>(on, options)) {}
consumer::~consumer() = default;
task<result<void>> consumer::assign(std::vector<start_position> partitions) { return core_->assign(std::move(partitions)); }
task<const fetched*> consumer::next() { return core_->next(); }
void consumer::interrupt() { core_->interrupt(); }
std::vector<start_position> consumer::positions() const { return core_->positions(); }
std::optional<base::error> consumer::trouble() const noexcept { return core_->trouble(); }
task<void> consumer::close() { return core_->close(); }
void consumer::abandon() noexcept { core_->abandon(); }

result<record::record_iterator> batch_records::open(const record::batch_view& batch) {
  base::bytes records = batch.records();
  if (batch.codec() != record::codec::none) {
    opened_.clear();
    TRY_CHECK(record::decompress(batch.codec(), records, base::decompressed_bytes_max, opened_));
    records = opened_;
  }
  return record::record_iterator(records, batch.record_count());
}

consumer_core::consumer_core(client& on, consumer_options options)
    : client_(on), core_(on.on()), options_(options), memory_(size_t{64} << 20), changed_(core_), tasks_(core_) {}

consumer_core::~consumer_core() { ASSERT(core_.abandoned() || flying_ == 0); }

task<result<void>> consumer_core::assign(std::vector<start_position> partitions) {
  ++assignment_;
  ++shares_;
  while (!arrived_.empty()) {
    --arrived_.front()->from->waiting;
    idle_parcels_.push_back(std::move(arrived_.front()));
    arrived_.pop_front();
  }
  for (auto& p : partitions_) former_.push_back(std::move(p));
  partitions_.clear();
  if (flying_ == 0 && !given_) former_.clear();
  for (const start_position& at : partitions) {
    const std::string* topic = nullptr;
    for (const auto& known : topics_) {
      if (*known == at.topic) topic = known.get();
    }
    if (topic == nullptr) {
      topics_.push_back(std::make_unique<std::string>(at.topic));
      topic = topics_.back().get();
    }
    auto p = std::make_unique<partition>();
    p->topic = topic;
    p->index = at.partition;
    p->asked = p->taken = at.offset;
    partitions_.push_back(std::move(p));
  }
  std::ranges::sort(partitions_, {}, [](const auto& p) { return std::pair(std::string_view(*p->topic), p->index); });
  const uint64_t mine = assignment_;
  for (const start_position& at : partitions) {
    CO_TRY_CHECK(co_await client_.topic(at.topic));
  }
  for (size_t i = 0; mine == assignment_ && i < partitions_.size(); ++i) {
    const result<void> connected = co_await connect_partition(partitions_[i].get());
    if (!connected) co_return connected;
  }
  for (auto& n : nodes_) ask(*n);
  co_return result<void>();
}

task<const fetched*> consumer_core::next() {
  if (given_) {
    idle_parcels_.push_back(std::move(given_));
    given_.reset();
  }
  bool waited = false;
  while (arrived_.empty() && !interrupted_ && !closing_) {
    co_await changed_.wait();
    waited = true;
  }
  // The next request leaves at the end of the turn: before this answer is looked at.
  if (waited && !arrived_.empty()) co_await reactor::next_turn(core_);
  if (closing_ || interrupted_ || arrived_.empty()) {
    interrupted_ = false;
    co_return nullptr;
  }
  given_ = std::move(arrived_.front());
  arrived_.pop_front();
  for (size_t i = 0; i < given_->parts.size(); ++i) given_->parts[i]->taken = given_->what.partitions[i].next;
  node& from = *given_->from;
  --from.waiting;
  ask(from);
  co_return &given_->what;
}

void consumer_core::interrupt() {
  interrupted_ = true;
  changed_.wake_all();
}

std::vector<start_position> consumer_core::positions() const {
  std::vector<start_position> all;
  for (const auto& p : partitions_) all.push_back({.topic = *p->topic, .partition = p->index, .offset = p->taken});
  return all;
}

std::optional<base::error> consumer_core::trouble() const noexcept {
  standing_error last;
  for (const auto& p : partitions_) {
    if (p->trouble.later_than(last)) last = p->trouble;
  }
  return last.why();
}

task<void> consumer_core::close() {
  closing_ = true;
  changed_.wake_all();
  while (flying_ > 0) co_await changed_.wait();
  for (auto& n : nodes_) end_session(*n);
  while (flying_ > 0) co_await changed_.wait();
  co_await tasks_.close();
}

}  // namespace millrace::client
