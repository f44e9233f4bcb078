"""The floods of many.py: each takes (broker, seconds) and sends what is new each time, over a few connections, until then.
It returns how often each error code came; some must have been refused."""

import collections
import contextlib
import itertools
import select
import time

import protocol
from limits_rude import connect
from many_clients import commit_body, commit_code, join_body, produce_ids


PATIENCE_S = 60     # beyond the time of a flood, for a busy machine to come to what is refused


def flood(broker, seconds, one_round, connections=4, refused=True):
    """`one_round(connections, codes)` until the time is over and, where something must be, something was refused."""
    codes, until = collections.Counter(), time.monotonic() + seconds
    latest = until + (PATIENCE_S if refused else 0)
    with contextlib.ExitStack() as kept:
        several = [kept.enter_context(protocol.Connection(broker.address, 60)) for _ in range(connections)]
        while time.monotonic() < until or (len(codes) < 2 and time.monotonic() < latest):
            one_round(several, codes)
    return codes


def on_each(several, api, version, bodies, codes, code_of=lambda answer: answer["ErrorCode"]):
    """One request on each connection, then the answers."""
    for connection in several:
        connection.send(api, version, next(bodies))
    for connection in several:
        codes[code_of(connection.receive(api, version)[1])] += 1


def new_producer_ids(broker, seconds):
    numbers = itertools.count(1 << 50, 100)

    def one_round(several, codes):
        for connection in several:
            begin = next(numbers)
            codes.update(produce_ids(connection, "flood-0", 100, range(begin, begin + 100)))
    return flood(broker, seconds, one_round)


def producer_ids_asked_for(broker, seconds):
    """InitProducerId without end, which a broker only counts up."""
    bodies = itertools.repeat({"TransactionalId": None, "TransactionTimeoutMs": 60_000})
    return flood(broker, seconds, lambda several, codes: on_each(several, "InitProducerId", 1, bodies, codes), 100, False)


def new_groups(broker, seconds):
    """Each with one member that is silent for as long as it may."""
    bodies = (join_body(f"flood-group-{number}") for number in itertools.count())
    return flood(broker, seconds, lambda several, codes: on_each(several, "JoinGroup", 3, bodies, codes), 200)


def groups_that_commit(broker, seconds):
    """Groups without members that only commit."""
    bodies = (commit_body(f"flood-commit-{number}", "flood-0", [0], 1) for number in itertools.count())
    return flood(broker, seconds, lambda several, codes: on_each(several, "OffsetCommit", 6, bodies, codes, commit_code), 200)


def new_members(broker, seconds):
    """Members of one group that are told their id and never come back (KIP-394)."""
    bodies = itertools.repeat(join_body("flood-pending", metadata=bytes(2000)))
    return flood(broker, seconds, lambda several, codes: on_each(several, "JoinGroup", 5, bodies, codes), 100)


def members_that_wait(broker, seconds):
    """Members of a few groups whose joins wait for each other, for as long as they asked for."""
    codes, kept = collections.Counter(), []
    for number in range(500):
        kept.append(protocol.Connection(broker.address, 60))
        kept[-1].send("JoinGroup", 3, {**join_body(f"flood-waiting-{number % 8}", metadata=bytes(20_000)),
                                       "RebalanceTimeoutMs": 1_000_000})
    time.sleep(seconds)
    poll = select.poll()            # select() knows no descriptors above 1023
    for one in kept:
        poll.register(one.socket, select.POLLIN)
    answered = {number for number, _ in poll.poll(0)}
    for one in kept:
        codes[one.receive("JoinGroup", 3)[1]["ErrorCode"] if one.socket.fileno() in answered else "waits"] += 1
        one.close()
    return codes


def new_topics(broker, seconds):
    numbers = itertools.count()

    def one_round(several, codes):
        asked = [{"Name": f"flood-topic-{next(numbers)}", "NumPartitions": 1, "ReplicationFactor": 1} for _ in range(200)]
        answer = several[0].call("CreateTopics", 5, {"timeoutMs": 30_000, "Topics": asked})
        codes.update(topic["ErrorCode"] for topic in answer["Topics"])
    return flood(broker, max(seconds, 20), one_round, 1)


def new_connections(broker, seconds):
    """More of them than max.connections lets in; those are closed."""
    codes, until, kept = collections.Counter(), time.monotonic() + seconds, []
    while time.monotonic() < until and len(kept) < 3000:
        kept.append(connect(broker.address))
    time.sleep(1)
    for one in kept:
        one.setblocking(False)
        try:
            codes["closed" if one.recv(1) == b"" else "answered"] += 1
        except BlockingIOError:
            codes[0] += 1
        except ConnectionError:
            codes["closed"] += 1
        one.close()
    return codes


FLOODS = (new_producer_ids, producer_ids_asked_for, new_groups, groups_that_commit, new_members, members_that_wait,
          new_topics, new_connections)
NEVER_REFUSED = (producer_ids_asked_for,)
TAKES_PRODUCERS = (new_producer_ids,)       # all places that there are, for 15 minutes
