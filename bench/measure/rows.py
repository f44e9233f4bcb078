"""The rows of the speed table: what is sent, which figure counts, and what is asked of it."""

from dataclasses import dataclass
from typing import NamedTuple


class Figure(NamedTuple):
    """A field of a JSON line of raw_load and how it is printed."""
    field: str
    unit: str
    scale: float            # from the field's unit to the printed one
    less_is_better: bool = False


class Asked(NamedTuple):
    """Ratios to reach, 1 being as good as the other; None: nothing is asked."""
    kafka: float | None = None
    durable: float | None = None
    limit: float | None = None


REQUESTS = Figure("requests_per_s", "k/s", 1e-3)
BYTES = Figure("mb_per_s", "GB/s", 1e-3)
P50 = Figure("p50_us", "us", 1, less_is_better=True)
P50_MS = Figure("p50_us", "ms", 1e-3, less_is_better=True)
P99 = Figure("p99_us", "ms", 1e-3, less_is_better=True)
P999 = Figure("p999_us", "ms", 1e-3, less_is_better=True)
CPU = Figure("server_cpu_s_per_gb", "s/GB", 1, less_is_better=True)


class Line(NamedTuple):
    """One line of a table: a figure of a row, and what is asked."""
    title: str
    figure: Figure
    asked: Asked


@dataclass
class Row:
    name: str
    title: str
    load: str               # of raw_load
    bare: str | None        # of bare_path; None: it has no such row
    figure: Figure
    asked: Asked = Asked()
    also: tuple = ()        # more lines from the same load
    preload_mb: int = 0     # of a fetch, written before
    cold: bool = False      # what was written before is to come from the disk
    memory: str | None = None
    own: bool = False       # with a setting that no other broker has
    segment_kb: int = 0     # of the steady state, in which each partition keeps two to three such segments; 0: a disk of
                            # ordinary size has no room for it (1 MiB is the least that a segment may have)
    times_as_long: int = 1  # as other rows: where few requests leave in a second, one stall would be their 99.9th percentile
    warm_with: str = ""     # the row that warms a JVM for this one, where it is too light or too long itself

    def lines(self):
        return [Line(self.title, self.figure, self.asked), *self.also]

    def option(self, name, default):
        """The number behind --name in the load."""
        words = self.load.split()
        return int(words[words.index(name) + 1]) if name in words else default

    def seconds(self, asked):
        """How long it is measured where rows are for `asked` seconds."""
        return float(asked) * self.times_as_long

    @property
    def partitions(self):
        return self.option("--partitions", 4)

    @property
    def produces(self):
        return self.load.startswith(("produce", "open"))


# The body of a bare frame is as long as the batch that raw_load sends in the same row. One bare
# "partition" that all connections share is one commit log: a write carries what all have waiting.
DEEP = "produce --connections 8 --in-flight 16 "
WIDE = "produce --connections 64 --in-flight 16 "
OPEN = "open loop, 1,000/s of 10 x 1 KB, 16 partitions"
ROWS = [
    Row("100B", "1 x 100 B, 8 x 16",
        DEEP + "--messages-per-batch 1 --message-bytes 100", DEEP + "--frame 170",
        REQUESTS, Asked(15, 50, 0.45), segment_kb=16 << 10),
    Row("10x1K", "10 x 1 KB, 8 x 16",
        DEEP + "--messages-per-batch 10", DEEP + "--frame 10151",
        BYTES, Asked(5, 30, 0.5), segment_kb=128 << 10),
    Row("100x1K", "100 x 1 KB, 8 x 16",
        DEEP + "--messages-per-batch 100", DEEP + "--frame 100997",
        BYTES, Asked(2.3, 7, 0.6), segment_kb=256 << 10,
        also=(Line("server CPU a GB, 100 x 1 KB, 8 x 16", CPU, Asked(2.5, 5, 1 / 1.7)),)),
    Row("1000x1K", "1000 x 1 KB, 4 x 8",
        "produce --connections 4 --in-flight 8 --messages-per-batch 1000",
        "produce --connections 4 --in-flight 8 --frame 1009933",
        BYTES, Asked(1.8, 4, 0.7), segment_kb=256 << 10),
    Row("64p", "1 x 1 KB, 64 x 1, 64 partitions",
        "produce --connections 64 --in-flight 1 --partitions 64 --messages-per-batch 1",
        "produce --connections 64 --in-flight 1 --partitions 1 --frame 1070",
        REQUESTS, Asked(1.2, 15, 0.8), segment_kb=4 << 10),
    Row("1000p", "1 x 1 KB, 64 x 16, 1,000 partitions",
        WIDE + "--partitions 1000 --messages-per-batch 1", WIDE + "--partitions 1 --frame 1070",
        REQUESTS, Asked(5, 20, None), segment_kb=1 << 10),
    Row("10000p", "1 x 1 KB, 64 x 16, 10,000 partitions",
        WIDE + "--partitions 10000 --messages-per-batch 1", WIDE + "--partitions 1 --frame 1070",
        REQUESTS, warm_with="1000p"),
    Row("one", "1 x 1 KB, 1 x 1, p50",
        "produce --connections 1 --in-flight 1 --messages-per-batch 1",
        "produce --connections 1 --in-flight 1 --partitions 1 --frame 1070",
        P50, Asked(None, None, 49 / 60), segment_kb=1 << 10, warm_with="10x1K"),
    Row("one-memory", "1 x 1 KB, 1 x 1, answered before the flush, p50",
        "produce --connections 1 --in-flight 1 --messages-per-batch 1 --config millrace.ack=memory", None,
        P50, own=True),
    Row("open", f"{OPEN}, p99",
        "open --rate 1000 --connections 16 --in-flight 64 --partitions 16",
        "produce --rate 1000 --connections 16 --in-flight 64 --partitions 1 --frame 10151",
        P99, segment_kb=1 << 10, times_as_long=8, warm_with="10x1K",
        also=(Line(f"{OPEN}, p50", P50_MS, Asked()), Line(f"{OPEN}, p99.9", P999, Asked(2.5, 8, None)))),
    Row("hot", "fetch of 1 MB from the hot tail, 4 connections",
        "fetch --connections 4 --window-mb 8 --messages-per-batch 1000",
        "fetch --connections 4 --disk none",
        BYTES, Asked(3.5, None, 0.8), preload_mb=128, segment_kb=64 << 10),
    Row("cold", "fetch of 1 MB, cold, 4 connections",
        "fetch --connections 4 --from-start --messages-per-batch 1000",
        "fetch --connections 4 --disk write",
        BYTES, Asked(None, None, 2.4 / 3.1), preload_mb=6144, cold=True, memory="1G",
        segment_kb=256 << 10, warm_with="hot"),
]


def named(name):
    return next(row for row in ROWS if row.name == name)


def chosen(text):
    """The rows that a comma separated list names, all without one; raises KeyError with what is none."""
    names = text.split(",") if text else [row.name for row in ROWS]
    unknown = set(names) - {row.name for row in ROWS}
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    return [row for row in ROWS if row.name in names]
