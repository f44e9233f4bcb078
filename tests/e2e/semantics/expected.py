"""Differences from Kafka that are meant, each with its reason. The first rule that matches speaks."""

import re


def _codes(ours, *theirs):
    """Our code is this, Kafka's one of those (any, when none is named)."""
    return lambda mine, other: mine == ours and (not theirs or other in theirs)


NO_OLDER_EPOCH = "the recorded topics are at epoch 0, which has none before it; ours answers 74"
NO_OFFSETS_LEFT = "a group goes with its last offset; Kafka keeps it, empty, for up to ten minutes"
OURS_ONLY = r"Configs\[millrace\.ack\]"

# (label, path, test of (ours, Kafka's) or None for any, reason)
RULES = [
    (r"^produce_null_records", r"", lambda mine, other: other in ("no answer", "absent"),
     "null records hang Kafka's request; they are refused (87)"),
    (r"^produce_malformed", r"ErrorCode", _codes(87, -1),
     "what cannot be read or opened is INVALID_RECORD, not an unknown error"),
    (r"^produce_malformed: .*deltas|^produce_versions: v\d+ deltas", r"", None, "deltas other than 0..n-1 are refused; Kafka stores or garbles them"),
    (r"^produce_malformed: delete horizon, read back", r"attributes", lambda mine, other: (mine, other) == (0, 64),
     "a producer's delete-horizon bit is cleared"),
    (r"^produce_malformed: delete horizon, read back", r"crc", None, "a producer's delete-horizon bit is cleared"),
    (r"^produce_malformed: length huge", r"ErrorCode", _codes(87, -1), "a batch that is not whole is no batch"),
    (r"^produce_malformed: a byte too many", r"", None, "bytes behind the batch are refused; Kafka drops them unsaid"),
    (r"^produce_malformed: producer id -2", r"", None, "a producer id below -1 is refused; Kafka stores it"),
    (r"^produce_versions: v\d+ transactional id", r"ErrorCode", _codes(53, 0), "transactions do not exist yet"),
    (r"^produce_versions: v\d+ transactional id", r"BaseOffset|LogStartOffset", _codes(-1), "transactions do not exist yet"),
    (r"transactional", r"ErrorCode", _codes(53), "transactions do not exist yet"),
    (r"^produce_with_topic_settings: log append time and the bit", r"", None,
     "on a LogAppendTime topic a producer's bit is overwritten with its times; Kafka refuses it (32)"),
    (r"^(incremental_alter_configs|alter_configs): v\d broker, unknown key", r"ErrorCode", _codes(40, 0),
     "the broker's settings cannot be changed while it runs"),
    (r"^describe_configs: v\d broker", r"ReadOnly", lambda mine, other: mine is True,
     "the broker's settings cannot be changed while it runs"),
    (r"^(describe_configs|create_topics): ", OURS_ONLY, lambda mine, other: other == "absent",
     "a key of our own"),
    (r"^(describe_configs|create_topics): ", r"Configs\[min\.insync\.replicas\]", None,
     "Kafka's controller keeps min.insync.replicas as a dynamic default"),
    (r"^describe_configs: v\d default broker", r"\.Configs$", None,
     "Kafka's controller keeps min.insync.replicas as a dynamic default"),
    (r"^describe_configs: ", r"Configs\[(log\.retention\.(hours|ms)|retention\.ms|segment\.ms|segment\.jitter\.ms|flush\.ms)\]",
     None, "a time has one broker key, in milliseconds, never null beside one in hours or minutes"),
    (r"^describe_configs: v\d broker", r"Configs\[node\.id\]", _codes(5, 4), "the recorded broker had its id in its file"),
    (r"^(list_offsets|fetch): v\d+ current epoch -1", r"ErrorCode", _codes(74, "absent"), NO_OLDER_EPOCH),
    (r"^(list_offsets|fetch): v\d+ current epoch -1", r"", lambda mine, other: other in ("absent", "was not asked"),
     NO_OLDER_EPOCH),
    (r"^delete_records: v\d (into a batch|everything), offset of -3", r"", None,
     "the latest record is one that is still there; Kafka answers a deleted one"),
    (r"^bodies_that_lie: (array|client id) of -2", r"", lambda mine, other: (mine, other) == ("closed", "answered"),
     "a length below -1 is malformed; Kafka reads it as null"),
    (r"^zz_find_coordinator: v\d type 1", r"ErrorCode", _codes(53), "transactions do not exist yet"),
    (r"^fetch: v\d+ partition limit -1", r"Partitions\[0\]", None, "a limit below 0 counts as 0; Kafka fails on it (-1)"),
    (r"^fetch: .*session", r"SessionId", lambda mine, other: mine > 0 and other > 0, "the ids of sessions are drawn"),
    (r"^auto_creation: .*first", r"", lambda mine, other: mine == "made or being made", "our own creation is awaited"),
    (r"^ze_describe_list_delete: v\d Describe.* (no name|nobody knows it|with operations)", r"GroupState|ErrorCode",
     lambda mine, other: (mine, other) in (("Dead", "Empty"), (69, 0)), NO_OFFSETS_LEFT),
    (r"^ze_describe_list_delete: v0 Delete.* (no name|nobody knows it)", r"ErrorCode", _codes(69, 0), NO_OFFSETS_LEFT),
    (r"^describe_cluster|^metadata", r"ControllerId", lambda mine, other: mine == 1, "the only node is the controller"),
]


def explain(label, path, mine, other):
    """The reason for a difference, or None."""
    for labels, paths, test, reason in RULES:
        if re.search(labels, label) and re.search(paths, path) and (test is None or test(mine, other)):
            return reason
    return None
