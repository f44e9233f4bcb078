#include "workload/session_consumer.hh"

#include <algorithm>
#include <set>

namespace millrace::swarm {

namespace wk = wire::kafka;
using reactor::task;

namespace {
constexpr int16_t session_not_found = 70;
constexpr int16_t wrong_session_epoch = 71;
/// So many that none gives way to another.
constexpr uint32_t sessions_plenty = 1000;
}  // namespace

/// Some partitions of one topic or two, which a full fetch will name.
void session_consumer::begin_anew() {
  parts_.clear();
  for (int i = 0; i < 2; ++i) {
    const topic_ref t = model_.any_topic(random_);
    if (!t || std::any_of(parts_.begin(), parts_.end(), [&](const followed& f) { return f.topic == t; })) continue;
    for (size_t p = 0; p < t->partitions.size(); ++p) {
      if (!parts_.empty() && random_.chance(0.4)) continue;
      followed& f = parts_.emplace_back();
      f.topic = t;
      f.asked.partition = static_cast<int32_t>(p);
      f.asked.from = random_.chance(0.5) ? t->partitions[p].start.floor() : t->partitions[p].watermark.floor();
      f.asked.bytes_max = static_cast<int32_t>(1 + random_.below(1u << random_.between(8, 18)));
    }
  }
}

/// Another place, another limit.
void session_consumer::change_some() {
  for (followed& f : parts_) {
    if (!random_.chance(0.1)) continue;
    const partition_model& m = f.topic->partitions[static_cast<size_t>(f.asked.partition)];
    f.asked.from = random_.chance(0.1)
                       ? m.watermark.floor() + random_.between(1, 50)
                       : random_.between(std::min(m.start.floor(), m.watermark.floor()), m.watermark.floor());
    f.asked.bytes_max = static_cast<int32_t>(1 + random_.below(1u << random_.between(8, 18)));
    f.changed = true;
  }
}

/// Those that the request names, by topic; `parts` is their memory.
std::vector<wk::fetch_request_topic> session_consumer::topics_of(
    std::vector<std::vector<wk::fetch_request_partition>>& parts, bool all) {
  std::vector<wk::fetch_request_topic> topics;
  std::vector<const topic_model*> order;
  for (const followed& f : parts_) {
    if (!all && f.in_session && !f.changed) continue;
    if (order.empty() || order.back() != f.topic.get()) {
      order.push_back(f.topic.get());
      parts.emplace_back();
    }
    parts.back().push_back(
        {.partition = f.asked.partition, .fetch_offset = f.asked.from, .partition_max_bytes = f.asked.bytes_max});
  }
  for (size_t i = 0; i < order.size(); ++i) {
    topics.push_back({.topic = order[i]->name, .topic_id = {}, .partitions = {parts[i].data(), parts[i].size()}});
  }
  return topics;
}

/// The frame of the next fetch; `forgotten` are those that it takes out.
std::vector<uint8_t> session_consumer::ask(named& n, std::vector<followed>& forgotten) {
  n.version = static_cast<int16_t>(random_.between(options_.codecs ? 10 : 7, 12));
  n.full = id_ == 0 || out_of_step_ || random_.chance(0.03);
  const bool ends = n.full && random_.chance(0.1);
  n.epoch = n.full ? (ends ? -1 : 0) : ++epoch_;
  change_some();
  for (followed& f : parts_) {
    const partition_model& m = f.topic->partitions[static_cast<size_t>(f.asked.partition)];
    f.asked.floor = m.watermark.floor();
    f.asked.start_floor = m.start.floor();
  }
  std::vector<std::vector<wk::fetch_request_partition>> parts;
  std::vector<wk::fetch_request_topic> topics = topics_of(parts, n.full);
  std::vector<wk::fetch_request_forgotten_topic> gone;
  for (followed& f : forgotten) {
    gone.push_back({.topic = f.topic->name, .topic_id = {}, .partitions = {&f.asked.partition, 1}});
  }
  for (followed& f : parts_) {
    if (n.full) f.told_high = f.told_start = -1;
    f.in_session = true;
    f.changed = false;
  }
  const wk::fetch_request body{.max_wait_ms = static_cast<int32_t>(random_.chance(0.5) ? 0 : random_.below(1500)),
                               .min_bytes = static_cast<int32_t>(random_.below(1u << random_.between(0, 15))),
                               .max_bytes = static_cast<int32_t>(1 + random_.below(1u << random_.between(6, 20))),
                               .session_id = id_,
                               .session_epoch = n.epoch,
                               .topics = {topics.data(), topics.size()},
                               .forgotten_topics_data = {gone.data(), gone.size()}};
  n.since = on_.now();
  return link_.frame_of(body, n.version);
}

task<bool> session_consumer::fetch() {
  named n;
  std::vector<followed> forgotten;
  if (id_ != 0 && parts_.size() > 1 && random_.chance(0.05)) {
    const auto one = parts_.begin() + static_cast<std::ptrdiff_t>(random_.below(parts_.size()));
    if (one->in_session) forgotten.push_back(*one);
    parts_.erase(one);
  }
  std::vector<uint8_t> out = ask(n, forgotten);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("fetch within a session");
  if (!frame) co_return false;
  if (!look_at(n, std::move(*frame))) co_return false;
  const bool kept = id_ != 0 && !n.full && options_.server.door.fetch_sessions_max >= sessions_plenty;
  if (!kept || !random_.chance(0.02)) co_return true;
  const bool answered = co_await repeat(n);
  co_return answered;
}

/// The same epoch once more is refused, and changes nothing.
task<bool> session_consumer::repeat(named n) {
  const wk::fetch_request body{.session_id = id_, .session_epoch = n.epoch};
  std::vector<uint8_t> out = link_.frame_of(body, n.version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("a fetch of an old epoch");
  if (!frame) co_return false;
  const auto got = link_.read<wk::fetch_response>(std::move(*frame), n.version);
  if (!got) co_return false;
  if (got->body.error_code != wrong_session_epoch || got->body.responses.size() > 0) {
    model_.safety("errors_have_reason", "an old epoch is answered with " + std::to_string(got->body.error_code));
  }
  co_return true;
}

/// Hands an answer to the model. False: the connection is of no use.
bool session_consumer::look_at(const named& n, std::vector<uint8_t> frame) {
  const auto got = link_.read<wk::fetch_response>(std::move(frame), n.version);
  if (!got) return false;
  const wk::fetch_response& body = got->body;
  if (body.error_code != 0) return session_refused(n, body.error_code);
  if (n.full) {
    id_ = n.epoch == 0 ? body.session_id : 0;
    epoch_ = 0;
    sure_ = true;
    out_of_step_ = false;
    if (n.epoch != 0 && body.session_id != 0) model_.safety("answers_decode", "a session that was not asked for");
  } else if (body.session_id != id_) {
    model_.safety("answers_decode", "the answer of another session");
    return false;
  }
  bool something_told = false;
  std::set<const followed*> told;
  for (const auto& topic : body.responses) {
    for (const answered& p : topic.partitions) {
      const auto f = std::find_if(parts_.begin(), parts_.end(), [&](const followed& one) {
        return one.topic->name == topic.topic && one.asked.partition == p.partition_index;
      });
      if (f == parts_.end() || !told.insert(&*f).second) {
        model_.safety("answers_decode", "an answer for a partition that is not in the session, or a second one");
        return false;
      }
      if (look_at_partition(n, *f, p)) something_told = true;
    }
  }
  for (followed& f : parts_) {
    if (f.topic->live && f.told_high < 0 && !told.contains(&f)) {
      model_.safety("sessions_tell", "nothing is said of " + f.topic->name + "-" + std::to_string(f.asked.partition));
    }
  }
  judge_untold(n, something_told);
  return true;
}

/// Unknown after a start of the broker, on another core, and where there are few.
bool session_consumer::session_refused(const named& n, int16_t code) {
  const bool of_sessions = code == session_not_found || code == wrong_session_epoch;
  const bool due = !n.full && of_sessions && (!sure_ || options_.server.door.fetch_sessions_max < sessions_plenty);
  if (!due) model_.safety("errors_have_reason", "a fetch within a session is refused with " + std::to_string(code));
  id_ = 0;
  return true;
}

/// Whether it has records or an error.
bool session_consumer::look_at_partition(const named& n, followed& f, const answered& p) {
  if (!f.topic->live) return true;
  if (p.error_code != 0) {
    f.told_high = f.told_start = -1;
  } else {
    f.told_high = p.high_watermark;
    f.told_start = p.log_start_offset;
  }
  read_batches batches;
  fetched(*f.topic, f.asked, p, n.version, n.since, batches);
  if (p.error_code == 0) read_on(f, batches);
  return p.error_code != 0 || !batches.empty();
}

void session_consumer::read_on(followed& f, const read_batches& batches) {
  if (batches.empty() || random_.chance(0.1)) return;
  f.asked.from = batches.back().next;
  f.changed = true;
}

/// What the answer does not name is as it was told, and where it has no record and no error there was none to have. (What
/// it names has just been told.)
void session_consumer::judge_untold(const named& n, bool something_told) {
  for (const followed& f : parts_) {
    if (!f.topic->live || f.told_high < 0) continue;
    partition_model& m = f.topic->partitions[static_cast<size_t>(f.asked.partition)];
    model_.shown(m, f.asked.floor, f.told_high, link_.process());
    if (n.version >= 5) model_.started(*f.topic, m, f.asked.start_floor, f.told_start, on_.wall_clock());
    if (!something_told && f.asked.from < f.asked.floor) {
      model_.safety("sessions_tell", "records of " + m.name + " from " + std::to_string(f.asked.from) + " on are not told");
    }
  }
}

task<void> session_consumer::run() {
  while (go_on()) {
    if (!link_.connected()) sure_ = false;  // the next connection may be another core's, or another process's
    const bool connected = co_await ready();
    if (!connected) continue;
    const bool gone = std::any_of(parts_.begin(), parts_.end(), [](const followed& f) { return !f.topic->live; });
    if (gone || parts_.empty() || id_ == 0) {
      id_ = 0;
      begin_anew();
    }
    if (parts_.empty()) {
      co_await reactor::sleep(on_, base::milliseconds(5));
      continue;
    }
    const bool good = co_await fetch();
    if (!good) out_of_step_ = true;
    if (!good || random_.chance(0.03)) co_await link_.drop();
    co_await pause_up_to(options_.think_most);
  }
  co_await link_.drop();
}

}  // namespace millrace::swarm
