#include <algorithm>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/produce_exchange.hh"
#include "record/batch_rebuild.hh"
#include "record/corrections.hh"
#include "record/verify.hh"

/// What a Produce request's batches are held against (Kafka: LogValidator), on the core that received them, and which
/// core gets them.

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
/// Larger batches that must be opened are opened in steps, with turns of others between.
constexpr size_t large_batch = 64 << 10;
constexpr base::duration step_time = base::microseconds(500);
constexpr size_t step_bytes = 64 << 10;
constexpr int16_t zstd_since = 7;

record::codec wanted_codec(broker::compression_type type, record::codec as_sent) {
  switch (type) {
    case broker::compression_type::producer: return as_sent;
    case broker::compression_type::uncompressed: return record::codec::none;
    case broker::compression_type::gzip: return record::codec::gzip;
    case broker::compression_type::snappy: return record::codec::snappy;
    case broker::compression_type::lz4: return record::codec::lz4;
    case broker::compression_type::zstd: return record::codec::zstd;
  }
  return as_sent;
}

}  // namespace

const broker::topic_info* produce_exchange::topic_of(const entry& e) const {
  const topic_entry& t = topics_[e.topic];
  return version_ >= 13 ? door_.topics().find(t.id) : door_.topics().find(std::string_view(t.name));
}

bool produce_exchange::admit_rest() {
  for (; next_ < entries_.size(); ++next_) {
    entry& e = entries_[next_];
    if (e.error != 0 || !look_at(e)) continue;
    if (is_slow(e)) return false;
    admit(e);
  }
  return true;
}

void produce_exchange::refuse(entry& e, int16_t error, const char* message) {
  if (e.error != 0) return;
  e.error = error;
  e.message = message;
}

void produce_exchange::refuse_records(entry& e, int16_t error, const char* message) {
  if (e.error != 0) return;
  refuse(e, error, message);
  e.records = {};  // a part without a batch is answered with the log's start
  hand_over(e, storage::crc_check::already_verified);
}

/// What can be said without opening the batch. False where that refuses it.
bool produce_exchange::look_at(entry& e) {
  const broker::topic_info* topic = topic_of(e);
  if (topic == nullptr || e.index < 0 || static_cast<size_t>(e.index) >= topic->partitions.size()) {
    refuse(e, error_code(base::errc::unknown_topic_or_partition));
    return false;
  }
  if (e.records.empty()) {
    refuse(e, code::invalid_record, "no records");
    return false;
  }
  const auto batch = record::batch_view::frame(e.records);
  if (!batch) {
    // What does not arrive whole is no batch: a request has one for each partition.
    const base::errc why = batch.error().code;
    const bool not_one = why == base::errc::invalid_record || why == base::errc::truncated;
    refuse(e, not_one ? code::invalid_record : code::corrupt_message);
    return false;
  }
  if (batch->size() != e.records.size()) {
    refuse(e, record::verify_crc(*batch) ? code::invalid_record : code::corrupt_message,
           "more than one batch for a partition");
    return false;
  }
  if (batch->is_transactional()) {
    refuse(e, code::transactional_id_authorization_failed);
    return false;
  }
  if (batch->size() > topic->config.max_message_bytes) {
    refuse(e, error_code(base::errc::too_large));
    return false;
  }
  const auto shape = record::verify_produced(*batch);
  if (!shape) {
    const char* why = record::explain(static_cast<record::check>(shape.error().place));
    record::verify_crc(*batch) ? refuse_records(e, code::invalid_record, why) : refuse(e, code::corrupt_message, why);
    return false;
  }
  if (batch->codec() == record::codec::zstd && version_ < zstd_since) {
    refuse(e, error_code(base::errc::unsupported_compression));
    return false;
  }
  if (batch->size() > topic->config.log.segment_bytes) {
    refuse(e, error_code(base::errc::record_list_too_large));
    return false;
  }
  return true;
}

