"""Where the processor's time goes: samples of running threads, a table and a flame graph."""

from collections import Counter

import fold
import pictures
import tables
import tools
import window

HERTZ = 999  # no divisor of a timer's own rate, so that the samples do not fall in step with it


def event_words(event):
    if event.startswith("cpu-clock"):
        return "cpu-clock (a timer: this machine gives no cycles; time with interrupts off shows where they come on again)"
    return event


def run(job):
    data, during = tools.record(job, ["-F", HERTZ, *job.call_graph("fp")])
    stacks = Counter(fold.frames_of(sample, job.templates) for sample in tools.script(data, trace=False))
    event = tools.event_of(data)
    print(f"{sum(stacks.values()):,} samples of {event_words(event)}, {HERTZ} a second of a running thread")
    print(window.describe(during) + "\n")
    if not stacks:
        print("no thread ran")
        return
    tables.show(tables.functions(stacks))
    used = during.user_s + during.system_s
    facts = f"{event}; {used:.2f} s of processor time in {window.describe(during)}"
    pictures.write(job, stacks, f"On the processor: process {job.pid}", facts, "samples")
