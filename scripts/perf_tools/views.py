"""The views that there are, and the words of a command line that choose one."""

import sys

VIEWS = {
    "cpu": "where processor time goes: flame graph and table (what scripts/perf alone does)",
    "off": "what threads wait for: flame graph of the time off the processor",
    "stat": "instructions, cycles, cache misses, faults, switches and system calls, by message and by request",
    "uring": "io_uring: submissions, completions and workers' share by kind of operation, with latencies",
    "block": "requests to the disk: sizes, latencies, flushes, how much of it is sequential",
    "cache": "functions with the most cache misses, and lines that two cores fight for",
    "lock": "locks that were waited for: flame graph of the time, and futex calls",
    "alloc": "who allocates memory, by function and by message: flame graph",
    "sched": "switches, moves between processors, and how long threads that could run had to wait",
}
ORDER_OF_ALL = ("stat", "cpu", "off", "sched", "uring", "block", "lock", "cache", "alloc")


def of(word):
    """The views that a word means."""
    return list(ORDER_OF_ALL) if word == "all" else [word]


def number(word, what):
    """A number above zero."""
    try:
        value = float(word)
    except ValueError:
        value = 0
    if value <= 0:
        sys.exit(f"scripts/perf: {word} is no {what}")
    return value
