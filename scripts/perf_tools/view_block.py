"""What goes to the disk: requests of the block layer with their sizes, latencies, flushes and order, ours and others'."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field

import tables
import tools
import window

ISSUE, COMPLETE = "block:block_rq_issue", "block:block_rq_complete"
ISSUED = re.compile(r"(?P<device>\d+,\d+) (?P<kind>\w+) (?P<bytes>\d+) \(.*?\) (?P<sector>\d+) \+ (?P<sectors>\d+)")
COMPLETED = re.compile(r"(?P<device>\d+,\d+) (?P<kind>\w+) \(.*?\) (?P<sector>\d+) \+ (?P<sectors>\d+)")
STREAMS = 16  # so many places at which a write may go on and count as sequential


def kind_words(letters):
    """The block layer's letters as words: FWFSM is a synchronous write of metadata with a flush before and to the medium."""
    if letters.startswith("FF") or letters in ("F", "FS"):
        return "flush"
    flush_before = letters.startswith("F") and len(letters) > 1
    rest = letters[1:] if flush_before else letters
    word = {"W": "write", "R": "read", "D": "discard", "N": "other"}.get(rest[:1], rest[:1])
    marks = [name for letter, name in (("F", "FUA"), ("M", "metadata")) if letter in rest[1:]]
    return " ".join([word, *marks, *(["after flush"] if flush_before else [])])


@dataclass
class Group:
    """Requests of one kind from one side."""
    sizes: list = field(default_factory=list)
    latencies_ns: list = field(default_factory=list)
    sequential: int = 0
    goes_on: int = 0


@dataclass
class Disk:
    groups: dict = field(default_factory=dict)   # (side, kind): Group
    in_flight_most: int = 0
    unmatched: int = 0
    devices: Counter = field(default_factory=Counter)


def read_disk(samples, side_of):
    """`side_of(comm, tid)` names whose thread issued a request: a flush or metadata is often issued by a kernel thread in
    another's name."""
    disk, waiting, ends = Disk(), {}, {}
    for sample in samples:
        issued = ISSUED.match(sample.trace) if sample.event == ISSUE else None
        done = COMPLETED.match(sample.trace) if sample.event == COMPLETE else None
        if issued:
            group = disk.groups.setdefault((side_of(sample.comm, sample.tid), kind_words(issued["kind"])), Group())
            size, sector = int(issued["bytes"]), int(issued["sector"])
            group.sizes.append(size)
            disk.devices[issued["device"]] += 1
            if size:
                last = ends.setdefault(issued["device"], deque(maxlen=STREAMS))
                group.sequential += bool(last) and last[-1] == sector
                group.goes_on += sector in last
                if sector in last:
                    last.remove(sector)
                last.append(sector + int(issued["sectors"]))
            waiting.setdefault(key_of(issued), deque()).append((group, sample.time_ns))
            disk.in_flight_most = max(disk.in_flight_most, sum(map(len, waiting.values())))
        elif done:
            queue = waiting.get(key_of(done))
            if not queue:
                disk.unmatched += 1
                continue
            group, begun = queue.popleft()
            group.latencies_ns.append(sample.time_ns - begun)
            if not queue:
                del waiting[key_of(done)]
    return disk


def key_of(found):
    """Requests are known by their place; flushes have none and are answered in turn."""
    if kind_words(found["kind"]) == "flush":
        return found["device"], "flush"
    return found["device"], found["sector"]


def run(job):
    tools.need_tracepoints(ISSUE, COMPLETE)
    data, during = tools.record(job, ["-e", ISSUE, "-e", COMPLETE], everywhere=True)
    mine = {int(path.name) for path in tools.window.threads(job.pid)}

    def side_of(comm, tid):
        return "broker" if tid in mine or comm.startswith("iou-wrk") else "kernel" if comm.startswith("kworker") else "others"

    disk = read_disk(tools.script(data, stacks=False), side_of)
    print(window.describe(during))
    devices = ", ".join(f"{name} ({count:,})" for name, count in disk.devices.most_common()) or "none"
    print(f"devices: {devices}; at most {disk.in_flight_most} requests on the way\n")
    tables.show(rows(disk, during))
    print("\nA kernel thread issues flushes, and requests that waited, for whoever wants them.\n"
          f"Goes on: begins where one of the last {STREAMS} requests ended.")
    for (side, kind), group in sorted(disk.groups.items()):
        if side == "broker" or kind == "flush":
            print(f"\n{side}, {kind}: latency in us")
            print("\n".join(tables.histogram(group.latencies_ns, 1000)))
            if any(group.sizes):
                print(f"\n{side}, {kind}: size in KiB")
                print("\n".join(tables.histogram(group.sizes, 1024)))


def rows(disk, during):
    yield ["issued by, kind", "requests", *tables.PER, "MB/s", "KiB p50", "sequential", "goes on", *tables.LATENCIES]
    for (side, kind), group in sorted(disk.groups.items(), key=lambda item: (item[0][0] != "broker", -len(item[1].sizes))):
        count = len(group.sizes)
        places = sum(size > 0 for size in group.sizes)
        rate = tables.each(sum(group.sizes) / 1e6, during.seconds)
        yield [f"{side}, {kind}", f"{count:,}", *tables.per(count, during), tables.figure(rate),
               tables.figure(tables.quantile(sorted(group.sizes), 0.5) / 1024),
               *(f"{100 * part / places:.0f} %" if places else "-" for part in (group.sequential, group.goes_on)),
               *tables.latencies(group.latencies_ns)]
