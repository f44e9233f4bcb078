"""What a message and a request cost: the processor's and the kernel's counters over a stretch, divided by what came in."""

from dataclasses import dataclass

import tables
import tools
import window

HARDWARE = ("instructions", "cycles", "cache-references", "cache-misses", "L1-dcache-load-misses", "dTLB-load-misses",
            "branches", "branch-misses")
SOFTWARE = ("task-clock", "context-switches", "cpu-migrations", "page-faults", "major-faults")
OF_THE_KERNEL = ("context-switches", "cpu-migrations")
ALL_SYSCALLS = "raw_syscalls:sys_enter"


@dataclass
class Counter:
    value: float | None  # None: this machine or kernel does not count it
    share: float = 100   # percent of the time for which it counted; less where counters took turns


def read_counters(text):
    """What `perf stat -x,` prints: {event: Counter}. Values are of the whole stretch, scaled where counters took turns."""
    found = {}
    for line in text.splitlines():
        words = line.split(",")
        if len(words) < 5 or line.startswith("#"):
            continue
        try:
            value = float(words[0])
        except ValueError:
            value = None
        try:
            share = float(words[4])
        except ValueError:
            share = 0
        name = words[2].removesuffix(":u")
        if name != words[2] and name in OF_THE_KERNEL:
            value = None  # this user's counters stop where the kernel begins, and there these happen
        found[name] = Counter(value, share)
    return found


def syscall_events():
    """A counter for the entry of each system call. Raises Refused where tracepoints are not to be had."""
    tools.need_tracepoints(ALL_SYSCALLS)
    calls = sorted(path.name for path in (tools.TRACEFS / "events/syscalls").glob("sys_enter_*"))
    return [ALL_SYSCALLS] + [f"syscalls:{name}" for name in calls]


def counted(job, events):
    output = job.path("-counters.csv")
    words = [word for event in events for word in ("-e", event)]
    during = tools.during_window(job, ["stat", "-x,", "-o", output, *words, "-p", job.pid])
    return read_counters(output.read_text(encoding="utf-8")), during


def counted_with_calls(job, events):
    """The counters, system calls too where these can be had; what was counted meanwhile; and why they cannot, or None."""
    try:
        return *counted(job, [*events, *syscall_events()]), None
    except tools.Refused as refusal:
        return *counted(job, events), refusal


def run(job):
    hardware = tools.has_counters()
    counters, during, no_calls = counted_with_calls(job, [*(HARDWARE if hardware else ()), *SOFTWARE])
    print(window.describe(during) + "\n")
    tables.show(rows(counters, during))
    print()
    if hardware:
        ratios(counters)
    else:
        print("refused: instructions, cycles, cache and branch misses: this machine gives no hardware counters")
    if no_calls:
        print(f"refused: system calls: {no_calls}")


def rows(counters, during):
    yield ["", "counted", *tables.PER]
    clock = counters.get("task-clock")
    used = during.user_s + during.system_s if clock is None or clock.value is None else clock.value / 1e3
    inside = used * during.system_s / max(during.user_s + during.system_s, 1e-9)
    for name, seconds in (("processor time, us", used), ("  in the kernel, us (by ticks)", inside)):
        yield [name, tables.figure(seconds * 1e6), *tables.per(seconds * 1e6, during)]
    for name in HARDWARE + SOFTWARE[1:]:
        counter = counters.get(name)
        if counter and counter.value is not None:
            taken_in_turns = f" ({counter.share:.0f} % of the time)" if counter.share < 99 else ""
            yield [name + taken_in_turns, tables.figure(counter.value), *tables.per(counter.value, during)]
        elif name == "context-switches":
            switches = during.voluntary + during.involuntary
            yield [name + " (by /proc)", tables.figure(switches), *tables.per(switches, during)]
    total = counters.get(ALL_SYSCALLS)
    if total and total.value is not None:
        yield ["system calls", tables.figure(total.value), *tables.per(total.value, during)]
    calls = {name: counter.value for name, counter in counters.items() if name.startswith("syscalls:") and counter.value}
    for name, value in sorted(calls.items(), key=lambda item: -item[1])[:12]:
        yield ["  " + name.removeprefix("syscalls:sys_enter_"), tables.figure(value), *tables.per(value, during)]


def ratios(counters):
    def share(part, whole):
        ends = counters.get(part), counters.get(whole)
        return None if None in ends else tables.each(ends[0].value, ends[1].value)

    print(f"instructions a cycle {tables.figure(share('instructions', 'cycles'))}, "
          f"cache misses of references {tables.figure(share('cache-misses', 'cache-references'))}, "
          f"branch misses of branches {tables.figure(share('branch-misses', 'branches'))}")
