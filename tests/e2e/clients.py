#!/usr/bin/env python3
"""Stock clients against the broker: every codec, three sizes, keys, headers, times and the admin calls.

Each client writes into a topic of its own; every client reads every topic. The codec is looked up in the stored
batches, after a clean stop. Prints a table of client by feature and `N passed, N failed`."""

import argparse
import shutil
import sys
import time

import batch
import broker as brokers
import cache
import drivers
import drivers_more
import feature_table
import protocol

SIZES = (1, 1000, 1_000_000)
HEADERS = [("origin", b"e2e"), ("n", b"1")]
ALL = drivers.ALL + drivers_more.ALL
PARTITION = 1           # of 3, where the client can choose; the console producer cannot and gets a topic of one


def records_of(client, codec, base_time):
    """One record of each size. The text can be spoken by line-based tools, and packs well but not to nothing."""
    found = []
    for index, size in enumerate(SIZES):
        line = f"{client}/{codec}/{size}/".encode()
        text = b"".join(b"%s%07d." % (line, number) for number in range(size // len(line) + 1))
        value = text[:size] if size > 1 else b"v"
        found.append((f"{codec}-{size}".encode(), value, HEADERS, base_time + index * 1000))
    return found


def same(wanted, found, times=True):
    """What differs, in words; None when nothing does."""
    if len(found) != len(wanted):
        return f"{len(found)} records instead of {len(wanted)}"
    for index, ((key, value, headers, timestamp), got) in enumerate(zip(wanted, found)):
        if got.offset != index:
            return f"record {index} has offset {got.offset}"
        if (got.key, got.headers) != (key, headers):
            return f"record {index}: key {got.key!r}, headers {got.headers}"
        if got.value != value:
            return f"record {index}: {len(got.value)} bytes instead of {len(value)}, or others"
        if times and got.timestamp != timestamp:
            return f"record {index}: timestamp {got.timestamp} instead of {timestamp}"
    return None


def end_of(address, topic, partition):
    with protocol.Connection(address) as connection:
        answer = connection.call("ListOffsets", 1, {"ReplicaId": -1, "Topics": [
            {"Name": topic, "Partitions": [{"PartitionIndex": partition, "Timestamp": -1}]}]})
    return answer["Topics"][0]["Partitions"][0]["Offset"]


def waited(condition, wanted, timeout=10):
    """The last value of condition(), which is asked until it is as wanted."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value == wanted or time.monotonic() > deadline:
            return value
        time.sleep(0.2)


def differs(name, value, wanted):
    return None if value == wanted else f"{name} is {value!r} instead of {wanted!r}"


def admin_name(client):
    """Who asks and changes: the client itself, or a tool beside it."""
    return getattr(client, "admin_name", client.name)


def administer(table, client, other):
    """The admin verbs, each checked through another client."""
    topic, name = f"admin-{client.name.replace(' ', '-')}", admin_name(client)

    def create():
        client.create(topic, 2, {"segment.ms": "3600000", "max.message.bytes": str(drivers.LIMIT)})
        return differs("partitions", waited(lambda: other.topics().get(topic), 2), 2)

    def alter():
        client.alter(topic, {"segment.ms": "7200000"})
        return differs("segment.ms", waited(lambda: other.configs(topic).get("segment.ms"), "7200000"), "7200000")

    def grow():
        client.grow(topic, 4)
        return differs("partitions", waited(lambda: other.topics().get(topic), 4), 4)

    def configs():
        found = client.configs(topic)
        return differs("segment.ms", found.get("segment.ms"), "3600000") or \
            differs("cleanup.policy", found.get("cleanup.policy"), "delete") or \
            differs("max.message.bytes", found.get("max.message.bytes"), str(drivers.LIMIT))

    def delete_records():
        now = int(time.time() * 1000)
        other.produce(topic, 0, "none", [(b"k", b"v", HEADERS, now + index) for index in range(3)])
        return differs("low watermark", client.delete_records(topic, 0, 2), 2) or \
            differs("first offset", other.at(topic, 0, now), 2)

    def delete():
        client.delete(topic)
        return differs("partitions", waited(lambda: other.topics().get(topic), None), None)

    if hasattr(client, "create"):
        table.cell(name, "create topic with settings", create)
        table.cell(name, "describe configs", configs)
        table.cell(name, "alter configs", alter)
        table.cell(name, "create partitions", grow)
    else:
        other.create(topic, 4, {})
    table.cell(name, "list and describe topics", lambda: differs("partitions", client.topics().get(topic), 4))
    if hasattr(client, "delete_records"):
        table.cell(name, "delete records", delete_records)
    if hasattr(client, "delete"):
        table.cell(name, "delete topic", delete)
    else:
        other.delete(topic)


def produce(table, client, address, topic, partition):
    """Everything into one partition; (records sent, [(first offset, end, codec)])."""
    sent, ranges, base = [], [], int(time.time() * 1000) - 3_600_000
    for index, codec in enumerate(client.codecs):
        records, first = records_of(client.name, codec, base + index * 10_000), len(sent)

        def check(records=records, codec=codec, first=first):
            client.produce(topic, partition, codec, records)
            return differs("the log's end", end_of(address, topic, partition), first + len(records))

        table.cell(client.name, f"produce {codec}", check)
        written = records[:max(0, end_of(address, topic, partition) - first)]      # fewer after a failure
        if written:
            ranges.append((first, first + len(written), codec))
        sent += written
    return sent, ranges


def stored_codecs(log_dir, topic, partition, ranges):
    """What is wrong with the batches in the segments, in words. All but the first record of each range (one byte, which
    some clients leave as it is since it would not shrink) must have the codec."""
    headers = [header for path in sorted((log_dir / f"{topic}-{partition}").glob("*.log")) for header in batch.file_headers(path)]
    if not ranges or not headers or headers[-1].next_offset < ranges[-1][1]:
        return f"the segments end at {headers[-1].next_offset if headers else 'nothing'}"
    for first, end, codec in ranges:
        found = {header.codec for header in headers if header.next_offset > first + 1 and header.base_offset < end}
        if found != {codec}:
            return f"offsets {first + 1}..{end - 1} are stored as {sorted(found)} instead of {codec}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    feature_table.add_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="each topic is read by its writer and one other client only")
    parser.add_argument("--need-all", action="store_true", help="a client that is not installed counts as failed")
    parser.add_argument("--clients", default="", metavar="LIST", help="only these, by name")
    arguments = parser.parse_args()
    cache.in_venv()

    table, topics = feature_table.from_arguments(arguments, "clients"), {}
    with brokers.from_arguments(arguments, "clients") as broker:
        broker.start()
        wanted = [name for name in arguments.clients.split(",") if name]
        clients = [kind(broker.address) for kind in ALL if kind.here() and (not wanted or kind.name in wanted)]
        judge = drivers.Confluent(broker.address)
        for kind in ALL:
            if not kind.here() and arguments.need_all:
                table.cell(kind.name, "installed", lambda: "it is not")
            elif not kind.here():
                print(f"{kind.name} is not installed and was not tried")
        for client in clients:
            alone = not getattr(client, "partitions", True)
            topic, partition = f"data-{client.name.replace(' ', '-')}", 0 if alone else PARTITION
            judge.create(topic, 1 if alone else 3, {"max.message.bytes": str(drivers.LIMIT)})
            waited(lambda: judge.topics().get(topic), 1 if alone else 3)
            sent, ranges = produce(table, client, broker.address, topic, partition)
            topics[client.name] = topic, partition, sent, ranges
        for writer in clients:
            topic, partition, sent, _ = topics[writer.name]
            times = not getattr(writer, "own_time", False) and writer.name != "kcat"     # which stamps records itself, too
            for reader in clients:
                if not hasattr(reader, "consume") or (arguments.quick and reader.name not in (writer.name, judge.name)):
                    continue
                table.cell(reader.name, f"consume from {writer.name}",
                           lambda: same(sent, reader.consume(topic, partition, 0, len(sent)), times))
        source, partition, sent, _ = topics.get("confluent-kafka") or topics.get("franz-go") or next(iter(topics.values()))
        for client in clients:
            if hasattr(client, "at"):
                table.cell(admin_name(client), "offset by timestamp", lambda: differs(
                    "offsets", [client.at(source, partition, sent[index][3] - back)
                                for index, back in ((0, 5000), (4, 0), (4, 999))], [0, 4, 4]))
            if hasattr(client, "end"):
                table.cell(admin_name(client), "end offset",
                           lambda: differs("end", client.end(source, partition), end_of(broker.address, source, partition)))
            if hasattr(client, "topics"):
                administer(table, client, judge)
        if broker.log_dir is not None:
            table.cell("broker", "clean stop", lambda: differs("exit status", broker.stop(), 0)
                       if broker.name == "millrace" else broker.stop() and None)
            for client in clients:
                topic, partition, _, ranges = topics[client.name]
                table.cell(client.name, "codecs as stored",
                           lambda: stored_codecs(broker.log_dir, topic, partition, ranges))
    table.show()
    if not table.failures and broker.log_dir is not None:
        shutil.rmtree(broker.data_dir, ignore_errors=True)
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
