#include "server/config_table.hh"

#include <algorithm>
#include <array>

#include "base/limits.hh"
#include "server/config_cleaner_rows.hh"
#include "server/config_group_rows.hh"
#include "server/config_http_rows.hh"
#include "server/config_log_rows.hh"

namespace millrace::server {
namespace {

constexpr int64_t int32_most = std::numeric_limits<int32_t>::max();
constexpr auto ms = unit::milliseconds;
constexpr auto us = unit::microseconds;
constexpr auto size = unit::bytes;
constexpr auto ours = owner::millrace;
constexpr auto live = reload::live;

constexpr std::string_view codecs[] = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"};
constexpr std::string_view acks[] = {"durable", "memory"};
constexpr std::string_view sends[] = {"auto", "copy", "zerocopy"};
constexpr std::string_view cold_reads[] = {"auto", "direct", "splice"};
constexpr std::string_view levels[] = {"debug", "info", "warn", "error"};

constexpr std::string_view node = "The node and who reaches it";
constexpr std::string_view machine = "The machine";
constexpr std::string_view requests = "Connections and requests";
constexpr std::string_view topics = "Topics";
constexpr std::string_view durability = "Durability and placement";
constexpr std::string_view tuning = "Commit log and reactor";
constexpr std::string_view logging = "Lines on stderr";

constexpr auto rows_before_groups = std::to_array<row>({
    {.name = "node.id",
     .initial = "1",
     .where = &config::node_id,
     .most = int32_most,
     .section = node,
     .about = "Kafka's id of this broker."},
    {.name = "listeners",
     .initial = "PLAINTEXT://127.0.0.1:9092",
     .where = &config::listeners,
     .about = "Addresses to serve, as NAME://host:port; without encryption whatever the name. "
              "0.0.0.0 and [::] need an advertised address, and every address that is not "
              "loopback needs allow.unauthenticated = true. Port 0 takes a free one."},
    {.name = "advertised.listeners",
     .initial = "",
     .where = &config::advertised_listeners,
     .about = "Addresses that clients are told, by the name of their listener. Empty: the "
              "listeners."},
    {.name = "core_listeners.enable",
     .initial = "false",
     .where = &config::core_listeners_enable,
     .owner = ours,
     .about = "Whether each core is a broker of its own to Kafka's clients, with the id 1000 x node.id + core and a port of "
              "its own: they then connect to the core that owns a partition. listeners serve to find them."},
    {.name = "core_listeners.port",
     .initial = "9192",
     .where = &config::core_listeners_port,
     .most = 65535,
     .owner = ours,
     .about = "Port of the first core, on the host of the first of listeners; each further core has the next one. 0 takes "
              "free ones."},
    {.name = "core_listeners.advertised_host",
     .initial = "",
     .where = &config::core_listeners_advertised_host,
     .owner = ours,
     .about = "Host that clients are told for the cores. Empty: that of the first of listeners."},
    {.name = "allow.unauthenticated",
     .initial = "false",
     .where = &config::allow_unauthenticated,
     .owner = ours,
     .about = "Lets a listener accept connections from other machines although nobody has to "
              "say who they are."},
    {.name = "broker.rack", .initial = "", .where = &config::broker_rack, .about = "The rack that clients are told."},

    {.name = "log.dirs",
     .initial = "millrace-data",
     .where = &config::log_dirs,
     .section = machine,
     .about = "The one directory of the data, made if missing. Flag: --data-dir."},
    {.name = "cores",
     .initial = "all",
     .where = &config::cores,
     .word = "all",
     .owner = ours,
     .about = "CPUs, as taskset writes them (0-3,6); each gets one pinned reactor. all: those "
              "that the process may use."},
    {.name = "memory",
     .initial = "auto",
     .where = &config::memory,
     .unit = size,
     .least = 64 * base::mib,
     .word = "auto",
     .owner = ours,
     .about = "Bound of the process's memory. auto: a quarter of the machine's, at most 4GiB, but 64MiB a core up to half "
              "of it."},

    {.name = "max.connections",
     .initial = "2147483647",
     .where = &config::max_connections,
     .most = int32_most,
     .section = requests,
     .about = "Connections at a time, of all cores together; one more is closed at once. About 15000 "
              "a core and what the open files allow are never passed."},
    {.name = "connections.max.idle.ms",
     .initial = "600000",
     .where = &config::connections_max_idle_ms,
     .unit = ms,
     .least = -1,
     .about = "A connection without a request for so long is closed; a waiting fetch counts as "
              "a request. -1: never."},
    {.name = "socket.request.max.bytes",
     .initial = "104857600",
     .where = &config::socket_request_max_bytes,
     .unit = size,
     .least = 1,
     .most = int32_most,
     .about = "Largest request; the connection that announces a larger one is closed."},
    {.name = "fetch.max.bytes",
     .initial = "57671680",
     .where = &config::fetch_max_bytes,
     .unit = size,
     .least = 1024,
     .most = int32_most,
     .about = "Most bytes of records in one answer to a fetch."},
    {.name = "max.incremental.fetch.session.cache.slots",
     .initial = "1000",
     .where = &config::max_incremental_fetch_session_cache_slots,
     .most = int32_most,
     .about = "Fetch sessions at a time, of all cores together; who gets none fetches without. Nor may they take "
              "more than a sixteenth of each core's buffers."},
    {.name = "validate.compressed.batches",
     .initial = "true",
     .where = &config::validate_compressed_batches,
     .owner = ours,
     .about = "Opens compressed batches and checks their records before they are stored. false "
              "trusts their headers."},

    {.name = "producer.id.expiration.ms",
     .initial = "86400000",
     .where = &config::producer_id_expiration_ms,
     .unit = ms,
     .least = 1,
     .most = int32_most,
     .about = "An idempotent producer that wrote nothing to a partition for so long is forgotten there."},
});

constexpr auto rows_after_groups = std::to_array<row>({
    {.name = "auto.create.topics.enable",
     .initial = "true",
     .where = &config::auto_create_topics_enable,
     .section = topics,
     .about = "A topic that a client asks for is made."},
    {.name = "delete.topic.enable",
     .initial = "true",
     .where = &config::delete_topic_enable,
     .about = "Clients may delete topics."},
    {.name = "num.partitions",
     .initial = "1",
     .where = &config::num_partitions,
     .least = 1,
     .most = int32_most,
     .reload = live,
     .about = "Partitions of a topic whose maker does not say."},
    {.name = "default.replication.factor",
     .initial = "1",
     .where = &config::default_replication_factor,
     .least = 1,
     .most = 32767,
     .reload = live,
     .about = "Replicas of a topic whose maker does not say. A single node can keep one."},
    {.name = "min.insync.replicas",
     .initial = "1",
     .where = &config::min_insync_replicas,
     .least = 1,
     .most = int32_most,
     .reload = live,
     .topic_key = "min.insync.replicas",
     .not_yet = "a single node keeps the only replica",
     .about = "Replicas that must have a record before acks=all is answered."},
    {.name = "message.max.bytes",
     .initial = "1048588",
     .where = &config::message_max_bytes,
     .unit = size,
     .most = int32_most,
     .reload = live,
     .topic_key = "max.message.bytes",
     .about = "Largest batch of records, compressed as it came."},
    {.name = "compression.type",
     .initial = "producer",
     .where = &config::compression_type,
     .choices = codecs,
     .reload = live,
     .topic_key = "compression.type",
     .about = "Codec of stored batches. producer keeps what came."},
    {.name = "compression.gzip.level",
     .initial = "-1",
     .where = &config::compression_gzip_level,
     .least = -1,
     .most = 9,
     .reload = live,
     .topic_key = "compression.gzip.level",
     .about = "Level of gzip where that is the codec, from 1 to 9; -1: 6."},
    {.name = "compression.lz4.level",
     .initial = "9",
     .where = &config::compression_lz4_level,
     .least = 1,
     .most = 17,
     .reload = live,
     .topic_key = "compression.lz4.level",
     .about = "Level of lz4 where that is the codec. 9 is the fast one, as in Kafka."},
    {.name = "compression.zstd.level",
     .initial = "3",
     .where = &config::compression_zstd_level,
     .least = -131072,
     .most = 22,
     .reload = live,
     .topic_key = "compression.zstd.level",
     .about = "Level of zstd where that is the codec."},
});

constexpr auto rows_after_logs = std::to_array<row>({
    {.name = "millrace.ack",
     .initial = "durable",
     .where = &config::millrace_ack,
     .choices = acks,
     .owner = ours,
     .reload = live,
     .topic_key = "millrace.ack",
     .section = durability,
     .about = "When a produce is answered. durable: its bytes are on stable storage. memory: "
              "sooner, and a crash of the process or the machine loses what was answered last."},
    {.name = "placement.override",
     .initial = "",
     .where = &config::placement_override,
     .owner = ours,
     .about = "Partitions kept on a core of choice, as topic-partition:core; cores count from "
              "0 in the order of cores."},

    {.name = "commit_log.size",
     .initial = "256MiB",
     .where = &config::commit_log_size,
     .unit = size,
     .least = 16 * base::mib,
     .most = 64 * base::gib,
     .owner = ours,
     .section = tuning,
     .about = "Ring of each core through which every write becomes durable; a multiple of 4096."},
    {.name = "commit_log.inline_bytes_max",
     .initial = "64KiB",
     .where = &config::commit_log_inline_bytes_max,
     .unit = size,
     .least = base::block_bytes,
     .most = base::mib,
     .owner = ours,
     .about = "A partition with fewer bytes in a group sends them through the ring, one with "
              "more to its segment."},
    {.name = "commit_log.groups_in_flight",
     .initial = "4",
     .where = &config::commit_log_groups_in_flight,
     .least = 1,
     .most = 16,
     .owner = ours,
     .about = "Groups being written at a time; more than two only while they have less than 256 KiB together."},
    {.name = "segment_pool.size",
     .initial = "1GiB",
     .where = &config::segment_pool_size,
     .unit = size,
     .owner = ours,
     .about = "Files of removed segments that each core keeps for new ones, in bytes. 0: they are "
              "unlinked."},
    {.name = "reactor.spin_max_us",
     .initial = "200",
     .where = &config::reactor_spin_max_us,
     .unit = us,
     .most = 10000,
     .owner = ours,
     .about = "Longest busy wait for more work before a core sleeps. 0: never."},
    {.name = "reactor.stall_threshold_ms",
     .initial = "10",
     .where = &config::reactor_stall_threshold_ms,
     .unit = ms,
     .least = 1,
     .most = 60000,
     .owner = ours,
     .about = "A turn of a core that takes longer is counted and logged, with the time for which it had the processor."},
    {.name = "reactor.send",
     .initial = "auto",
     .where = &config::reactor_send,
     .choices = sends,
     .owner = ours,
     .about = "How large answers leave: copied into the socket, or from where they are (zerocopy). "
              "auto: without a copy to other machines, until the kernel says that it had to copy. "
              "zerocopy on a kernel that does not offer it is said in a warning and is copy then."},
    {.name = "reactor.cold_read",
     .initial = "auto",
     .where = &config::reactor_cold_read,
     .choices = cold_reads,
     .owner = ours,
     .about = "How closed segments are read for a fetch: past the page cache into memory (direct), or, "
              "where that was done and checked before, from file to socket through the page cache "
              "(splice). auto: direct. splice on a kernel that does not offer it is said in a warning and "
              "is direct then."},

    {.name = "logging.level",
     .initial = "info",
     .where = &config::logging_level,
     .choices = levels,
     .owner = ours,
     .reload = live,
     .section = logging,
     .about = "The least level that is written."},
});

template <size_t... Sizes>
constexpr auto joined(const std::array<row, Sizes>&... parts) {
  std::array<row, (Sizes + ...)> all{};
  auto at = all.begin();
  ((at = std::ranges::copy(parts, at).out), ...);
  return all;
}

constexpr auto rows =
    joined(rows_before_groups, http_rows, group_rows, cleaner_rows, rows_after_groups, log_rows, rows_after_logs);

}  // namespace

std::span<const row> config_rows() { return rows; }

std::optional<size_t> find_row(std::string_view name) {
  const auto at = std::ranges::find(rows, name, &row::name);
  if (at == rows.end()) return std::nullopt;
  return static_cast<size_t>(at - rows.begin());
}

}  // namespace millrace::server
