#include <unistd.h>

#include <filesystem>

#include "../base/allocations.hh"
#include "log_world.hh"
#include "reactor/machine.hh"

/// The steady state of appends and groups, on this machine's own io_uring and file system: it takes no memory from the heap.
/// Every allocation of the program is counted, the reactor's too.

namespace millrace::storage::test {
namespace {

/// In the working directory, which is on a disk: /tmp may be memory, where O_DIRECT means nothing.
class directory_on_disk {
 public:
  directory_on_disk() {
    std::string name = (std::filesystem::current_path() / "storage-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~directory_on_disk() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

struct acknowledged_offset : log_listener {
  int64_t value = 0;
  void on_acknowledged(base::offset o) override { value = o.value(); }
  void on_offline() override { FAIL("offline"); }
};

task<base::result<void>> start_one(log_manager* m, reactor::core* on, std::string data_dir, log_id id) {
  CO_TRY_CHECK(co_await claim(*on, data_dir));
  CO_TRY_CHECK(co_await m->start({}, base::leader_epoch(1), true));
  std::vector<new_log> logs;
  logs.push_back({id, "steady-0", log_config{}});
  const auto made = co_await m->create(std::move(logs));
  co_return made;
}

TEST_CASE("log: a thousand appends and their groups allocate nothing once warm") {
  directory_on_disk disk;
  reactor::uring_options ring;
  ring.submissions = 64;
  ring.completions = 1024;
  ring.receive_buffers = 16;
  ring.receive_buffer_bytes = 16384;
  auto made = reactor::solo::make(size_t{8} << 20, ring);
  REQUIRE(made.ok());
  reactor::solo& solo = **made;
  solo.on().log().set_least(base::log_level::error);  // that a busy machine stalled a turn is a line, which takes memory
  const std::string data_dir = disk.path + "/data";
  const log_id id{base::uuid::from_random(1, 2), 0};
  log_manager manager(solo.on(), storage_options{data_dir, {4096 + (32u << 20), 64 << 10, 2}});
  REQUIRE(solo.run(start_one(&manager, &solo.on(), data_dir, id)));
  acknowledged_offset heard;
  log& l = *manager.find(id);
  l.listen(&heard);

  base::prng random(5);
  const std::vector<uint8_t> large = make_world_batch(random, {1000}, 30000);
  const std::vector<uint8_t> small = make_world_batch(random, {1000}, 100);
  const auto append = [&](const std::vector<uint8_t>& bytes) {
    const auto batch = record::batch_view::frame(bytes);
    auto done = l.append(*batch, base::leader_epoch(1), crc_check::compute);
    for (int turns = 0; !done && turns < 100000; ++turns) {
      solo.on().turn(base::milliseconds(1));
      done = l.append(*batch, base::leader_epoch(1), crc_check::compute);
    }
    REQUIRE(done);
    // The turn that hears of it waits behind that for what comes next: not for long.
    while (heard.value < done->next.value()) solo.on().turn(base::microseconds(50));
  };
  // Until memory is full and its blocks go round, and the commit log's space too.
  for (int i = 0; i < 400; ++i) append(large);
  for (int i = 0; i < 150; ++i) append(small);
  const uint64_t checkpoints = manager.counters().checkpoints;
  manager.commit_space_wanted();
  while (manager.counters().checkpoints == checkpoints) solo.on().turn(base::milliseconds(10));
  for (int i = 0; i < 100; ++i) append(small);

  const uint64_t groups = manager.counters().groups;
  const uint64_t before = heap_allocations();
  for (int i = 0; i < 1000; ++i) append(small);
  const uint64_t taken = heap_allocations() - before;
  CHECK(taken == 0);
  CHECK(manager.counters().groups >= groups + 1000);
  REQUIRE(solo.run(manager.stop()));
}

}  // namespace
}  // namespace millrace::storage::test
