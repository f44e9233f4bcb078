#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/init_producer_id.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::init_producer_id_request;
using wire::kafka::init_producer_id_response;

/// What is wrong with a request, where it is not for an idempotent producer's first id. Without a transactional id what it
/// says of an id and an epoch that it had is not looked at, but for being both or none.
int16_t problem_of(const init_producer_id_request& asked) {
  if (asked.transactional_id && asked.transactional_id->empty()) return code::invalid_request;
  if ((asked.producer_id == -1) != (asked.producer_epoch == -1)) return code::invalid_request;
  // There are no transactions, and only this code keeps clients from waiting for them.
  if (asked.transactional_id) return code::transactional_id_authorization_failed;
  return code::none;
}

}  // namespace

/// KIP-98: a fresh producer id with epoch 0.
handled handle_init_producer_id(request_context& request) {
  CO_TRY(const init_producer_id_request asked,
         wire::kafka::decode<init_producer_id_request>(request.body, request.version, request.memory));
  init_producer_id_response answer;
  answer.producer_id = -1;
  answer.producer_epoch = -1;
  answer.error_code = problem_of(asked);
  if (answer.error_code == code::none) {
    const base::result<int64_t> id = co_await request.door.producer_ids().next();
    if (id) {
      answer.producer_id = *id;
      answer.producer_epoch = 0;
    } else {
      // As Kafka says it while a block of ids is on its way: every client tries again.
      answer.error_code = code::coordinator_load_in_progress;
    }
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
