#include "millrace/producer.hh"

#include <algorithm>
#include <utility>

#include "base/assert.hh"
#include "client/call.hh"
#include "client/kafka_code.hh"
#include "client/producer_core.hh"
#include "reactor/wait.hh"
#include "wire/kafka/messages/init_producer_id.hh"

namespace millrace::client {

using base::result;
using reactor::task;

producer::producer(client& on, producer_options options, delivery_handler* told)
    : core_(std::make_unique<producer_core>(on, options, told)) {}
producer::~producer() = default;
task<result<void>> producer::start() { return core_->start(); }
task<result<size_t>> producer::topic(std::string name) { return core_->topic(std::move(name)); }
int32_t producer::partitions(size_t topic) const { return core_->partitions(topic); }
bool producer::add(size_t topic, int32_t partition, const record::new_record& record, int64_t tag) {
  return core_->add(topic, partition, record, tag);
}
task<result<int64_t>> producer::send(size_t topic, int32_t partition, record::new_record record) {
  return core_->send(topic, partition, record);
}
void producer::flush() { core_->flush(); }
task<void> producer::drain() { return core_->drain(); }
task<void> producer::close() { return core_->close(); }
void producer::abandon() noexcept { core_->abandon(); }
size_t producer::unanswered() const noexcept { return core_->unanswered(); }
size_t producer::open() const noexcept { return core_->open(); }
size_t producer::buffered_bytes() const noexcept { return core_->buffered_bytes(); }
std::optional<base::error> producer::trouble() const noexcept { return core_->trouble(); }
reactor::core& producer::on() noexcept { return core_->on(); }

producer_core::producer_core(client& on, producer_options options, delivery_handler* told)
    : client_(on),
      core_(on.on()),
      options_(options),
      told_(told),
      answer_memory_(size_t{1} << 20),
      linger_(*this),
      changed_(core_),
      tasks_(core_) {}

producer_core::~producer_core() { ASSERT(core_.abandoned() || flying_ == 0); }

/// A broker that has just started may not give ids yet.
task<result<void>> producer_core::start() {
  if (!options_.idempotent) co_return result<void>();
  if (options_.acks != -1) co_return base::fail(base::errc::invalid_argument);
  const base::instant limit = core_.now() + client_.options().request_timeout;
  while (true) {
    const result<void> given = co_await ask_id();
    const bool not_yet =
        !given && given.error().code == base::errc::refused && retriable(static_cast<int16_t>(given.error().detail));
    if (!not_yet || core_.now() + client_.options().backoff_least > limit) co_return given;
    co_await reactor::sleep(core_, client_.options().backoff_least);
  }
}

task<result<void>> producer_core::ask_id() {
  CO_TRY(connection * link, co_await client_.any());
  const wire::kafka::init_producer_id_request request{.transactional_id = {}, .transaction_timeout_ms = 60000};
  CO_TRY(const auto got,
         (co_await call<wire::kafka::init_producer_id_response, wire::kafka::init_producer_id_request>(link, &request, 5)));
  if (got.body.error_code != code::none) co_return base::fail(base::errc::refused, got.body.error_code);
  producer_id_ = got.body.producer_id;
  producer_epoch_ = got.body.producer_epoch;
  co_return result<void>();
}

task<result<size_t>> producer_core::topic(std::string name) {
  for (size_t i = 0; i < topics_.size(); ++i) {
    if (topics_[i].name == name) co_return i;
  }
  CO_TRY(const topic_metadata* known, co_await client_.topic(name));
  topic_state made{.name = name, .partitions = {}};
  for (size_t i = 0; i < known->partitions.size(); ++i) {
    auto p = std::make_unique<producer_partition>();
    p->topic = topics_.size();
    p->index = static_cast<int32_t>(i);
    made.partitions.push_back(std::move(p));
  }
  topics_.push_back(std::move(made));
  const size_t index = topics_.size() - 1;
  for (size_t i = 0; i < topics_[index].partitions.size(); ++i) {
    CO_TRY_CHECK(co_await connect_partition(topics_[index].partitions[i].get()));
  }
  co_return index;
}

// ---- batches

namespace {

/// What a record adds to a batch at most: the usual one has no headers, and then its fields take 40 bytes at most.
size_t size_bound(const record::new_record& record) {
  if (!record.headers.empty()) return record::batch_builder::size_bound(record);
  return 40 + (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
}

}  // namespace

bool producer_core::add(size_t topic, int32_t partition, const record::new_record& record, int64_t tag,
                        record_waiter* waits) {
  ASSERT(topic < topics_.size() && partition >= 0 && partition < partitions(topic));
  if (buffered_ >= options_.buffer_bytes || closing_) return false;
  producer_partition& p = *topics_[topic].partitions[static_cast<size_t>(partition)];
  const size_t most = size_bound(record);
  if (p.open != nullptr && p.open->builder->size() + most > options_.batch_bytes) close_batch(p);
  producer_batch& b = p.open != nullptr ? *p.open : open_batch(p);
  if (waits != nullptr) {
    waits->index = b.records;
    b.waiters.push_back(*waits);
  }
  b.builder->add(record);
  b.tags.push_back(tag);
  ++b.records;
  const size_t size = b.builder->size();
  buffered_ += size - b.charged;
  b.charged = size;
  // Full, too, where another one like this would not fit.
  if (full(b) || size + most > options_.batch_bytes) close_batch(p);
  core_.at_turn_end(*this);
  return true;
}

bool producer_core::full(const producer_batch& b) const {
  return b.records >= options_.batch_records || b.builder->size() >= options_.batch_bytes;
}

producer_batch& producer_core::open_batch(producer_partition& p) {
  if (idle_batches_.empty()) {
    batches_.push_back(std::make_unique<producer_batch>());
    idle_batches_.push_back(*batches_.back());
  }
  producer_batch& b = idle_batches_.pop_front();
  b.of = &p;
  b.begun = core_.now();
  b.records = 0;
  b.charged = 0;
  b.why.reset();
  b.builder.emplace(b.bytes, record::batch_options{.codec = options_.codec,
                                                   .level = options_.level,
                                                   .producer_id = producer_id_,
                                                   .producer_epoch = producer_epoch_,
                                                   .base_sequence = options_.idempotent ? p.sequence : record::no_sequence});
  p.open = &b;
  ++open_;
  ++unanswered_;
  if (p.leader != nullptr) p.leader->opening.push_back(p);
  return b;
}

/// No more records: it has its CRC and may leave.
void producer_core::close_batch(producer_partition& p) {
  producer_batch& b = *std::exchange(p.open, nullptr);
  --open_;
  static_cast<base::list_hook<opening_tag>&>(p).unlink();
  const auto finished = b.builder->finish();
  b.builder.reset();
  buffered_ -= b.charged - std::min(b.charged, b.bytes.size());
  b.charged = std::min(b.charged, b.bytes.size());
  if (!finished) note_given_up(p, finished.error());
  if (!finished || p.lost) return fail_batch(b, p.lost ? cause(p) : finished.error());
  // Sequences go round past the largest int32 (KIP-98).
  p.sequence = static_cast<int32_t>((int64_t{p.sequence} + b.records) & INT32_MAX);
  p.ready.push_back(b);
  enqueue(p);
}

void producer_core::deliver(producer_batch& b, int64_t base_offset, std::optional<base::error> why) {
  --unanswered_;
  buffered_ -= std::exchange(b.charged, 0);
  if (!why && (b.of->trouble.stands() || b.of->given_up.stands())) answer_trouble(*b.of);
  while (!b.waiters.empty()) {
    auto& waiter = static_cast<record_waiter&>(b.waiters.pop_front());
    if (why) {
      waiter.outcome = base::failure{*why};
    } else {
      waiter.outcome = base_offset < 0 ? int64_t{-1} : base_offset + waiter.index;
    }
    core_.make_ready(waiter);
  }
  changed_.wake_all();
  if (told_ == nullptr) return;
  told_->delivered({.topic = b.of->topic,
                    .partition = b.of->index,
                    .base_offset = base_offset,
                    .records = b.records,
                    .bytes = b.bytes.size(),
                    .tags = b.tags,
                    .why = why});
}

void producer_core::recycle(producer_batch& b) {
  b.bytes.clear();
  b.tags.clear();
  b.of = nullptr;
  idle_batches_.push_back(b);
}

// ---- what went wrong

/// What follows a batch that is gone for good fails of that one, whatever is said of itself.
void producer_core::note_trouble(producer_partition& p, base::error why) {
  if (!p.lost) p.trouble.note(why, core_.now());
  troubled_ = true;
}

void producer_core::note_given_up(producer_partition& p, base::error why) {
  p.given_up.note(why, core_.now());
  troubled_ = true;
}

/// By a batch that is there; but one that left before the trouble began does not end it.
void producer_core::answer_trouble(producer_partition& p) {
  p.given_up.clear();
  if (!p.recovering && !p.lost) p.trouble.clear();
  if (p.trouble.stands()) return;
  troubled_ = false;
  each_partition(
      [this](const producer_partition& o) { troubled_ = troubled_ || o.trouble.stands() || o.given_up.stands(); });
}

std::optional<base::error> producer_core::trouble() const noexcept {
  if (!troubled_) return std::nullopt;
  standing_error last;
  each_partition([&](const producer_partition& p) {
    if (p.trouble.later_than(last)) last = p.trouble;
    if (p.given_up.later_than(last)) last = p.given_up;
  });
  return last.why();
}

// ---- the clock

/// What was opened in this turn, or long enough ago, may leave.
void producer_core::at_turn_end() {
  base::instant next = base::instant::never();
  for (auto& n : nodes_) {
    pump(*n);
    if (n->opening.empty()) continue;
    // One that is due but waits for room leaves when an answer comes, not by the clock.
    const base::instant due_at = due(n->opening.front());
    if (due_at > core_.now()) next = std::min(next, due_at);
  }
  if (next != base::instant::never() && !(linger_.armed() && linger_.deadline() <= next)) core_.timers().arm(linger_, next);
}

// ---- waiting

task<result<int64_t>> producer_core::send(size_t topic, int32_t partition, record::new_record record) {
  record_waiter waiter;
  while (!add(topic, partition, record, 0, &waiter)) {
    if (closing_) co_return base::fail(base::errc::closed);
    co_await changed_.wait();
  }
  struct suspended {
    record_waiter& waiter;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) { waiter.caller = h; }
    void await_resume() const noexcept {}
  };
  co_await suspended{waiter};
  co_return waiter.outcome;
}

void producer_core::flush() {
  each_partition([this](producer_partition& p) {
    if (p.open != nullptr) close_batch(p);
  });
  core_.at_turn_end(*this);
}

task<void> producer_core::drain() {
  flush();
  while (unanswered_ > 0) co_await changed_.wait();
}

task<void> producer_core::close() {
  closing_ = true;
  each_partition([this](producer_partition& p) {
    if (p.open != nullptr) close_batch(p);
    while (!p.ready.empty()) fail_batch(p.ready.pop_front(), cause(p));
  });
  changed_.wake_all();
  while (flying_ > 0) co_await changed_.wait();
  co_await tasks_.close();
}

void producer_core::abandon() noexcept { tasks_.abandon(); }

}  // namespace millrace::client
