"""What the views make of recordings: each from a few lines as perf prints them."""

import unittest

import perf_tools_path  # noqa: F401 - finds what follows
import sched_events
import tables
import view_alloc
import view_block
import view_lock
import view_sched
import view_stat
import view_uring
import window
from fold import Frame
from samples import Sample


def events(text):
    """Samples of lines `microseconds comm tid event: fields`."""
    for line in text.strip().splitlines():
        time, comm, tid, event, trace = line.strip().split(None, 4)
        yield Sample(comm, int(tid), int(time) * 1000, event.rstrip(":"), trace)


class Rings(unittest.TestCase):
    RECORDED = """
      10 core-0 5 syscalls:sys_enter_io_uring_enter: fd: 0x00000000, to_submit: 0x00000002, min_complete: 0x00000000, flags: 0x19
      11 core-0 5 io_uring:io_uring_submit_req: ring 0xff01, req 0xffffa001, user_data 0x1, opcode WRITE, flags 0x0, sq_thread 0
      12 core-0 5 io_uring:io_uring_submit_req: ring 0xff01, req 0xffffa002, user_data 0x2, opcode RECV, flags 0x0, sq_thread 0
      13 core-0 5 io_uring:io_uring_queue_async_work: ring 0xff01, request 0xffffa001, user_data 0x1, opcode WRITE, flags 0, normal
      20 core-0 5 io_uring:io_uring_complete: ring 0xff01, req 0xffffa002, user_data 0x2, result 10, cflags 0x3 extra1 0 extra2 0
      30 core-0 5 io_uring:io_uring_complete: ring 0xff01, req 0xffffa002, user_data 0x2, result -105, cflags 0x0 extra1 0 extra2 0
      31 core-0 5 syscalls:sys_enter_io_uring_enter: fd: 0x00000000, to_submit: 0x00000000, min_complete: 0x00000001, flags: 0x19
      40 core-0 5 io_uring:io_uring_complete: ring 0xff01, req 0xffffa001, user_data 0x1, result 4096, cflags 0x0 extra1 0 extra2 0
      41 core-0 5 io_uring:io_uring_complete: ring 0xff01, req 0xffffa00f, user_data 0x9, result 1, cflags 0x2 extra1 0 extra2 0
    """

    def test_are_told_by_operation(self):
        ring = view_uring.read_ring(events(self.RECORDED))
        self.assertEqual(vars(ring.operations["WRITE"]),
                         {"submitted": 1, "completed": 1, "failed": 0, "punted": 1, "armed": 0, "latencies_ns": [29000]})
        self.assertEqual(vars(ring.operations["RECV"]),
                         {"submitted": 1, "completed": 2, "failed": 1, "punted": 0, "armed": 0, "latencies_ns": [8000]})
        self.assertEqual(ring.operations["begun before"].completed, 1)
        self.assertEqual((ring.counts["sys_enter_io_uring_enter"], ring.asked, ring.waiting_enters), (2, 2, 1))

    def test_are_shown_by_message_and_without_messages(self):
        ring = view_uring.read_ring(events(self.RECORDED))
        rows = list(view_uring.totals(ring, window.Window(seconds=2, messages=4)))
        self.assertEqual(rows[1], ["enters (system calls)", "2", "1.00", "0.500", "-"])
        self.assertEqual(rows[1][0], list(view_uring.totals(view_uring.Ring(), window.Window()))[1][0])


