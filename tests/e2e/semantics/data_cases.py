"""Produce and offsets: what a batch may be, and what comes back."""

import time

import batch
import protocol
from batch import build
from semantics.context import case, fresh

DAY = 86_400_000

def _malformed():
    """(label, bytes): every rule that a produced batch must obey, broken alone."""
    good = build([b"a", b"b", b"c"])
    flipped = bytearray(good)
    flipped[-2] ^= 1
    one = batch.record
    yield "good", good
    yield "three compressed", build([b"a", b"b", b"c"], codec="gzip")
    yield "null", None
    yield "empty", b""
    yield "one byte", b"\0"
    yield "cut in the header", good[:40]
    yield "cut in the records", good[:-1]
    yield "a byte too many", good + b"\0"
    yield "two batches", good + good
    yield "length too small", build(length=10)
    yield "length of the header only", build(length=49)
    yield "length negative", build(length=-5)
    yield "length huge", build(length=2147483647)
    yield "base offset 5", build(base_offset=5)
    yield "base offset -1", build(base_offset=-1)
    yield "leader epoch 77", build(epoch=77)
    yield "crc wrong", bytes(flipped)
    for magic in (3, 127, -1):
        yield f"magic {magic}", build(magic=magic)
    for magic in (0, 1):
        yield f"magic {magic}, as it was", batch.message_set(magic)
    yield "no records", build([], records=b"")
    yield "count 0, last delta 0", build([b"a"], count=0)
    yield "count 0, last delta -1", build([], count=0, last_delta=-1)
    yield "count -1", build([b"a"], count=-1)
    yield "count one less", build([b"a", b"b"], count=1, last_delta=1)
    yield "count one more", build([b"a", b"b"], count=3, last_delta=1)
    yield "count and last delta one more", build([b"a", b"b"], count=3, last_delta=2)
    yield "count and last delta one less", build([b"a", b"b"], count=1, last_delta=0)
    yield "last delta -1", build([b"a"], last_delta=-1)
    yield "last delta 5", build([b"a"], last_delta=5)
    yield "deltas not from 0", build([b"a", b"b"], deltas=[1, 2])
    yield "deltas backwards", build([b"a", b"b"], deltas=[1, 0])
    yield "deltas twice the same", build([b"a", b"b"], deltas=[0, 0])
    yield "deltas with a gap", build([b"a", b"b"], deltas=[0, 2], last_delta=2, count=2)
    yield "control", build(attributes=0x20)
    yield "transactional", build(attributes=0x10)
    yield "transactional with a producer", build(attributes=0x10, producer=(5, 0, 0))
    yield "log append time", build(attributes=0x08)
    yield "delete horizon", build(attributes=0x40)
    yield "attribute bit 7", build(attributes=0x80)
    yield "attribute bit 15", build(attributes=-0x8000)
    for codec in (5, 6, 7):
        yield f"codec {codec}", build(attributes=codec)
    yield "producer without sequence", build(producer=(9, 0, -1))
    yield "producer without epoch", build(producer=(9, -1, 0))
    yield "producer id -2", build(producer=(-2, -1, -1))
    yield "max time wrong", build([b"a", b"b"], max_time=1)
    yield "max time in the far future", build([b"a", b"b"], max_time=1 << 60)
    yield "base time -1", build([b"a"], base_time=-1)
    yield "base time -2", build([b"a"], base_time=-2)
    yield "times backwards", build([b"a", b"b"], time_deltas=[1000, 0])
    yield "time in two hours", build([b"a"], base_time=int(time.time() * 1000) + 7_200_000, crc=None)
    yield "a record in two hours", build([b"a", b"b"], time_deltas=[0, int(time.time() * 1000) - 1_700_000_000_000 + 7_200_000])
    yield "record attributes", build(records=one(b"a", attributes=0x55))
    yield "record length 0", build(records=b"\0")
    yield "record length -1", build(records=b"\1")
    yield "record length too long", build(records=batch.varint(500) + b"abc")
    yield "record length endless", build(records=b"\xff" * 12)
    yield "record with bytes to spare", build(records=batch.varint(20) + one(b"a")[1:] + bytes(30))
    yield "bytes after the last record", build(records=one(b"a") + b"junk")
    yield "key of -2", build(records=batch.varint(8) + b"\0\0\0\3\2a\0\0")
    yield "key longer than the record", build(records=batch.varint(8) + b"\0\0\0\x7ea\2a\0")
    yield "headers -1", build(records=batch.varint(6) + b"\0\0\0\1\1\1")
    yield "headers of a million", build(records=batch.varint(8) + b"\0\0\0\1\1" + batch.varint(1_000_000))
    yield "header with a null key", build(records=batch.varint(8) + b"\0\0\0\1\1\2\1\1")
    yield "header with a null value", build(records=one(b"a", headers=[(b"k", None)]))
    yield "header with an empty key", build(records=one(b"a", headers=[(b"", b"v")]))
    yield "null key and value", build(records=one(None))
    yield "empty value", build([b""])
    for codec in ("gzip", "snappy", "snappy-raw", "lz4", "zstd"):
        yield f"{codec}", build([b"a" * 100, b"b"], codec=codec)
        packed = batch.COMPRESS[codec](one(b"a" * 100))
        yield f"{codec} cut", build(codec=codec, payload=packed[:-7])
        yield f"{codec} of nothing", build(codec=codec, payload=batch.COMPRESS[codec](b""))
        yield f"{codec} of garbage", build(codec=codec, payload=batch.COMPRESS[codec](b"\xff" * 50))
        yield f"{codec} that is not", build(codec=codec, payload=one(b"plain"))
        yield f"{codec} without a byte", build(codec=codec, payload=b"")
        yield f"{codec} count one more", build([b"a", b"b"], codec=codec, count=3, last_delta=2)
        yield f"{codec} count one less", build([b"a", b"b"], codec=codec, count=1, last_delta=0)
        yield f"{codec} deltas not from 0", build([b"a", b"b"], codec=codec, deltas=[3, 4])
        yield f"{codec} max time wrong", build([b"a", b"b"], codec=codec, max_time=1)

