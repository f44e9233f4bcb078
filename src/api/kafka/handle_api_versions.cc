#include <algorithm>

#include "api/kafka/advertised_brokers.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/api_versions.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::api_versions_request;
using wire::kafka::api_versions_response;
using wire::kafka::api_versions_response_version;

/// KIP-511: a letter or digit at both ends, letters, digits, '-' and '.' between.
bool is_software_word(std::string_view word) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (word.empty() || !alphanumeric(word.front()) || !alphanumeric(word.back())) return false;
  return std::ranges::all_of(word, [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

base::result<wire::kafka::array<api_versions_response_version>> all_versions(wire::kafka::arena& memory) {
  const auto served = served_apis();
  auto keys = memory.make_array<api_versions_response_version>(served.size());
  if (!keys) return keys;
  for (size_t i = 0; i < served.size(); ++i) {
    (*keys)[i] = {.api_key = served[i].key, .min_version = served[i].min_version, .max_version = served[i].max_version};
  }
  return keys;
}

/// A version that we do not know: the answer is in version 0, and names what we do know of this one
/// API (KIP-511).
base::result<void> answer_unknown_version(request_context& request) {
  const served_api& own = *find_api(api_versions_request::api_key);
  api_versions_response_version key{.api_key = own.key, .min_version = own.min_version, .max_version = own.max_version};
  api_versions_response answer;
  answer.error_code = code::unsupported_version;
  answer.api_keys = {&key, 1};
  request.version = 0;
  request.respond(answer);
  return {};
}

/// Whom a client believes to speak to, from version 5 on: a client that was led to another cluster or node starts
/// from its bootstrap servers again.
int16_t addressee_problem(request_context& request, const api_versions_request& asked) {
  if (asked.cluster_id.has_value() != (asked.node_id >= 0)) return code::invalid_request;
  if (!asked.cluster_id) return code::none;
  const bool ours = *asked.cluster_id == request.door.topics().cluster_id && asked.node_id == own_broker_id(request);
  return ours ? code::none : code::rebootstrap_required;
}

}  // namespace

handled handle_api_versions(request_context& request) {
  const served_api& own = *find_api(api_versions_request::api_key);
  if (request.version < own.min_version || request.version > own.max_version) {
    co_return answer_unknown_version(request);
  }
  CO_TRY(const api_versions_request asked,
         wire::kafka::decode<api_versions_request>(request.body, request.version, request.memory));
  api_versions_response answer;
  const bool named = request.version < 3 ||
                     (is_software_word(asked.client_software_name) && is_software_word(asked.client_software_version));
  answer.error_code = named ? addressee_problem(request, asked) : code::invalid_request;
  if (answer.error_code == code::none) {
    CO_TRY(answer.api_keys, all_versions(request.memory));
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
