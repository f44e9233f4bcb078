"""What the tests of /metrics ask with: Python's HTTP client and curl, and Prometheus' own parser."""

import contextlib
import http.client
import re
import socket
import subprocess


class Failed(Exception):
    pass


class Scrape:
    """One answer of /metrics, read by prometheus_client."""

    def __init__(self, text):
        from prometheus_client.parser import text_string_to_metric_families
        self.families = {}
        for family in text_string_to_metric_families(text):
            if family.name in self.families:
                raise Failed(f"{family.name} comes twice")
            if not family.documentation:
                raise Failed(f"{family.name} has no help")
            self.families[family.name] = family
        self.names = {sample.name for family in self.families.values() for sample in family.samples}
        # Families that have no sample now are named too.
        self.names |= set(re.findall(r"^# TYPE (\S+) (?:counter|gauge)", text, re.M))
        for base in re.findall(r"^# TYPE (\S+) histogram", text, re.M):
            self.names |= {base + "_bucket", base + "_sum", base + "_count"}

    def sum(self, name, **labels):
        found = [sample.value for family in self.families.values() for sample in family.samples
                 if sample.name == name and all(sample.labels.get(key) == value for key, value in labels.items())]
        return sum(found)

    def samples(self, kind):
        for family in self.families.values():
            if family.type == kind:
                for sample in family.samples:
                    yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value


def get(address, path, timeout=10):
    """(status, text) by Python's client."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def curl(address, path, *flags):
    done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "10", *flags, f"http://{address}{path}"],
                          capture_output=True, text=True, check=True)
    return done.stdout


def scrape(broker):
    status, text = get(broker.http, "/metrics")
    if status != 200:
        raise Failed(f"/metrics answers {status}: {text[:200]}")
    return Scrape(text)


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=15)


def healthy(broker):
    status, text = get(broker.http, "/healthz", timeout=5)
    return None if status == 200 else f"/healthz answers {status} {text!r}"


def kcat(broker, *words, text=""):
    done = subprocess.run(["kcat", "-b", broker.address, *words], input=text, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Failed(f"kcat: {done.stderr[-300:]}")
    return done.stdout
