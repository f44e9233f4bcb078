#include "millrace/client.hh"

#include <arpa/inet.h>

#include <cstring>
#include <utility>

#include "client/call.hh"
#include "client/connection.hh"
#include "client/kafka_code.hh"
#include "millrace/version.hh"
#include "reactor/wait.hh"
#include "wire/kafka/messages/find_coordinator.hh"
#include "wire/kafka/messages/metadata.hh"

namespace millrace::client {

using base::result;
using reactor::task;
using namespace wire::kafka;

namespace {

bool is_numeric(const std::string& host) {
  uint8_t room[16];
  return inet_pton(AF_INET, host.c_str(), room) == 1 || inet_pton(AF_INET6, host.c_str(), room) == 1;
}

std::string text_of(const host_port& where) {
  const bool v6 = where.host.find(':') != std::string::npos;
  return (v6 ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

/// Of a topic that is there but not ready yet.
bool not_yet(int16_t code) { return code == code::leader_not_available || code == code::unknown_topic_or_partition; }

}  // namespace

std::string_view version() noexcept { return MILLRACE_VERSION; }

std::string describe(base::error why) {
  const auto number = static_cast<int16_t>(why.detail);
  switch (why.code) {
    case base::errc::refused:
      return "refused by the broker: " + std::string(kafka_name(number)) + " (" + std::to_string(number) + ")";
    case base::errc::io:
      return std::strerror(why.detail);
    case base::errc::timed_out:
      return "no answer in time";
    case base::errc::closed:
      return "the connection was closed";
    case base::errc::not_found:
      return "no address of the broker is known";
    case base::errc::malformed:
    case base::errc::truncated:
      return "the answer is not Kafka's protocol";
    case base::errc::unsupported:
      return "the broker does not offer API " + std::to_string(why.detail) + " in a version that is known here";
    default:
      return base::name_of(why.code);
  }
}

client::client(reactor::core& on, client_options options) : core_(on), options_(std::move(options)) {}
client::~client() = default;

result<std::string> client::numeric(const std::string& host) const {
  if (is_numeric(host)) return host;
  if (options_.resolve != nullptr) return options_.resolve(host);
  if (host == "localhost") return std::string("127.0.0.1");
  return base::fail(base::errc::not_found);
}

client::broker_place client::place_of(host_port named) const {
  result<std::string> host = numeric(named.host);
  return {.named = std::move(named), .numeric = host ? std::move(*host) : std::string()};
}

/// A name that does not resolve now keeps the address that it had.
void client::learn(int32_t node, host_port named) {
  broker_place found = place_of(std::move(named));
  broker_place& known = nodes_[node];
  if (found.numeric.empty() && found.named.host == known.named.host) found.numeric = known.numeric;
  known = std::move(found);
}

connection* client::link_to(const host_port& where, purpose what) {
  auto& link = links_[{where.host, where.port, what}];
  if (!link) {
    const connection_options how{.client_id = options_.client_id,
                                 .connect_timeout = options_.connect_timeout,
                                 .request_timeout = options_.request_timeout,
                                 .backoff_least = options_.backoff_least,
                                 .backoff_most = options_.backoff_most};
    link = std::make_unique<connection>(core_, broker_address{where.host, where.port}, how);
  }
  return link.get();
}

task<result<connection*>> client::reach(broker_place where, purpose what) {
  connection* link = where.numeric.empty() ? nullptr : link_to({where.numeric, where.named.port}, what);
  result<void> opened = base::fail(base::errc::not_found);
  if (link != nullptr) opened = co_await link->open();
  // Where we closed it ourselves, that says nothing about the broker.
  if (link == nullptr || !link->ended()) note_reach(link, where.named, opened.ok());
  if (!opened) co_return opened.failure();
  co_return link;
}

void client::note_reach(const connection* link, const host_port& named, bool open) {
  if (open && unreached_.empty()) return;
  std::string name = text_of(named);
  std::erase_if(unreached_, [&](const unreached& u) { return u.link != nullptr && u.link == link; });
  forget_unreached(name);
  if (!open) unreached_.push_back({.link = link, .name = std::move(name)});
}

void client::forget_unreached(const std::string& name) {
  std::erase_if(unreached_, [&](const unreached& u) { return u.name == name; });
}

const std::string& client::unreachable() const {
  static const std::string nothing;
  return unreached_.empty() ? nothing : unreached_.back().name;
}

task<result<void>> client::start() { co_return co_await ask_metadata(nullptr); }

task<void> client::close() {
  for (auto& [where, link] : links_) co_await link->close();
}

void client::abandon() noexcept {
  for (auto& [where, link] : links_) link->abandon();
}

/// Through the first bootstrap broker that answers.
task<result<connection*>> client::bootstrap() {
  base::failure last = base::fail(base::errc::invalid_argument);
  for (size_t i = 0; i < options_.bootstrap.size(); ++i) {
    broker_place where = place_of(options_.bootstrap[i]);
    result<connection*> link = co_await reach(std::move(where), purpose::data);
    if (link) {
      // Nobody goes back to those that were passed over.
      for (size_t j = 0; j < i; ++j) forget_unreached(text_of(options_.bootstrap[j]));
      co_return link;
    }
    last = link.failure();
  }
  co_return last;
}

task<result<connection*>> client::to(int32_t node) {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) co_return base::fail(base::errc::not_found, node);
  broker_place where = at->second;
  co_return co_await reach(std::move(where), purpose::data);
}

task<result<connection*>> client::any() {
  if (nodes_.contains(controller_)) {
    result<connection*> link = co_await to(controller_);
    if (link) co_return link;
  }
  co_return co_await bootstrap();
}

/// Of the cluster, and of a topic where one is named. That a connection has ended may show only when it is used: then once
/// more over a new one.
task<result<void>> client::ask_metadata(const std::string* topic) {
  result<void> asked = co_await ask_metadata_once(topic);
  if (!asked && connection_broke(asked.error())) asked = co_await ask_metadata_once(topic);
  co_return asked;
}

task<result<void>> client::ask_metadata_once(const std::string* topic) {
  CO_TRY(connection * link, co_await any());
  metadata_request_topic asked;
  if (topic != nullptr) asked.name = *topic;
  metadata_request request;
  request.topics = array<metadata_request_topic>(&asked, topic == nullptr ? 0 : 1);
  request.allow_auto_topic_creation = false;
  CO_TRY(const auto got, (co_await call<metadata_response, metadata_request>(link, &request, 12)));
  for (const metadata_response_broker& b : got.body.brokers) {
    learn(b.node_id, {std::string(b.host), static_cast<uint16_t>(b.port)});
  }
  controller_ = got.body.controller_id;
  cluster_id_ = got.body.cluster_id.value_or("");
  if (topic == nullptr) co_return result<void>();
  if (got.body.topics.size() != 1) co_return base::fail(base::errc::malformed);
  const metadata_response_topic& answer = got.body.topics[0];
  if (answer.error_code != code::none) co_return base::fail(base::errc::refused, answer.error_code);
  auto& known = topics_[*topic];
  if (!known) known = std::make_unique<topic_metadata>();
  known->name = *topic;
  known->partitions.assign(answer.partitions.size(), {});
  for (const metadata_response_partition& p : answer.partitions) {
    if (p.partition_index < 0 || static_cast<size_t>(p.partition_index) >= known->partitions.size()) {
      co_return base::fail(base::errc::malformed);
    }
    known->partitions[static_cast<size_t>(p.partition_index)] = {.leader = p.leader_id, .leader_epoch = p.leader_epoch};
  }
  for (const partition_metadata& p : known->partitions) {
    if (p.leader < 0) co_return base::fail(base::errc::refused, code::leader_not_available);
  }
  co_return result<void>();
}

task<result<void>> client::refresh_now(std::string name) { co_return co_await ask_metadata(&name); }

task<result<void>> client::refresh(std::string name) {
  const base::instant limit = core_.now() + options_.request_timeout;
  base::duration pause = options_.backoff_least;
  while (true) {
    const result<void> asked = co_await ask_metadata(&name);
    if (asked) co_return asked;
    const bool again = asked.error().code == base::errc::refused && not_yet(static_cast<int16_t>(asked.error().detail));
    if (!again || core_.now() + pause > limit) co_return asked;
    co_await reactor::sleep(core_, pause);
    pause = std::min(pause * 2, options_.backoff_most);
  }
}

task<result<const topic_metadata*>> client::topic(std::string name) {
  const topic_metadata* there = known(name);
  if (there == nullptr) {
    CO_TRY_CHECK(co_await refresh(name));
    there = known(name);
  }
  co_return there;
}

const topic_metadata* client::known(std::string_view name) const {
  const auto at = topics_.find(name);
  return at == topics_.end() ? nullptr : at->second.get();
}

result<int32_t> client::leader_of(std::string_view topic, int32_t partition) const {
  const topic_metadata* there = known(topic);
  const auto index = static_cast<size_t>(partition);
  if (there == nullptr || partition < 0 || index >= there->partitions.size()) {
    return base::fail(base::errc::refused, code::unknown_topic_or_partition);
  }
  const int32_t leader = there->partitions[index].leader;
  if (leader < 0) return base::fail(base::errc::refused, code::leader_not_available);
  return leader;
}

task<result<connection*>> client::coordinator(std::string group) {
  CO_TRY(connection * link, co_await any());
  std::string_view key = group;
  find_coordinator_request request;
  request.key = key;
  request.coordinator_keys = {&key, 1};
  CO_TRY(const auto got, (co_await call<find_coordinator_response, find_coordinator_request>(link, &request, 4)));
  int16_t code = got.body.error_code;
  host_port where{std::string(got.body.host), static_cast<uint16_t>(got.body.port)};
  if (!got.body.coordinators.empty()) {
    const auto& one = got.body.coordinators[0];
    code = one.error_code;
    where = {std::string(one.host), static_cast<uint16_t>(one.port)};
  }
  if (code != code::none) co_return base::fail(base::errc::refused, code);
  broker_place there = place_of(std::move(where));
  co_return co_await reach(std::move(there), purpose::groups);
}

}  // namespace millrace::client
