#include <cerrno>

#include "server/resolve.hh"
#include "server/start_problem.hh"
#include "support.hh"

namespace millrace::server {

TEST_CASE("resolve: no host is every interface, a name becomes an address, an address stays") {
  const auto resolved = [](const std::string& host) {
    std::vector<api::kafka::door_listener> one(1);
    one[0].bind = {.host = host, .port = 9092};
    one[0].advertised = {.host = "told", .port = 9092};
    CHECK(resolve(one).empty());
    CHECK(one[0].advertised.host == "told");
    return one[0].bind.host;
  };
  const std::string any = resolved("");
  CHECK((any == "::" || any == "0.0.0.0"));
  CHECK(resolved("127.0.0.1") == "127.0.0.1");
  CHECK(resolved("::1") == "::1");
  const std::string local = resolved("localhost");
  CHECK((local == "127.0.0.1" || local == "::1"));
}

TEST_CASE("resolve: a name without an address is said with its listener") {
  std::vector<api::kafka::door_listener> one(2);
  one[0].bind = {.host = "127.0.0.1", .port = 1};
  one[1].bind = {.host = "no..name", .port = 9093};
  const std::vector<std::string> problems = resolve(one);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].starts_with("listeners: no..name:9093: no address of no..name"));
}

TEST_CASE("start problems: each says what to look at") {
  const auto cores = [](base::errc code, int detail) { return cores_problem({code, 0, detail}); };
  CHECK(cores(base::errc::unsupported, ENOSYS).find("Linux 6.1") != std::string::npos);
  CHECK(cores(base::errc::unsupported, EPERM).find("Operation not permitted") != std::string::npos);
  CHECK(cores(base::errc::no_memory, ENOMEM).find("memory") != std::string::npos);
  CHECK(cores(base::errc::invalid_config, EINVAL).find("pinned") != std::string::npos);
  CHECK(reason_of({base::errc::no_space, 0, ENOSPC}) == "the disk is full");
  CHECK(reason_of({base::errc::io, 0, EROFS}) == "Read-only file system");
  CHECK(reason_of({base::errc::corrupt, 0, 3}).empty());
}

}  // namespace millrace::server
