#include <doctest/doctest.h>

#include <set>

#include "session_requests.hh"
#include "wire/kafka/messages/delete_records.hh"

/// Fetch sessions (KIP-227) over sockets: what a client asks of one, and what it is answered.

namespace millrace::api::kafka {

using namespace test;
using namespace wire::kafka;

TEST_CASE("Fetch session: what each id and epoch does") {
  struct row {
    const char* name;
    bool ours;      ///< the id of the session that there is; else `id`
    int32_t id;     ///< so much more than ours, or the id itself
    int32_t epoch;  ///< ours is to be asked with 1
    int16_t error;
    bool answered;  ///< with the partition that the request names
    bool new_session;
    bool ours_lives;  ///< afterwards, at its epoch
  };
  const row rows[] = {
      {"none and none wanted", false, 0, -1, 0, true, false, true},
      {"a new one", false, 0, 0, 0, true, true, true},
      {"none, and an epoch", false, 0, 5, 70, false, false, true},
      {"an unknown one", false, 12345, 1, 70, false, false, true},
      {"a new one instead of an unknown one", false, 12345, 0, 0, true, true, true},
      {"the end of an unknown one", false, 12345, -1, 0, true, false, true},
      {"the end of ours", true, 0, -1, 0, true, false, false},
      {"a new one instead of ours", true, 0, 0, 0, true, true, false},
      {"ours, too early", true, 0, 2, 71, false, false, true},
      {"ours, a strange epoch", true, 0, -7, 71, false, false, true},
      {"one beside ours", true, 1, 1, 70, false, false, true},
  };
  for (const int16_t version : {7, 11, 12, 13, 18}) {
    for (const row& r : rows) {
      CAPTURE(version);
      CAPTURE(r.name);
      with_sessions f(1);
      f.version = version;
      f.create("t", 2);
      kafka_client c(f.k);
      const told first = f.fetch(c, {.parts = {{"t", 0}}});
      CHECK(first.error == 0);
      CHECK(first.text == "t0:0");
      REQUIRE(first.id > 0);
      const told got = f.fetch(c, {.id = r.ours ? first.id + r.id : r.id, .epoch = r.epoch, .parts = {{"t", 1}}});
      CHECK(got.error == r.error);
      CHECK(got.text == (r.answered ? "t1:0" : ""));
      CHECK((got.id != 0) == r.new_session);
      CHECK(got.id != first.id);
      const told after = f.fetch(c, {.id = first.id, .epoch = 1});
      CHECK(after.error == (r.ours_lives ? 0 : 70));
      CHECK(after.id == (r.ours_lives ? first.id : 0));
      CHECK(after.text == "");
      if (r.new_session) CHECK(f.fetch(c, {.id = got.id, .epoch = 1}).error == 0);
    }
  }
}

TEST_CASE("Fetch session: an incremental fetch reads all partitions and names those with news, once") {
  with_sessions f(2);
  f.create("t", 3);
  f.create("u", 2);
  kafka_client c(f.k);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0}, {"t", 1}, {"t", 2}, {"u", 0}}}).id;
  int32_t epoch = 0;
  const auto next = [&](std::vector<wanted> parts = {}, std::vector<std::pair<std::string, int32_t>> forgotten = {}) {
    const told got = f.fetch(c, {.id = id, .epoch = ++epoch, .parts = std::move(parts), .forgotten = std::move(forgotten)});
    CHECK(got.error == 0);
    CHECK(got.id == id);
    return got.text;
  };
  CHECK(next() == "");
  f.append("t", 1, 2);
  CHECK(next() == "t1:2+");
  CHECK(next() == "t1:2+");          // records are there until another offset is asked for
  CHECK(next({{"t", 1, 2}}) == "");  // at its end, and its watermark has been told
  f.append("u", 0);
  CHECK(next() == "u0:1+");
  CHECK(next({{"u", 0, 1}}) == "");
  CHECK(next({{"u", 1}}) == "u1:0");  // a new one is answered
  CHECK(next({{"u", 1}}) == "");      // a change alone is no news
  CHECK(next({{"u", 9}}) == "u9e3");  // an error each time
  CHECK(next() == "u9e3");
  CHECK(next({}, {{"u", 9}}) == "");
  CHECK(next({{"t", 0, 5}}) == "t0e1");
  CHECK(next({{"t", 0, 0}}) == "t0:0");  // and what comes after an error is news
  CHECK(next() == "");
  f.append("t", 2);
  CHECK(next({{"t", 2, 0, 0}}) == "t2:1+");  // the first with records has them, whatever the limits
  CHECK(next({{"t", 2, 1}}) == "");
  // Forgotten ones are not read any more; added again they are new.
  CHECK(next({}, {{"t", 1}, {"nobody", 3}, {"t", 77}}) == "");
  f.append("t", 1);
  CHECK(next() == "");
  CHECK(next({{"t", 1, 3}}) == "t1:3");
  // The watermark of who reads behind it goes on, and is told each time.
  CHECK(next({{"t", 1, 3}}, {{"u", 0}, {"u", 1}}) == "");
  f.append("t", 1);
  f.append("t", 0);
  CHECK(next() == "t0:1+ t1:4+");
}

