"""A stretch of time of a broker, and what it did meanwhile: messages, requests, processor time, switches.

    window.py PID SECONDS FILE CONTROL ANSWER     waits, and leaves what was counted in FILE

perf runs it as its workload, with its events off: CONTROL and ANSWER are the pipes by which it has perf turn them on and off. So
what perf counts and what the broker answered are of the same stretch, and the broker's answers to this program are in neither.
"""

import json
import os
import select
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import counts

TICKS = os.sysconf("SC_CLK_TCK")
ANSWER_MAX_S = 10


@dataclass
class Window:
    seconds: float = 0
    messages: int | None = None      # None: nobody told
    requests: int | None = None
    source: str = "nobody told"      # who counted the messages
    user_s: float = 0
    system_s: float = 0
    voluntary: int = 0               # switches: it had to wait
    involuntary: int = 0             # it was taken off
    run_queue_s: float = 0           # it could have run, and did not
    steal_s: float = 0               # of all processors: taken by the machine's host


def threads(pid):
    return [path for path in Path(f"/proc/{pid}/task").iterdir() if path.name.isdigit()]


def process_now(pid):
    """Processor time and switches so far. Of a thread that ended meanwhile nothing is known any more."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    now = Window(user_s=int(words[11]) / TICKS, system_s=int(words[12]) / TICKS)
    for thread in threads(pid):
        try:
            for line in (thread / "status").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    now.voluntary += int(line.split()[1])
                elif line.startswith("nonvoluntary_ctxt_switches"):
                    now.involuntary += int(line.split()[1])
            now.run_queue_s += int((thread / "schedstat").read_text(encoding="ascii").split()[1]) / 1e9
        except (OSError, IndexError):
            continue
    machine = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    now.steal_s = int(machine[8]) / TICKS if len(machine) > 8 else 0
    return now


def difference(later, earlier):
    return max(0, later - earlier)


class Switch:
    """perf's events, on or off. Without pipes there is no perf to be told."""

    def __init__(self, control=None, answer=None):
        self.control = os.open(control, os.O_WRONLY) if control else None
        self.answer = os.open(answer, os.O_RDONLY | os.O_NONBLOCK) if answer else None

    def turn(self, word):
        """`enable` or `disable`; comes back when perf has done it."""
        if self.control is None:
            return
        os.write(self.control, word.encode() + b"\n")
        if select.select([self.answer], [], [], ANSWER_MAX_S)[0]:
            os.read(self.answer, 64)


def measure(pid, seconds, switch=Switch()):
    counter = counts.find(pid)
    first = counter.now()
    switch.turn("enable")
    before, begun = process_now(pid), time.monotonic()
    time.sleep(seconds)
    after, ended = process_now(pid), time.monotonic()
    switch.turn("disable")
    last = counter.now()
    window = Window(seconds=ended - begun, source=counter.source)
    for name in ("user_s", "system_s", "voluntary", "involuntary", "run_queue_s", "steal_s"):
        setattr(window, name, difference(getattr(after, name), getattr(before, name)))
    for name in ("messages", "requests"):
        ends = getattr(last, name), getattr(first, name)
        setattr(window, name, None if None in ends else difference(*ends))
    return window


def read(path, messages_per_request=None):
    """The window that the program left at `path`; an empty one where it left none."""
    try:
        window = Window(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Window()
    if window.requests is None and window.messages is not None and messages_per_request:
        window.requests = round(window.messages / messages_per_request)
    return window


def describe(window):
    if window.messages is None:
        text = f"{window.seconds:.1f} s; messages: {window.source}"
    else:
        text = f"{window.seconds:.1f} s, {window.messages:,} messages in ({window.source})"
    if window.requests is not None:
        text += f", {window.requests:,} requests"
    stolen = window.steal_s / window.seconds / os.cpu_count() if window.seconds else 0
    if stolen > 0.05:
        text += f"; the host took {100 * stolen:.0f} % of this machine's time: only ratios count"
    return text


if __name__ == "__main__":
    found = measure(int(sys.argv[1]), float(sys.argv[2]), Switch(*sys.argv[4:6]))
    Path(sys.argv[3]).write_text(json.dumps(asdict(found)), encoding="utf-8")