def _produced(k, label, name, records, read=True, **more):
    """Produces to a topic; the answer and what a fetch then finds are results."""
    before = k.end(name)
    part = k.produce(name, records, **more)
    if isinstance(part, dict) and part["ErrorCode"] == 0:
        part = {**part, "BaseOffset": part["BaseOffset"] - before}
    k.note(label, part)
    after = k.end(name)
    grown = after - before if isinstance(after, int) and isinstance(before, int) else f"{before} then {after}"
    k.note(f"{label}, grown by", grown)
    if read and grown and isinstance(grown, int):
        answer = k.fetch(name, before)
        part = answer["Responses"][0]["Partitions"][0] if isinstance(answer, dict) else answer
        if isinstance(part, dict) and part["ErrorCode"] == 0:
            headers = k.comparable(part["Records"], "Records")
            for header in headers:
                low, high = header["offsets"].split("..")
                header["offsets"] = f"+{int(low) - before}..+{int(high) - before}"
            part = headers
        k.note(f"{label}, read back", part)

@case
def produce_malformed(k):
    name = k.create("bad")
    for label, records in _malformed():
        if label == "null":
            continue        # hangs Kafka's request; produce_null_records asks it
        _produced(k, label, name, records)


@case
def produce_null_records(k):
    name = k.create("null")
    for version in (3, k.top("Produce", 9)):
        k.note(f"v{version}", k.produce(name, None, version=version))


@case
def produce_versions(k):
    name, second = k.create("versions", 2), k.create("versions-b")
    k.create("versions-c", configs={"max.message.bytes": "500"})
    for version in range(3, 13):
        if version not in k.versions("Produce"):
            continue

        def ask(label, topics, version=version, **more):
            k.ask(f"v{version} {label}", "Produce", version, {"Acks": -1, "TimeoutMs": 5000, **more, "TopicData": [
                {"Name": topic, "PartitionData": [{"Index": index, "Records": records} for index, records in parts]}
                for topic, parts in topics]})

        good, bad, other = build(), build(crc=1), k.create(f"versions-{version}")
        ask("good", [(name, [(0, good)])])
        ask("no topics", [])
        ask("no partitions", [(name, [])])
        ask("two partitions", [(name, [(0, good), (1, good)])])
        ask("one good, one bad", [(name, [(0, good), (1, bad)])])
        ask("unknown partition", [(name, [(7, good), (-1, good)])])
        ask("unknown topic", [(k.name("nobody"), [(0, good)]), (second, [(0, good)])])
        ask("bad name", [("a/b", [(0, good)]), ("", [(0, good)])])
        for acks in (0x7FFF, 2, -2):
            ask(f"acks {acks}", [(name, [(0, good)])], Acks=acks)
        ask("acks 1", [(name, [(0, good)])], Acks=1)
        ask("timeout 0", [(name, [(0, good)])], TimeoutMs=0)
        ask("timeout negative", [(name, [(0, good)])], TimeoutMs=-1)
        ask("partition twice", [(name, [(0, good), (0, good)])])
        ask("topic twice", [(second, [(0, good)]), (second, [(0, good)])])
        ask("transactional id", [(other, [(0, good)])], TransactionalId="t")
        ask("zstd", [(name, [(0, build(codec="zstd"))])])
        ask("magic 1", [(name, [(0, batch.message_set(1))])])
        ask("too large", [(k.name("versions-c"), [(0, build([b"x" * 600]))])])
        ask("deltas with a gap", [(other, [(0, build([b"a", b"b"], records=batch.record(b"a") + batch.record(b"b", offset_delta=7)))])])


