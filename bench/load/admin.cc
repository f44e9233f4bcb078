#include "load/admin.hh"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "common/die.hh"
#include "common/machine.hh"

namespace millrace::bench {
namespace {

/// Kafka flushes a file for each partition that it makes: minutes for ten thousand on a slow disk.
constexpr base::duration patience = base::seconds(600);
constexpr int16_t api_list_offsets = 2;
constexpr int16_t api_metadata = 3;
constexpr int16_t api_create_topics = 19;
constexpr int16_t api_delete_topics = 20;
constexpr int16_t api_create_partitions = 37;
/// Kafka refuses more new partitions than this in one request (10,000 records of metadata, and a topic is one more).
constexpr int32_t partitions_per_request_max = 5000;
constexpr int16_t unknown_topic_or_partition = 3;
constexpr int16_t leader_not_available = 5;
constexpr int16_t not_leader = 6;
constexpr int16_t topic_already_exists = 36;

/// One blocking connection, one request at a time.
class session {
 public:
  explicit session(const address& where) : fd_(connect_to(where)) {}
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { close(fd_); }

  static writer begin(int16_t api, int16_t version) {
    writer w;
    w.put(int32_t{0}).put(api).put(version).put(int32_t{1}).text("raw_load");
    return w;
  }
  /// Sends the request; the reader stands behind the response's header and lives until the next
  /// call.
  reader call(writer request) {
    const auto frame = std::move(request).frame();
    must(send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL), "send");
    uint8_t length[4];
    receive(length, sizeof length);
    response_.resize(base::load_big<uint32_t>(length));
    receive(response_.data(), response_.size());
    reader r(response_);
    if (r.get<int32_t>() != 1) die("an answer to another request");
    return r;
  }

 private:
  void receive(uint8_t* target, size_t size) {
    const auto got = must(recv(fd_, target, size, MSG_WAITALL), "recv");
    if (static_cast<size_t>(got) != size) die("the broker closed the connection");
  }
  int fd_;
  std::vector<uint8_t> response_;
};

/// Adds partitions until there are `count`.
void grow_topic(session& broker, const settings& s, int32_t count) {
  writer w = session::begin(api_create_partitions, 1);
  w.put(int32_t{1}).text(s.topic).put(count).put(int32_t{-1}).put(int32_t{60000}).put(int8_t{0});
  reader r = broker.call(std::move(w));
  r.get<int32_t>();
  r.get<int32_t>();
  r.text();
  const auto error = r.get<int16_t>();
  const std::string message = r.text();
  if (error != 0) die("CreatePartitions: error {} {}", error, message);
}

/// Makes the topic, many partitions in steps; false where it exists already.
bool create_topic(session& broker, const settings& s) {
  const int32_t first = std::min(s.partitions, partitions_per_request_max);
  writer w = session::begin(api_create_topics, 4);
  w.put(int32_t{1}).text(s.topic).put(first).put(static_cast<int16_t>(s.replication_factor)).put(int32_t{0});
  w.put(static_cast<int32_t>(s.topic_configs.size()));
  for (const auto& [key, value] : s.topic_configs) w.text(key).text(value);
  w.put(int32_t{60000}).put(int8_t{0});
  reader r = broker.call(std::move(w));
  r.get<int32_t>();
  r.get<int32_t>();
  r.text();
  const auto error = r.get<int16_t>();
  const std::string message = r.text();
  if (error == topic_already_exists) return false;
  if (error != 0) die("CreateTopics: error {} {}", error, message);
  for (int32_t made = first; made < s.partitions;) {
    made = std::min(made + partitions_per_request_max, s.partitions);
    grow_topic(broker, s, made);
  }
  return true;
}

/// The leaders, or nothing while one is missing. `made`: by us just now.
topic_leaders ask_leaders(session& broker, const settings& s, bool made) {
  writer w = session::begin(api_metadata, 5);
  w.put(int32_t{1}).text(s.topic).put(int8_t{0});
  reader r = broker.call(std::move(w));
  r.get<int32_t>();
  std::vector<std::pair<int32_t, address>> brokers(static_cast<size_t>(r.get<int32_t>()));
  for (auto& [id, where] : brokers) {
    id = r.get<int32_t>();
    where.host = r.text();
    where.port = static_cast<uint16_t>(r.get<int32_t>());
    r.text();
  }
  r.text();
  r.get<int32_t>();
  if (r.get<int32_t>() != 1) return {};
  const auto topic_error = r.get<int16_t>();
  r.text();
  r.get<int8_t>();
  const auto count = r.get<int32_t>();
  // A broker may learn of partitions a while after they were made.
  if (topic_error != 0 || count == 0 || (made && count < s.partitions)) return {};
  if (count != s.partitions) die("topic {} has {} partitions, not {}", s.topic, count, s.partitions);
  topic_leaders leaders(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    const auto error = r.get<int16_t>();
    const auto index = r.get<int32_t>();
    const auto leader = r.get<int32_t>();
    r.skip_int32_array();
    r.skip_int32_array();
    r.skip_int32_array();
    const auto found = std::ranges::find(brokers, leader, &std::pair<int32_t, address>::first);
    if (error != 0 || found == brokers.end() || index < 0 || index >= count) return {};
    leaders[static_cast<size_t>(index)] = found->second;
  }
  return leaders;
}

/// One end of the log of each of these partitions: timestamp -2 asks for the first offset, -1 for
/// the next. Returns false where the broker does not lead one of them.
bool ask_offsets(session& broker, const settings& s, const std::vector<int32_t>& partitions, int64_t timestamp,
                 std::vector<log_ends>& ends, int64_t log_ends::*end) {
  writer w = session::begin(api_list_offsets, 1);
  w.put(int32_t{-1}).put(int32_t{1}).text(s.topic).put(static_cast<int32_t>(partitions.size()));
  for (const int32_t partition : partitions) w.put(partition).put(timestamp);
  reader r = broker.call(std::move(w));
  if (r.get<int32_t>() != 1) die("ListOffsets: an answer without its topic");
  r.text();
  for (auto count = r.get<int32_t>(); count > 0; --count) {
    const auto partition = static_cast<size_t>(r.get<int32_t>());
    const auto error = r.get<int16_t>();
    r.get<int64_t>();
    const auto offset = r.get<int64_t>();
    if (error == unknown_topic_or_partition || error == leader_not_available || error == not_leader) return false;
    if (error != 0 || partition >= ends.size()) die("ListOffsets: error {} for partition {}", error, partition);
    ends[partition].*end = offset;
  }
  return true;
}

/// The partitions of each leader.
std::vector<lane> by_leader(const topic_leaders& leaders) {
  std::vector<lane> brokers;
  for (size_t p = 0; p < leaders.size(); ++p) {
    auto found = std::ranges::find(brokers, leaders[p], &lane::leader);
    if (found == brokers.end()) found = brokers.insert(brokers.end(), lane{leaders[p], {}});
    found->partitions.push_back(static_cast<int32_t>(p));
  }
  return brokers;
}

}  // namespace

