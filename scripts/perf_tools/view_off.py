"""What threads wait for: the time off the processor by stack, and how much of it they could have run."""

from collections import Counter

import fold
import pictures
import sched_events
import tables
import tools
import window

QUEUED = fold.Frame("(waits for a processor)", "queue")


def run(job):
    tools.need_tracepoints(*sched_events.NEEDED)
    # The switch lies under liburing, which has no frame pointers.
    data, during = tools.record(job, [*sched_events.selection(job.pid), *job.call_graph("dwarf")], everywhere=True)
    stacks = Counter()
    times = asleep = queued = 0

    def ours(comm, tid):
        return sched_events.is_ours(comm, tid, job.pid)

    for absence in sched_events.absences(tools.script(data), ours):
        if isinstance(absence, tools.samples.Sample):
            continue
        frames = fold.frames_of(absence.sample, job.templates)
        times += 1
        asleep += absence.asleep_ns
        queued += absence.queued_ns
        stacks[frames] += absence.asleep_ns // 1000
        stacks[*frames, QUEUED] += absence.queued_ns // 1000
    stacks = +stacks
    facts = f"{times:,} times off the processor: {asleep / 1e9:.2f} s waiting for something, {queued / 1e9:.2f} s for a processor"
    print(facts + "\n" + window.describe(during) + "\n")
    if not stacks:
        print("no thread left the processor and came back")
        return
    waits = Counter()
    for stack, count in stacks.items():
        waits[waiting_place(stack)] += count
    rows = [["waits in", "ms", "share"]]
    whole = sum(waits.values())
    rows += [[place, f"{count / 1000:,.1f}", f"{100 * count / whole:.1f} %"] for place, count in waits.most_common(25)]
    tables.show(rows)
    pictures.write(job, stacks, f"Off the processor: process {job.pid}", facts, "us")


def waiting_place(stack):
    """The thread, the innermost function of the program, and what it waits for."""
    queued = stack[-1] == QUEUED
    foreign = ("kernel", "libc", "liburing", "unknown", "queue")
    program = next((frame.name for frame in reversed(stack) if frame.kind not in foreign), "?")
    kernel = [frame.name for frame in stack if frame.kind == "kernel"]
    inside = next((name for name in reversed(kernel) if "schedule" not in name), "")
    words = [stack[0].name, program if program != stack[0].name else "", QUEUED.name if queued else inside]
    return " / ".join(word for word in words if word)
