"""The makers of many.py: each takes (broker, count) and yields, as (name, made, bytes), what so many of one kind cost. `made` is
how many the broker has, by what it answers."""

import contextlib
import select
import time

import batch
import protocol
import workload
from many_clients import commit_body, coordinate, join_alone, produce_body, produce_ids


# What one takes: the README's table of operations.
FIGURES = {
    "partition without a record": 2500,
    "partition that was written to": 2500,      # what it buffers was reserved before
    "group with a member": 2400,
    "group with a member and ten committed offsets": 2400 + 10 * 200,
    "connection that said nothing yet": 2300,
    "idle connection": 2300,
    "connection with a waiting fetch of ten partitions": 7600,
    "producer id": 250,
}


class Measure:
    """Resident bytes since it was made, once they stand still."""

    def __init__(self, broker):
        self.broker, self.before = broker, settled(broker)

    def grown(self):
        return settled(self.broker) - self.before


def settled(broker, limit=20):
    last, deadline = broker.rss(), time.monotonic() + limit
    while time.monotonic() < deadline:
        time.sleep(1)
        now = broker.rss()
        if abs(now - last) < 64 << 10:
            return now
        last = now
    return last


def make_partitions(address, count, prefix="many"):
    """Topics of 100 partitions."""
    topics = [workload.Topic(f"{prefix}-{number}", 100, (1, 1)) for number in range(count // 100)]
    for begin in range(0, len(topics), 10):
        workload.create_topics(address, topics[begin:begin + 10])
    return topics


def partitions_there(connection):
    topics = connection.call("Metadata", 1, {"Topics": None})["Topics"]
    return sum(len(topic["Partitions"]) for topic in topics if topic["Name"].startswith("many-"))


def ends(connection, topic):
    """Of its 100 partitions."""
    answer = connection.call("ListOffsets", 1, {"ReplicaId": -1, "Topics": [
        {"Name": topic, "Partitions": [{"PartitionIndex": index, "Timestamp": -1} for index in range(100)]}]})
    return [part["Offset"] for part in answer["Topics"][0]["Partitions"]]


def partitions(broker, count):
    measure = Measure(broker)
    topics = make_partitions(broker.address, count)
    with protocol.Connection(broker.address, 60) as connection:
        yield "partition without a record", partitions_there(connection), measure.grown()
    one = batch.build([b"x"])
    with protocol.Connection(broker.address, 60) as connection:
        for topic in topics:
            answer = connection.call("Produce", 7, produce_body(topic.name, [(index, one) for index in range(100)]))
            codes = {part["ErrorCode"] for part in answer["Responses"][0]["PartitionResponses"]}
            if codes != {0}:
                raise RuntimeError(f"produce: {codes}")
        written = sum(ends(connection, topic.name).count(1) for topic in topics)
    yield "partition that was written to", written, measure.grown()


def groups_there(connection):
    return sum(group["GroupId"].startswith("group-") for group in connection.call("ListGroups", 0)["Groups"])


def groups(broker, count):
    coordinate(broker.address)
    make_partitions(broker.address, 100, "committed")
    measure = Measure(broker)
    with protocol.Connection(broker.address, 60) as connection:
        joined = [(f"group-{number}", *join_alone(connection, f"group-{number}")[1:]) for number in range(count)]
        yield "group with a member", groups_there(connection), measure.grown()
        for group, generation, member in joined:
            answer = connection.call("OffsetCommit", 6, commit_body(group, "committed-0", range(10), 1, generation, member))
            codes = {part["ErrorCode"] for part in answer["Topics"][0]["Partitions"]}
            if codes != {0}:
                raise RuntimeError(f"commit: {codes}")
        yield "group with a member and ten committed offsets", groups_there(connection), measure.grown()


def silent(connections):
    """How many of them are open and got nothing that is not read."""
    poll = select.poll()            # select() knows no descriptors above 1023
    for one in connections:
        poll.register(one.socket, select.POLLIN)
    return len(connections) - len(poll.poll(0))


def connections(broker, count):
    make_partitions(broker.address, 100, "parked")
    measure = Measure(broker)
    with contextlib.ExitStack() as kept:
        made = [kept.enter_context(protocol.Connection(broker.address, 60)) for _ in range(count)]
        grown = measure.grown()
        yield "connection that said nothing yet", silent(made), grown
        for one in made:
            one.call("ApiVersions", 0)
        grown = measure.grown()
        yield "idle connection", silent(made), grown
        for one in made:
            one.send("Fetch", 11, {"MaxWaitMs": 60_000, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [
                {"Topic": "parked-0", "Partitions": [{"Partition": index, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}
                                                     for index in range(10)]}]})
        grown = measure.grown()
        yield "connection with a waiting fetch of ten partitions", silent(made), grown


def producer_ids(broker, count):
    make_partitions(broker.address, 100, "numbered")
    measure = Measure(broker)
    with protocol.Connection(broker.address, 60) as connection:
        ids = range(1 << 40, (1 << 40) + count)
        codes = produce_ids(connection, "numbered-0", 100, ids)
        grown, before = measure.grown(), ends(connection, "numbered-0")
        # Who is known still sends a repeat, which writes nothing.
        again = produce_ids(connection, "numbered-0", 100, ids)
        forgotten = sum(ends(connection, "numbered-0")) - sum(before)
    print(f"    answers by error code: {codes}, to repeats {again}, of which {forgotten} were written again")
    yield "producer id", min(codes.get(0, 0), again.get(0, 0) - forgotten), grown


ITEMS = {"partitions": (partitions, 10_000), "groups": (groups, 1_000), "connections": (connections, 5_000),
         "producer_ids": (producer_ids, 100_000)}
