#include "workload/group_remover.hh"

#include "wire/kafka/messages/delete_groups.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
/// Kafka's codes.
constexpr int16_t load_in_progress = 14;
constexpr int16_t coordinator_not_available = 15;
constexpr int16_t not_coordinator = 16;
constexpr int16_t non_empty_group = 68;
constexpr int16_t group_id_not_found = 69;

/// Members may have gone without a word, or the broker may just have started.
bool is_passing(int16_t code) {
  return code == non_empty_group || code == load_in_progress || code == coordinator_not_available || code == not_coordinator;
}
}  // namespace

task<bool> group_remover::ask(int16_t* code) {
  const auto version = static_cast<int16_t>(random_.between(0, 3));
  std::string_view name = group_->name;
  wire::kafka::delete_groups_request request;
  request.groups_names = {&name, 1};
  std::vector<uint8_t> out = link_.frame_of(request, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("delete groups");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::delete_groups_response>(std::move(*frame), version);
  if (!got || got->body.results.size() != 1) co_return false;
  *code = got->body.results[0].error_code;
  co_return true;
}

task<void> group_remover::run() {
  const base::instant limit = on_.now() + progress::bound;
  int16_t code = non_empty_group;
  bool good = co_await link_.connect();
  while (good && is_passing(code) && on_.now() < limit) {
    good = co_await ask(&code);
    if (good && is_passing(code)) co_await reactor::sleep(on_, base::milliseconds(500));
  }
  co_await link_.drop();
  if (code == 0) {
    group_->commits.deleted();
  } else if (code != group_id_not_found || !group_->commits.empty()) {
    model_.found.report(broken::liveness, "progress",
                        group_->name + " is not deleted after its members have gone: " + std::to_string(code));
  }
}

}  // namespace millrace::swarm
