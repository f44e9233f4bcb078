"""What passes the ring: enters, submissions and completions by kind of operation, latencies, and what a worker had to do."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import tables
import tools
import window

ENTER = "syscalls:sys_enter_io_uring_enter"
SUBMIT, COMPLETE = "io_uring:io_uring_submit_req", "io_uring:io_uring_complete"
OTHERS = ("io_uring:io_uring_queue_async_work", "io_uring:io_uring_cqring_wait", "io_uring:io_uring_poll_arm",
          "io_uring:io_uring_cqe_overflow", "io_uring:io_uring_req_failed", "io_uring:io_uring_short_write")
OPCODE = re.compile(r"opcode (\w+)")
REQUEST = re.compile(r"req(?:uest)? (0x[0-9a-f]+|\(nil\)|[0-9a-f]{8,})")
RESULT = re.compile(r"result (-?\d+)")
MORE = 2  # a completion's flag: its request goes on


@dataclass
class Operation:
    """All operations of one kind."""
    submitted: int = 0
    completed: int = 0
    failed: int = 0
    punted: int = 0
    armed: int = 0
    latencies_ns: list = field(default_factory=list)


@dataclass
class Ring:
    """What a recording shows of the rings of a process."""
    operations: dict = field(default_factory=lambda: defaultdict(Operation))
    counts: Counter = field(default_factory=Counter)
    asked: int = 0           # submissions that enters announced
    waiting_enters: int = 0  # enters that may sleep for completions

    def take(self, sample, running):
        """`running` holds when and as what each request began."""
        name = sample.event.split(":")[1]
        self.counts[name] += 1
        if sample.event == ENTER:
            fields = tools.samples.fields_of(sample.trace)
            self.asked += int(fields.get("to_submit", "0"), 16)
            self.waiting_enters += int(fields.get("min_complete", "0"), 16) > 0
            return
        opcode, request = OPCODE.search(sample.trace), REQUEST.search(sample.trace)
        request = request[1] if request else None
        if sample.event == SUBMIT and opcode:
            self.operations[opcode[1]].submitted += 1
            running[request] = (opcode[1], sample.time_ns)
        elif sample.event == COMPLETE:
            self.complete(sample, request, running)
        elif name.endswith("queue_async_work") and opcode:
            self.operations[opcode[1]].punted += 1
        elif name.endswith("poll_arm") and opcode:
            self.operations[opcode[1]].armed += 1

    def complete(self, sample, request, running):
        goes_on = re.search(r"cflags (0x[0-9a-f]+|\d+)", sample.trace)
        goes_on = bool(goes_on and int(goes_on[1], 16) & MORE)
        opcode, begun = running.get(request, ("begun before", None))
        operation = self.operations[opcode]
        operation.completed += 1
        result = RESULT.search(sample.trace)
        operation.failed += bool(result and int(result[1]) < 0)
        if goes_on:
            running[request] = (opcode, None)  # several answers to one request: only the first has a latency
        else:
            running.pop(request, None)
        if begun is not None:
            operation.latencies_ns.append(sample.time_ns - begun)


def read_ring(samples):
    ring, running = Ring(), {}
    for sample in samples:
        ring.take(sample, running)
    return ring


def run(job):
    tools.need_tracepoints(SUBMIT, COMPLETE)
    events = [event for event in (ENTER, SUBMIT, COMPLETE, *OTHERS) if tools.has_tracepoint(event)]
    data, during = tools.record(job, [word for event in events for word in ("-e", event)])
    ring = read_ring(tools.script(data, stacks=False))
    print(window.describe(during) + "\n")
    tables.show(totals(ring, during))
    print()
    tables.show(operations(ring, during))
    print("\nA latency is from submission to completion; of a multishot operation, to its first one.\n"
          "Armed: it had to wait for its file to be ready. Punted: a worker thread of the kernel took it, which costs a hand-over.")


def totals(ring, during):
    enters = ring.counts["sys_enter_io_uring_enter"]
    submitted = sum(operation.submitted for operation in ring.operations.values())
    completed = sum(operation.completed for operation in ring.operations.values())
    punted = sum(operation.punted for operation in ring.operations.values())
    yield ["", "counted", *tables.PER]
    for name, count in (("enters (system calls)", enters), ("  that may sleep", ring.waiting_enters), ("submissions", submitted),
                        ("completions", completed), ("punted to a worker", punted),
                        ("completion queue overflows", ring.counts["io_uring_cqe_overflow"])):
        yield [name, f"{count:,}", *tables.per(count, during)]
    yield ["submissions an enter", tables.figure(tables.each(submitted, enters))]
    yield ["completions an enter", tables.figure(tables.each(completed, enters))]


def operations(ring, during):
    yield ["operation", "submitted", "a message", "completed", "a message", "failed", "armed", "punted", *tables.LATENCIES]
    for name, operation in sorted(ring.operations.items(), key=lambda item: -item[1].completed):
        yield [name, f"{operation.submitted:,}", tables.per(operation.submitted, during)[1], f"{operation.completed:,}",
               tables.per(operation.completed, during)[1], f"{operation.failed:,}", f"{operation.armed:,}",
               f"{operation.punted:,}", *tables.latencies(operation.latencies_ns)]
