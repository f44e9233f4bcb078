#include "broker/catalog/admin_checks.hh"
#include "broker/catalog/controller.hh"

namespace millrace::broker {
namespace {

/// A request may make 10,000 topics, and each is checked with all its settings.
constexpr size_t checked_per_turn = 32;

std::vector<meta_change> to_put(const std::vector<stored_topic>& topics) {
  std::vector<meta_change> changes;
  for (const stored_topic& t : topics) changes.push_back({topic_key(t.name), encode_topic(t)});
  return changes;
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
controller::outcomes_task controller::in_turn(Change change) {
  while (changing_) co_await turns_.wait();
  changing_ = true;
  outcomes_task work = change();
  auto done = co_await std::move(work);
  changing_ = false;
  turns_.wake_one();
  co_return std::move(done);
}

template <class Change>
controller::outcomes_task controller::on_home(reactor::core& here, Change change) {
  auto run = [this, change = std::move(change)](reactor::core&) mutable {
    return in_turn(std::move(change));
  };
  auto done = co_await bounded_call(here, calls_of(here), home_.id(), *scope_, std::move(run));
  co_return std::move(done);
}

controller::outcomes_task controller::create_topics(reactor::core& here,
                                                    std::vector<new_topic> topics,
                                                    bool validate_only) {
  auto change = [this, topics = std::move(topics), validate_only]() mutable {
    return create_here(std::move(topics), validate_only);
  };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::delete_topics(reactor::core& here,
                                                    std::vector<base::uuid> ids) {
  auto change = [this, ids = std::move(ids)]() mutable { return delete_here(std::move(ids)); };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::create_partitions(reactor::core& here,
                                                        std::vector<partition_growth> growths,
                                                        bool validate_only) {
  auto change = [this, growths = std::move(growths), validate_only]() mutable {
    return grow_here(std::move(growths), validate_only);
  };
  return on_home(here, std::move(change));
}

controller::outcomes_task controller::alter_topics(reactor::core& here,
                                                   std::vector<topic_alteration> changes,
                                                   bool validate_only) {
  auto change = [this, changes = std::move(changes), validate_only]() mutable {
    return alter_here(std::move(changes), validate_only);
  };
  return on_home(here, std::move(change));
}

// ---- the changes, on core 0, one at a time

controller::outcomes_task controller::create_here(std::vector<new_topic> topics,
                                                  bool validate_only) {
  admin_outcomes outcomes(topics.size());
  if (partitions_asked(topics, options_.settings) > new_partitions_max) {
    for (admin_outcome& o : outcomes) {
      o.refuse(base::errc::policy_violation, "Excessively large number of partitions per request.");
    }
    co_return std::move(outcomes);
  }
  std::vector<stored_topic> drafts;
  for (size_t i = 0; i < topics.size(); ++i) {
    if (i % checked_per_turn == checked_per_turn - 1) co_await reactor::next_turn(home_);
    auto draft = check_new_topic(topics[i], new_id(), topics_, options_.settings, outcomes[i]);
    if (!draft) continue;
    drafts.push_back(*draft);
    // Names within one request collide with each other too.
    topics_.insert(std::move(*draft));
  }
  base::result<void> done;
  const bool change = !drafts.empty() && !validate_only;
  if (change) {
    std::vector<meta_change> entries = to_put(drafts);
    done = co_await put(std::move(entries));
  }
  if (change && done) {
    std::vector<known_log> wanted;
    for (const stored_topic& t : drafts) add_logs(*topics_.find(t.name), 0, wanted);
    done = co_await make_logs(std::move(wanted));
    if (!done) {
      // The catalog is taken back; if that fails too, the next start makes the partitions.
      std::vector<meta_change> back;
      for (const stored_topic& t : drafts) back.push_back({topic_key(t.name), std::nullopt});
      const auto taken_back = co_await put(std::move(back));
      if (!taken_back)
        home_.log().warn("broker", "a topic that could not be made stays in the catalog");
    }
  }
  if (!done || validate_only) {
    for (const stored_topic& t : drafts) topics_.take(t.name);
    if (!done) refuse_all(outcomes, done.error());
    co_return std::move(outcomes);
  }
  if (!drafts.empty()) co_await publish();
  for (const stored_topic& t : drafts) {
    home_.log().info("broker", "topic created", base::field("topic", t.name),
                     base::field("partitions", t.directories.size()));
  }
  co_return std::move(outcomes);
}

controller::outcomes_task controller::delete_here(std::vector<base::uuid> ids) {
  admin_outcomes outcomes(ids.size());
  std::vector<stored_topic> gone;
  std::vector<known_log> logs;
  for (size_t i = 0; i < ids.size(); ++i) {
    const topic_table::row* row = topics_.find(ids[i]);
    if (row == nullptr) {
      outcomes[i].refuse(base::errc::unknown_topic_id);
      continue;
    }
    outcomes[i].topic_id = ids[i];
    add_logs(*row, 0, logs);
    const std::string name = row->stored.name;
    topic_table::row taken = topics_.take(name);
    retired_.push_back(std::move(taken.info));
    gone.push_back(std::move(taken.stored));
  }
  if (gone.empty()) co_return std::move(outcomes);
  // First nobody sees it any more, then it is gone for good, then its data goes.
  co_await publish();
  std::vector<meta_change> changes;
  for (const stored_topic& t : gone) changes.push_back({topic_key(t.name), std::nullopt});
  const auto done = co_await put(std::move(changes));
  if (!done) {
    for (stored_topic& t : gone) topics_.insert(std::move(t));
    co_await publish();
    refuse_all(outcomes, done.error());
    co_return std::move(outcomes);
  }
  co_await remove_logs(std::move(logs));
  for (const stored_topic& t : gone)
    home_.log().info("broker", "topic deleted", base::field("topic", t.name));
  co_return std::move(outcomes);
}

controller::outcomes_task controller::grow_here(std::vector<partition_growth> growths,
                                                bool validate_only) {
  admin_outcomes outcomes(growths.size());
  std::vector<stored_topic> before;
  std::vector<stored_topic> after;
  for (size_t i = 0; i < growths.size(); ++i) {
    auto grown = check_growth(growths[i], topics_, options_.settings, outcomes[i]);
    if (!grown) continue;
    before.push_back(topics_.find(grown->name)->stored);
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
    add_logs(*topics_.find(after[i].name), before[i].directories.size(), wanted);
  }
  done = co_await make_logs(std::move(wanted));
  if (!done) {
    for (const stored_topic& t : before) retired_.push_back(topics_.replace(t));
    entries = to_put(before);
    const auto taken_back = co_await put(std::move(entries));
    if (!taken_back)
      home_.log().warn("broker", "partitions that could not be made stay in the catalog");
    refuse_all(outcomes, done.error());
  }
  co_await publish();
  co_return std::move(outcomes);
}

controller::outcomes_task controller::alter_here(std::vector<topic_alteration> changes,
                                                 bool validate_only) {
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
    add_logs(*topics_.find(t.name), 0, logs);
  }
  co_await configure_logs(std::move(logs));
  co_await publish();
  co_return std::move(outcomes);
}

}  // namespace millrace::broker
