#!/usr/bin/env python3
"""/metrics and /healthz of a running broker: counters equal what real clients did, Prometheus' own parser reads the text, the
dashboard names nothing that is not there, and clients of HTTP that are rude, slow or many hurt nobody."""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import broker as brokers
import cache
import feature_table
import protocol
from limits_rude import fetch_of
from metrics_rude import garbage, many, unread
from scrape import Failed, Scrape, connect, curl, get, healthy, kcat, scrape

DASHBOARD = cache.REPO / "configs" / "grafana-dashboard.json"
MESSAGES, PARTITIONS = 5000, 3


def counts(broker):
    """What kcat sent and read is what was counted."""
    lines = "".join(f"message {number} {'x' * (number % 200)}\n" for number in range(MESSAGES))
    before = scrape(broker)
    kcat(broker, "-P", "-t", "counted", "-X", "sticky.partitioning.linger.ms=0", text=lines)
    read = kcat(broker, "-C", "-q", "-t", "counted", "-o", "beginning", "-e")
    if sorted(read.splitlines()) != sorted(lines.splitlines()):
        raise Failed("kcat did not read what it sent")
    after = scrape(broker)
    moved = {name: after.sum(name) - before.sum(name)
             for name in ("millrace_append_records_total", "millrace_append_bytes_total", "millrace_fetch_bytes_total")}
    wrong = []
    if moved["millrace_append_records_total"] != MESSAGES:
        wrong.append(f"{moved['millrace_append_records_total']:.0f} records appended, not {MESSAGES}")
    if after.sum("millrace_topic_offsets", topic="counted") != MESSAGES:
        wrong.append("the topic's offsets are not the messages sent")
    if after.sum("millrace_partition_high_watermark", topic="counted") != MESSAGES:
        wrong.append("nor are the partitions'")
    if after.sum("millrace_topic_partitions", topic="counted") != PARTITIONS:
        wrong.append("the topic has other partitions")
    stored = after.sum("millrace_topic_size_bytes", topic="counted")
    on_disk = moved["millrace_append_bytes_total"]
    if stored != on_disk:
        wrong.append(f"{stored:.0f} bytes in the topic, {on_disk:.0f} appended")
    if moved["millrace_fetch_bytes_total"] < stored:
        wrong.append(f"{moved['millrace_fetch_bytes_total']:.0f} bytes fetched of {stored:.0f}")
    for api in ("Produce", "Fetch", "Metadata", "ListOffsets"):
        taken = after.sum("millrace_kafka_requests_total", api=api)
        answered = after.sum("millrace_kafka_request_duration_seconds_count", api=api)
        if taken == 0 or taken != answered:
            wrong.append(f"{api}: {taken:.0f} requests, {answered:.0f} durations")
    groups = after.sum("millrace_flush_groups_total")
    if groups == 0 or groups != after.sum("millrace_flush_duration_seconds_count"):
        wrong.append(f"{groups:.0f} groups flushed, {after.sum('millrace_flush_duration_seconds_count'):.0f} durations")
    return wrong or None


def readable(broker):
    """curl, Python and HTTP/1.0 read the same families; counters never fall; buckets add up; the process is described."""
    first = scrape(broker)
    for text in (curl(broker.http, "/metrics"), curl(broker.http, "/metrics", "-0"), curl(broker.http, "/metrics", "--http1.1")):
        if Scrape(text).families.keys() != first.families.keys():
            return "another client sees other families"
    later = scrape(broker)
    for kind in ("counter", "histogram"):
        then = dict(first.samples(kind))
        for sample, value in later.samples(kind):
            if value < then.get(sample, 0):
                return f"{sample} fell from {then[sample]} to {value}"
    for family in later.families.values():
        if family.type != "histogram":
            continue
        last = {}
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key != "le"}
            key = tuple(sorted(labels.items()))
            if sample.name.endswith("_bucket"):
                if sample.value < last.get(key, 0):
                    return f"{sample.name} {sample.labels}: fewer than in the bucket before"
                last[key] = sample.value
            elif sample.name.endswith("_count") and sample.value != last[key]:
                return f"{sample.name} {labels}: {sample.value}, and {last[key]} in the buckets"
    said, seen = later.sum("process_resident_memory_bytes"), broker.rss()
    if abs(said - seen) > 32 << 20:
        return f"{said / 2**20:.0f} MiB resident, /proc says {seen / 2**20:.0f}"
    age = time.time() - later.sum("process_start_time_seconds")
    if not 0 <= age < 3600:
        return f"the process is said to be {age:.0f} s old"
    return None if later.sum("process_cpu_seconds_total") > 0 else "no processor time was used"


