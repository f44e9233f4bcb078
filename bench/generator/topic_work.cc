#include <fmt/format.h>

#include "generator/progress.hh"
#include "millrace/admin.hh"

namespace millrace::generator {

using base::result;
using reactor::task;

namespace {

constexpr int topic_exists = 36;
constexpr int unknown_topic = 3;

}  // namespace

task<result<void>> prepare_topic_at(client::client* cluster, const settings* s, outcome* out, std::string* words) {
  out->cluster_id = cluster->cluster_id();
  out->nodes = cluster->nodes();
  client::admin asking(*cluster);
  if (s->produces()) {
    client::new_topic topic{
        .name = s->topic, .partitions = s->partitions, .replication = s->replication, .configs = s->topic_configs};
    const result<void> created = co_await asking.create_topic(std::move(topic));
    const bool exists = !created && created.error() == base::fail(base::errc::refused, topic_exists).what;
    out->topic_made = !exists;
    if (!created && !exists) {
      *words = fmt::format("topic {}{}{}: ", s->topic, asking.message().empty() ? "" : ": ", asking.message());
      co_return created;
    }
  }
  const auto known = co_await cluster->topic(s->topic);
  if (!known) {
    *words = fmt::format("topic {}: ", s->topic);
    co_return known.failure();
  }
  out->partitions = (*known)->partitions.size();
  co_return result<void>();
}

task<result<void>> list_offsets_at(client::client* cluster, const settings* s, int64_t time, std::vector<int64_t>* to) {
  client::admin asking(*cluster);
  auto got = co_await asking.list_offsets(s->topic, time);
  if (!got) co_return got.failure();
  *to = std::move(*got);
  co_return result<void>();
}

task<result<void>> remove_topic_at(client::client* cluster, const settings* s) {
  client::admin asking(*cluster);
  const result<void> gone = co_await asking.delete_topic(s->topic);
  if (!gone && gone.error() == base::fail(base::errc::refused, unknown_topic).what) co_return result<void>();
  co_return gone;
}

}  // namespace millrace::generator
