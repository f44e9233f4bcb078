#include "base/assert.hh"
#include "client/kafka_code.hh"
#include "client/produce_frame.hh"
#include "client/producer_core.hh"
#include "wire/kafka/messages/produce.hh"

/// Batches into requests, and what comes of them.

namespace millrace::client {

namespace {

/// How many batches of one partition a broker remembers of a producer (Kafka: ProducerStateEntry).
constexpr size_t numbered_in_flight_max = 5;
/// Of Produce: topics have names up to here, ids after.
constexpr int16_t version_most = 12;

base::list_hook<sending_tag>& sending_hook(producer_partition& p) { return p; }

}  // namespace

bool producer_core::may_send(const producer_partition& p) const {
  if (p.ready.empty() || p.recovering || p.lost || p.leader == nullptr) return false;
  return !options_.idempotent || p.flying_count < numbered_in_flight_max;
}

void producer_core::enqueue(producer_partition& p) {
  if (may_send(p) && !sending_hook(p).linked()) p.leader->sending.push_back(p);
}

/// Sends as much as may be on the way.
void producer_core::pump(producer_node& n) {
  if (n.sending.empty() && n.opening.empty()) return;
  if (n.link == nullptr || !n.link->is_open()) return lose_node(n);
  while (n.in_flight < options_.in_flight) {
    if (n.sending.empty() && !close_those_due(n)) return;
    if (n.sending.empty()) continue;
    flight& f = gather(n);
    const base::result<void> sent = send_flight(f);
    if (!sent) {
      f.heard = true;
      for (producer_batch* b : f.batches) give_up(*b, sent.error());
      flight_ended(f);
    }
  }
}

/// Batches that have waited long enough for more records. False: there are none.
bool producer_core::close_those_due(producer_node& n) {
  size_t closed = 0;
  while (!n.opening.empty() && due(n.opening.front()) <= core_.now() && closed < options_.request_batches) {
    close_batch(n.opening.front());
    ++closed;
  }
  return closed > 0;
}

/// Takes the oldest batches of partitions of one topic, one of each.
producer_core::flight& producer_core::gather(producer_node& n) {
  if (idle_flights_.empty()) {
    flights_.push_back(std::make_unique<flight>(*this));
    idle_flights_.push_back(flights_.back().get());
  }
  flight& f = *idle_flights_.back();
  idle_flights_.pop_back();
  f.node = &n;
  f.heard = false;
  ++gatherings_;
  ++n.in_flight;
  ++flying_;
  size_t bytes = 0;
  while (!n.sending.empty() && f.batches.size() < options_.request_batches) {
    producer_partition& p = n.sending.front();
    producer_batch& b = p.ready.front();
    const bool fits = f.batches.empty() || (p.topic == f.batches[0]->of->topic && p.gathered != gatherings_ &&
                                            bytes + b.bytes.size() <= options_.request_bytes);
    if (!fits) break;
    bytes += b.bytes.size();
    p.gathered = gatherings_;
    sending_hook(p).unlink();
    b.unlink();
    p.flying.push_back(b);
    ++p.flying_count;
    ++p.in_requests;
    f.batches.push_back(&b);
    enqueue(p);
  }
  return f;
}

base::result<void> producer_core::send_flight(flight& f) {
  connection& link = *f.node->link;
  TRY(f.version, link.version_of(wire::kafka::produce_request::api_key, 3, version_most));
  const produce_frame frame{.version = f.version,
                            .acks = options_.acks,
                            .timeout = client_.options().request_timeout,
                            .topic = topics_[f.batches[0]->of->topic].name};
  size_t body = frame.head_size(f.batches.size()) + frame.tail_size();
  for (const producer_batch* b : f.batches) body += frame.partition_size(b->bytes.size());
  link.begin(f,
             {.key = wire::kafka::produce_request::api_key,
              .version = f.version,
              .timeout = client_.options().request_timeout,
              .answered = options_.acks != 0},
             body);
  frame.head(link, f.batches.size());
  for (const producer_batch* b : f.batches) frame.partition(link, b->of->index, b->bytes);
  frame.tail(link);
  link.end(f);
  return {};
}

// ---- what comes back

void producer_core::take_answer(flight& f, arrival& got) {
  f.heard = true;
  answer_memory_.reset();
  wire::kafka::reader in(got.body);
  const auto answer = wire::kafka::decode<wire::kafka::produce_response>(in, f.version, answer_memory_);
  if (!answer) {
    for (producer_batch* b : f.batches) give_up(*b, answer.error());
    return;
  }
  size_t heard = 0;
  for (const auto& topic : answer->responses) {
    for (const auto& p : topic.partition_responses) {
      // In the order of the request, as brokers answer; else it is looked for.
      size_t at = heard;
      if (at >= f.batches.size() || f.batches[at]->of->index != p.index) {
        for (at = 0; at < f.batches.size() && f.batches[at]->of->index != p.index;) ++at;
      }
      if (at == f.batches.size()) continue;
      note(*f.batches[at], p.error_code, p.base_offset);
      ++heard;
    }
  }
  if (heard == f.batches.size()) return;
  for (producer_batch* b : f.batches) {
    if (b->charged > 0 && !b->why) send_again(*b, base::fail(base::errc::malformed).what);
  }
}

void producer_core::note(producer_batch& b, int16_t code, int64_t base_offset) {
  if (code == code::none) return deliver(b, base_offset, {});
  if (code == code::duplicate_sequence) return deliver(b, -1, {});
  const base::error why = base::fail(base::errc::refused, code).what;
  // Behind one that failed, the others do not follow the last one that the broker has: no trouble of their own.
  if (code == code::out_of_order_sequence && b.of->recovering) {
    b.why = why;
  } else if (retriable(code)) {
    send_again(b, why);
  } else {
    give_up(b, why);
  }
}

void producer_core::send_again(producer_batch& b, base::error why) {
  b.why = why;
  b.of->recovering = true;
  note_trouble(*b.of, why);
}

void producer_core::give_up(producer_batch& b, base::error why) {
  if (options_.idempotent) {
    note_trouble(*b.of, why);
    b.of->lost = true;
  } else {
    note_given_up(*b.of, why);
  }
  deliver(b, -1, why);
}

void producer_core::flight_ended(flight& f) {
  if (!f.heard && options_.acks == 0) {
    for (producer_batch* b : f.batches) deliver(*b, -1, {});
  }
  producer_node& n = *f.node;
  --n.in_flight;
  --flying_;
  for (producer_batch* b : f.batches) come_back(*b);
  f.batches.clear();
  idle_flights_.push_back(&f);
  if (closing_) return changed_.wake_all();
  pump(n);
}

void producer_core::flight_failed(flight& f, base::error why) {
  f.heard = true;
  for (producer_batch* b : f.batches) send_again(*b, why);
  flight_ended(f);
}

/// One of a request that has ended: it is done, or waits until all of its partition that fly are back.
void producer_core::come_back(producer_batch& b) {
  producer_partition& p = *b.of;
  --p.in_requests;
  if (!b.why) {
    b.unlink();
    --p.flying_count;
    recycle(b);
  }
  if (!p.recovering && !p.lost) return enqueue(p);
  if (p.in_requests > 0) return;
  for (producer_batch& again : p.flying) again.why.reset();
  p.flying_count = 0;
  p.flying.splice_back(p.ready);
  p.ready.splice_back(p.flying);
  if (p.lost || closing_) {
    while (!p.ready.empty()) fail_batch(p.ready.pop_front(), cause(p));
  }
  expire_ready(p);
  if (p.recovering) lose_leader(p);
}

/// One that is in no request.
void producer_core::fail_batch(producer_batch& b, base::error why) {
  b.unlink();
  deliver(b, -1, why);
  recycle(b);
}

}  // namespace millrace::client