TEST_CASE("Fetch session: a log start that rose is told once") {
  with_sessions f(3);
  f.create("t", 2);
  f.append("t", 0, 5);
  kafka_client c(f.k);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0, 5}, {"t", 1}}}).id;
  CHECK(f.fetch(c, {.id = id, .epoch = 1}).text == "");
  delete_records_request_partition part{.partition_index = 0, .offset = 3};
  delete_records_request_topic topic{.name = "t", .partitions = {&part, 1}};
  CHECK(f.k.ask<delete_records_response>(delete_records_request{.topics = {&topic, 1}, .timeout_ms = 1000}, 2)
            .body.topics[0]
            .partitions[0]
            .error_code == 0);
  CHECK(f.fetch(c, {.id = id, .epoch = 2}).text == "t0:5");
  CHECK(f.fetch(c, {.id = id, .epoch = 3}).text == "");
}

TEST_CASE("Fetch session: one without partitions ends") {
  with_sessions f(4);
  f.create("t", 1);
  kafka_client c(f.k);
  CHECK(f.fetch(c, {}).id == 0);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0}}}).id;
  const told last = f.fetch(c, {.id = id, .epoch = 1, .forgotten = {{"t", 0}}, .min_bytes = 1, .max_wait_ms = 10000});
  CHECK(last.error == 0);
  CHECK(last.id == 0);
  CHECK(last.count == 0);
  CHECK(f.fetch(c, {.id = id, .epoch = 2}).error == 70);
  CHECK(f.k.at(0).sessions().bytes() == 0);
}

TEST_CASE("Fetch session: however little fits into an answer, every partition has its turn, each topic named once") {
  with_sessions f(5);
  f.create("t", 3);
  f.create("u", 3);
  for (const char* topic : {"t", "u"}) {
    for (size_t p = 0; p < 3; ++p) f.append(topic, p, 3);
  }
  kafka_client c(f.k);
  std::vector<wanted> all;
  for (int32_t p = 0; p < 3; ++p) {
    for (const char* topic : {"t", "u"}) all.push_back({topic, p});
  }
  const told first = f.fetch(c, {.parts = all, .max_bytes = 1});
  CHECK(first.text == "t0:3+ t1:3 t2:3 u0:3 u1:3 u2:3");
  // The session has them as the first request did, and that began with t0 too.
  std::vector<std::string> turns;
  for (int32_t epoch = 1; epoch <= 12; ++epoch) {
    const told got = f.fetch(c, {.id = first.id, .epoch = epoch, .max_bytes = 1});
    CHECK(got.count == 1);
    turns.push_back(got.text);
  }
  const std::set<std::string> once(turns.begin(), turns.begin() + 6);
  CHECK(once == std::set<std::string>{"t0:3+", "t1:3+", "t2:3+", "u0:3+", "u1:3+", "u2:3+"});
  CHECK(std::equal(turns.begin(), turns.begin() + 6, turns.begin() + 6));
  // Now their order is mixed, and what is answered is not.
  CHECK(f.fetch(c, {.id = first.id, .epoch = 13, .parts = {{"t", 1, 3}}}).topics == 2);
  f.append("t", 1);
  const told mixed = f.fetch(c, {.id = first.id, .epoch = 14});
  CHECK(mixed.topics == 2);
  CHECK(mixed.count == 6);
  CHECK(mixed.text.rfind('t') < mixed.text.find('u'));
  for (const char* part : {"t0:3+", "t1:4+", "t2:3+", "u0:3+", "u1:3+", "u2:3+"}) {
    CHECK(mixed.text.find(part) != std::string::npos);
  }
}

