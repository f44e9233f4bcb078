#include "workload/offset_question.hh"

#include "wire/kafka/messages/offset_fetch.hh"

namespace millrace::swarm {

using namespace wire::kafka;

namespace {

/// From these versions on: an error of the whole, and all offsets by asking for no topic; several groups.
constexpr int16_t group_error_since = 2;
constexpr int16_t many_groups_since = 8;
/// Version 10 has topics by their ids.
constexpr int16_t version_most = 9;

template <class Topics>
void take(const Topics& topics, const std::vector<asked_offset>& asked, told_offsets& out) {
  for (const auto& t : topics) {
    for (const auto& p : t.partitions) {
      if (p.error_code != 0 && out.code == 0) out.code = p.error_code;
      for (size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].topic->name == t.name && asked[i].partition == p.partition_index) out.offsets[i] = p.committed_offset;
      }
    }
  }
}

}  // namespace

reactor::task<std::optional<told_offsets>> ask_offsets(client* link, const std::string* group,
                                                       const std::vector<asked_offset>* asked, base::prng* random) {
  const auto version = static_cast<int16_t>(random->between(1, version_most));
  const bool all = version >= group_error_since && random->chance(0.2);
  std::vector<offset_fetch_request_topic> old_topics;
  std::vector<offset_fetch_request_topics> topics;
  std::vector<int32_t> partitions;
  for (const asked_offset& a : *asked) partitions.push_back(a.partition);
  for (size_t i = 0; i < partitions.size(); ++i) {
    const std::string& name = (*asked)[i].topic->name;
    old_topics.push_back({.name = name, .partition_indexes = {&partitions[i], 1}});
    topics.push_back({.name = name, .topic_id = {}, .partition_indexes = {&partitions[i], 1}});
  }
  offset_fetch_request_group one{.group_id = *group};
  offset_fetch_request request;
  request.group_id = *group;
  request.groups = {&one, 1};
  if (!all) {
    request.topics = array<offset_fetch_request_topic>(old_topics.data(), old_topics.size());
    one.topics = array<offset_fetch_request_topics>(topics.data(), topics.size());
  }
  std::vector<uint8_t> out = link->frame_of(request, version);
  const bool sent = co_await link->send(std::move(out));
  if (!sent) co_return std::nullopt;
  auto frame = co_await link->receive("offset fetch");
  if (!frame) co_return std::nullopt;
  const auto got = link->read<offset_fetch_response>(std::move(*frame), version);
  if (!got) co_return std::nullopt;
  told_offsets told;
  told.offsets.assign(asked->size(), -1);
  if (version < many_groups_since) {
    told.code = got->body.error_code;
    take(got->body.topics, *asked, told);
  } else if (got->body.groups.size() == 1) {
    told.code = got->body.groups[0].error_code;
    take(got->body.groups[0].topics, *asked, told);
  }
  co_return told;
}

}  // namespace millrace::swarm