int connect_to(const address& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(where.host.c_str(), std::to_string(where.port).c_str(), &hints, &found);
  if (status != 0) die("{}: {}", where.host, gai_strerror(status));
  const int fd = must(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    die("{}:{}: {}", where.host, where.port, std::strerror(errno));
  }
  freeaddrinfo(found);
  const int one = 1;
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "TCP_NODELAY");
  return fd;
}

topic_leaders prepare_topic(const settings& s) {
  session broker(s.broker);
  const bool made = create_topic(broker, s);
  const base::instant deadline = now() + patience;
  while (now() < deadline) {
    topic_leaders leaders = ask_leaders(broker, s, made);
    if (!leaders.empty()) {
      list_ends(s, leaders);
      return leaders;
    }
    usleep(20000);
  }
  die("topic {} has no leaders after ten minutes", s.topic);
}

void delete_topic(const settings& s) {
  session broker(s.broker);
  writer w = session::begin(api_delete_topics, 1);
  w.put(int32_t{1}).text(s.topic).put(int32_t{60000});
  reader r = broker.call(std::move(w));
  r.get<int32_t>();
  r.get<int32_t>();
  r.text();
  const auto error = r.get<int16_t>();
  if (error != 0) die("DeleteTopics: error {}", error);
}

std::vector<log_ends> list_ends(const settings& s, const topic_leaders& leaders) {
  std::vector<log_ends> ends(leaders.size());
  const base::instant deadline = now() + patience;
  for (const lane& one : by_leader(leaders)) {
    session broker(one.leader);
    while (!ask_offsets(broker, s, one.partitions, -2, ends, &log_ends::begin) ||
           !ask_offsets(broker, s, one.partitions, -1, ends, &log_ends::limit)) {
      if (now() > deadline) die("the leaders of topic {} do not know of it after ten minutes", s.topic);
      usleep(20000);
    }
  }
  return ends;
}

std::vector<lane> deal_lanes(const topic_leaders& leaders, uint32_t count, bool sticky) {
  const std::vector<lane> brokers = by_leader(leaders);
  std::vector<lane> lanes(count);
  for (size_t i = 0; i < lanes.size(); ++i) {
    if (sticky) {
      const size_t p = i % leaders.size();
      lanes[i] = {leaders[p], {static_cast<int32_t>(p)}};
    } else {
      lanes[i] = brokers[i % brokers.size()];
      lanes[i].next = i / brokers.size() % lanes[i].partitions.size();
    }
  }
  return lanes;
}

}  // namespace millrace::bench
