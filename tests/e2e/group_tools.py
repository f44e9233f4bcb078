#!/usr/bin/env python3
"""Kafka's own tools about groups: kafka-producer-perf-test, kafka-consumer-perf-test, kafka-consumer-groups, and what
DumpLogSegments with its offsets decoder reads from `__consumer_offsets` after a clean stop.

Two groups: `done`, whose only consumer was the performance tool, and `live`, with a member all the time. Every tool's words
are held against what the broker answers. The last line is `N passed, N failed`."""

import argparse
import json
import pathlib
import re
import shutil
import sys

import broker as brokers
import cache
import drivers
import dump_log
import feature_table
import group_peers
import groups
from clients import differs
from drivers import Failed
from group_peers import waited

RECORDS, RESET = 20_000, 7


class Group(groups.Scenario):
    """A group of the topic that all of this is about."""

    def __init__(self, name, address):
        self.topic, self.group, self.address = "numbers", name, address


class Tools:
    def __init__(self, address):
        self.address = address

    def run(self, name, *words):
        return drivers._run(cache.java(f"org.apache.kafka.tools.{name}", "--bootstrap-server", self.address, *words),
                            timeout=group_peers.PATIENCE_S).decode()

    def groups(self, *words):
        """The words of each line that kafka-consumer-groups writes; it exits with 0 whatever happens."""
        return [line.split() for line in self.run("consumer.group.ConsumerGroupCommand", *words).splitlines() if line.strip()]

    def described(self, group):
        """{partition: (current offset, log end offset, lag)} as the tool has them."""
        return {int(line[2]): tuple(map(int, line[3:6])) for line in self.groups("--describe", "--group", group)
                if line[:2] == [group, "numbers"]}


def performance(table, tools, done):
    def produce():
        words = tools.run("ProducerPerformance", "--topic", "numbers", "--num-records", RECORDS, "--record-size", 100,
                          "--throughput", -1)
        return None if f"{RECORDS} records sent" in words else words[-300:]

    def consume():
        words = tools.run("ConsumerPerformance", "--topic", "numbers", "--num-records", RECORDS, "--group", "done",
                          "--timeout", 100_000, "--hide-header")
        lines = [line.split(", ") for line in words.splitlines() if line.count(", ") == 9]
        return differs("records", [int(line[4]) for line in lines], [RECORDS]) or \
            differs("committed", done.committed(), done.ends())

    table.cell("java performance", "kafka-producer-perf-test", produce)
    table.cell("broker", "end after it", lambda: differs("end", sum(done.ends().values()), RECORDS))
    table.cell("java performance", "kafka-consumer-perf-test", consume)


def look(table, tools, done):
    def members():
        lines = tools.groups("--describe", "--group", "live", "--members", "--verbose")
        found = [line for line in lines if line[0] == "live"]
        has = "numbers:" + ",".join(map(str, range(groups.PARTITIONS)))
        return None if len(found) == 1 and has in found[0] and str(groups.PARTITIONS) in found[0] else lines

    def state():
        lines = [line for line in tools.groups("--describe", "--group", "live", "--state") if line[0] == "live"]
        return None if len(lines) == 1 and {"range", "Stable", "1"} <= set(lines[0]) else lines

    ends = done.ends()
    table.cell("java group tool", "groups --list", lambda: differs("groups", sorted(map(tuple, tools.groups("--list"))),
                                                              [("done",), ("live",)]))
    table.cell("java group tool", "groups --describe", lambda: differs(
        "done", tools.described("done"), {part: (end, end, 0) for part, end in ends.items()}))
    table.cell("java group tool", "groups --describe --members", members)
    table.cell("java group tool", "groups --describe --state", state)


