#pragma once

#include <string>
#include <utility>
#include <vector>

#include "millrace/client.hh"

/// admin: topics made and removed, and where logs begin and end.

namespace millrace::client {

struct new_topic {
  std::string name;
  int32_t partitions = 1;
  int16_t replication = 1;
  std::vector<std::pair<std::string, std::string>> configs;
};

/// What list_offsets() asks for; any other number is a time in ms.
inline constexpr int64_t latest = -1;
inline constexpr int64_t earliest = -2;

class admin {
 public:
  explicit admin(client& on) : client_(on) {}

  /// Errors: refused; message() then has the broker's words.
  reactor::task<base::result<void>> create_topic(new_topic topic);
  reactor::task<base::result<void>> delete_topic(std::string name);
  /// An offset for each partition. Errors: refused with the first code that a partition had.
  reactor::task<base::result<std::vector<int64_t>>> list_offsets(std::string topic, int64_t time);

  /// What the broker said beside its last refusal; often nothing.
  const std::string& message() const noexcept { return message_; }

 private:
  reactor::task<base::result<void>> list_of_node(const std::string* topic, int32_t node, int64_t time,
                                                 std::vector<int64_t>* offsets);
  client& client_;
  std::string message_;
};

}  // namespace millrace::client