TEST_CASE("Fetch session: it waits for min_bytes of all partitions, and is answered empty where nothing came") {
  for (const bool two_owners : {false, true}) {
    CAPTURE(two_owners);
    broker::placement where(2);
    for (int32_t p = 0; p < 2; ++p) {
      ASSERT(where.set_override("t", p, base::core_id(two_owners ? static_cast<uint32_t>(p) : 1)));
    }
    with_sessions f(6, {}, 2, 0, where);
    f.create("t", 2);
    kafka_client c(f.k);
    const int32_t id = f.fetch(c, {.parts = {{"t", 0}, {"t", 1}}}).id;
    base::instant begin = f.k.b.w.now();
    CHECK(f.fetch(c, {.id = id, .epoch = 1, .min_bytes = 1, .max_wait_ms = 3000}).text == "");
    CHECK((f.k.b.w.now() - begin).ms() >= 2900);
    begin = f.k.b.w.now();
    c.send({f.encoded({.id = id, .epoch = 2, .min_bytes = 1, .max_wait_ms = 20000})});
    CHECK_FALSE(c.receive(base::milliseconds(200)));
    f.append("t", 1);
    told got = f.decoded(*c.receive());
    CHECK(got.text == "t1:1+");
    CHECK((f.k.b.w.now() - begin).ms() < 1000);
    begin = f.k.b.w.now();
    c.send({f.encoded({.id = id, .epoch = 3, .parts = {{"t", 1, 1}}, .min_bytes = 100, .max_wait_ms = 20000})});
    f.append("t", 0);
    CHECK_FALSE(c.receive(base::milliseconds(200)));
    f.append("t", 1);
    got = f.decoded(*c.receive());
    CHECK(got.text == "t0:1+ t1:2+");
    CHECK((f.k.b.w.now() - begin).ms() < 1000);
    // An error does not wait.
    begin = f.k.b.w.now();
    CHECK(
        f.fetch(c, {.id = id, .epoch = 4, .parts = {{"t", 0, 9}, {"t", 1, 2}}, .min_bytes = 1, .max_wait_ms = 20000}).text ==
        "t0e1");
    CHECK((f.k.b.w.now() - begin).ms() < 1000);
  }
}

TEST_CASE("Fetch session: another core does not know it") {
  with_sessions f(8, {}, 2, std::nullopt);
  f.create("t", 1);
  kafka_client c(f.k);
  kafka_client other(f.k);  // where there is none yet
  REQUIRE(f.k.at(0).connections() == 1);
  REQUIRE(f.k.at(1).connections() == 1);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0}}}).id;
  CHECK(f.fetch(other, {.id = id, .epoch = 1}).error == 70);
  const told full = f.fetch(other, {.id = id, .epoch = 0, .parts = {{"t", 0}}});
  CHECK(full.error == 0);
  CHECK(full.text == "t0:0");
  CHECK(full.id != id);
  CHECK(f.fetch(other, {.id = full.id, .epoch = 1}).error == 0);
  CHECK(f.fetch(c, {.id = id, .epoch = 1}).error == 0);
  CHECK(f.fetch(c, {.id = full.id, .epoch = 2}).error == 70);
}

TEST_CASE("Fetch session: topics by names or by ids, as it was begun") {
  with_sessions f(9);
  f.create("t", 1);
  f.append("t", 0);
  kafka_client c(f.k);
  for (const bool ids_first : {false, true}) {
    CAPTURE(ids_first);
    f.version = ids_first ? 13 : 12;
    const told begun = f.fetch(c, {.parts = {{"t", 0, 1}}});
    CHECK(begun.text == "t0:1");
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 1}).error == 0);
    f.version = ids_first ? 12 : 17;
    const told other = f.fetch(c, {.id = begun.id, .epoch = 2});
    CHECK(other.error == 106);
    CHECK(other.id == 0);
    f.version = ids_first ? 18 : 7;
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 2}).error == 0);
    // A full fetch may change that.
    f.version = ids_first ? 12 : 13;
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 0, .parts = {{"t", 0, 1}}}).id > 0);
  }
}

TEST_CASE("Fetch session: a topic that is deleted and made again") {
  for (const int16_t version : {12, 13}) {
    CAPTURE(version);
    with_sessions f(10);
    f.version = version;
    f.create("t", 1);
    f.create("u", 1);
    f.append("t", 0, 3);
    const std::string unknown = version == 12 ? "t0e3" : "t0e100";
    kafka_client c(f.k);
    const told begun = f.fetch(c, {.parts = {{"t", 0, 3}, {"u", 0}, {"nobody", 0}}});
    CHECK(begun.text == (version == 12 ? "t0:3 u0:0 nobody0e3" : "t0:3 u0:0 0e100"));
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 1, .forgotten = {{"nobody", 0}}}).text == "");
    REQUIRE(!f.k.b.remove("t").error);
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 2, .min_bytes = 1, .max_wait_ms = 20000}).text == unknown);
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 3}).text == unknown);
    const base::uuid before = f.ids["t"];
    f.create("t", 1);
    CHECK(f.ids["t"] != before);
    if (version == 12) {
      CHECK(f.fetch(c, {.id = begun.id, .epoch = 4}).text == "t0e1");
      CHECK(f.fetch(c, {.id = begun.id, .epoch = 5, .parts = {{"t", 0}}}).text == "t0:0");
    } else {
      // The old id stays unknown; the client replaces it.
      f.ids["old"] = before;
      CHECK(f.fetch(c, {.id = begun.id, .epoch = 4}).text == "old0e100");
      CHECK(f.fetch(c, {.id = begun.id, .epoch = 5, .parts = {{"t", 0}}, .forgotten = {{"old", 0}}}).text == "t0:0");
    }
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 6}).text == "");
    f.append("t", 0);
    CHECK(f.fetch(c, {.id = begun.id, .epoch = 7}).text == "t0:1+");
  }
}

}  // namespace millrace::api::kafka
