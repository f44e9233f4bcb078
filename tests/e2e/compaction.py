#!/usr/bin/env python3
"""Compacted topics through stock clients: of each key the last value stays, at its offset, across kills of the broker in the
middle of it; tombstones go; and Kafka's own tools read what is left, `__consumer_offsets` too."""

import argparse
import pathlib
import re
import shutil
import sys
import time

import broker as brokers
import cache
import drivers
import dump_log
import feature_table
import group_tools
import protocol

KEYS, PARTITIONS, ROUNDS = 2000, 2, 12
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
TOPIC = {"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01",
         "delete.retention.ms": "1000"}


class Failed(Exception):
    pass


class Written:
    """What was acknowledged: by partition and key the offset and value of the last record; by offset every record."""

    def __init__(self):
        self.last, self.all = {}, {}

    def produce(self, address, round_number, codec, gone=()):
        """A new value of every key, a tombstone for those of `gone`."""
        from confluent_kafka import Producer
        failures = []
        producer = Producer({"bootstrap.servers": address, "compression.type": codec, "linger.ms": 5,
                             "broker.address.family": "v4", "message.timeout.ms": 60000, "batch.size": 20000})

        def note(key, value):
            def delivered(error, message):
                if error is not None:
                    failures.append(f"{key}: {error}")
                    return
                self.all[message.partition(), message.offset()] = (key, value)
                before = self.last.get((message.partition(), key))
                if before is None or before[0] < message.offset():
                    self.last[message.partition(), key] = (message.offset(), value)
            return delivered

        for number in range(KEYS):
            key = f"key-{number}"
            value = None if key in gone else f"{key} in round {round_number} " + "v" * (number % 400)
            producer.produce("kept", value, key, partition=number % PARTITIONS, on_delivery=note(key, value))
            producer.poll(0)
        left = producer.flush(60)
        if left or failures:
            raise Failed(f"{left} without an answer, {failures[:3]}")


def size_of(broker, topic):
    return sum(path.stat().st_size for path in pathlib.Path(broker.log_dir).glob(f"{topic}-*/*.log"))


def waited(check, what, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.2)


def read_all(address, topic="kept"):
    """[(partition, offset, key, value)] from the beginning to the end of each partition."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False,
                         "broker.address.family": "v4", "auto.offset.reset": "earliest", "enable.partition.eof": True})
    found, ended = [], set()
    try:
        consumer.assign([TopicPartition(topic, part, 0) for part in range(PARTITIONS)])
        end = time.monotonic() + 60
        while len(ended) < PARTITIONS:
            if time.monotonic() > end:
                raise Failed(f"the consumer does not come to the end: {len(found)} records")
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                if message.error().name() != "_PARTITION_EOF":
                    raise Failed(str(message.error()))
                ended.add(message.partition())
                continue
            value = message.value()
            found.append((message.partition(), message.offset(), message.key().decode(), value and value.decode()))
    finally:
        consumer.close()
    return found


def kept(address, written):
    """None, or what is wrong: a record that is not what was written there, a last value that is missing."""
    seen = {}
    for partition, offset, key, value in read_all(address):
        if written.all.get((partition, offset)) != (key, value):
            return f"{key} at {partition}:{offset} is {str(value)[:60]}, written was {str(written.all.get((partition, offset)))[:80]}"
        seen[partition, key] = offset
    for (partition, key), (offset, value) in written.last.items():
        if value is not None and seen.get((partition, key)) != offset:
            return f"the last value of {key}, at {partition}:{offset}, is missing; {seen.get((partition, key))} is there"
    return None


def shrinks(broker, written):
    """New values of all keys in every codec, and the log stays a few times as large as what is in it."""
    for number in range(ROUNDS):
        written.produce(broker.address, number, CODECS[number % len(CODECS)])
    whole = sum(len(key) + len(value or "") for key, value in written.all.values())
    # Of each partition what is in the active segment is not compacted.
    waited(lambda: size_of(broker, "kept") < min(whole * 0.75, 2 * PARTITIONS * (1 << 20)), "the log becomes smaller")
    return kept(broker.address, written)


def killed(broker, written):
    """Kills while compaction is at it."""
    for number in range(ROUNDS):
        written.produce(broker.address, ROUNDS + number, CODECS[number % len(CODECS)])
        if number % 3 == 2:
            broker.kill()
            broker.start()
    return kept(broker.address, written)


def buried(broker, written):
    """Tombstones leave, when delete.retention.ms is over and the log is compacted once more."""
    gone = {f"key-{number}" for number in range(0, KEYS, 3)}
    written.produce(broker.address, 100, "lz4", gone)

    def tombstones():
        written.produce(broker.address, 101, "none", gone=())  # segments roll, and nobody is dead for good
        return True

    numbers = {key for (_, key), (_, value) in written.last.items() if value is None}
    if numbers != gone:
        return f"{len(numbers)} tombstones were written, not {len(gone)}"
    tombstones()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        left = [1 for *_, value in read_all(broker.address) if value is None]
        if not left:
            return kept(broker.address, written)
        time.sleep(1)
        written.produce(broker.address, 102, "zstd")
    return f"{len(left)} tombstones are still there"


def java_reads(broker):
    """Java's consumer comes to the end of a log with gaps and empty batches."""
    java = drivers.Java(broker.address)
    for partition in range(PARTITIONS):
        wanted = [offset for part, offset, *_ in read_all(broker.address) if part == partition]
        found = [record.offset for record in java.consume("kept", partition, 0, len(wanted))]
        if found != wanted:
            return f"partition {partition}: {len(found)} records, not the {len(wanted)} that librdkafka sees"
    return None


