#include "api/kafka/advertised_brokers.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "broker/catalog/names.hh"
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

/// Makes `__consumer_offsets` where it is not there, and waits for it.
reactor::task<int16_t> make_offsets_topic(request_context& request) {
  if (request.door.topics().find(broker::consumer_offsets_topic) != nullptr) co_return code::none;
  std::vector<broker::new_topic> topics;
  topics.push_back({.name = std::string(broker::consumer_offsets_topic), .assignment = {}, .configs = {}});
  const auto made = co_await request.door.controller().create_topics(request.door.on(), std::move(topics), false);
  if (!made) co_return code::coordinator_not_available;
  const auto& error = made->front().error;
  const bool there = !error || error->code == base::errc::topic_exists;
  co_return there ? code::none : code::coordinator_not_available;
}

/// Of transactions there are none, and only a code that clients take as final keeps them from waiting for them.
int16_t refusal(int8_t key_type) {
  return key_type == transaction_key ? code::transactional_id_authorization_failed : code::invalid_request;
}

/// Kafka's words for the codes that are answered here.
std::string_view words_of(int16_t error) {
  switch (error) {
    case code::none:
      return "NONE";
    case code::coordinator_not_available:
      return "The coordinator is not available.";
    case code::transactional_id_authorization_failed:
      return "Transactional Id authorization failed.";
    case code::invalid_request:
      return "This most likely occurs because of a request being malformed by the client library or the message was sent to "
             "an incompatible broker. See the broker logs for more details.";
  }
  return "The server experienced an unexpected error when processing the request.";
}

/// Where many keys are asked for Kafka says why only of kinds that it does not know, and nothing, which is not null, of
/// others.
std::string_view message_of(int16_t error, int16_t version) {
  return version < many_keys_since || error == code::invalid_request ? words_of(error) : std::string_view("");
}

template <class Answer>
void point_to_coordinator(request_context& request, std::string_view group, int16_t error, Answer& out) {
  const auto owner = error == code::none ? coordinator_of(request.door, group) : std::nullopt;
  if (error == code::none && !owner) error = code::coordinator_not_available;  // the topic has just been deleted
  const advertised_broker found = owner ? broker_of(request, *owner) : advertised_broker();
  out.error_code = error;
  out.error_message = message_of(error, request.version);
  out.node_id = found.id;
  out.host = found.host;
  out.port = owner ? found.port : -1;
}

}  // namespace

handled handle_find_coordinator(request_context& request) {
  CO_TRY(const find_coordinator_request asked,
         wire::kafka::decode<find_coordinator_request>(request.body, request.version, request.memory));
  int16_t error = code::none;
  if (asked.key_type == group_key) {
    error = co_await make_offsets_topic(request);
  } else {
    error = refusal(asked.key_type);
  }
  find_coordinator_response answer;
  if (request.version < many_keys_since) {
    point_to_coordinator(request, asked.key, error, answer);
  } else {
    CO_TRY(answer.coordinators,
           request.memory.make_array<find_coordinator_response_coordinator>(asked.coordinator_keys.size()));
    for (size_t i = 0; i < answer.coordinators.size(); ++i) {
      answer.coordinators[i].key = asked.coordinator_keys[i];
      point_to_coordinator(request, asked.coordinator_keys[i], error, answer.coordinators[i]);
    }
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