@case
def produce_without_answer(k):
    """acks 0: nothing comes back; an error closes the connection."""
    name = k.create("acks0")
    for version in (3, 7, 9):
        if version not in k.versions("Produce"):
            continue
        for label, topic, records in (("good", name, build()), ("bad crc", name, build(crc=1)),
                                      ("unknown topic", k.name("nobody"), build())):
            with fresh(k) as connection:
                connection.send("Produce", version, {"Acks": 0, "TimeoutMs": 1000, "TopicData": [
                    {"Name": topic, "PartitionData": [{"Index": 0, "Records": records}]}]})
                connection.send("Metadata", 1, {"Topics": []})
                try:
                    connection.receive("Metadata", 1)
                    outcome = "the next request is answered"
                except (protocol.Closed, ConnectionError):
                    outcome = "closed"
                except TimeoutError:
                    outcome = "no answer"
            time.sleep(0.2)
            k.note(f"v{version} {label}", [outcome, k.end(name)])


@case
def produce_limits(k):
    for limit in (70, 100, 1000):
        name = k.create(f"limit-{limit}", configs={"max.message.bytes": str(limit)})
        for size in (limit - 1, limit, limit + 1):
            records = build([b"x" * max(size - 69, 0)])
            while len(records) < size:
                records = build([b"x" * (size - 69 + size - len(records))])
            _produced(k, f"{len(records)} of {limit}", name, records, read=False)
        _produced(k, f"compressed, {limit}", name, build([b"x" * 5000], codec="gzip"), read=False)
    name = k.create("limit-segment", configs={"segment.bytes": "1048576", "max.message.bytes": "3000000"})
    _produced(k, "larger than a segment", name, build([b"x" * 1_200_000]), read=False)


@case
def produce_to_compacted_topics(k):
    compact = k.create("compact", configs={"cleanup.policy": "compact"})
    for codec in ("none", "gzip"):
        _produced(k, f"no key to a compacted topic, {codec}", compact, build([b"a", b"b"], codec=codec))
        _produced(k, f"key to a compacted topic, {codec}", compact, build([b"a", b"b"], codec=codec, key=b"k"))
    k.ask("record errors name the records", "Produce", k.top("Produce", 9), {"Acks": -1, "TimeoutMs": 5000, "TopicData": [
        {"Name": compact, "PartitionData": [{"Index": 0, "Records": build(
            [b"a"] * 3, records=batch.record(b"a", b"k") + batch.record(b"b", None, offset_delta=1) +
            batch.record(b"c", None, offset_delta=2))}]}]})


@case
def produce_with_topic_settings(k):
    stamped = k.create("stamped", configs={"message.timestamp.type": "LogAppendTime"})
    for codec in ("none", "gzip"):
        _produced(k, f"log append time, {codec}", stamped, build([b"a", b"b"], codec=codec))
        _produced(k, f"log append time and the bit, {codec}", stamped,
                  build([b"a", b"b"], codec=codec, attributes=batch.CODECS.index(codec) | 8))
        _produced(k, f"log append time and a far future, {codec}", stamped, build([b"a"], codec=codec, base_time=1 << 50))
    now = int(time.time() * 1000)
    strict = k.create("strict", configs={"message.timestamp.before.max.ms": str(DAY), "message.timestamp.after.max.ms": "60000"})
    for codec in ("none", "gzip"):
        for label, at in (("now", now), ("two days ago", now - 2 * DAY), ("in an hour", now + 3_600_000), ("never", -1)):
            _produced(k, f"time limits: {label}, {codec}", strict, build([b"a"], codec=codec, base_time=at), read=False)
        _produced(k, f"time limits: one of two, {codec}", strict,
                  build([b"a", b"b"], codec=codec, base_time=now, time_deltas=[0, -2 * DAY]), read=False)
    for kind in ("gzip", "uncompressed", "zstd", "lz4", "snappy"):
        recompressed = k.create(f"recompressed-{kind}", configs={"compression.type": kind})
        for codec in ("none", kind if kind != "uncompressed" else "gzip"):
            part = k.produce(recompressed, build([b"a" * 100] * 3, codec=codec))
            k.note(f"{kind} topic, {codec} batch", part)
            answer = k.fetch(recompressed, 0)
            stored = list(batch.headers(answer["Responses"][0]["Partitions"][0]["Records"])) if isinstance(answer, dict) else []
            k.note(f"{kind} topic, {codec} batch: stored codec", [stored[-1].codec, stored[-1].count] if stored else None)