bool produce_exchange::is_slow(const entry& e) const {
  if (e.records.size() <= large_batch) return false;
  const record::header_view header(e.records.data());
  const bool repacked = wanted_codec(topic_of(e)->config.compression, header.codec()) != header.codec();
  return repacked || (header.is_compressed() && door_.options().validate_compressed);
}

record::walk_rules produce_exchange::rules_for(const entry& e, const broker::topic_info& topic) {
  const record::header_view header(e.records.data());
  record::walk_rules rules = record::walk_rules::produced(header);
  rules.keys_required = topic.config.compacted;
  if (topic.config.timestamp_type == record::timestamp_type::create_time) {
    const base::unix_ms now = door_.on().wall_clock();
    if (topic.config.timestamp_before_max_ms < now) rules.timestamp_least = now - topic.config.timestamp_before_max_ms;
    if (topic.config.timestamp_after_max_ms < INT64_MAX - now) {
      rules.timestamp_most = now + topic.config.timestamp_after_max_ms;
    }
  }
  const size_t room = faults_.size();
  faults_.resize(room + faults_answered_max);
  rules.faults = {faults_.data() + room, faults_answered_max};
  return rules;
}

/// Opens, corrects and routes one batch at once.
void produce_exchange::admit(entry& e) {
  const broker::topic_info& topic = *topic_of(e);
  const auto batch = record::batch_view::frame(e.records);
  ASSERT(batch.ok());
  const record::codec target = wanted_codec(topic.config.compression, batch->codec());
  base::result<record::walk_summary> walked = record::walk_summary{};
  const bool opened = !batch->is_compressed() || door_.options().validate_compressed || target != batch->codec();
  e.fault_begin = faults_.size();
  if (opened) {
    const record::walk_rules rules = rules_for(e, topic);
    walked = record::walk_batch(*batch, rules, door_.unpacker(), topic.config.decompressed_bytes_max);
  }
  if (!conclude(e, walked, opened)) return;
  if (target != batch->codec()) {
    std::vector<uint8_t> repacked;
    // The CRC covers what the client sent; a batch of our making must not hide that it was wrong.
    if (!record::verify_crc(*record::batch_view::frame(e.records))) return refuse(e, code::corrupt_message);
    const auto done = record::rebuild(*record::batch_view::frame(e.records),
                                      {.codec = target, .decompressed_bytes_max = topic.config.decompressed_bytes_max},
                                      repacked);
    if (!done) return refuse(e, error_code(done.error()));
    rebuilt_.push_back(std::move(repacked));
    e.records = rebuilt_.back();
  }
  route(e);
}

/// Judges a walked batch and corrects its header. False where it is refused.
bool produce_exchange::conclude(entry& e, const base::result<record::walk_summary>& walked, bool opened) {
  const auto batch = record::batch_view::frame(e.records);
  const broker::topic_info& topic = *topic_of(e);
  const bool faulty = walked && walked->fault_count > 0;
  e.fault_count = faulty ? std::min<size_t>(walked->fault_count, faults_answered_max) : 0;
  faults_.resize(e.fault_begin + e.fault_count);
  if (!walked || faulty) {
    if (!record::verify_crc(*batch)) {
      e.fault_count = 0;
      refuse(e, code::corrupt_message);
    } else if (!walked) {
      const bool bounded = walked.error().code == base::errc::too_large;
      refuse_records(e, bounded ? error_code(walked.error()) : code::invalid_record,
                     record::explain(static_cast<record::check>(walked.error().place)));
    } else {
      refuse_records(e, error_code(walked->fault_code()), record::explain(faults_[e.fault_begin].why));
    }
    return false;
  }
  if (topic.config.timestamp_type == record::timestamp_type::log_append_time) {
    e.append_time = door_.on().wall_clock();
    record::set_log_append_time(e.records, e.append_time);
  } else if (opened) {
    record::correct_create_time(e.records, *walked);
  } else {
    record::correct_attributes(e.records);
  }
  return true;
}

