#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/find_coordinator.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::find_coordinator_request;
using wire::kafka::find_coordinator_response;
using wire::kafka::find_coordinator_response_coordinator;

constexpr int8_t group_key = 0;
constexpr int8_t transaction_key = 1;
/// From this version on several keys are asked for at once (KIP-699).
constexpr int16_t many_keys_since = 4;

/// There are no groups yet, which clients wait out; and no transactions, where only a code that
/// they take as final keeps them from waiting until their time is up.
int16_t code_for(int8_t key_type) {
  switch (key_type) {
    case group_key:
      return code::coordinator_not_available;
    case transaction_key:
      return code::transactional_id_authorization_failed;
    default:
      return code::invalid_request;
  }
}

}  // namespace

handled handle_find_coordinator(request_context& request) {
  CO_TRY(const find_coordinator_request asked,
         wire::kafka::decode<find_coordinator_request>(request.body, request.version, request.memory));
  const int16_t why = code_for(asked.key_type);
  find_coordinator_response answer;
  if (request.version < many_keys_since) {
    answer.error_code = why;
    answer.node_id = -1;
    answer.port = -1;
  } else {
    CO_TRY(answer.coordinators,
           request.memory.make_array<find_coordinator_response_coordinator>(asked.coordinator_keys.size()));
    for (size_t i = 0; i < answer.coordinators.size(); ++i) {
      answer.coordinators[i] = {.key = asked.coordinator_keys[i],
                                .node_id = -1,
                                .host = {},
                                .port = -1,
                                .error_code = why,
                                .error_message = std::nullopt};
    }
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
