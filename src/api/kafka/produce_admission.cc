#include <algorithm>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/produce_exchange.hh"
#include "record/compression.hh"
#include "record/corrections.hh"
#include "record/verify.hh"

/// What a Produce request's batches are held against (Kafka: LogValidator), on the core that received them, and which
/// core gets them.

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
/// Batches that are opened and yield more are opened in steps, with turns of others between; plain ones are walked as fast
/// as their CRC is computed, and more of them are checked at once.
constexpr size_t opened_at_once = 64 << 10;
constexpr size_t plain_at_once = 1 << 20;
/// What an entry costs beside its bytes; and a byte that is opened, or packed, against one that is walked.
constexpr size_t entry_cost = 512;
constexpr size_t opening_cost = 4;
constexpr size_t packing_cost = 16;
constexpr int16_t zstd_since = 7;
constexpr int16_t topic_ids_since = 13;
}  // namespace

record::codec produce_exchange::wanted_codec(broker::compression_type type, record::codec as_sent) {
  switch (type) {
    case broker::compression_type::producer:
      return as_sent;
    case broker::compression_type::uncompressed:
      return record::codec::none;
    case broker::compression_type::gzip:
      return record::codec::gzip;
    case broker::compression_type::snappy:
      return record::codec::snappy;
    case broker::compression_type::lz4:
      return record::codec::lz4;
    case broker::compression_type::zstd:
      return record::codec::zstd;
  }
  return as_sent;
}

const broker::topic_info* produce_exchange::topic_of(const entry& e) const {
  const topic_entry& t = topics_[e.topic];
  return version_ >= topic_ids_since ? door_.topics().find(t.id) : door_.topics().find(std::string_view(t.name));
}

produce_exchange::progress produce_exchange::admit_rest() {
  for (; next_ < entries_.size(); ++next_) {
    entry& e = entries_[next_];
    if (e.error != 0) continue;
    const size_t cost = entry_cost + std::min(e.records.size(), plain_at_once);
    const reactor::core& on = door_.on();
    if (!of().checks().allows(on, cost) || !door_.checks().allows(on, cost)) return progress::next_turn;
    spend(cost);
    const broker::topic_info* topic = look_at(e);
    if (topic == nullptr) continue;
    if (!admit(e, *topic)) return progress::in_steps;
  }
  return progress::through;
}

void produce_exchange::spend(size_t cost) {
  of().checks().spend(cost);
  door_.checks().spend(cost);
}

void produce_exchange::refuse(entry& e, int16_t error, const char* message) {
  if (e.error != 0) return;
  e.error = error;
  e.message = message;
}

void produce_exchange::refuse_records(entry& e, const broker::topic_info& topic, int16_t error, const char* message) {
  if (e.error != 0) return;
  refuse(e, error, message);
  e.records = {};  // a part without a batch is answered with the log's start
  hand_over(e, topic, storage::crc_check::already_verified);
}

