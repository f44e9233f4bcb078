"""Reading what perf prints, and folding its stacks."""

import io
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import perf_tools_path  # noqa: F401 - finds what follows
import fold
import samples
from fold import Frame

TWO = """core-0 32344 42603.846083:   1000000 cpu-clock:ppp: 
\tffffffff8200e15b tcp_sendmsg+0x1b ([kernel.kallsyms])
\t            2b95 [unknown] (/usr/lib/x86_64-linux-gnu/liburing.so.2.3)
\t          2825fe millrace::reactor::uring_backend::poll (/opt/millraced)
\t          26354b millrace::reactor::core::run() (/opt/millraced (deleted))
\t           d44a3 [unknown] (/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30)

two words 7/8 [001] 1.5: sched:sched_switch: prev_comm=two words prev_pid=8 prev_state=S ==> next_comm=x next_pid=9 next_prio=1
\t            1000 operator() (/opt/millraced)

"""


def read(text):
    return list(samples.read_samples(io.StringIO(text)))


class Reading(unittest.TestCase):
    def test_gives_head_and_stack(self):
        first, second = read(TWO)
        self.assertEqual((first.comm, first.tid, first.time_ns, first.event), ("core-0", 32344, 42603846083000, "cpu-clock:ppp"))
        self.assertEqual(first.stack[0], (0xffffffff8200e15b, "tcp_sendmsg", "[kernel.kallsyms]"))
        self.assertEqual(first.stack[3][1:], ("millrace::reactor::core::run()", "/opt/millraced (deleted)"))
        self.assertEqual((second.comm, second.tid, second.cpu, second.time_ns), ("two words", 8, 1, 1500000000))
        self.assertEqual(second.stack[0][1], "operator()")

    def test_of_tracepoints_without_stacks_takes_each_line(self):
        lines = "a 1 [000] 1.000000001: io_uring:io_uring_complete: ring 0x1, req 0x2, result -11\n" * 3
        self.assertEqual([sample.trace for sample in read(lines)], ["ring 0x1, req 0x2, result -11"] * 3)

    def test_leaves_out_a_sample_that_is_cut_off_wherever_that_is(self):
        whole = read(TWO)
        end_of_first = TWO.index("\n\n") + 2
        for length in range(len(TWO)):
            got = read(TWO[:length])
            self.assertLessEqual(len(got), 2)
            if length < end_of_first:
                # Only a head whose line was cut may pass, with no stack: never one with some of its frames.
                self.assertEqual([sample.stack for sample in got if sample.stack], [], TWO[:length])
            else:
                self.assertEqual(got[0], whole[0])

    def test_of_nothing_and_of_noise_gives_nothing(self):
        for text in ("", "\n\n", "\x00\x01", "[ perf record: woken ]\n", "\tffff f (x)\n\n", "core-0 1\n"):
            self.assertEqual(read(text), [], text)

    def test_tells_the_fields_of_a_tracepoint(self):
        fields = samples.fields_of("prev_comm=a b prev_pid=3 prev_state=R+ next_comm=c next_pid=4")
        self.assertEqual(fields, {"prev_comm": "a b", "prev_pid": "3", "prev_state": "R+", "next_comm": "c", "next_pid": "4"})
        fields = samples.fields_of("fd: 0x00000000, to_submit: 0x00000002, flags: 0x00000019")
        self.assertEqual(fields["to_submit"], "0x00000002")
        self.assertEqual(samples.fields_of(""), {})


class Folding(unittest.TestCase):
    def test_puts_the_thread_outside_and_drops_where_threads_begin(self):
        self.assertEqual(fold.frames_of(read(TWO)[0]), (
            Frame("core-0", "thread"), Frame("reactor::core::run", "reactor"), Frame("reactor::uring_backend::poll", "reactor"),
            Frame("[liburing.so.2.3]", "liburing"), Frame("tcp_sendmsg", "kernel")))

    def test_says_once_where_callers_are_not_known(self):
        sample = samples.Sample("core-0", 1, 0, "e", stack=[
            (1, "io_cqring_wait", "[kernel.kallsyms]"), (2, "[unknown]", "/lib/liburing.so.2"), (3, "[unknown]", "/lib/liburing.so.2"),
            (4, "[unknown]", "[unknown]"), (5, "[unknown]", "[unknown]")])
        self.assertEqual(fold.frames_of(sample), (
            Frame("core-0", "thread"), fold.LOST, Frame("[liburing.so.2]", "liburing"), Frame("io_cqring_wait", "kernel")))

    def test_takes_the_end_of_a_stack_for_no_caller(self):
        sample = samples.Sample("core-0", 1, 0, "e", stack=[(1, "f", "/opt/x"), (fold.NOWHERE, "[unknown]", "[unknown]")])
        self.assertEqual(fold.frames_of(sample), (Frame("core-0", "thread"), Frame("f", "program")))

    def test_makes_one_of_the_workers_of_a_ring(self):
        for comm, want in (("iou-wrk-123", "iou-wrk"), ("core-1", "core-1"), ("", "?")):
            self.assertEqual(fold.frames_of(samples.Sample(comm, 1, 0, "e")), (Frame(want, "thread"),))

    def test_comes_back_from_its_file_whatever_the_names(self):
        hostile = Counter({
            (Frame("core-0", "thread"), Frame("a b<c, d>::operator()", "api")): 3,
            (Frame("core-0", "thread"), Frame("x [y] 17", "kernel")): 4,
            (Frame("t", "thread"), Frame("ends in [kernel]", "libc")): 5,
        })
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "x.folded"
            fold.write_folded(hostile, path)
            with open(path, encoding="utf-8") as lines:
                self.assertEqual(fold.read_folded(lines), hostile)
            fold.write_folded({(Frame("a;b\nc", "api"),): 1}, path)
            self.assertEqual(path.read_text(encoding="utf-8"), "a:b c [api] 1\n")

    def test_reads_lines_without_kinds_and_passes_over_the_rest(self):
        got = fold.read_folded(["main;run 3\n", "main;run 4\n", "\n", "cut off", "minus -3\n", "7\n"])
        self.assertEqual(got, {(Frame("main", "program"), Frame("run", "program")): 7})

    def test_counts_a_function_that_calls_itself_once(self):
        f, g = Frame("f", "api"), Frame("g", "api")
        self.assertEqual(fold.by_function({(f, g, f): 5, (f,): 1}), {f: (6, 6), g: (0, 5)})


if __name__ == "__main__":
    unittest.main()