void produce_exchange::route(entry& e) {
  const broker::partition_info& where = topic_of(e)->partitions[static_cast<size_t>(e.index)];
  // On its own core the copy computes the CRC; what travels is checked here, where its bytes are warm.
  storage::crc_check crc = storage::crc_check::compute;
  if (where.owner != door_.on().id()) {
    if (!record::verify_crc(*record::batch_view::frame(e.records))) return refuse(e, code::corrupt_message);
    crc = storage::crc_check::already_verified;
  }
  hand_over(e, crc);
}

void produce_exchange::hand_over(entry& e, storage::crc_check crc) {
  const broker::partition_info& where = topic_of(e)->partitions[static_cast<size_t>(e.index)];
  owner_work& w = work_for(where.owner, &e.work);
  e.part = w.count;
  broker::append_part& part = w.memory[w.count++];
  part.id = where.id;
  part.crc = crc;
  part.failed = false;
  part.first = part.next = part.log_start = base::offset{-1};
  w.entry_of.push_back(static_cast<size_t>(&e - entries_.data()));
}

// ---- large batches, in steps

reactor::task<void> produce_exchange::admit_slowly() {
  while (!admit_rest()) {
    entry* e = &entries_[next_];
    co_await admit_large(e);
    ++next_;
  }
  send_works();
}

reactor::task<void> produce_exchange::admit_large(entry* e) {
  const broker::topic_info* topic = topic_of(*e);
  const uint64_t bytes_max = topic->config.decompressed_bytes_max;
  const auto batch = record::batch_view::frame(e->records);
  e->fault_begin = faults_.size();
  const record::walk_rules rules = rules_for(*e, *topic);
  record::decompressor unpack;
  record::batch_walk walk(*batch, rules, unpack, bytes_max);
  base::result<bool> step = false;
  while (step && !*step) {
    const base::instant begin = door_.on().effects().clock();
    while (step && !*step && door_.on().effects().clock() - begin < step_time) step = walk.step(step_bytes);
    if (step && !*step) co_await reactor::next_turn(door_.on());
  }
  base::result<record::walk_summary> walked = walk.summary();
  if (!step) walked = step.failure();
  topic = topic_of(*e);
  if (topic == nullptr || static_cast<size_t>(e->index) >= topic->partitions.size()) {
    refuse(*e, error_code(base::errc::unknown_topic_or_partition));
    co_return;
  }
  if (!conclude(*e, walked, true)) co_return;
  const record::codec as_sent = record::header_view(e->records.data()).codec();
  const record::codec target = wanted_codec(topic->config.compression, as_sent);
  if (target != as_sent) {
    const bool done = co_await repack_large(e, target, bytes_max);
    if (!done) co_return;
    topic = topic_of(*e);
    if (topic == nullptr || static_cast<size_t>(e->index) >= topic->partitions.size()) {
      refuse(*e, error_code(base::errc::unknown_topic_or_partition));
      co_return;
    }
  }
  route(*e);
}

reactor::task<bool> produce_exchange::repack_large(entry* e, record::codec codec, uint64_t bytes_max) {
  const auto batch = record::batch_view::frame(e->records);
  if (!record::verify_crc(*batch)) {
    refuse(*e, code::corrupt_message);
    co_return false;
  }
  std::vector<uint8_t> repacked;
  record::decompressor unpack;
  record::compressor pack;
  const record::batch_rebuild::options how{.codec = codec, .decompressed_bytes_max = bytes_max};
  record::batch_rebuild rebuild(*batch, how, unpack, pack, repacked);
  base::result<bool> step = false;
  while (step && !*step) {
    const base::instant begin = door_.on().effects().clock();
    while (step && !*step && door_.on().effects().clock() - begin < step_time) step = rebuild.step(step_bytes);
    if (step && !*step) co_await reactor::next_turn(door_.on());
  }
  if (!step) {
    refuse(*e, error_code(step.error()));
    co_return false;
  }
  rebuilt_.push_back(std::move(repacked));
  e->records = rebuilt_.back();
  co_return true;
}

}  // namespace millrace::api::kafka