/// What can be said without opening the batch. The entry's topic, until the turn ends; null where it is refused.
const broker::topic_info* produce_exchange::look_at(entry& e) {
  const broker::topic_info* topic = topic_of(e);
  if (topic == nullptr || e.index < 0 || static_cast<size_t>(e.index) >= topic->partitions.size()) {
    const bool by_id = version_ >= topic_ids_since && topic == nullptr;
    refuse(e, error_code(by_id ? base::errc::unknown_topic_id : base::errc::unknown_topic_or_partition));
    return nullptr;
  }
  if (topic->internal) {
    refuse(e, code::invalid_topic, "the broker keeps its own data there");
    return nullptr;
  }
  if (e.records.empty()) {
    refuse(e, code::invalid_record, "no records");
    return nullptr;
  }
  const auto batch = record::batch_view::frame(e.records);
  if (!batch) {
    // What does not arrive whole is no batch: a request has one for each partition.
    const base::errc why = batch.error().code;
    const bool not_one = why == base::errc::invalid_record || why == base::errc::truncated;
    refuse(e, not_one ? code::invalid_record : code::corrupt_message);
    return nullptr;
  }
  if (batch->size() != e.records.size()) {
    refuse(e, record::verify_crc(*batch) ? code::invalid_record : code::corrupt_message,
           "more than one batch for a partition");
    return nullptr;
  }
  if (batch->is_transactional()) {
    refuse(e, code::transactional_id_authorization_failed);
    return nullptr;
  }
  if (batch->size() > batch_bytes_max(*topic)) {
    refuse(e, error_code(base::errc::too_large));
    return nullptr;
  }
  const auto shape = record::verify_produced(*batch);
  if (!shape) {
    const char* why = record::explain(static_cast<record::check>(shape.error().place));
    record::verify_crc(*batch) ? refuse_records(e, *topic, code::invalid_record, why)
                               : refuse(e, code::corrupt_message, why);
    return nullptr;
  }
  if (batch->codec() == record::codec::zstd && version_ < zstd_since) {
    refuse(e, error_code(base::errc::unsupported_compression));
    return nullptr;
  }
  if (batch->size() > topic->config.log.segment_bytes) {
    refuse(e, error_code(base::errc::record_list_too_large));
    return nullptr;
  }
  return topic;
}

/// What the topic allows and this node can hold.
uint64_t produce_exchange::batch_bytes_max(const broker::topic_info& topic) const {
  return std::min<uint64_t>(topic.config.max_message_bytes, door_.batch_bytes_max());
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
  } else if (header.timestamp_type() == record::timestamp_type::log_append_time) {
    rules.timestamp_least = INT64_MAX;  // whatever their times are: conclude() says why
  }
  const size_t room = faults_.size();
  faults_.resize(room + faults_answered_max);
  rules.faults = {faults_.data() + room, faults_answered_max};
  return rules;
}

/// Opens, corrects and routes one batch at once. False where that is too much for one turn: then nothing was done.
bool produce_exchange::admit(entry& e, const broker::topic_info& topic) {
  const auto batch = record::batch_view::frame(e.records);
  ASSERT(batch.ok());
  const record::codec target = wanted_codec(topic.config.compression, batch->codec());
  base::result<record::walk_summary> walked = record::walk_summary{};
  const bool opened = !batch->is_compressed() || door_.options().validate_compressed || target != batch->codec();
  const bool repacked = target != batch->codec();
  if (opened && batch->size() > (batch->is_compressed() || repacked ? opened_at_once : plain_at_once)) return false;
  if (repacked && topic.config.compression_level > record::levels_of(target).usual) return false;  // in a lane's steps
  e.fault_begin = faults_.size();
  if (opened && batch->is_compressed()) {
    const record::walk_rules rules = rules_for(e, topic);
    record::batch_walk walk(*batch, rules, door_.unpacker(), topic.config.decompressed_bytes_max);
    const auto step = walk.step(opened_at_once);
    spend(walk.walked() * opening_cost);
    // A larger window than this turn's decompressor may open: a lane has the last word.
    const bool larger = step ? !*step : step.error().code == base::errc::too_large;
    if (larger) {
      faults_.resize(e.fault_begin);
      return false;
    }
    walked = walk.summary();
    if (!step) walked = step.failure();
  } else if (opened) {
    const record::walk_rules rules = rules_for(e, topic);
    walked = record::walk_batch(*batch, rules, door_.unpacker(), topic.config.decompressed_bytes_max);
  }
  if (!conclude(e, topic, walked, opened)) return true;
  if (repacked) {
    if (!may_repack(e)) return true;
    std::vector<uint8_t> made;
    const auto done = record::rebuild(*record::batch_view::frame(e.records), how_to_repack(topic, target), door_.unpacker(),
                                      door_.packer(), made);
    spend(opened_at_once * packing_cost);
    if (!take_over(e, topic, done, std::move(made))) return true;
  }
  route(e, topic);
  return true;
}

