"""What fetches are answered."""

import time

import batch
from batch import build
from semantics.context import case, fresh


@case
def fetch(k):
    name, empty = k.create("fetched", 2), k.create("fetched-empty")
    for index in range(5):
        k.produce(name, build([b"%d" % index] * 3, codec=batch.CODECS[index]))
    k.produce(name, build([b"other" * 50] * 2), partition=1)
    for version in k.versions("Fetch"):
        if version > 12:
            continue

        def ask(label, offset, topic=name, partition=0, version=version, top=None, **part):
            k.note(f"v{version} {label}", k.fetch(topic, offset, partition, version, top, **part))

        for offset in (0, 4, 14, 15, 16, 1 << 40, -1, -2):
            ask(f"at {offset}", offset)
        ask("empty topic", 0, empty)
        ask("empty topic at 1", 1, empty)
        ask("unknown topic", 0, k.name("nobody"))
        ask("unknown partition", 0, partition=9)
        ask("negative partition", 0, partition=-1)
        ask("bad name", 0, "a/b")
        ask("partition limit 1", 3, PartitionMaxBytes=1)
        ask("partition limit 0", 3, PartitionMaxBytes=0)
        ask("partition limit -1", 3, PartitionMaxBytes=-1)
        ask("limit 1", 3, top={"MaxBytes": 1})
        ask("limit 0", 3, top={"MaxBytes": 0})
        ask("limit of one batch", 0, PartitionMaxBytes=150)
        ask("isolation 1", 0, top={"IsolationLevel": 1})
        ask("isolation 1 at the end", 15, top={"IsolationLevel": 1})
        ask("isolation 7", 15, top={"IsolationLevel": 7})
        k.ask(f"v{version} no topics", "Fetch", version, {"MaxWaitMs": 0, "MinBytes": 0})
        parts = [{"Partition": index, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20} for index in (1, 0, 9)]
        k.ask(f"v{version} three partitions", "Fetch", version, {
            "MaxWaitMs": 5000, "MinBytes": 1 << 30, "Topics": [{"Topic": name, "Partitions": parts}]})
        k.ask(f"v{version} limit 1 over partitions", "Fetch", version, {
            "MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1, "Topics": [{"Topic": name, "Partitions": parts[:2]}]})
        k.ask(f"v{version} partition twice", "Fetch", version, {
            "MaxWaitMs": 0, "MinBytes": 0, "Topics": [{"Topic": name, "Partitions": [parts[0], parts[0]]}]})
        if version >= 7:
            for label, session, epoch in (("unknown session", 12345, 1), ("unknown session, epoch 0", 12345, 0),
                                          ("unknown session, closing", 12345, -1), ("no session, epoch 5", 0, 5)):
                ask(label, 0, top={"SessionId": session, "SessionEpoch": epoch})
            answer = k.fetch(name, 0, 0, version, {"SessionId": 0, "SessionEpoch": 0})
            k.note(f"v{version} new session", {**answer, "SessionId": "any"} if isinstance(answer, dict) else answer)
            ask("sessionless, forgotten topics", 0, top={"ForgottenTopicsData": [{"Topic": name, "Partitions": [1]}]})
        if version >= 9:
            epoch = k.epoch(name)
            for step in (-1, 0, 1, 100):
                if epoch + step >= 0:
                    ask(f"current epoch {step:+d}", 0, CurrentLeaderEpoch=epoch + step)
        if version >= 12:
            for step in (0, 1, 50):
                ask(f"last fetched epoch {step:+d}", 3, LastFetchedEpoch=k.epoch(name) + step)
        if version >= 11:
            ask("rack", 0, top={"RackId": "r1"})


@case
def fetch_zstd(k):
    """What old versions get of a topic that is said to be zstd, and of one that only has such batches."""
    said = k.create("zstd-said", configs={"compression.type": "zstd"})
    k.produce(said, build([b"a" * 100] * 3))
    has = k.create("zstd-has")
    k.produce(has, build([b"a" * 100] * 3, codec="zstd"))
    for version in k.versions("Fetch"):
        if version > 12:
            continue
        for label, topic in (("said", said), ("has", has)):
            for offset in (0, 3, 9):
                answer = k.fetch(topic, offset, 0, version)
                for part in answer["Responses"][0]["Partitions"] if isinstance(answer, dict) else ():
                    # What it is packed to is each broker's own.
                    part["codecs"] = [one.codec for one in batch.headers(part.pop("Records") or b"")]
                k.note(f"v{version} {label}, at {offset}", answer)


@case
def fetch_waits(k):
    name = k.create("waited")
    k.produce(name, build())
    for label, offset, wait, least, quick in (
            ("no wait", 1, 0, 1, True), ("no bytes wanted", 1, 3000, 0, True), ("data is there", 0, 3000, 1, True),
            ("too little", 0, 700, 1 << 20, False), ("at the end", 1, 700, 1, False), ("out of range", 9, 3000, 1, True)):
        start = time.monotonic()
        answer = k.fetch(name, offset, top={"MaxWaitMs": wait, "MinBytes": least})
        took = time.monotonic() - start
        k.note(label, answer)
        k.note(f"{label}: waits as it should", took < 0.5 if quick else 0.6 < took < 2.5)
    with fresh(k) as connection:
        version = k.top("Fetch", 12)
        connection.send("Fetch", version, {"MaxWaitMs": 5000, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [
            {"Topic": name, "Partitions": [{"Partition": 0, "FetchOffset": 1, "PartitionMaxBytes": 1 << 20}]}]})
        time.sleep(0.3)
        k.produce(name, build([b"wakes"]))
        start = time.monotonic()
        k.note("an append wakes it", connection.receive("Fetch", version)[1])
        k.note("at once", time.monotonic() - start < 1)
