#include "broker/catalog/controller.hh"

#include <algorithm>
#include <map>

#include "broker/catalog/names.hh"
#include "reactor/call.hh"
#include "storage/layout.hh"

namespace millrace::broker {
namespace {

constexpr std::string_view cluster_key = "cluster.id";

/// Logs by the core that owns them.
std::map<base::core_id, std::vector<known_log>> by_owner(std::vector<known_log> logs) {
  std::map<base::core_id, std::vector<known_log>> out;
  for (known_log& l : logs) out[l.owner].push_back(std::move(l));
  return out;
}

std::vector<storage::log_id> ids_of(const std::vector<known_log>& logs) {
  std::vector<storage::log_id> ids;
  ids.reserve(logs.size());
  for (const known_log& l : logs) ids.push_back(l.id);
  return ids;
}

}  // namespace

controller::controller(reactor::core& home, controller_options options, meta_store& store)
    : home_(home),
      options_(std::move(options)),
      store_(store),
      topics_(options_.settings, options_.placement),
      turns_(home),
      scope_(std::make_unique<reactor::scope>(home)) {}

controller::~controller() = default;

// ---- life

reactor::task<base::result<void>> controller::load() {
  auto loaded = co_await store_.load();
  if (!loaded) co_return loaded.failure();
  revision_ = loaded->revision;
  // By key: a stream comes before the topics in it.
  for (const auto& [key, value] : loaded->entries) {
    const auto taken = load_entry(key, base::as_bytes(value));
    if (taken) continue;
    const bool foreign = taken.error().code == base::errc::foreign;
    home_.log().error(
        "broker",
        foreign ? "catalog was written by another version, which this one cannot read" : "catalog entry is not well-formed",
        base::field("key", key));
    co_return taken;
  }
  if (cluster_id_.empty()) {
    cluster_id_ = base::as_view(new_id().to_text());
    std::vector<meta_change> first;
    first.push_back({std::string(cluster_key), cluster_id_});
    const auto stored = co_await put(std::move(first));
    if (!stored) co_return stored;
  }
  co_return base::result<void>();
}

/// Errors: corrupt, foreign.
base::result<void> controller::load_entry(std::string_view key, base::bytes value) {
  if (key == cluster_key) {
    cluster_id_ = base::as_text(value);
    return {};
  }
  const parsed_key about = parse_key(key);
  switch (about.kind) {
    case key_kind::other:
      return base::fail(base::errc::foreign);
    case key_kind::producer_ids: {
      TRY(next_producer_id_, decode_producer_ids(value));
      return {};
    }
    case key_kind::stream: {
      TRY(stored_stream stream, decode_stream(about.id, value));
      if (topics_.find_stream(stream.name) != nullptr) return base::fail(base::errc::corrupt);
      topics_.insert_stream(std::move(stream));
      return {};
    }
    case key_kind::topic: {
      TRY(stored_topic topic, decode_topic(about.id, value));
      const topic_table::stream_row* stream = topics_.find_stream(topic.stream);
      if (stream == nullptr || stream->topics.contains(topic.name)) return base::fail(base::errc::corrupt);
      warn_of_settings(topic);
      topics_.insert(std::move(topic));
      return {};
    }
  }
  return base::fail(base::errc::foreign);
}

void controller::warn_of_settings(const stored_topic& topic) {
  if (is_internal_topic(topic.stem)) return;  // the broker's own choice
  for (const auto& [setting, text] : topic.overrides) {
    const std::string why = setting_problem(setting, text, options_.settings);
    if (why.empty()) continue;
    home_.log().warn("broker", "topic setting without effect", base::field("topic", topic.name), base::field("why", why));
  }
}

std::vector<known_log> controller::logs() const {
  std::vector<known_log> all;
  for (const auto& [stream_name, stream] : topics_.streams()) {
    for (const auto& [name, row] : stream.topics) add_logs(row, 0, all);
  }
  std::ranges::sort(all, {}, &known_log::id);
  return all;
}

reactor::task<base::result<void>> controller::start(std::vector<broker_core*> brokers, std::vector<catalog*> catalogs) {
  ASSERT(brokers.size() == options_.placement.cores() && catalogs.size() == brokers.size());
  brokers_ = std::move(brokers);
  catalogs_ = std::move(catalogs);
  note_leftovers();
  auto missing = co_await missing_logs();
  if (!missing) co_return missing.failure();
  if (!missing->empty()) {
    home_.log().info("broker", "making partitions that the last stop left unmade", base::field("count", missing->size()));
    const auto made = co_await make_logs(std::move(*missing));
    if (!made) co_return made;
  }
  co_await publish();
  co_return base::result<void>();
}

reactor::task<void> controller::stop() { co_await scope_->close(); }

void controller::abandon() noexcept { scope_->abandon(); }

/// Directories of logs that no topic has: a deletion was cut short, or they are somebody's.
void controller::note_leftovers() {
  const auto entries = home_.effects().list(options_.data_dir);
  if (!entries) return;
  for (const reactor::directory_entry& e : *entries) {
    if (!e.is_directory || !storage::layout::parse_log_directory(e.name) || topics_.has_directory(e.name)) continue;
    home_.log().warn("broker", "directory of no topic is left alone", base::field("directory", e.name));
    topics_.note_leftover(e.name);
  }
}

// ---- what changes are made of

base::uuid controller::new_id() { return base::uuid::from_random(home_.random().next(), home_.random().next()); }

birth controller::new_birth() {
  birth given;
  given.topic = new_id();
  given.stream = new_id();
  given.now = home_.wall_clock();
  return given;
}

void controller::add_logs(const topic_table::row& row, size_t first, std::vector<known_log>& out) {
  for (size_t p = first; p < row.stored.directories.size(); ++p) {
    const partition_info& partition = row.info->partitions[p];
    out.push_back({partition.id, row.stored.directories[p], row.info->config.log, partition.owner});
  }
}

reactor::task<base::result<void>> controller::put(std::vector<meta_change> changes) {
  changes.insert(changes.begin(), owed_.begin(), owed_.end());
  const auto done = co_await store_.put_if(revision_, std::move(changes));
  if (!done) {
    home_.log().error("broker", "catalog cannot be changed", base::field("error", done.error()));
    co_return done.failure();
  }
  revision_ = *done;
  owed_.clear();
  co_return base::result<void>();
}

/// Undoes what was put; where that fails, the next change does it. A crash before leaves what was put, and the next start
/// carries it out.
reactor::task<void> controller::put_back(std::vector<meta_change> changes) {
  std::vector<meta_change> copy = changes;
  const auto done = co_await put(std::move(copy));
  if (done) co_return;
  home_.log().warn("broker", "what could not be carried out stays in the catalog until its next change");
  owed_.insert(owed_.end(), changes.begin(), changes.end());
}

/// The partitions whose owners do not have them.
reactor::task<base::result<std::vector<known_log>>> controller::missing_logs() {
  std::vector<known_log> missing;
  std::vector<known_log> all = logs();
  for (auto& [owner, wanted] : by_owner(std::move(all))) {
    broker_core* there = brokers_[owner.value()];
    const std::vector<known_log>* asked = &wanted;
    auto look = [there, asked](reactor::core&) {
      std::vector<size_t> absent;
      for (size_t i = 0; i < asked->size(); ++i) {
        if (there->find((*asked)[i].id) == nullptr) absent.push_back(i);
      }
      return absent;
    };
    const std::vector<size_t> absent = co_await reactor::call_on(home_, owner, std::move(look));
    for (const size_t i : absent) missing.push_back(wanted[i]);
  }
  co_return std::move(missing);
}

/// Makes logs on their owners; where one core fails, those already made elsewhere are removed
/// again.
reactor::task<base::result<void>> controller::make_logs(std::vector<known_log> wanted) {
  std::vector<known_log> made;
  auto groups = by_owner(std::move(wanted));
  for (auto& [owner, group] : groups) {
    std::vector<storage::new_log> fresh;
    for (const known_log& l : group) fresh.push_back({l.id, l.directory, l.config});
    broker_core* there = brokers_[owner.value()];
    auto make = [there, fresh = std::move(fresh)](reactor::core&) mutable { return there->create(std::move(fresh)); };
    const auto done = co_await reactor::call_task_on(home_, owner, there->background(), std::move(make));
    if (!done) {
      home_.log().error("broker", "partitions cannot be made", base::field("directory", group.front().directory),
                        base::field("count", group.size()), base::field("error", done.error()));
      const base::failure why = done.failure();
      co_await remove_logs(std::move(made));
      co_return why;
    }
    for (known_log& l : group) made.push_back(std::move(l));
  }
  co_return base::result<void>();
}

/// Removes logs from their owners. A directory that cannot be removed is kept in mind: nobody gets
/// it again.
reactor::task<void> controller::remove_logs(std::vector<known_log> unwanted) {
  auto groups = by_owner(std::move(unwanted));
  for (auto& [owner, group] : groups) {
    broker_core* there = brokers_[owner.value()];
    auto remove = [there, ids = ids_of(group)](reactor::core&) mutable { return there->remove(std::move(ids)); };
    const auto done = co_await reactor::call_task_on(home_, owner, there->background(), std::move(remove));
    if (done) continue;
    home_.log().error("broker", "directories of a deleted topic stay", base::field("error", done.error()),
                      base::field("directory", group.front().directory));
    for (known_log& l : group) topics_.note_leftover(std::move(l.directory));
  }
}

reactor::task<void> controller::configure_logs(std::vector<known_log> changed) {
  auto groups = by_owner(std::move(changed));
  for (auto& [owner, group] : groups) {
    broker_core* there = brokers_[owner.value()];
    const std::vector<known_log>* logs = &group;
    auto configure = [there, logs](reactor::core&) {
      for (const known_log& l : *logs) {
        if (partition* p = there->find(l.id)) p->log().configure(l.config);
      }
    };
    co_await reactor::call_on(home_, owner, std::move(configure));
  }
}

/// Shows every core the topics as they are now; what only the old snapshot showed goes when nobody
/// has it any more.
reactor::task<void> controller::publish() {
  std::unique_ptr<snapshot> next = topics_.make_snapshot(cluster_id_);
  const snapshot* shown = next.get();
  for (uint32_t core = 0; core < catalogs_.size(); ++core) {
    catalog* there = catalogs_[core];
    auto show = [there, shown](reactor::core&) { there->set(shown); };
    co_await reactor::call_on(home_, base::core_id(core), std::move(show));
  }
  shown_ = std::move(next);
  retired_.clear();
  retired_streams_.clear();
}

}  // namespace millrace::broker
