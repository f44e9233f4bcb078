"""Documents like those that millrace-bench writes, for looking at the report: samples.py DIRECTORY writes them all.

Each is drawn from a seed of its own, so that the same pictures come out each time.
"""

import base64
import json
import math
import random
import struct
import sys
import zlib
from pathlib import Path

DIGITS_HALF_BITS = 10  # three significant digits: 2048 cells to the first group, 1024 to each further one
HOSTILE = "</script><img src=x onerror=alert(1)> \u202e\u0000 & <b>\"'` 長い名前 " + "long-" * 20


def zigzag(number):
    value = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while value >= 0x80 and len(out) < 8:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def cell_of(value):
    shift = max(0, value.bit_length() - DIGITS_HALF_BITS - 1)
    return (shift << DIGITS_HALF_BITS) + (value >> shift)


def hdr(values):
    """HdrHistogram V2, compressed, base64, of integers from 1 on."""
    counts = {}
    for value in values:
        counts[cell_of(value)] = counts.get(cell_of(value), 0) + 1
    payload, behind = b"", 0
    for cell in sorted(counts):
        payload += (zigzag(behind - cell) if cell > behind else b"") + zigzag(counts[cell])
        behind = cell + 1
    inner = struct.pack(">IIIIQQd", 0x1C849313, len(payload), 0, 3, 1, 3600 * 10**9, 1.0) + payload
    packed = zlib.compress(inner)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()


def quantile(ordered, q):
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else 0


def histogram(values):
    ordered = sorted(values)
    names = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}
    return {"unit": "ns", "count": len(ordered), "min": ordered[0] if ordered else 0,
            "mean": sum(ordered) / len(ordered) if ordered else 0, "max": ordered[-1] if ordered else 0,
            **{name: quantile(ordered, q) for name, q in names.items()}, "hdr": hdr(ordered)}


def percentiles(values):
    ordered = sorted(values)
    return {name: quantile(ordered, q) / 1e3 if ordered else None
            for name, q in {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999, "max_us": 1}.items()}


class Rig:
    """Draws latencies in ns: a log-normal body, and now and then a flush that takes longer."""

    def __init__(self, seed, median_us):
        self.random = random.Random(seed)
        self.median = median_us * 1e3

    def latencies(self, count, worse=1.0):
        draw = self.random
        tail = [draw.random() for _ in range(count)]
        return [int(self.median * worse * math.exp(draw.gauss(0, 0.35)) * (1 + (8 * draw.random() if t > 0.995 else 0)
                * (20 if t > 0.9997 else 1))) for t in tail]


def ended(produce):
    return [int(value * 1.6) for value in produce]


