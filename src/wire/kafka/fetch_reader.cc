#include "wire/kafka/fetch_reader.hh"

#include "wire/kafka/decoding.hh"
#include "wire/kafka/message.hh"
#include "wire/kafka/messages/fetch_walk.hh"

namespace millrace::wire::kafka {

namespace {
// The fewest bytes of an element in any version: name, count and tags; index, offset and size; an
// index.
constexpr size_t topic_bytes_min = 3;
constexpr size_t partition_bytes_min = 16;
constexpr size_t forgotten_partition_bytes_min = 4;
}  // namespace

base::result<fetch_reader> fetch_reader::open(const reader& in, int16_t version) {
  if (!has_version<fetch_request>(version)) return base::fail(base::errc::unsupported, version);
  fetch_reader request(in, version);
  fetch_request& settings = request.settings_;

  reader at = in;
  decoding w(at, nullptr, version, request.flexible());
  if (version <= 14) w.field(settings.replica_id);
  w.field(settings.max_wait_ms);
  w.field(settings.min_bytes);
  w.field(settings.max_bytes);
  w.field(settings.isolation_level);
  if (version >= 7) w.field(settings.session_id);
  if (version >= 7) w.field(settings.session_epoch);

  // One walk over the lists, on a copy of the cursor: where a list begins is known when the one
  // before has ended.
  fetch_topic topic;
  request.open_list(request.topics_, at);
  fetch_reader ahead = request;
  fetch_request_partition partition;
  while (ahead.next_topic(topic)) {
    request.partition_count_ += topic.partition_count;
    while (ahead.next_partition(partition)) {
    }
  }
  at = ahead.topics_.in;
  if (version >= 7) {
    request.open_list(request.forgotten_, at);
    ahead.forgotten_ = request.forgotten_;
    int32_t index = 0;
    while (ahead.next_forgotten_topic(topic)) {
      request.forgotten_partition_count_ += topic.partition_count;
      while (ahead.next_forgotten_partition(index)) {
      }
    }
    at = ahead.forgotten_.in;
  }
  if (version >= 11) w.field(settings.rack_id);
  constexpr fetch_request initial{};
  w.tags(known_tag(0, true, settings.cluster_id, initial.cluster_id),
         known_tag(1, version >= 15, settings.replica_state, initial.replica_state));
  if (!at.ok()) return at.failure();
  return request;
}

fetch_reader::fetch_reader(const reader& in, int16_t version) : version_(version), topics_{.in = in}, forgotten_{.in = in} {}

/// `which` begins at `in` with its count.
void fetch_reader::open_list(list& which, const reader& in) {
  which.in = in;
  which.count = which.topics_left = which.in.count(flexible(), topic_bytes_min);
}

/// Reads what stands before the partitions of the next topic. The partitions of the one before were
/// passed.
bool fetch_reader::enter_topic(list& which, fetch_topic& to, size_t partition_size) {
  if (which.inside_topic && flexible()) which.in.skip_tags();
  which.inside_topic = which.topics_left > 0 && which.in.ok();
  if (!which.inside_topic) return false;
  --which.topics_left;
  to = {};
  if (version_ >= 13) {
    to.topic_id = which.in.id();
  } else {
    to.topic = which.in.string(flexible());
  }
  to.partition_count = which.partitions_left = which.in.count(flexible(), partition_size);
  return which.in.ok();
}

bool fetch_reader::next_topic(fetch_topic& to) {
  fetch_request_partition skipped;
  while (next_partition(skipped)) {
  }
  return enter_topic(topics_, to, partition_bytes_min);
}

bool fetch_reader::next_partition(fetch_request_partition& to) {
  if (topics_.partitions_left == 0 || !topics_.in.ok()) return false;
  --topics_.partitions_left;
  to = {};
  decoding w(topics_.in, nullptr, version_, flexible());
  walk(w, to);
  return topics_.in.ok();
}

bool fetch_reader::next_forgotten_topic(fetch_topic& to) {
  int32_t skipped = 0;
  while (next_forgotten_partition(skipped)) {
  }
  return enter_topic(forgotten_, to, forgotten_partition_bytes_min);
}

bool fetch_reader::next_forgotten_partition(int32_t& to) {
  if (forgotten_.partitions_left == 0 || !forgotten_.in.ok()) return false;
  --forgotten_.partitions_left;
  to = forgotten_.in.number<int32_t>();
  return forgotten_.in.ok();
}

}  // namespace millrace::wire::kafka
