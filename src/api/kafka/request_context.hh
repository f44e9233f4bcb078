#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "broker/group/parked_call.hh"
#include "reactor/task.hh"
#include "wire/kafka/arena.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/reader.hh"

/// One request of the kinds that are not Produce or Fetch: what a handler gets, and where its answer goes.

namespace millrace::api::kafka {

class connection;
class door;

/// The address that the client came in by: what Metadata tells it to use, where the node is one broker.
struct listener_address {
  std::string host;
  uint16_t port = 0;
  bool of_core = false;  ///< a core's own, where cores are brokers: what it is asked for is that core's share
};

/// What a request waits for that other clients decide. Its connection cuts that short when it ends.
class parked_slot {
 public:
  virtual ~parked_slot() = default;
  void begin(broker::parked_call& call) {
    call_ = &call;
    waits();
    if (hurried_) call.hurry();
  }
  void end() noexcept { call_ = nullptr; }
  void hurry() {
    hurried_ = true;
    if (call_ != nullptr) call_->hurry();
  }

 private:
  /// What was asked is in the call: the request's bytes may go, however long the wait.
  virtual void waits() = 0;

  broker::parked_call* call_ = nullptr;
  bool hurried_ = false;
};

struct request_context {
  kafka::door& door;
  const listener_address& advertised;
  int16_t key;
  int16_t version;
  int32_t correlation_id;
  std::string_view client_id;
  wire::kafka::reader body;  ///< stands at the request's body; its bytes live as long as this, or until it waits_for_others
  wire::kafka::arena& memory;    ///< for decoding and for building the answer; lives as long as this
  std::vector<uint8_t>& answer;  ///< the whole response frame
  connection* from = nullptr;    ///< null: none (a test's)
  parked_slot* parked = nullptr;

  /// Encodes the answer; call once.
  template <class Response>
  void respond(const Response& response) {
    answer.resize(wire::kafka::response_frame_size(version, response));
    wire::kafka::writer out(answer);
    wire::kafka::encode_response_frame(out, version, correlation_id, response);
  }
};

/// While it lives the request waits for this call. What was decoded from its bytes is gone from then on.
class waits_for_others {
 public:
  waits_for_others(request_context& request, broker::parked_call& call) : slot_(request.parked) {
    if (slot_ == nullptr) return;
    request.client_id = {};
    request.body = wire::kafka::reader({});
    request.memory.reset();
    slot_->begin(call);
  }
  ~waits_for_others() {
    if (slot_ != nullptr) slot_->end();
  }
  waits_for_others(const waits_for_others&) = delete;
  waits_for_others& operator=(const waits_for_others&) = delete;

 private:
  parked_slot* const slot_;
};

/// Handles one request: decodes, does the work, responds. A failure (bytes that do not decode, a version that is not
/// served) closes the connection, as Kafka does. The context outlives the task.
using handler = reactor::task<base::result<void>> (*)(request_context& request);

/// An API as this door serves it: the row of the one table that ApiVersions, dispatch and the README agree on.
struct served_api {
  int16_t key;
  int16_t min_version;
  int16_t max_version;
  handler handle;  ///< null for Produce and Fetch, which have exchanges of their own
};

/// The row of a key; null where it is not served.
const served_api* find_api(int16_t key);
/// All rows, by key.
std::span<const served_api> served_apis();

}  // namespace millrace::api::kafka