def fetched(produce):
    return [value // 3 for value in produce]


def interval(rig, begin, at, rate, size, kind, stalled, worse):
    length = at - begin
    answered = 0 if stalled else int(length * rate * rig.random.uniform(0.96, 1.04))
    produce = rig.latencies(0 if stalled else 400, worse)
    consumes = kind in ("consume", "e2e", "mixed")
    produces = kind != "consume"
    return produce, {
        "at": at, "produced_records": answered if produces else 0, "produced_bytes": answered * size if produces else 0,
        "consumed_records": answered if consumes else 0, "consumed_bytes": answered * size if consumes else 0,
        "errors": 3 if stalled else 0, "produce_latency": percentiles(produce) if produces else None,
        "end_to_end_latency": percentiles(ended(produce)) if kind in ("e2e", "mixed") else None,
        "fetch_latency": percentiles(fetched(produce)) if consumes else None,
        "server": {"user_seconds": length * (0.02 if stalled else rig.random.uniform(0.3, 0.36)),
                   "system_seconds": length * (0.01 if stalled else rig.random.uniform(0.42, 0.5)),
                   "rss_bytes": int(650e6 + 2e6 * min(at, 30) + rig.random.uniform(0, 4e6)),
                   "written_bytes": int(answered * size * 1.08), "read_bytes": 0 if at % 7 else 1048576},
        "load": {"user_seconds": length * rig.random.uniform(0.5, 0.6),
                 "system_seconds": length * rig.random.uniform(0.2, 0.3)}}


def work(records, size, seconds, errors, values):
    return {"requests": records // 10, "records": records, "bytes": records * size, "errors": errors,
            "records_per_second": records / seconds, "bytes_per_second": records * size / seconds, "latency": histogram(values)}


def run(label, kind, seed, rate, median_us, seconds=60, stalls=(), drift=0.0, options=None, size=1000):
    rig = Rig(seed, median_us)
    intervals, produced = [], []
    for begin in range(math.ceil(seconds)):
        at = min(begin + 1.0, seconds)
        latencies, part = interval(rig, begin, at, rate, size, kind, at in stalls,
                                   (1 + drift * at / seconds) * (9 if begin in stalls else 1))
        produced += latencies
        intervals.append(part)
    records = sum(part["produced_records"] or part["consumed_records"] for part in intervals)
    errors = sum(part["errors"] for part in intervals)
    cpu = sum(part["server"]["user_seconds"] + part["server"]["system_seconds"] for part in intervals)
    document = {
        "format": "millrace-bench 1", "label": label, "kind": kind, "started": f"2026-11-29T06:{seed % 60:02}:00Z",
        "host": {"name": "rig-1", "cpus": 2, "cpu_model": "AMD EPYC 9654 96-Core Processor", "memory_bytes": 25276518400,
                 "kernel": "6.1.0-28-amd64", "compiler": "clang 16.0.6", "commit": "291f563", "version": "0.1.0"},
        "broker": {"addresses": ["127.0.0.1:9092"], "cluster_id": "pWkM8Xo0Q2u4C8b9gq1i3A", "nodes": 1},
        "configuration": {"acks": "all", "batch-bytes": 16384, "compression": "none", "connections": 8, "idempotence": False,
                          "in-flight": 16, "linger": "0", "message-bytes": size, "partitions": 4, "rate": rate, "keys": "none",
                          **(options or {})},
        "seconds": seconds, "warmup_seconds": 5.0, "steal_percent": 0.3,
        "intervals": intervals, "server_cpu_seconds": cpu, "server_cpu_seconds_per_gb": cpu / (records * size / 1e9)}
    if kind != "consume":
        document["produce"] = work(records, size, seconds, errors, produced)
    if kind in ("consume", "e2e", "mixed"):
        document["consume"] = work(records, size, seconds, 0, fetched(produced))
        document["consume"]["verified"] = {"records": records, "missing": 0, "duplicates": 0, "out_of_order": 0, "corrupt": 0}
    if kind in ("e2e", "mixed"):
        document["end_to_end"] = {"latency": histogram(ended(produced))}
    return document


def reader(label, seed, seconds):
    """Reads the tail in a process of its own, of a server whose disk it may not see."""
    document = run(label, "e2e", seed, 120000, 320, seconds)
    document["kind"] = "consume"
    del document["produce"]
    for part in document["intervals"]:
        part.update(produced_records=0, produced_bytes=0, produce_latency=None)
        part["server"]["read_bytes"] = None
        del part["server"]["written_bytes"]
    return document


def older_reader(label, seed, seconds):
    """As documents were: whole seconds since the begin of a warm-up that ended within one, no latency of fetches over time."""
    document = reader(label, seed, seconds)
    for part in document["intervals"]:
        part["at"] -= 0.5
        del part["fetch_latency"]
    return document


def searched(label, seed, capacity, bound_us=10000):
    document = run(label, "search", seed, capacity, 300, 30)
    steps, low, high = [], 0, 400000
    for _ in range(8):
        rate = (low + high) // 2
        p99 = 700 + 90 * math.exp(min(9, 5.2 * rate / capacity))
        held = p99 <= bound_us
        steps.append({"rate": rate, "reached_rate": min(rate, capacity * 1.05), "p99_us": p99, "held": held})
        low, high = (rate, high) if held else (low, rate)
    document["search"] = {"p99_bound_us": bound_us, "steps": steps, "rate": low}
    return document


def bare(label):
    return {"format": "millrace-bench 1", "label": label, "kind": "produce", "started": "yesterday", "host": {}, "broker": {},
            "configuration": {}, "seconds": 10.0, "intervals": [{"at": second} for second in range(10)]}


def hostile():
    document = run(HOSTILE, "produce", 9, 90000, 450, 20, options={HOSTILE: HOSTILE, "__proto__": {"polluted": True}})
    document["host"]["name"] = document["broker"]["cluster_id"] = HOSTILE
    document["steal_percent"] = 7.25
    return document


def failed(label):
    document = run(label, "e2e", 5, 80000, 500, stalls=(20, 21, 41), drift=0.8, options={"in-flight": 4})
    document["consume"]["verified"].update(missing=17, duplicates=2)
    return document


SETS = {
    "one": lambda: [run("millrace, 10 x 1 KB", "e2e", 1, 120000, 320)],
    "compare": lambda: [run("millrace", "e2e", 1, 120000, 320), run("kafka, default", "e2e", 2, 76000, 900, stalls=(33,)),
                        run("kafka, flushing", "e2e", 3, 9000, 5200, drift=1.5, options={"flush.messages": 1}),
                        failed("candidate with stalls")],
    "search": lambda: [searched("millrace", 11, 240000), searched("before", 12, 150000)],
    "readers": lambda: [reader("millrace", 41, 1.5), older_reader("before", 42, 3)],
    "odd": lambda: [bare("bare"), hostile(), bare("bare"), run("consumer", "consume", 21, 200000, 300, 20)],
    "many": lambda: [run(f"run {number}", "produce", 30 + number, 100000 + 9000 * number, 300 + 70 * number, 40,
                         options={"connections": 2 * number}) for number in range(1, 12)],
    "long": lambda: [run("an hour and more", "produce", 50, 100000, 300, 5000, stalls=(1500, 4000))],
}


def write_all(directory):
    """The paths of each set's documents, by the set's name."""
    written = {}
    for name, make in SETS.items():
        written[name] = []
        for number, document in enumerate(make(), 1):
            path = Path(directory) / f"{name}-{number}.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            written[name].append(path)
    return written


if __name__ == "__main__":
    write_all(sys.argv[1])