class Disks(unittest.TestCase):
    def test_are_told_by_kind_side_order_and_latency(self):
        disk = view_block.read_disk(events("""
          10 core-0 5 block:block_rq_issue: 254,0 WS 4096 () 1000 + 8 0x2,0,5 [core-0]
          11 core-0 5 block:block_rq_issue: 254,0 WS 8192 () 1008 + 16 0x2,0,5 [core-0]
          12 kworker/1:2H 9 block:block_rq_issue: 254,0 FF 0 () 0 + 0 0x0,0,0 [kworker/1:2H]
          13 core-0 5 block:block_rq_issue: 254,0 WFS 4096 () 5000 + 8 0x2,0,5 [core-0]
          14 core-0 5 block:block_rq_issue: 254,0 WS 4096 () 1024 + 8 0x2,0,5 [core-0]
          20 swapper 0 block:block_rq_complete: 254,0 WS () 1000 + 8 0x2,0,5 [0]
          31 swapper 0 block:block_rq_complete: 254,0 WS () 1008 + 16 0x2,0,5 [0]
          62 swapper 0 block:block_rq_complete: 254,0 FF () 18446744073709551615 + 0 0x0,0,0 [0]
          63 swapper 0 block:block_rq_complete: 254,0 R () 77 + 8 0x0,0,0 [0]
        """), lambda comm, tid: "broker" if tid == 5 else "kernel")
        writes = disk.groups["broker", "write"]
        self.assertEqual((writes.sizes, writes.latencies_ns), ([4096, 8192, 4096], [10000, 20000]))
        self.assertEqual((writes.sequential, writes.goes_on), (1, 2))
        self.assertEqual(disk.groups["kernel", "flush"].latencies_ns, [50000])
        self.assertEqual(disk.groups["broker", "write FUA"].sizes, [4096])
        self.assertEqual((disk.in_flight_most, disk.unmatched), (5, 1))

    def test_kinds_are_words(self):
        rows = {"W": "write", "WS": "write", "WSM": "write metadata", "WFS": "write FUA", "FWFSM": "write FUA metadata after flush",
                "FWS": "write after flush", "R": "read", "RA": "read", "RAM": "read metadata", "FF": "flush", "D": "discard"}
        for letters, want in rows.items():
            self.assertEqual(view_block.kind_words(letters), want, letters)


class Scheduling(unittest.TestCase):
    RECORDED = """
      10 core-0 5 sched:sched_switch: prev_comm=core-0 prev_pid=5 prev_prio=1 prev_state=S ==> next_comm=cc next_pid=7 next_prio=1
      30 cc 7 sched:sched_wakeup: comm=core-0 pid=5 prio=1 target_cpu=000
      31 cc 7 sched:sched_wakeup: comm=core-0 pid=5 prio=1 target_cpu=000
      35 cc 7 sched:sched_switch: prev_comm=cc prev_pid=7 prev_prio=1 prev_state=R ==> next_comm=core-0 next_pid=5 next_prio=1
      40 core-0 5 sched:sched_switch: prev_comm=core-0 prev_pid=5 prev_prio=1 prev_state=R+ ==> next_comm=cc next_pid=7 next_prio=1
      41 x 9 sched:sched_migrate_task: comm=core-0 pid=5 prio=1 orig_cpu=0 dest_cpu=1
      70 swapper/1 0 sched:sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=1 prev_state=R ==> next_comm=core-0 next_pid=5 next_prio=1
      80 core-0 5 sched:sched_switch: prev_comm=core-0 prev_pid=5 prev_prio=1 prev_state=S ==> next_comm=cc next_pid=7 next_prio=1
    """

    def test_tells_sleep_from_waiting_for_a_processor(self):
        found = [absence for absence in sched_events.absences(events(self.RECORDED), lambda comm, tid: tid == 5)
                 if not isinstance(absence, Sample)]
        self.assertEqual([(a.preempted, a.asleep_ns, a.queued_ns, a.before) for a in found],
                         [(False, 20000, 5000, "cc"), (True, 0, 30000, "swapper/1")])

    def test_is_summed_by_thread(self):
        lots, before = view_sched.read_lots(events(self.RECORDED), lambda comm, tid: tid == 5)
        self.assertEqual({name: vars(lot) for name, lot in lots.items()}, {
            "core-0": {"voluntary": 1, "preempted": 1, "moved": 1, "asleep_ns": 20000, "queued_ns": [5000, 30000]}})
        self.assertEqual(before, {"cc": 5000})


