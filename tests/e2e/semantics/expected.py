"""Differences from Kafka that are meant, each with its reason. The first rule that matches speaks."""

import re


def _codes(ours, theirs):
    return lambda mine, other: mine == ours and (theirs is None or other == theirs)


# (label, path, test of (ours, Kafka's) or None for any, reason)
RULES = [
    (r"^produce_null_records", r"", lambda mine, other: other in ("no answer", "absent"),
     "null records hang Kafka's request; they are refused (87)"),
    (r"^produce_malformed: (null|empty|count 0|no records)", r"ErrorCode", _codes(87, None),
     "a batch without records is INVALID_RECORD"),
    (r"^produce_malformed: codec [5-7]", r"ErrorCode", _codes(87, -1), "an unknown codec is INVALID_RECORD, not an unknown error"),
    (r"^produce_malformed: .*deltas", r"", None, "deltas other than 0..n-1 are refused; Kafka stores or garbles them"),
    (r"(transactional)", r"ErrorCode", _codes(53, None), "transactions do not exist yet"),
    (r"^zz_find_coordinator: v\d type 1", r"ErrorCode", _codes(53, None), "transactions do not exist yet"),
    (r"^zz_find_coordinator: v\d type 0", r"", None, "groups do not exist yet"),
    (r"^zz_find_coordinator: v\d empty key", r"", lambda mine, other: True, "groups do not exist yet"),
    (r"^fetch: .*session", r"SessionId", None, "fetch sessions do not exist yet: every session is answered with id 0"),
    (r"^auto_creation: .*first", r"", lambda mine, other: mine == "made or being made", "our own creation is awaited"),
]


def explain(label, path, mine, other):
    """The reason for a difference, or None."""
    for labels, paths, test, reason in RULES:
        if re.search(labels, label) and re.search(paths, path) and (test is None or test(mine, other)):
            return reason
    return None