def dashboard(broker):
    """Every metric that the dashboard asks for is exported."""
    known, wanted = scrape(broker).names, set()

    def look(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("expr", "query", "definition") and isinstance(value, str):
                    wanted.update(re.findall(r"\b(?:millrace|process)_\w+", value))
                look(value)
        elif isinstance(node, list):
            for item in node:
                look(item)

    look(json.loads(DASHBOARD.read_text()))
    if len(wanted) < 20:
        return f"only {len(wanted)} metrics in {DASHBOARD.name}"
    return sorted(wanted - known) or None


class Unclosed:
    """A stream for one answer of many: the end of an answer is not its own."""

    def __init__(self, stream):
        self.read, self.readline, self.readinto = stream.read, stream.readline, stream.readinto

    def close(self):
        pass

    def flush(self):
        pass


def pipelined(broker):
    """Many requests in one send are answered in order, on one connection."""
    with connect(broker.http) as link:
        paths = ["/healthz", "/none", "/metrics"] * 20
        link.sendall("".join(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n" for path in paths).encode())
        stream = link.makefile("rb")
        for path in paths:
            answer = http.client.HTTPResponse(link)
            answer.fp = Unclosed(stream)
            answer.begin()
            body = answer.read()
            want = {"/healthz": (200, b"serving\n"), "/none": (404, b"not found\n")}.get(path)
            if want and (answer.status, body) != want or path == "/metrics" and not body.endswith(b"not_shown 0\n"):
                return f"{path}: {answer.status} {body[:80]!r}"
    return None


def thousands(broker):
    """With 6,000 partitions the first thousand are shown, the rest is counted, and no scrape takes long."""
    with protocol.Connection(broker.address) as connection:
        for number in range(60):
            connection.call("CreateTopics", 4, {"timeoutMs": 60000, "Topics": [
                {"Name": f"wide-{number}", "NumPartitions": 100, "ReplicationFactor": 1}]})
    before = scrape(broker).sum("millrace_stalls_total")
    start = time.monotonic()
    found = scrape(broker)
    took = time.monotonic() - start
    stalls = scrape(broker).sum("millrace_stalls_total") - before
    all_partitions = found.sum("millrace_partitions")
    shown = sum(1 for sample in found.families["millrace_partition_size_bytes"].samples)
    hidden = found.sum("millrace_partitions_not_shown")
    print(f"    {all_partitions:.0f} partitions, {shown} shown: {took * 1000:.0f} ms with the parsing, {stalls:.0f} stalls")
    if not 900 < shown <= 1000 or shown + hidden != all_partitions:
        return f"{shown} shown, {hidden:.0f} not, of {all_partitions:.0f}"
    if found.sum("millrace_topic_partitions") != all_partitions:
        return "the topics' sums are not of all partitions"
    return None


def refused_starts(broker, make):
    """One line that names the setting, and exit status 1."""
    for words, said in ((["--http", broker.http], "--http off"), (["--http", "0.0.0.0:1"], "allow.unauthenticated"),
                        (["--http", "nonsense"], "host:port"), (["--set", "http=[::]:1"], "allow.unauthenticated")):
        other = make()
        done = subprocess.run([*other.command(), *words], capture_output=True, text=True, timeout=30)
        lines = [line for line in done.stderr.splitlines() if said in line]
        if done.returncode != 1 or len(lines) != 1 or "http" not in lines[0]:
            return f"{words}: status {done.returncode}, {done.stderr[-300:]}"
    return None


def stops(broker):
    """Connections that are open do not hold up a stop, and health says that it stops as long as it does."""
    links = [connect(broker.http) for _ in range(5)]
    links[1].sendall(b"GET /heal")
    links[2].sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n" * 50)
    seen = set()

    def watch():
        while True:
            try:
                seen.add(get(broker.http, "/healthz", timeout=2))
            except (OSError, http.client.HTTPException):
                return

    with protocol.Connection(broker.address) as parked:
        parked.send("Fetch", 11, fetch_of("counted", MESSAGES * 10, 1, 60_000))
        watcher = threading.Thread(target=watch)
        watcher.start()
        time.sleep(0.3)
        start = time.monotonic()
        status = broker.stop()
        took = time.monotonic() - start
    watcher.join()
    for link in links:
        link.close()
    odd = seen - {(200, "serving\n"), (503, "stopping\n")}
    if status != 0 or took > 8 or odd:
        return f"status {status} after {took:.1f} s; {odd}"
    return None


def starts(broker):
    """Before it serves, health says so; it never says serving before a Kafka client is served."""
    broker.start(wait=False)
    seen, ready, end = [], [], time.monotonic() + 30
    while not seen or seen[-1] != (200, "serving\n"):
        if time.monotonic() > end:
            return f"never serving: {seen[-3:]}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            ready.append(scrape(broker).sum("millrace_ready"))
            seen.append(get(broker.http, "/healthz", timeout=2))
    if ready != sorted(ready):
        return f"millrace_ready was {ready}"
    with protocol.Connection(broker.address) as connection:
        if not connection.call("Metadata", 1, {"Topics": []})["Brokers"]:
            return "it says that it serves, and does not"
    odd = set(seen[:-1]) - {(503, "starting\n")}
    broker.wait_ready()
    return str(odd) if odd else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    arguments = parser.parse_args()
    cache.in_venv()
    print(f"seed {arguments.seed}")
    table = feature_table.Table()
    settings = {"num.partitions": str(PARTITIONS)}

    def make(name="metrics", port=None):
        program, data = os.path.abspath(arguments.broker), pathlib.Path(arguments.work) / name
        made = brokers.Millrace(program, data, arguments.cores, arguments.memory, settings,
                                http=f"127.0.0.1:{port or brokers.free_port()}")
        made.wipe()
        return made

    with make() as broker:
        broker.start()
        for feature, check in (
                ("counters", lambda: counts(broker)), ("the text", lambda: readable(broker)),
                ("the dashboard", lambda: dashboard(broker)), ("pipelined", lambda: pipelined(broker)),
                ("garbage", lambda: garbage(broker, arguments.seed)), ("many connections", lambda: many(broker)),
                ("who does not read", lambda: unread(broker)),
                ("refused starts", lambda: refused_starts(broker, lambda: make("metrics-other"))),
                ("6,000 partitions", lambda: thousands(broker)), ("a stop", lambda: stops(broker)),
                ("a start", lambda: starts(broker)), ("after it", lambda: healthy(broker))):
            table.cell("metrics", feature, check)
        if broker.process is not None:
            broker.stop()
        if not table.failures:
            shutil.rmtree(broker.data_dir, ignore_errors=True)
    table.show()
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