def change(table, tools, done, live):
    resetting = ("--reset-offsets", "--topic", "numbers", "--to-offset", RESET)

    def reset(how, wanted):
        lines = tools.groups(*resetting, "--group", "done", how)
        told = {int(line[2]): int(line[3]) for line in lines if line[:2] == ["done", "numbers"]}
        return differs("told", told, dict.fromkeys(range(groups.PARTITIONS), RESET)) or differs(how, done.committed(), wanted)

    def refused(*words):
        before = live.committed()
        lines = tools.groups(*words, "--group", "live")
        return differs("committed", live.committed(), before) or differs("state", live.described(), ("Stable", 1)) or \
            (None if re.search("not empty|is Stable|inactive|NonEmpty|active", " ".join(sum(lines, []))) else lines)

    def delete_offsets():
        lines = tools.groups("--delete-offsets", "--group", "done", "--topic", "numbers:0")
        wanted = {**dict.fromkeys(range(groups.PARTITIONS), RESET), 0: -1}
        return differs("committed", done.committed(), wanted) or (None if "Successful" in sum(lines, []) else lines)

    def delete():
        lines = tools.groups("--delete", "--group", "done")
        return differs("state", done.described(), ("Dead", 0)) or \
            differs("committed", done.committed(), dict.fromkeys(range(groups.PARTITIONS), -1)) or \
            (None if "successful." in sum(lines, []) else lines)

    table.cell("java group tool", "groups --reset-offsets --dry-run", lambda: reset("--dry-run", done.ends()))
    table.cell("java group tool", "groups --reset-offsets", lambda: reset("--execute", dict.fromkeys(range(groups.PARTITIONS), RESET)))
    table.cell("java group tool", "groups --delete-offsets", delete_offsets)
    table.cell("java group tool", "groups --delete", delete)
    table.cell("java group tool", "--reset-offsets of a live group", lambda: refused(*resetting, "--execute"))
    table.cell("java group tool", "--delete of a live group", lambda: refused("--delete"))


def decoded(log_dir):
    """({(group, topic, partition): last offset or None}, {group: last metadata or None}), as Kafka's tool decodes them."""
    paths = [path for path in sorted(pathlib.Path(log_dir).glob("__consumer_offsets-*/*.log")) if path.stat().st_size]
    status, words = dump_log.dump(paths, "--offsets-decoder")
    if status != 0 or not paths:
        raise Failed(f"exit status {status}: {words[-300:]}")
    offsets, metadata = {}, {}
    for line in words.splitlines():
        if not (found := re.search(r" key: (\{.*?\}\}) payload: (.*)$", line)):
            if line.startswith("| offset"):
                raise Failed(f"not decoded: {line[:300]}")
            continue
        key = json.loads(found[1])["data"]
        value = json.loads(found[2])["data"] if found[2].startswith("{") else None
        if "partition" in key:
            offsets[key["group"], key["topic"], key["partition"]] = value and value["offset"]
        else:
            metadata[key["group"]] = value
    return offsets, metadata


def dumped(log_dir, live_ends):
    offsets, metadata = decoded(log_dir)
    wanted = {("live", "numbers", part): end for part, end in live_ends.items()}
    wanted.update({("done", "numbers", part): None for part in live_ends})
    live = metadata.get("live") or {}
    return differs("offsets", offsets, wanted) or differs("done", metadata.get("done", "missing"), None) or \
        differs("live", (live.get("protocolType"), live.get("protocol"), live.get("members")), ("consumer", None, []))


def arguments_of(about):
    """Of a program that runs Kafka's tools, in the clients' environment; None where those cannot be had, which is said."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    feature_table.add_arguments(parser)
    arguments = parser.parse_args()
    cache.in_venv()
    if cache.kafka_classpath() is None:
        print("Maven and Java are needed for Kafka's tools")
        return None
    return arguments


def main():
    arguments = arguments_of(__doc__)
    if arguments is None:
        return 2

    table = feature_table.from_arguments(arguments, "group_tools")
    log = pathlib.Path(arguments.work) / "group-tools-member.log"
    with brokers.from_arguments(arguments, "group-tools", settings={"group.initial.rebalance.delay.ms": "0"}) as broker:
        broker.start()
        tools, done, live = Tools(broker.address), Group("done", broker.address), Group("live", broker.address)
        drivers.Confluent(broker.address).create("numbers", groups.PARTITIONS, {})
        performance(table, tools, done)
        member = next(kind for kind in group_peers.ALL if kind.name == "confluent-kafka").member(
            broker.address, "numbers", "live", log)
        try:
            waited(lambda: len(member.records) == RECORDS and live.described() == ("Stable", 1), "the member")
            member.commit()
            look(table, tools, done)
            change(table, tools, done, live)
            member.stop()
        finally:
            member.kill()
        waited(lambda: live.described() == ("Empty", 0), "the member's leave")
        ends = live.ends()
        broker.stop()
        if broker.log_dir is not None:
            table.cell("java group tool", "dump with --offsets-decoder", lambda: dumped(broker.log_dir, ends))
        if not table.failures:
            shutil.rmtree(broker.data_dir, ignore_errors=True)
    table.show()
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
