"""DeleteRecords, and what the other requests say of a log that no longer starts at 0."""

from batch import build
from semantics.context import case


@case
def delete_records(k):
    base = 1_700_000_000_000
    for version in k.versions("DeleteRecords"):
        name = k.create(f"deleted-{version}", 2, configs={"retention.ms": "-1"})
        k.produce(name, build([b"a", b"b", b"c"], base_time=base + 900, time_deltas=[0, -890, -880]))
        k.produce(name, build([b"d", b"e"], base_time=base + 30, time_deltas=[0, 10]))
        k.produce(name, build([b"f"]), partition=1)

        def ask(label, *parts, topic=name, version=version):
            k.ask(f"v{version} {label}", "DeleteRecords", version, {"TimeoutMs": 5000, "Topics": [
                {"Name": topic, "Partitions": [{"PartitionIndex": index, "Offset": offset} for index, offset in parts]}]})

        def offsets(label, version=version, name=name):
            for at in (-1, -2, -3, base, base + 15, base + 35, base + 500):
                k.ask(f"v{version} {label}, offset of {at}", "ListOffsets", k.top("ListOffsets", 7), {
                    "ReplicaId": -1, "Topics": [{"Name": name, "Partitions": [{"PartitionIndex": 0, "Timestamp": at}]}]})

        ask("nothing", (0, 0))
        ask("into a batch", (0, 1))
        offsets("into a batch")
        for offset in (0, 1, 2):
            k.note(f"v{version} fetch at {offset}", k.fetch(name, offset, version=k.top("Fetch", 12)))
        k.note(f"v{version} produce", k.produce(name, build([b"g"], base_time=base + 50)))
        ask("below it", (0, 0))
        ask("above the end", (0, 7))
        ask("far above", (0, 1 << 40))
        ask("offset -2", (0, -2))
        ask("two, and one that is not there", (0, 3), (1, 1), (9, 0))
        ask("everything", (0, -1))
        offsets("everything")
        k.note(f"v{version} fetch of nothing", k.fetch(name, 6, version=k.top("Fetch", 12)))
        ask("everything again", (0, -1))
        ask("no partitions")
        ask("unknown topic", (0, 0), topic=k.name("nobody"))
        ask("bad name", (0, 0), topic="a/b")
        ask("negative partition", (-1, 0))
        k.ask(f"v{version} no topics", "DeleteRecords", version, {"TimeoutMs": 5000})