@case
def list_offsets(k):
    # Its times are long past.
    name, empty = k.create("offsets", 2, configs={"retention.ms": "-1"}), k.create("offsets-empty")
    base = 1_700_000_000_000
    k.produce(name, build([b"a", b"b", b"c"], base_time=base, time_deltas=[0, 10, 20]))
    k.produce(name, build([b"a", b"b", b"c"], base_time=base + 1000, time_deltas=[0, 500, 200], codec="lz4"))
    k.produce(name, build([b"a", b"b"], base_time=base + 500, time_deltas=[0, 10], codec="zstd"))
    for version in k.versions("ListOffsets"):
        def ask(label, timestamp, topic=name, partition=0, version=version, top=None, **part):
            k.ask(f"v{version} {label}", "ListOffsets", version, {"ReplicaId": -1, **(top or {}), "Topics": [
                {"Name": topic, "Partitions": [{"PartitionIndex": partition, "Timestamp": timestamp, **part}]}]})

        for special in range(-1, -9, -1):
            ask(f"special {special}", special)
            ask(f"special {special}, empty", special, empty)
        for at in (-base, -1, 0, 1, 5, 10, 11, 20, 21, 999, 1000, 1001, 1200, 1201, 1500, 1501):
            ask(f"time {at:+d}", base + at)
        ask("time of an empty topic", base, empty)
        ask("unknown topic", -1, k.name("nobody"))
        ask("unknown partition", -1, partition=7)
        ask("bad name", -1, "a/b")
        k.ask(f"v{version} no topics", "ListOffsets", version, {"ReplicaId": -1})
        k.ask(f"v{version} partition twice", "ListOffsets", version, {"ReplicaId": -1, "Topics": [
            {"Name": name, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1}] * 2}]})
        if version >= 2:
            ask("isolation 1", -1, top={"IsolationLevel": 1})
            ask("isolation 1, by time", base + 10, top={"IsolationLevel": 1})
        if version >= 4:
            epoch = k.epoch(name)
            for step in (-1, 0, 1):
                if epoch + step >= 0:
                    ask(f"current epoch {step:+d}", -1, CurrentLeaderEpoch=epoch + step)
    stamped = k.create("offsets-stamped", configs={"message.timestamp.type": "LogAppendTime"})
    k.produce(stamped, build([b"a", b"b", b"c"], base_time=base, time_deltas=[0, 10, 20]))
    for at in (base, base + 20, -3):
        k.ask(f"log append time: {at}", "ListOffsets", k.top("ListOffsets", 7), {"ReplicaId": -1, "Topics": [
            {"Name": stamped, "Partitions": [{"PartitionIndex": 0, "Timestamp": at}]}]})


@case
def offset_for_leader_epoch(k):
    name, empty = k.create("epochs"), k.create("epochs-empty")
    k.produce(name, build([b"a", b"b"]))
    epoch = k.epoch(name)
    for version in k.versions("OffsetForLeaderEpoch"):
        def ask(label, topic, wanted, partition=0, current=-1, version=version):
            k.ask(f"v{version} {label}", "OffsetForLeaderEpoch", version, {
                **({"ReplicaId": -1} if version >= 3 else {}), "Topics": [{"Topic": topic, "Partitions": [
                    {"Partition": partition, "CurrentLeaderEpoch": current, "LeaderEpoch": wanted}]}]})

        ask("this", name, epoch)
        ask("next", name, epoch + 1)
        ask("far", name, epoch + 1000)
        ask("none", name, -1)
        ask("empty topic", empty, epoch)
        ask("unknown topic", k.name("nobody"), 0)
        ask("unknown partition", name, 0, partition=5)
        ask("current is newer", name, epoch, current=epoch + 1)
        ask("current is right", name, epoch, current=epoch)
