"""Reads what `perf script` prints: one sample after the other, never more than one in memory."""

import re
from dataclasses import dataclass, field

HEAD = re.compile(r"\s*(?P<comm>\S.*?)\s+(?:-?\d+/)?(?P<tid>-?\d+)\s+(?:\[(?P<cpu>\d+)\]\s+)?(?P<time>\d+\.\d+):\s+"
                  r"(?:(?P<period>\d+)\s+)?(?P<event>\S+?):(?:\s+(?P<trace>.*))?$")
FRAME = re.compile(r"\s+(?P<address>[0-9a-f]+)\s(?P<symbol>.*) \((?P<dso>[^()]*(?:\(deleted\))?)\)$")
OFFSET = re.compile(r"\+0x[0-9a-f]+$")


@dataclass
class Sample:
    comm: str
    tid: int
    time_ns: int
    event: str        # without a trailing colon: cpu-clock:ppp, sched:sched_switch
    trace: str = ""   # the fields of a tracepoint, as perf words them
    cpu: int = -1
    stack: list = field(default_factory=list)  # (address, symbol, dso), the innermost first


def nanoseconds(text):
    whole, _, rest = text.partition(".")
    return int(whole) * 1_000_000_000 + int(rest[:9].ljust(9, "0"))


def read_samples(lines):
    """Each whole sample of `lines`. One whose stack is cut off, because the text ends inside it, is left out: without
    its outer frames it would stand where it does not belong. Lines that are neither head nor frame are passed over."""
    sample = None
    for line in lines:
        if line == "\n":
            if sample:
                yield sample
            sample = None
            continue
        line = line.rstrip("\n")
        frame = FRAME.match(line) if sample else None
        if frame:
            symbol = OFFSET.sub("", frame["symbol"]) or "[unknown]"
            sample.stack.append((int(frame["address"], 16), symbol, frame["dso"]))
            continue
        head = HEAD.match(line)
        if head:
            if sample:
                yield sample
            sample = Sample(head["comm"], int(head["tid"]), nanoseconds(head["time"]), head["event"],
                            (head["trace"] or "").strip(), int(head["cpu"] or -1))
    if sample and not sample.stack:
        yield sample


FIELD = re.compile(r"(\w+)[=:] ?(?:\"([^\"]*)\"|(.*?))(?=,? \w+[=:] ?|,?$)")


def fields_of(trace):
    """The `name=value` and `name: value` of a tracepoint; values are text."""
    return {name: quoted or value for name, quoted, value in FIELD.findall(trace)}
