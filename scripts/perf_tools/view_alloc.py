"""Who allocates memory: every call of the allocator in a stretch, by the function that made it and by message."""

import errno
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import fold
import pictures
import tables
import tools
import window

ENTRIES = ("malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign", "_Znwm", "_ZnwmRKSt9nothrow_t",
           "_ZnwmSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t", "_Znam", "_ZnamRKSt9nothrow_t", "_ZnamSt11align_val_t",
           "_ZnamSt11align_val_tRKSt9nothrow_t")
PLACE = re.compile(r"p:\S+ (\S+):(0x[0-9a-f]+)")


def mappings(pid):
    try:
        return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise tools.Refused("the process has ended") from None
    except OSError as error:
        raise tools.Refused(tools.why(error.strerror)) from error


def allocators(pid):
    """The files that may hold the allocator, the likeliest first: a library made for it, the program, libc."""
    mapped = []
    for line in mappings(pid).splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and "x" in words[1] and words[5].startswith("/") and words[5] not in mapped:
            mapped.append(words[5])
    special = [path for path in mapped if any(name in Path(path).name for name in ("mimalloc", "jemalloc", "tcmalloc"))]
    libc = [path for path in mapped if re.match(r"libc[.-]", Path(path).name)]
    return special + mapped[:1] + libc


def find_entries(path):
    """{place: name} of the functions of `path` that give memory; several names of one place are one."""
    places = {}
    for name in ENTRIES:
        done = subprocess.run(["perf", "probe", "-q", "--no-demangle", "-x", path, "-D", name], capture_output=True, text=True,
                              check=False)
        found = PLACE.search(done.stdout)
        if found:
            places.setdefault(found[2], name)
    return places


class Probes:
    """Places at which the kernel notes each call, while this lives."""

    def __init__(self, pid):
        self.pid = pid
        self.group = f"millrace_{pid}"
        self.events = []
        self.path = None

    def __enter__(self):
        self.remove()  # what a run that was killed left: it would be counted too, or is in the way
        for path in allocators(self.pid):
            places = find_entries(path)
            if "_Znwm" in places.values() or "malloc" in places.values():
                self.path = path
                self.add_all(places)
                return self
        raise tools.Refused("no allocator with symbols was found in the process")

    def add_all(self, places):
        try:
            for place, name in places.items():
                self.add(place, name)
        except OSError as error:
            self.remove()
            if error.errno == errno.EEXIST:
                raise tools.Refused("another run looks at the allocations of this process") from error
            raise tools.Refused(f"probes in a program need root and a kernel with uprobes ({error.strerror})") from error

    def add(self, place, name):
        self.write(f"p:{self.group}/{name} {self.path}:{place}")
        self.events.append(f"{self.group}:{name}")

    def write(self, line):
        # open() seeks to the end of what it appends to, and this file knows no end.
        file = os.open(tools.TRACEFS / "uprobe_events", os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, line.encode() + b"\n")
        finally:
            os.close(file)

    def left(self):
        """The events of this group that the kernel has, whoever made them."""
        try:
            text = (tools.TRACEFS / "uprobe_events").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return re.findall(rf"^p\d*:({self.group}/\S+) ", text, re.M)

    def remove(self):
        for event in self.left():
            try:
                self.write("-:" + event)
            except OSError:
                pass  # still in use by someone else, or one of several places of one event that is gone

    def __exit__(self, *_):
        self.remove()


def run(job):
    tools.need_tracepoints()
    with Probes(job.pid) as probes:
        words = [word for event in probes.events for word in ("-e", event)]
        # mimalloc has no frame pointers, and at its first instruction the caller's would miss the caller.
        data, during = tools.record(job, words + job.call_graph("dwarf"))
        print(f"{Path(probes.path).name}: {', '.join(event.split(':')[1] for event in probes.events)}")
        stacks = Counter(without_entry(fold.frames_of(sample, job.templates)) for sample in tools.script(data))
    count = sum(stacks.values())
    print(window.describe(during) + "\n")
    tables.show([["", "counted", *tables.PER], ["allocations", f"{count:,}", *tables.per(count, during)]])
    if not stacks:
        print("\nnothing was allocated: so it shall be in the steady state")
        return
    callers = Counter()
    for stack, number in stacks.items():
        callers[asker(stack)] += number
    print()
    tables.show([["asked for by", "kind", "allocations", "a message"]] + [
        [frame.name[:100], frame.kind, f"{number:,}", tables.per(number, during)[1]] for frame, number in callers.most_common(30)])
    facts = f"{count:,} allocations; {window.describe(during)}"
    pictures.write(job, stacks, f"Allocations: process {job.pid}", facts, "allocations")


def without_entry(stack):
    """Which entry it was is of no interest, and who asked is: the allocator's frames at the inside go."""
    end = len(stack)
    while end > 1 and stack[end - 1].kind == "allocator":
        end -= 1
    return stack[:end]


def asker(stack):
    """The innermost function that is of the program itself, not of a library's containers."""
    return next((frame for frame in reversed(stack) if frame.kind not in ("allocator", "library", "libc", "unknown")), stack[-1])
