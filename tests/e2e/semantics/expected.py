"""Differences from Kafka that are meant, each with its reason. The first rule that matches speaks."""

import re


def _codes(ours, *theirs):
    """Our code is this, Kafka's one of those (any, when none is named)."""
    return lambda mine, other: mine == ours and (not theirs or other in theirs)


# (label, path, test of (ours, Kafka's) or None for any, reason)
RULES = [
    (r"^produce_null_records", r"", lambda mine, other: other in ("no answer", "absent"),
     "null records hang Kafka's request; they are refused (87)"),
    (r"^produce_malformed", r"ErrorCode", _codes(87, -1),
     "what cannot be read or opened is INVALID_RECORD, not an unknown error"),
    (r"^produce_malformed: .*deltas", r"", None, "deltas other than 0..n-1 are refused; Kafka stores or garbles them"),
    (r"^produce_malformed: delete horizon, read back", r"attributes", lambda mine, other: (mine, other) == (0, 64),
     "a producer's delete-horizon bit is cleared"),
    (r"^produce_malformed: delete horizon, read back", r"crc", None, "a producer's delete-horizon bit is cleared"),
    (r"transactional", r"ErrorCode", _codes(53), "transactions do not exist yet"),
    (r"^zz_find_coordinator: v\d type 1", r"ErrorCode", _codes(53), "transactions do not exist yet"),
    (r"^zz_find_coordinator: v\d (type 0|empty key)", r"", None, "groups do not exist yet"),
    (r"^fetch: .*session", r"SessionId", None, "fetch sessions do not exist yet: every session is answered with id 0"),
    (r"^auto_creation: .*first", r"", lambda mine, other: mine == "made or being made", "our own creation is awaited"),
    (r"^describe_cluster|^metadata", r"ControllerId", lambda mine, other: mine == 1, "the only node is the controller"),
]


def explain(label, path, mine, other):
    """The reason for a difference, or None."""
    for labels, paths, test, reason in RULES:
        if re.search(labels, label) and re.search(paths, path) and (test is None or test(mine, other)):
            return reason
    return None
