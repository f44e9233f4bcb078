#pragma once

#include <string>
#include <string_view>

#include "broker/group/group_records.hh"

/// Records of `__consumer_offsets`, written by hand from the layouts in wire/kafka/messages.txt.

namespace millrace::broker::test {

using namespace std::string_literals;
using namespace std::string_view_literals;

// Kind, "grp", "tp", 258.
inline constexpr std::string_view offset_key_0 = "\0\0\0\3grp\0\2tp\0\0\1\2"sv;
inline constexpr std::string_view offset_key_1 = "\0\1\0\3grp\0\2tp\0\0\1\2"sv;
inline constexpr std::string_view group_key = "\0\2\0\3grp"sv;

// Version, offset 5, epoch 7 (3+), "md", commit time 1000, expire time 2000 (1), tags (4).
inline constexpr std::string_view commit_0 = "\0\0\0\0\0\0\0\0\0\5\0\2md\0\0\0\0\0\0\3\350"sv;
inline constexpr std::string_view commit_1 = "\0\1\0\0\0\0\0\0\0\5\0\2md\0\0\0\0\0\0\3\350\0\0\0\0\0\0\7\320"sv;
inline constexpr std::string_view commit_2 = "\0\2\0\0\0\0\0\0\0\5\0\2md\0\0\0\0\0\0\3\350"sv;
inline constexpr std::string_view commit_3 = "\0\3\0\0\0\0\0\0\0\5\0\0\0\7\0\2md\0\0\0\0\0\0\3\350"sv;
inline constexpr std::string_view commit_4 = "\0\4\0\0\0\0\0\0\0\5\0\0\0\7\3md\0\0\0\0\0\0\3\350\0"sv;
// Tag 0, 16 bytes: the topic's id.
inline constexpr std::string_view commit_4_with_id =
    "\0\4\0\0\0\0\0\0\0\5\0\0\0\7\3md\0\0\0\0\0\0\3\350\1\0\0200123456789abcdef"sv;
// Tag 1, 2 bytes: of a version to come.
inline constexpr std::string_view commit_4_with_news = "\0\4\0\0\0\0\0\0\0\5\0\0\0\7\3md\0\0\0\0\0\0\3\350\1\1\2zz"sv;

// Version, "consumer", generation 9, protocol "range", leader "m1", state since 1000 (2+), one member: "m1", instance "i1"
// (3+), client "c1", host "/h", rebalance timeout 3 (1+), session timeout 4, subscription "sub", assignment "as".
inline constexpr std::string_view group_0 =
    "\0\0\0\010consumer\0\0\0\011\0\5range\0\2m1\0\0\0\1\0\2m1\0\2c1\0\2/h\0\0\0\4\0\0\0\3sub\0\0\0\2as"sv;
inline constexpr std::string_view group_1 =
    "\0\1\0\010consumer\0\0\0\011\0\5range\0\2m1\0\0\0\1\0\2m1\0\2c1\0\2/h\0\0\0\3\0\0\0\4\0\0\0\3sub\0\0\0\2as"sv;
inline constexpr std::string_view group_2 =
    "\0\2\0\010consumer\0\0\0\011\0\5range\0\2m1\0\0\0\0\0\0\3\350\0\0\0\1\0\2m1\0\2c1\0\2/h\0\0\0\3\0\0\0\4\0\0\0\3sub\0\0\0\2as"sv;
inline constexpr std::string_view group_3 =
    "\0\3\0\010consumer\0\0\0\011\0\5range\0\2m1\0\0\0\0\0\0\3\350\0\0\0\1\0\2m1\0\2i1\0\2c1\0\2/h\0\0\0\3\0\0\0\4\0\0\0\3sub\0\0\0\2as"sv;
inline constexpr std::string_view group_4 =
    "\0\4\011consumer\0\0\0\011\6range\3m1\0\0\0\0\0\0\3\350\2\3m1\3i1\3c1\3/h\0\0\0\3\0\0\0\4\4sub\3as\0\0"sv;
// "", generation 0, no protocol, no leader, since 1000, nobody.
inline constexpr std::string_view empty_group_3 = "\0\3\0\0\0\0\0\0\377\377\377\377\0\0\0\0\0\0\3\350\0\0\0\0"sv;

inline group_metadata_value example_state() {
  return {.protocol_type = "consumer",
          .generation = 9,
          .protocol = "range",
          .leader = "m1",
          .current_state_timestamp = 1000,
          .members = {{.member_id = "m1",
                       .group_instance_id = "i1",
                       .client_id = "c1",
                       .client_host = "/h",
                       .rebalance_timeout_ms = 3,
                       .session_timeout_ms = 4,
                       .subscription = base::as_bytes("sub"),
                       .assignment = base::as_bytes("as")}}};
}

inline group_metadata_value empty_state() {
  return {.protocol_type = "", .protocol = {}, .leader = {}, .current_state_timestamp = 1000, .members = {}};
}

}  // namespace millrace::broker::test
