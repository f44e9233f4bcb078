"""Locks that were waited for: those of the kernel by the time lost in them, and the calls by which a program waits itself."""

import re
from collections import Counter

import fold
import pictures
import tables
import tools
import window

BEGIN, END = "lock:contention_begin", "lock:contention_end"
FUTEX = "syscalls:sys_enter_futex"
ADDRESS = re.compile(r"(0x[0-9a-f]+|[0-9a-f]{8,})")


def read_waits(samples, templates=False):
    """Nanoseconds and numbers of waits by stack, and futex calls by stack."""
    waited, times, futexes = Counter(), Counter(), Counter()
    begun = {}
    for sample in samples:
        found = ADDRESS.search(sample.trace)
        key = sample.tid, found[1] if found else ""
        if sample.event == FUTEX:
            futexes[fold.frames_of(sample, templates)] += 1
        elif sample.event == BEGIN:
            begun[key] = sample
        elif sample.event == END and key in begun:
            begin = begun.pop(key)
            stack = fold.frames_of(begin, templates)
            waited[stack] += sample.time_ns - begin.time_ns
            times[stack] += 1
    return waited, times, futexes


def place(stack):
    """The function that wanted the lock: the innermost that is no lock's own."""
    own = re.compile(r"(__|_)?(raw_)?(spin_|read_|write_|rwsem_|mutex_|down_|rt_|percpu_|queued_|native_|pv_|__pv_|osq_|do_futex|"
                     r"futex_|__mutex|__lock|__rwbase|__down|contention|trace_|__traceiter|perf_trace)")
    for frame in reversed(stack):
        if not own.match(frame.name):
            return frame.name
    return stack[-1].name


def run(job):
    tools.need_tracepoints(BEGIN, END)
    events = [event for event in (BEGIN, END, FUTEX) if tools.has_tracepoint(event)]
    data, during = tools.record(job, [word for event in events for word in ("-e", event)] + job.call_graph("dwarf"))
    waited, times, futexes = read_waits(tools.script(data), job.templates)
    print(window.describe(during) + "\n")
    count, lost_us = sum(times.values()), sum(waited.values()) / 1e3
    tables.show([["", "counted", *tables.PER],
                 ["waits for a kernel lock", f"{count:,}", *tables.per(count, during)],
                 ["  us lost in them", tables.figure(lost_us), *tables.per(lost_us, during)],
                 ["futex calls", f"{sum(futexes.values()):,}", *tables.per(sum(futexes.values()), during)]])
    if waited:
        by_place, times_by_place = Counter(), Counter()
        for stack, total in waited.items():
            by_place[place(stack)] += total
            times_by_place[place(stack)] += times[stack]
        print()
        tables.show([["wanted by", "waits", "us", "us each"]] + [
            [name, f"{times_by_place[name]:,}", tables.figure(total / 1e3), tables.figure(total / 1e3 / times_by_place[name])]
            for name, total in by_place.most_common(20)])
    if futexes:
        print()
        tables.show(tables.functions(futexes, 10, "calls"))
    if waited:
        facts = f"{lost_us:,.0f} us in {count:,} waits; {window.describe(during)}"
        pictures.write(job, waited, f"Waiting for locks of the kernel: process {job.pid}", facts, "ns")
