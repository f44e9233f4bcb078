"""Asks a broker how many messages and requests it has seen: its own counters over HTTP where it offers them, and for messages
otherwise the sum of its partitions' high watermarks over the Kafka protocol, which any Kafka broker tells."""

import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import kafka

# The counters' names, as broad as they may be without taking in others.
MESSAGES = re.compile(r"\w*_(?:(?:records|messages)_(?:in|appended|produced|received)|append_(?:records|messages))(?:_total)?$")
REQUESTS = re.compile(r"[a-z]+_(?:kafka_)?requests_total$")
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{.*\})?\s+([-+.\deE]+)(?:\s|$)")


@dataclass
class Count:
    messages: int | None = None
    requests: int | None = None


class Nobody:
    source = "nobody told: it answers neither Kafka nor /metrics"

    def now(self):
        return Count()


class Counters:
    """/metrics; the messages come from the high watermarks where no counter of them is found."""

    def __init__(self, text_of, watermarks=None):
        self.text_of = text_of
        self.watermarks = watermarks
        found = sums(text_of())
        self.source = "/metrics" if found.messages is not None else watermarks.source if watermarks else Nobody.source

    def now(self):
        count = sums(self.text_of())
        if count.messages is None and self.watermarks:
            count.messages = self.watermarks.now().messages
        return count


class Watermarks:
    source = "high watermarks"

    def __init__(self, port):
        self.port = port

    def now(self):
        try:
            with kafka.Connection("127.0.0.1", self.port) as connection:
                return Count(messages=sum(connection.ends().values()))
        except (OSError, kafka.Malformed):
            return Count()


def sums(text):
    """The counters of messages and of requests, each summed over its labels. Of several counters that might be meant (by core
    and by topic, say) the largest."""
    totals = {}
    for line in text.splitlines():
        found = SAMPLE.match(line)
        if found:
            totals[found[1]] = totals.get(found[1], 0) + int(float(found[2]))

    def largest(pattern):
        return max((total for name, total in totals.items() if pattern.match(name)), default=None)

    return Count(largest(MESSAGES), largest(REQUESTS))


def listening_ports(pid):
    """The TCP ports on which the process accepts connections."""
    inodes = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            except OSError:
                continue
            if found:
                inodes.add(found[1])
        ports = set()
        for table in ("tcp", "tcp6"):
            path = Path(f"/proc/{pid}/net/{table}")
            for line in path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else []:
                words = line.split()
                if words[3] == "0A" and words[9] in inodes:
                    ports.add(int(words[1].rsplit(":", 1)[1], 16))
        return sorted(ports)
    except OSError:
        return []


def speaks_kafka(port):
    try:
        with kafka.Connection("127.0.0.1", port, timeout_s=2) as connection:
            connection.partitions()
            return True
    except (OSError, kafka.Malformed):
        return False


def metrics_of(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
        return answer.read().decode("utf-8", "replace")


def find(pid):
    """Who counts for the process."""
    watermarks, rest = None, []
    for port in listening_ports(pid):
        if watermarks is None and speaks_kafka(port):
            watermarks = Watermarks(port)
        else:
            rest.append(port)
    for port in rest:
        try:
            if any(value is not None for value in vars(sums(metrics_of(port))).values()):
                return Counters(lambda port=port: metrics_of(port), watermarks)
        except (OSError, ValueError):
            continue
    return watermarks or Nobody()
