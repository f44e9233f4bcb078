"""How the scheduler treats the threads: switches by their own will or not, moves, and how long those that could run had to wait."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import fold
import sched_events
import tables
import tools
import window


@dataclass
class Lot:
    """What befell one thread, or all workers of the rings together."""
    voluntary: int = 0
    preempted: int = 0
    moved: int = 0
    asleep_ns: int = 0
    queued_ns: list = field(default_factory=list)


def read_lots(samples, ours):
    """The lots by thread, and how often each command ran until one of ours came back after waiting for the processor."""
    lots, before = defaultdict(Lot), Counter()
    for found in sched_events.absences(samples, ours):
        if isinstance(found, tools.samples.Sample):
            lots[moved_thread(found)].moved += 1
            continue
        lot = lots[fold.thread_of(found.sample.comm).name]
        lot.preempted += found.preempted
        lot.voluntary += not found.preempted
        lot.asleep_ns += found.asleep_ns
        lot.queued_ns.append(found.queued_ns)
        if found.queued_ns > 0 and not found.before.startswith("swapper"):
            before[fold.thread_of(found.before).name] += found.queued_ns
    return lots, before


def moved_thread(sample):
    comm = tools.samples.fields_of(sample.trace).get("comm", "?")
    return fold.thread_of(comm).name


def run(job):
    try:
        tools.need_tracepoints(*sched_events.NEEDED)
        data, during = tools.record(job, sched_events.selection(job.pid), everywhere=True)
    except tools.Refused as refusal:
        without_tracepoints(job, refusal)
        return
    lots, before = read_lots(tools.script(data, stacks=False), lambda comm, tid: sched_events.is_ours(comm, tid, job.pid))
    print(window.describe(during) + "\n")
    tables.show(rows(lots, during))
    queued = [value for lot in lots.values() for value in lot.queued_ns if value]
    print("\nwaiting for a processor, in us (from ready to running)")
    print("\n".join(tables.histogram(queued, 1000)) or "  never")
    if before:
        print("\nwho ran meanwhile, or last before it")
        tables.show([["", "ms"]] + [[name, f"{total / 1e6:,.1f}"] for name, total in before.most_common(8)])


def rows(lots, during):
    yield ["thread", "voluntary", "a message", "preempted", "a message", "moved", "asleep", "waits for a processor",
           *tables.LATENCIES]
    for name, lot in sorted(lots.items()):
        yield [name, f"{lot.voluntary:,}", tables.per(lot.voluntary, during)[1], f"{lot.preempted:,}",
               tables.per(lot.preempted, during)[1], f"{lot.moved:,}", f"{lot.asleep_ns / 1e9:.3f} s",
               f"{sum(lot.queued_ns) / 1e9:.3f} s", *tables.latencies(lot.queued_ns)]


def without_tracepoints(job, refusal):
    """What the process's own files tell to anyone."""
    during = window.measure(job.pid, job.seconds)
    print(f"refused: latencies: {refusal}\n{window.describe(during)}\n")
    tables.show([["", "counted", *tables.PER]] + [
        [name, tables.figure(count), *tables.per(count, during)]
        for name, count in (("voluntary switches", during.voluntary), ("involuntary switches", during.involuntary),
                            ("waiting for a processor, us", during.run_queue_s * 1e6))])