class Locks(unittest.TestCase):
    def test_are_charged_to_who_wanted_them(self):
        stack = [(1, "native_queued_spin_lock_slowpath", "[kernel.kallsyms]"), (2, "_raw_spin_lock", "[kernel.kallsyms]"),
                 (3, "tcp_recvmsg", "[kernel.kallsyms]")]
        recorded = [Sample("a", 1, 100, view_lock.BEGIN, "0xffff1 (flags=SPIN)", stack=stack),
                    Sample("b", 2, 120, view_lock.END, "0xffff1 (ret=0)"),
                    Sample("a", 1, 170, view_lock.END, "0xffff1 (ret=0)"),
                    Sample("a", 1, 180, view_lock.FUTEX, "uaddr: 0x1")]
        waited, times, futexes = view_lock.read_waits(recorded)
        self.assertEqual((list(waited.values()), list(times.values()), list(futexes.values())), ([70], [1], [1]))
        self.assertEqual(view_lock.place(next(iter(waited))), "tcp_recvmsg")


class Allocations(unittest.TestCase):
    def test_are_charged_to_the_program_not_to_its_containers(self):
        ours, vector, entry = Frame("broker::f", "broker"), Frame("std::vector<>::grow", "library"), Frame("operator new", "allocator")
        thread = Frame("core-0", "thread")
        self.assertEqual(view_alloc.without_entry((thread, ours, vector, entry)), (thread, ours, vector))
        self.assertEqual(view_alloc.asker((thread, ours, vector)), ours)
        self.assertEqual(view_alloc.without_entry((entry,)), (entry,))


class Counters(unittest.TestCase):
    def test_are_read_with_those_that_a_machine_does_not_have(self):
        got = view_stat.read_counters("# started on Sun\n\n<not supported>,,cycles,0,100.00,,\n"
                                      "309,,context-switches,369508419,100.00,836.012,/sec\n369.61,msec,task-clock,1,50.00,0.3,CPUs\ncut,")
        self.assertIsNone(got["cycles"].value)
        self.assertEqual(vars(got["context-switches"]), {"value": 309, "share": 100})
        self.assertEqual(vars(got["task-clock"]), {"value": 369.61, "share": 50})

    def test_that_stop_where_the_kernel_begins_are_not_taken_for_none(self):
        got = view_stat.read_counters("0,,context-switches:u,1,100.00,,\n7,,page-faults:u,1,100.00,,\n")
        self.assertEqual((got["context-switches"].value, got["page-faults"].value), (None, 7))
        rows = {row[0]: row[1] for row in view_stat.rows(got, window.Window(voluntary=3, involuntary=4))}
        self.assertEqual((rows["context-switches (by /proc)"], rows["page-faults"]), ("7.00", "7.00"))

    def test_become_rows_whatever_is_missing(self):
        for text in ("", "<not counted>,,page-faults,0,0.00,,\n", "5,,raw_syscalls:sys_enter,1,100.00,,\n"):
            rows = list(view_stat.rows(view_stat.read_counters(text), window.Window()))
            self.assertEqual({len(row) for row in rows}, {5})


class Tables(unittest.TestCase):
    def test_figures_are_short(self):
        rows = {None: "-", 0: "0", 0.00012: "1.2e-04", 0.1234: "0.123", 5: "5.00", 12345.6: "12,346"}
        self.assertEqual([tables.figure(value) for value in rows], list(rows.values()))

    def test_histograms_double(self):
        lines = list(tables.histogram([0, 1, 3, 3, 9]))
        self.assertEqual([line.split()[:4] for line in lines], [
            ["0", "to", "1", "1"], ["1", "to", "2", "1"], ["2", "to", "4", "2"], ["4", "to", "8", "0"], ["8", "to", "16", "1"]])
        self.assertEqual(list(tables.histogram([])), [])

    def test_quantiles_of_few(self):
        self.assertEqual(tables.latencies([]), ["-", "-", "-"])
        self.assertEqual(tables.latencies([3000]), ["3.00", "3.00", "3.00"])

    def test_lines_are_aligned(self):
        self.assertEqual(list(tables.aligned([["a", "1"], ["long", "22"]])), ["a      1", "long  22"])
        self.assertEqual(list(tables.aligned([])), [])


if __name__ == "__main__":
    unittest.main()
