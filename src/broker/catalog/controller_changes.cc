#include <algorithm>

#include "broker/catalog/admin_checks.hh"
#include "broker/catalog/controller.hh"
#include "broker/catalog/producer_ids.hh"

namespace millrace::broker {
namespace {

/// A request may make 10,000 topics, and each is checked with all its settings.
constexpr size_t checked_per_turn = 32;

std::vector<meta_change> to_put(const std::vector<stored_topic>& topics) {
  std::vector<meta_change> changes;
  changes.reserve(topics.size());
  for (const stored_topic& t : topics) changes.push_back({topic_key(t.id), encode_topic(t)});
  return changes;
}

std::vector<meta_change> to_put(const std::vector<topic_draft>& drafts) {
  std::vector<meta_change> changes;
  for (const topic_draft& d : drafts) {
    if (d.stream) changes.push_back({stream_key(d.stream->id), encode_stream(*d.stream)});
    changes.push_back({topic_key(d.topic.id), encode_topic(d.topic)});
  }
  return changes;
}

/// The same keys, removed.
std::vector<meta_change> taken_back(std::vector<meta_change> changes) {
  for (meta_change& c : changes) c.value = std::nullopt;
  return changes;
}

/// A topic as logs name it.
std::string text_of(const topic_info& topic) {
  return topic.kafka_name.empty() ? topic.stream->name + "/" + topic.topic_name : topic.kafka_name;
}

/// Every outcome that was fine so far fails.
void refuse_all(admin_outcomes& outcomes, base::error why) {
  for (admin_outcome& o : outcomes) {
    if (!o.error) o.refuse(why, "The change could not be carried out.");
  }
}

}  // namespace

// ---- taking turns

template <class Change>
std::invoke_result_t<Change&> controller::in_turn(Change change) {
  while (changing_) co_await turns_.wait();
  changing_ = true;
  auto work = change();
  auto done = co_await std::move(work);
  changing_ = false;
  turns_.wake_one();
  co_return std::move(done);
}

template <class Change>
std::invoke_result_t<Change&> controller::on_home(reactor::core& here, Change change) {
  auto run = [this, change = std::move(change)](reactor::core&) mutable { return in_turn(std::move(change)); };
  auto done = co_await bounded_call(here, calls_of(here), home_.id(), *scope_, std::move(run));
  co_return std::move(done);
}

controller::outcomes_task controller::create_topics(reactor::core& here, std::vector<new_topic> topics, bool validate_only) {
  auto change = [this, topics = std::move(topics), validate_only]() mutable {
    return create_here(std::move(topics), validate_only);
  };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::delete_topics(reactor::core& here, std::vector<base::uuid> ids) {
  auto change = [this, ids = std::move(ids)]() mutable { return delete_here(std::move(ids)); };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::create_streams(reactor::core& here, std::vector<std::string> names) {
  auto change = [this, names = std::move(names)]() mutable { return create_streams_here(std::move(names)); };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::delete_streams(reactor::core& here, std::vector<base::uuid> ids) {
  auto change = [this, ids = std::move(ids)]() mutable { return delete_streams_here(std::move(ids)); };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::create_partitions(reactor::core& here, std::vector<partition_growth> growths,
                                                        bool validate_only) {
  auto change = [this, growths = std::move(growths), validate_only]() mutable {
    return grow_here(std::move(growths), validate_only);
  };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::alter_topics(reactor::core& here, std::vector<topic_alteration> changes,
                                                   bool validate_only) {
  auto change = [this, changes = std::move(changes), validate_only]() mutable {
    return alter_here(std::move(changes), validate_only);
  };
  return on_home(here, std::move(change));
}

reactor::task<base::result<int64_t>> controller::take_producer_ids(reactor::core& here) {
  auto change = [this]() { return take_producer_ids_here(); };
  return on_home(here, std::move(change));
}

// ---- the changes, on core 0, one at a time

/// Where the put fails, the block may be durable all the same: then it is given to nobody.
reactor::task<base::result<int64_t>> controller::take_producer_ids_here() {
  const int64_t first = next_producer_id_;
  if (first > INT64_MAX - producer_ids_block) co_return base::fail(base::errc::no_space);
  std::vector<meta_change> changes;
  changes.push_back({std::string(producer_ids_key), encode_producer_ids(first + producer_ids_block)});
  const auto done = co_await put(std::move(changes));
  if (!done) co_return done.failure();
  next_producer_id_ = first + producer_ids_block;
  co_return first;
}

controller::outcomes_task controller::create_here(std::vector<new_topic> topics, bool validate_only) {
  admin_outcomes outcomes(topics.size());
  if (partitions_asked(topics, options_.settings) > new_partitions_max) {
    for (admin_outcome& o : outcomes) {
      o.refuse(base::errc::policy_violation, "Excessively large number of partitions per request.");
    }
    co_return std::move(outcomes);
  }
  std::vector<topic_draft> drafts;
  for (size_t i = 0; i < topics.size(); ++i) {
    if (i % checked_per_turn == checked_per_turn - 1) co_await reactor::next_turn(home_);
    auto draft = check_new_topic(topics[i], new_birth(), topics_, options_.settings, outcomes[i]);
    if (!draft) continue;
    // Names within one request collide with each other too.
    if (draft->stream) topics_.insert_stream(*draft->stream);
    topics_.insert(draft->topic);
    drafts.push_back(std::move(*draft));
  }
  base::result<void> done;
  const bool change = !drafts.empty() && !validate_only;
  if (change) {
    std::vector<meta_change> entries = to_put(drafts);
    done = co_await put(std::move(entries));
  }
  if (change && done) {
    std::vector<known_log> wanted;
    for (const topic_draft& d : drafts) add_logs(*topics_.find(d.topic.id), 0, wanted);
    done = co_await make_logs(std::move(wanted));
    if (!done) {
      std::vector<meta_change> back = taken_back(to_put(drafts));
      co_await put_back(std::move(back));
    }
  }
  if (!done || validate_only) {
    take_back(drafts);
    if (!done) refuse_all(outcomes, done.error());
    co_return std::move(outcomes);
  }
  if (!drafts.empty()) co_await publish();
  for (const topic_draft& d : drafts) {
    home_.log().info("broker", "topic created", base::field("topic", text_of(*topics_.find(d.topic.id)->info)),
                     base::field("partitions", d.topic.directories.size()));
  }
  co_return std::move(outcomes);
}

/// Out of the table, where no core has been shown them.
void controller::take_back(const std::vector<topic_draft>& drafts) {
  for (const topic_draft& d : drafts) topics_.take(d.topic.id);
  for (const topic_draft& d : drafts) {
    if (d.stream) topics_.take_stream(d.stream->id);
  }
}

controller::outcomes_task controller::delete_here(std::vector<base::uuid> ids) {
  admin_outcomes outcomes(ids.size());
  removal gone;
  for (size_t i = 0; i < ids.size(); ++i) {
    const topic_table::row* row = topics_.find(ids[i]);
    if (row == nullptr) {
      outcomes[i].refuse(base::errc::unknown_topic_id);
      continue;
    }
    if (row->info->internal) {
      outcomes[i].refuse(base::errc::invalid_topic, "The broker keeps its own data there.");
      continue;
    }
    outcomes[i].topic_id = ids[i];
    const base::uuid stream_id = outcomes[i].stream_id = row->stored.stream;
    take_topic(ids[i], gone);
    const topic_table::stream_row& stream = *topics_.find_stream(stream_id);
    if (stream.topics.empty() && stream.stored->origin == stream_origin::kafka_name) take_stream(stream_id, gone);
  }
  if (gone.topics.empty()) co_return std::move(outcomes);
  const auto done = co_await carry_out(std::move(gone));
  if (!done) refuse_all(outcomes, done.error());
  co_return std::move(outcomes);
}

controller::outcomes_task controller::create_streams_here(std::vector<std::string> names) {
  admin_outcomes outcomes(names.size());
  std::vector<base::uuid> made;
  std::vector<meta_change> entries;
  for (size_t i = 0; i < names.size(); ++i) {
    auto draft = check_new_stream(names[i], new_birth(), topics_, outcomes[i]);
    if (!draft) continue;
    made.push_back(draft->id);
    entries.push_back({stream_key(draft->id), encode_stream(*draft)});
    topics_.insert_stream(std::move(*draft));
  }
  if (made.empty()) co_return std::move(outcomes);
  const auto done = co_await put(std::move(entries));
  if (!done) {
    for (const base::uuid& id : made) topics_.take_stream(id);
    refuse_all(outcomes, done.error());
    co_return std::move(outcomes);
  }
  co_await publish();
  co_return std::move(outcomes);
}

controller::outcomes_task controller::delete_streams_here(std::vector<base::uuid> ids) {
  admin_outcomes outcomes(ids.size());
  removal gone;
  for (size_t i = 0; i < ids.size(); ++i) {
    const topic_table::stream_row* stream = topics_.find_stream(ids[i]);
    if (stream == nullptr) {
      outcomes[i].refuse(base::errc::unknown_stream);
      continue;
    }
    if (std::ranges::any_of(stream->topics, [](const auto& t) { return t.second.info->internal; })) {
      outcomes[i].refuse(base::errc::invalid_stream, "The broker keeps its own data there.");
      continue;
    }
    outcomes[i].stream_id = ids[i];
    while (!stream->topics.empty()) take_topic(stream->topics.begin()->second.stored.id, gone);
    take_stream(ids[i], gone);
  }
  if (gone.streams.empty()) co_return std::move(outcomes);
  const auto done = co_await carry_out(std::move(gone));
  if (!done) refuse_all(outcomes, done.error());
  co_return std::move(outcomes);
}

void controller::take_topic(base::uuid id, removal& gone) {
  topic_table::row taken = topics_.take(id);
  add_logs(taken, 0, gone.logs);
  gone.names.push_back(text_of(*taken.info));
  retired_.push_back(std::move(taken.info));
  gone.topics.push_back(std::move(taken.stored));
}

void controller::take_stream(base::uuid id, removal& gone) {
  retired_streams_.push_back(topics_.take_stream(id));
  gone.streams.push_back(*retired_streams_.back());
}

/// First nobody sees it any more, then it is gone for good, then its data goes.
reactor::task<base::result<void>> controller::carry_out(removal gone) {
  co_await publish();
  std::vector<meta_change> changes;
  changes.reserve(gone.topics.size() + gone.streams.size());
  for (const stored_topic& t : gone.topics) changes.push_back({topic_key(t.id), std::nullopt});
  for (const stored_stream& s : gone.streams) changes.push_back({stream_key(s.id), std::nullopt});
  const auto done = co_await put(std::move(changes));
  if (!done) {
    for (stored_stream& s : gone.streams) topics_.insert_stream(std::move(s));
    for (stored_topic& t : gone.topics) topics_.insert(std::move(t));
    co_await publish();
    co_return done;
  }
  co_await remove_logs(std::move(gone.logs));
  for (const std::string& name : gone.names) home_.log().info("broker", "topic deleted", base::field("topic", name));
  co_return base::result<void>();
}

controller::outcomes_task controller::grow_here(std::vector<partition_growth> growths, bool validate_only) {
  admin_outcomes outcomes(growths.size());
  std::vector<stored_topic> before;
  std::vector<stored_topic> after;
  for (size_t i = 0; i < growths.size(); ++i) {
    auto grown = check_growth(growths[i], topics_, options_.settings, outcomes[i]);
    if (!grown) continue;
    before.push_back(topics_.find(grown->id)->stored);
    after.push_back(std::move(*grown));
  }
  if (after.empty() || validate_only) co_return std::move(outcomes);
  std::vector<meta_change> entries = to_put(after);
  auto done = co_await put(std::move(entries));
  if (!done) {
    refuse_all(outcomes, done.error());
    co_return std::move(outcomes);
  }
  std::vector<known_log> wanted;
  for (size_t i = 0; i < after.size(); ++i) {
    retired_.push_back(topics_.replace(after[i]));
    add_logs(*topics_.find(after[i].id), before[i].directories.size(), wanted);
  }
  done = co_await make_logs(std::move(wanted));
  if (!done) {
    for (const stored_topic& t : before) retired_.push_back(topics_.replace(t));
    entries = to_put(before);
    co_await put_back(std::move(entries));
    refuse_all(outcomes, done.error());
  }
  co_await publish();
  co_return std::move(outcomes);
}

controller::outcomes_task controller::alter_here(std::vector<topic_alteration> changes, bool validate_only) {
  admin_outcomes outcomes(changes.size());
  std::vector<stored_topic> altered;
  for (size_t i = 0; i < changes.size(); ++i) {
    auto draft = check_alteration(changes[i], topics_, options_.settings, outcomes[i]);
    if (draft) altered.push_back(std::move(*draft));
  }
  if (altered.empty() || validate_only) co_return std::move(outcomes);
  std::vector<meta_change> entries = to_put(altered);
  const auto done = co_await put(std::move(entries));
  if (!done) {
    refuse_all(outcomes, done.error());
    co_return std::move(outcomes);
  }
  std::vector<known_log> logs;
  for (const stored_topic& t : altered) {
    retired_.push_back(topics_.replace(t));
    add_logs(*topics_.find(t.id), 0, logs);
  }
  co_await configure_logs(std::move(logs));
  co_await publish();
  co_return std::move(outcomes);
}

}  // namespace millrace::broker
