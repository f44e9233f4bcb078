"""The makers of many.py: each takes (broker, count) and yields, as (name, made, bytes), what so many of one kind cost."""

import contextlib
import time

import batch
import protocol
import workload
from many_clients import commit, coordinate, join_alone, produce_body, produce_ids


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


def partitions(broker, count):
    measure = Measure(broker)
    topics = make_partitions(broker.address, count)
    yield "partition without a record", count, measure.grown()
    one = batch.build([b"x"])
    with protocol.Connection(broker.address, 60) as connection:
        for topic in topics:
            answer = connection.call("Produce", 7, produce_body(topic.name, [(index, one) for index in range(100)]))
            codes = {part["ErrorCode"] for part in answer["Responses"][0]["PartitionResponses"]}
            if codes != {0}:
                raise RuntimeError(f"produce: {codes}")
    yield "partition that was written to", count, measure.grown()


def groups(broker, count):
    coordinate(broker.address)
    make_partitions(broker.address, 100, "committed")
    measure = Measure(broker)
    with protocol.Connection(broker.address, 60) as connection:
        joined = [(f"group-{number}", *join_alone(connection, f"group-{number}")[1:]) for number in range(count)]
        yield "group with a member", count, measure.grown()
        for group, generation, member in joined:
            for partition in range(10):
                error = commit(connection, group, "committed-0", partition, 1, generation, member)
                if error:
                    raise RuntimeError(f"commit: {error}")
    yield "group with a member and ten committed offsets", count, measure.grown()


def connections(broker, count):
    make_partitions(broker.address, 100, "parked")
    measure = Measure(broker)
    with contextlib.ExitStack() as kept:
        made = [kept.enter_context(protocol.Connection(broker.address, 60)) for _ in range(count)]
        yield "connection that said nothing yet", count, measure.grown()
        for one in made:
            one.call("ApiVersions", 0)
        yield "idle connection", count, measure.grown()
        for one in made:
            one.send("Fetch", 11, {"MaxWaitMs": 60_000, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [
                {"Topic": "parked-0", "Partitions": [{"Partition": index, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}
                                                     for index in range(10)]}]})
        yield "connection with a waiting fetch of ten partitions", count, measure.grown()


def producer_ids(broker, count):
    make_partitions(broker.address, 100, "numbered")
    measure = Measure(broker)
    with protocol.Connection(broker.address, 60) as connection:
        codes = produce_ids(connection, "numbered-0", 100, range(1 << 40, (1 << 40) + count))
    print(f"    answers by error code: {codes}")
    yield "producer id", codes.get(0, 0), measure.grown()


ITEMS = {"partitions": (partitions, 10_000), "groups": (groups, 1_000), "connections": (connections, 5_000),
         "producer_ids": (producer_ids, 100_000)}