/// The CRC covers what the client sent; a batch of our making must not hide that it was wrong.
bool produce_exchange::may_repack(entry& e) {
  if (record::verify_crc(*record::batch_view::frame(e.records))) return true;
  refuse(e, code::corrupt_message);
  return false;
}

record::batch_rebuild::options produce_exchange::how_to_repack(const broker::topic_info& topic, record::codec target) const {
  return {.codec = target,
          .level = topic.config.compression_level,
          .decompressed_bytes_max = topic.config.decompressed_bytes_max,
          .bytes_max = batch_bytes_max(topic)};
}

/// What was rebuilt is held against the topic's bounds as what was sent is. False where it is refused.
bool produce_exchange::take_over(entry& e, const broker::topic_info& topic, const base::result<void>& done,
                                 std::vector<uint8_t> made) {
  if (!done) {
    refuse(e, error_code(done.error()));
  } else if (made.size() > topic.config.log.segment_bytes) {
    refuse(e, error_code(base::errc::record_list_too_large));
  } else {
    rebuilt_.push_back(std::move(made));
    e.records = rebuilt_.back();
    note_held();
  }
  return e.error == 0;
}

/// Judges a walked batch and corrects its header. False where it is refused.
bool produce_exchange::conclude(entry& e, const broker::topic_info& topic, const base::result<record::walk_summary>& walked,
                                bool opened) {
  const auto batch = record::batch_view::frame(e.records);
  const bool faulty = walked && walked->fault_count > 0;
  e.fault_count = faulty ? std::min<size_t>(walked->fault_count, faults_answered_max) : 0;
  faults_.resize(e.fault_begin + e.fault_count);
  if (!walked || faulty) {
    if (!record::verify_crc(*batch)) {
      e.fault_count = 0;
      refuse(e, code::corrupt_message);
    } else if (!walked) {
      const bool bounded = walked.error().code == base::errc::too_large;
      refuse_records(e, topic, bounded ? error_code(walked.error()) : code::invalid_record,
                     record::explain(static_cast<record::check>(walked.error().place)));
    } else {
      refuse_records(e, topic, error_code(walked->fault_code()), record::explain(faults_[e.fault_begin].why));
    }
    return false;
  }
  if (topic.config.timestamp_type == record::timestamp_type::log_append_time) {
    // The times are the broker's to set; a producer that says it has done so is refused.
    if (batch->timestamp_type() == record::timestamp_type::log_append_time) {
      refuse_records(e, topic, error_code(base::errc::invalid_timestamp), record::explain(record::check::timestamp));
      return false;
    }
    e.append_time = door_.on().wall_clock();
    record::set_log_append_time(e.records, e.append_time);
  } else if (opened) {
    record::correct_create_time(e.records, *walked);
  } else {
    record::correct_attributes(e.records);
  }
  return true;
}

void produce_exchange::route(entry& e, const broker::topic_info& topic) {
  const broker::partition_info& where = topic.partitions[static_cast<size_t>(e.index)];
  // On its own core the copy computes the CRC; what travels is checked here, where its bytes are warm.
  storage::crc_check crc = storage::crc_check::compute;
  if (where.owner != door_.on().id()) {
    if (!record::verify_crc(*record::batch_view::frame(e.records))) return refuse(e, code::corrupt_message);
    crc = storage::crc_check::already_verified;
  }
  hand_over(e, topic, crc);
}

void produce_exchange::hand_over(entry& e, const broker::topic_info& topic, storage::crc_check crc) {
  const broker::partition_info& where = topic.partitions[static_cast<size_t>(e.index)];
  owner_work& w = work_for(where.owner, &e.work);
  e.part = w.count;
  broker::append_part& part = w.memory[w.count++];
  part.id = where.id;
  part.crc = crc;
  part.failed = false;
  part.first = part.next = part.log_start = base::offset{-1};
  w.entry_of.push_back(static_cast<size_t>(&e - entries_.data()));
}

}  // namespace millrace::api::kafka
