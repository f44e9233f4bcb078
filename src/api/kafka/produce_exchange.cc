#include "api/kafka/produce_exchange.hh"

#include <algorithm>
#include <span>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/named_once.hh"
#include "api/kafka/reply_buffer.hh"
#include "wire/kafka/produce_response_writer.hh"

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
/// Frames whose batches outlive the turn are copied; a kept copy above this is given back when the answer left.
constexpr size_t kept_bytes_max = 64 << 10;
/// The memory of a request that names more partitions is given back with it.
constexpr size_t kept_entries_max = 4096;
/// Parts of one work at most; an owner of more partitions gets several.
constexpr size_t work_parts_max = 1024;
constexpr size_t kept_works_max = 64;
}  // namespace

produce_exchange::produce_exchange(door& d) : door_(d) {}
produce_exchange::~produce_exchange() = default;

produce_exchange& produce_exchange::take(door& d, connection& c) {
  produce_exchange& e = d.produces().take();
  e.open(c);
  e.topic_count_ = 0;
  e.entries_.clear();
  e.next_ = 0;
  e.faults_.clear();
  e.work_count_ = 0;
  e.works_sent_ = 0;
  e.works_left_ = 1;
  return e;
}

base::result<produce_exchange::admission> produce_exchange::begin(base::mutable_bytes frame, frame_buffer* owner,
                                                                  const wk::request_header& header, const wk::reader& body) {
  version_ = header.request_api_version;
  correlation_id_ = header.correlation_id;
  auto request = wk::produce_reader::open(body, version_);
  if (!request) {
    acks_ = 0;
    set_ready();
    return request.failure();
  }
  frame_ = frame;
  frame_owner_ = owner;
  if (auto named = read_request(*request); !named) {
    acks_ = 0;
    set_ready();
    return named.failure();
  }
  if (admit_rest() != progress::through) {
    keep_frame();
    return admission::slow;
  }
  send_works();
  all_sent();
  return admission::done;
}

base::result<void> produce_exchange::read_request(wk::produce_reader& in) {
  if (in.topic_count() + in.partition_count() > request_parts_max) return base::fail(base::errc::too_large);
  acks_ = in.settings().acks;
  const bool transactional = in.settings().transactional_id.has_value();
  wk::produce_topic topic;
  wk::produce_request_partition_data partition;
  while (in.next_topic(topic)) {
    if (topic_count_ == topics_.size()) topics_.emplace_back();
    topic_entry& t = topics_[topic_count_];
    t.name.assign(topic.name);
    t.id = topic.topic_id;
    while (in.next_partition(partition)) {
      entry e{.topic = topic_count_, .index = partition.index};
      if (partition.records) {
        // The frame is ours to write: offsets, times and attributes are corrected in place.
        e.records = {const_cast<uint8_t*>(partition.records->data()), partition.records->size()};
      }
      if (acks_ < -1 || acks_ > 1) refuse(e, error_code(base::errc::invalid_required_acks));
      if (transactional) refuse(e, code::transactional_id_authorization_failed);
      entries_.push_back(e);
    }
    ++topic_count_;
  }
  name_once(topics_, topic_count_, entries_, order_, [](entry& first, const entry& last) { first.records = last.records; });
  return {};
}

void produce_exchange::send_works() {
  const size_t first = works_sent_;
  works_left_ += work_count_ - first;
  for (size_t i = first; i < work_count_; ++i) {
    owner_work& w = *works_[i];
    w.parts = {w.memory.get(), w.count};
    w.acks = acks_;
    // Another core copies later; so does ours where there is no room now.
    if (w.to != door_.on().id()) keep_frame();
  }
  works_sent_ = work_count_;
  for (size_t i = first; i < work_count_; ++i) {
    owner_work& w = *works_[i];
    for (size_t p = 0; p < w.count; ++p) w.parts[p].batch = entries_[w.entry_of[p]].records;
    door_.broker().send(w, w.to);
  }
  // What another core has is not looked at: its parts are that core's now, and their bytes were kept.
  for (size_t i = first; works_left_ > 1 && i < work_count_; ++i) {
    if (works_[i]->to == door_.on().id() && works_[i]->waits_with_bytes()) {
      keep_frame();
      break;
    }
  }
}

/// Moves the frame to memory that lives until the answer left, and every batch in it with it.
void produce_exchange::keep_frame() {
  if (frame_.empty()) return;
  uint8_t* target = nullptr;
  if (frame_owner_ != nullptr) {
    kept_owner_.emplace(std::move(*frame_owner_));
    target = frame_.data();
  } else {
    kept_.assign(frame_.begin(), frame_.end());
    target = kept_.data();
  }
  const uint8_t* from = frame_.data();
  const uint8_t* limit = from + frame_.size();
  auto moved = [&](const uint8_t* at) { return at >= from && at < limit ? target + (at - from) : nullptr; };
  for (entry& e : entries_) {
    uint8_t* at = moved(e.records.data());
    if (at != nullptr) e.records = {at, e.records.size()};
  }
  for (size_t i = 0; i < work_count_; ++i) {
    for (broker::append_part& part : works_[i]->parts) {
      const uint8_t* at = moved(part.batch.data());
      if (at != nullptr) part.batch = {at, part.batch.size()};
    }
  }
  frame_ = {};
  frame_owner_ = nullptr;
  note_held();
}

/// Beside its frame, where that has memory that is counted as a frame's.
void produce_exchange::note_held() {
  size_t own = kept_.size() + entries_.size() * (sizeof(entry) + sizeof(broker::append_part));
  for (const auto& made : rebuilt_) own += made.capacity();
  hold({.own = own});
}

