#include <algorithm>

#include "wire/kafka/messages/offset_commit.hh"
#include "workload/member.hh"
#include "workload/member_ask.hh"

/// What a member commits of what it owns, and what it finds committed.

namespace millrace::swarm {

using reactor::task;
using namespace wire::kafka;

namespace {
constexpr int16_t unknown_topic_or_partition = 3;
/// OffsetCommit knows instance ids from this version on.
constexpr int16_t commit_instance_since = 7;
}  // namespace

/// What it owns it owns by name: of a topic that was made again, the new one.
void member::find_topics() {
  for (owned_partition& o : owned_) {
    if (o.topic->live) continue;
    const auto now = std::ranges::find(model_.topics, o.topic->name, [](const topic_ref& t) { return t->name; });
    if (now != model_.topics.end() && static_cast<size_t>(o.partition) < (*now)->partitions.size()) o.topic = *now;
  }
}

/// About that part of what it owns, of topics that are there: one at least, where there is one.
std::vector<asked_offset> member::some_of_mine(double part) {
  std::vector<asked_offset> some;
  find_topics();
  for (const owned_partition& o : owned_) {
    if (!o.topic->live || (!some.empty() && !random_.chance(part))) continue;
    some.push_back({.topic = o.topic, .partition = o.partition});
  }
  return some;
}

task<bool> member::commit(int32_t generation) {
  const int16_t v = version(instance_ && random_.chance(0.9) ? commit_instance_since : 2, 9);
  const std::vector<asked_offset> mine = some_of_mine(0.5);
  if (mine.empty()) co_return true;
  const std::string said(random_.below(40), 'm');
  std::vector<offset_commit_request_partition> partitions(mine.size());
  std::vector<offset_commit_request_topic> topics(mine.size());
  for (size_t i = 0; i < mine.size(); ++i) {
    partitions[i].partition_index = mine[i].partition;
    partitions[i].committed_offset = group_->commits.next(mine[i].of().name, random_.between(1, 5));
    partitions[i].committed_metadata = said;
    topics[i].name = mine[i].topic->name;
    topics[i].partitions = {&partitions[i], 1};
  }
  offset_commit_request request;
  request.group_id = group_->name;
  request.generation_id_or_member_epoch = generation;
  request.member_id = id_;
  request.group_instance_id = instance();
  request.topics = {topics.data(), topics.size()};
  const base::instant since = on_.now();
  const int32_t floor = group_->generations.floor(link_.process());
  commit_is_out_ = true;
  const auto got = co_await ask<offset_commit_response>(&request, v, "offset commit");
  if (!got) co_return false;
  commit_is_out_ = false;
  if (got->body.topics.size() != mine.size()) {
    model_.safety("answers_decode", "a commit's answer with other partitions than were committed");
    co_return false;
  }
  for (size_t i = 0; i < mine.size(); ++i) {
    const int16_t code = got->body.topics[i].partitions.size() == 1 ? got->body.topics[i].partitions[0].error_code : -1;
    if (code == 0) {
      group_->generations.read_in(link_.process());
      generations_rise::accepted(model_.found, group_->name, "OffsetCommit", generation, floor);
      if (mine[i].topic->live) group_->commits.acknowledged(mine[i].of(), partitions[i].committed_offset);
      ++model_.acked_commits;
    } else if (code != unknown_topic_or_partition || mine[i].topic->live) {
      refused_by_group("OffsetCommit", generation, code, since);
    }
  }
  co_return true;
}

task<bool> member::fetch() {
  std::vector<asked_offset> mine = some_of_mine(1);
  if (mine.empty()) {
    fetch_first_ = false;
    co_return true;
  }
  for (asked_offset& a : mine) a.floor = group_->commits.floor(a.of());
  const base::instant since = on_.now();
  const auto told = co_await ask_offsets(&link_, &group_->name, &mine, &random_);
  if (!told) co_return false;
  if (told->code != 0) {
    refused_by_group("OffsetFetch", generation_, told->code, since);
    co_return true;
  }
  group_->generations.read_in(link_.process());
  for (size_t i = 0; i < mine.size(); ++i) {
    if (!mine[i].topic->live) continue;
    group_->commits.fetched(model_.found, group_->name, mine[i].of(), mine[i].floor, told->offsets[i]);
  }
  fetch_first_ = false;
  co_return true;
}

}  // namespace millrace::swarm
