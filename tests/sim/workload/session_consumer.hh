#pragma once

#include <string>
#include <vector>

#include "workload/workers.hh"

/// A client that follows partitions within a fetch session (KIP-227), as stock consumers do: it names what changes, and what
/// an answer does not name is as it was told before. That is held against what others know by then: a watermark that rose,
/// or records, must not stay untold.

namespace millrace::swarm {

class session_consumer final : public worker {
 public:
  using worker::worker;
  reactor::task<void> run() override;

 private:
  struct followed {
    topic_ref topic;
    asked_part asked;
    bool in_session = false;  ///< as the last request left it
    bool changed = false;     ///< since it was last named
    int64_t told_high = -1;   ///< -1: nothing, or an error
    int64_t told_start = -1;
  };
  struct named {
    int16_t version = 0;
    int32_t epoch = 0;
    bool full = false;
    base::instant since{};
  };
  using answered = wire::kafka::fetch_response_partition_data;

  void begin_anew();
  void change_some();
  std::vector<uint8_t> ask(named& n, std::vector<followed>& forgotten);
  std::vector<wire::kafka::fetch_request_topic> topics_of(
      std::vector<std::vector<wire::kafka::fetch_request_partition>>& parts, bool all);
  reactor::task<bool> fetch();
  bool look_at(const named& n, std::vector<uint8_t> frame);
  bool session_refused(const named& n, int16_t code);
  bool look_at_partition(const named& n, followed& f, const answered& p);
  void judge_untold(const named& n, bool something_told);
  void read_on(followed& f, const read_batches& batches);
  reactor::task<bool> repeat(named n);

  std::vector<followed> parts_;  ///< those of one topic together
  int32_t id_ = 0;               ///< 0: no session
  int32_t epoch_ = 0;            ///< of the last request within it
  bool sure_ = false;            ///< it was begun on this connection: the broker must know it
  bool out_of_step_ = false;     ///< an answer was lost: what the broker told is not what is known here
};

}  // namespace millrace::swarm