void produce_exchange::work_settled() {
  if (--works_left_ > 0) return;
  frame_ = {};
  // Its bytes are in the logs: what waits for memory need not wait for this answer to leave.
  kept_owner_.reset();
  rebuilt_.clear();
  kept_.clear();
  note_held();
  set_ready();
}

produce_exchange::owner_work& produce_exchange::work_for(base::core_id owner, size_t* index) {
  for (size_t i = works_sent_; i < work_count_; ++i) {
    *index = i;
    if (works_[i]->to == owner && works_[i]->count < works_[i]->capacity) return *works_[i];
  }
  if (work_count_ == works_.size()) {
    works_.push_back(std::make_unique<owner_work>());
    works_.back()->of = this;
  }
  *index = work_count_;
  owner_work& w = *works_[work_count_++];
  w.to = owner;
  w.count = 0;
  w.parts = {};
  w.entry_of.clear();
  // Parts are linked into lists and do not move.
  const size_t wanted = std::min(entries_.size() - next_, work_parts_max);
  if (w.capacity < wanted) {
    w.capacity = wanted;
    w.memory = std::make_unique<broker::append_part[]>(w.capacity);
  }
  return w;
}

bool produce_exchange::owner_work::waits_with_bytes() const {
  for (const broker::append_part& part : parts) {
    if (!part.failed && part.next.value() < 0) return true;
  }
  return false;
}

// ---- the answer

void produce_exchange::write(reply_buffer& out) {
  if (acks_ == 0) {
    for (size_t i = 0; i < entries_.size(); ++i) settle_entry(entries_[i]);
    // There is no answer to put an error into: Kafka closes the connection.
    if (note_errors() > 0) of().abort("produce without acknowledgement failed");
    return;
  }
  wk::byte_counter counter;
  write_body(counter);
  const size_t body = counter.written();
  const size_t size = wk::response_frame_size(wk::produce_request::api_key, version_, body);
  wk::writer writer(out.append(size));
  wk::begin_response_frame(writer, wk::produce_request::api_key, version_, correlation_id_, body);
  write_body(writer);
  note_errors();
}

/// Counts the partitions that are answered with an error.
size_t produce_exchange::note_errors() {
  const auto failed = std::count_if(entries_.begin(), entries_.end(), [](const entry& e) { return e.error != 0; });
  counted().partition_errors += static_cast<uint64_t>(failed);
  return static_cast<size_t>(failed);
}

/// Takes over what the owner answered.
void produce_exchange::settle_entry(entry& e) {
  if (e.work == nowhere) return;
  const broker::append_part& part = works_[e.work]->parts[e.part];
  if (part.failed && e.error == 0) e.error = error_code(part.why);
}

template <class Sink>
void produce_exchange::write_body(Sink& sink) {
  const wk::produce_response head;
  wk::basic_produce_response_writer<Sink> w(sink, version_, head);
  const auto named = [](const topic_entry& t) { return t.partitions > 0; };
  const auto topics = std::span(topics_).first(topic_count_);
  w.begin(static_cast<size_t>(std::count_if(topics.begin(), topics.end(), named)));
  size_t at = 0;
  for (size_t t = 0; t < topic_count_; ++t) {
    if (!named(topics_[t])) continue;
    wk::produce_response_topic topic;
    topic.name = topics_[t].name;
    topic.topic_id = topics_[t].id;
    w.topic(topic, topics_[t].partitions);
    for (size_t p = 0; p < topics_[t].partitions; ++p) write_entry(w, entries_[at++]);
  }
  w.end();
}

template <class Writer>
void produce_exchange::write_entry(Writer& w, entry& e) {
  settle_entry(e);
  wk::produce_response_partition answer;
  answer.index = e.index;
  answer.error_code = e.error;
  answer.base_offset = -1;
  if (e.message != nullptr) answer.error_message = e.message;
  if (e.error == 0) {
    const broker::append_part& part = works_[e.work]->parts[e.part];
    answer.base_offset = part.first.value();
    // Of a repeat, the time at which the first copy was appended.
    answer.log_append_time_ms = e.append_time >= 0 && part.appended_at >= 0 ? part.appended_at : e.append_time;
    answer.log_start_offset = part.log_start.value();
  } else if (e.work != nowhere && e.error != code::corrupt_message) {
    answer.log_start_offset = works_[e.work]->parts[e.part].log_start.value();
  }
  wk::produce_response_batch_index_and_error_message errors[faults_answered_max];
  for (size_t i = 0; i < e.fault_count; ++i) {
    errors[i].batch_index = faults_[e.fault_begin + i].index;
    errors[i].batch_index_error_message = record::explain(faults_[e.fault_begin + i].why);
  }
  answer.record_errors = {errors, e.fault_count};
  w.partition(answer);
}

void produce_exchange::let_go() {
  kept_owner_.reset();
  rebuilt_.clear();
  if (entries_.capacity() > kept_entries_max || topics_.size() > kept_entries_max) {
    // {} would keep their memory.
    entries_ = decltype(entries_)();
    order_ = decltype(order_)();
    topics_ = decltype(topics_)();
    faults_ = decltype(faults_)();
  }
  if (works_.size() > kept_works_max) works_.clear();
  if (kept_.capacity() > kept_bytes_max) {
    kept_ = decltype(kept_)();
  } else {
    kept_.clear();
  }
  door_.produces().give_back(*this);
}

}  // namespace millrace::api::kafka
