"""Follows threads through the scheduler's tracepoints: when they ran, waited for something, or waited for a processor."""

import tools

SELECTION = ("sched:sched_switch", "sched:sched_wakeup", "sched:sched_migrate_task")
NEEDED = SELECTION[:2]


def selection(pid):
    """What perf record needs to see the switches of the threads of `pid`, those of workers that a ring begins later, and
    nothing else."""
    threads = sorted(int(path.name) for path in tools.window.threads(pid))
    switches = " || ".join([f"prev_pid=={tid} || next_pid=={tid}" for tid in threads] +
                           ['prev_comm ~ "iou-wrk*"', 'next_comm ~ "iou-wrk*"'])
    mine = " || ".join([f"pid=={tid}" for tid in threads] + ['comm ~ "iou-wrk*"'])
    words = ["-e", "sched:sched_switch", "--filter", switches, "-e", "sched:sched_wakeup", "--filter", mine]
    if tools.has_tracepoint("sched:sched_migrate_task"):
        words += ["-e", "sched:sched_migrate_task", "--filter", mine]
    return words


def is_ours(comm, tid, pid):
    """Whether a thread is of the process: one of its threads, or a worker of a ring of theirs."""
    if comm.startswith("iou-wrk-"):
        owner = comm.rsplit("-", 1)[1]
        return owner.isdigit() and (tools.Path(f"/proc/{pid}/task") / owner).exists()
    return (tools.Path(f"/proc/{pid}/task") / str(tid)).exists()


class Thread:
    """What is known of one thread: since when it is off the processor, and since when it could run again."""

    def __init__(self, comm):
        self.comm = comm
        self.left = None       # the sample at which it left the processor
        self.preempted = False
        self.ready_ns = None   # since when it could run

    def leave(self, sample, state):
        self.left = sample
        self.preempted = state.startswith("R")
        self.ready_ns = sample.time_ns if self.preempted else None

    def wake(self, time_ns):
        if self.left is not None and self.ready_ns is None:
            self.ready_ns = time_ns


class Absence:
    """One time off the processor: from `sample`, whose stack says where, `asleep_ns` for something, then `queued_ns`
    for a processor."""

    def __init__(self, thread, until_ns, before):
        self.sample = thread.left
        self.preempted = thread.preempted
        ready = until_ns if thread.ready_ns is None else thread.ready_ns
        self.asleep_ns = max(0, ready - thread.left.time_ns)
        self.queued_ns = max(0, until_ns - ready)
        self.before = before    # the command that ran on that processor until then


def absences(samples, ours):
    """Each time that a thread was off the processor. `ours(comm, tid)` says which threads count; `migrated` samples pass as
    they are."""
    threads = {}
    for sample in samples:
        fields = tools.samples.fields_of(sample.trace.replace("==> ", ""))
        if sample.event.endswith("sched_wakeup"):
            thread = threads.get(int(fields.get("pid", -1)))
            if thread:
                thread.wake(sample.time_ns)
        elif sample.event.endswith("sched_migrate_task"):
            yield sample
        elif sample.event.endswith("sched_switch") and "next_pid" in fields:
            arriving, leaving = int(fields["next_pid"]), int(fields["prev_pid"])
            thread = threads.get(arriving)
            if thread and thread.left:
                yield Absence(thread, sample.time_ns, fields["prev_comm"])
                thread.left = None
            if ours(fields["prev_comm"], leaving):
                threads.setdefault(leaving, Thread(fields["prev_comm"])).leave(sample, fields.get("prev_state", "S"))