def commit(connection, group, offset):
    answer = connection.call("OffsetCommit", 7, {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
                                                 "GroupInstanceId": None, "Topics": [{"Name": "kept", "Partitions": [
                                                     {"PartitionIndex": part, "CommittedOffset": offset + part, "CommittedLeaderEpoch": -1,
                                                      "CommittedMetadata": "m" * 4000} for part in range(PARTITIONS)]}]})
    codes = {part["ErrorCode"] for topic in answer["Topics"] for part in topic["Partitions"]}
    if codes != {0}:
        raise Failed(f"OffsetCommit: {codes}")


def committed(connection, group):
    answer = connection.call("OffsetFetch", 5, {"GroupId": group, "Topics": [
        {"Name": "kept", "PartitionIndexes": list(range(PARTITIONS))}]})
    return {part["PartitionIndex"]: part["CommittedOffset"] for topic in answer["Topics"] for part in topic["Partitions"]}


def offsets(broker):
    """__consumer_offsets is compacted too, and says the same after it, after a kill and a stop."""
    wanted = {}
    with protocol.Connection(broker.address) as connection:
        connection.call("FindCoordinator", 2, {"Key": "g", "KeyType": 0})
        time.sleep(0.5)
        for number in range(60):
            for group in range(10):
                wanted[f"group-{group}"] = number * 7 + group
                commit(connection, f"group-{group}", number * 7 + group)
    waited(lambda: size_of(broker, "__consumer_offsets") < 3 << 20, "__consumer_offsets becomes smaller")
    for again in (broker.kill, broker.stop):
        again()
        broker.start()
        with protocol.Connection(broker.address) as connection:
            for group, offset in wanted.items():
                end = time.monotonic() + 20
                while committed(connection, group) != {part: offset + part for part in range(PARTITIONS)}:
                    if time.monotonic() > end:
                        return f"{group}: {committed(connection, group)}, not {offset}"
                    time.sleep(0.1)
    return None


def judged(broker):
    """DumpLogSegments finds nothing wrong but the gaps."""
    paths = [path for path in sorted(pathlib.Path(broker.log_dir).glob("kept-*/*"))
             if path.suffix in (".log", ".index", ".timeindex")]
    wrong, batches = dump_log.judge(paths)
    wrong = [line for line in wrong if not re.search(r": offset (-1|\d+) is followed by \d+$", line)] + dump_log.lengths(paths)
    if not batches:
        wrong.append("there was nothing to judge")
    return wrong[:3] or None


def decoded(broker):
    found, _ = group_tools.decoded(broker.log_dir)
    missing = [f"group-{group}" for group in range(10) if (f"group-{group}", "kept", 0) not in found]
    return missing or None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    arguments = parser.parse_args()
    cache.in_venv()
    has_java = cache.kafka_classpath() is not None
    table, written = feature_table.Table(), Written()
    settings = {"log.cleaner.backoff.ms": "200", "log.retention.check.interval.ms": "500",
                "offsets.topic.segment.bytes": "1048576", "offsets.topic.num.partitions": "1",
                "log.cleaner.min.cleanable.ratio": "0.1"}
    with brokers.from_arguments(arguments, "compaction", settings=settings) as broker:
        broker.start()
        drivers.Confluent(broker.address).create("kept", PARTITIONS, TOPIC)
        table.cell("compaction", "the last values stay", lambda: shrinks(broker, written))
        table.cell("compaction", "across kills", lambda: killed(broker, written))
        table.cell("compaction", "tombstones leave", lambda: buried(broker, written))
        table.cell("compaction", "committed offsets", lambda: offsets(broker))
        if has_java:
            table.cell("compaction", "Java reads on", lambda: java_reads(broker))
        broker.stop()
        if has_java:
            table.cell("compaction", "DumpLogSegments", lambda: judged(broker))
            table.cell("compaction", "its offsets decoder", lambda: decoded(broker))
        broker.start()
        table.cell("compaction", "after a stop", lambda: kept(broker.address, written))
        broker.stop()
        if not table.failures:
            shutil.rmtree(broker.data_dir, ignore_errors=True)
    table.show()
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
