"""What perf lost, failed at or left behind is said, and why. Here perf does what a test wants, and tracing is a directory."""

import contextlib
import errno
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import perf_tools_path  # noqa: F401 - finds what follows
import tools
import view_alloc
import view_stat
import window

LINES = "a 1 [000] 1.000000001: io_uring:io_uring_complete: ring 0x1, req 0x2, result 0\n" * 3


class Scratch(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.tracefs = self.directory / "tracing"
        self.replace(tools, "TRACEFS", self.tracefs)

    def replace(self, where, name, by):
        patch = mock.patch.object(where, name, by)
        patch.start()
        self.addCleanup(patch.stop)

    def job(self, view):
        return tools.Job(view, os.getpid(), 1, self.directory, "stamp")


class Reading(Scratch):
    def perf(self, does):
        """From now on perf prints LINES, and does this."""
        program = self.directory / "perf"
        program.write_text(f"#!/bin/sh\nprintf %s '{LINES}'\n{does}\n", encoding="utf-8")
        program.chmod(0o755)
        patch = mock.patch.dict(os.environ, {"PATH": f"{self.directory}:{os.environ['PATH']}"})
        patch.start()
        self.addCleanup(patch.stop)

    def read(self):
        """How many samples came, and what was said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            count = sum(1 for _ in tools.script("x.data", stacks=False))
        return count, said.getvalue()

    def test_says_what_perf_lost(self):
        self.perf("printf 'Warning:\\nProcessed 9 events and lost 2 chunks!\\n\\nCheck IO/CPU overload!\\n\\n' >&2")
        self.assertEqual(self.read(), (3, "what follows is less than there was: Processed 9 events and lost 2 chunks!\n"))

    def test_says_nothing_of_other_complaints_however_many(self):
        self.perf("head -c 300000 /dev/zero >&2")
        self.assertEqual(self.read(), (3, ""))

    def test_of_a_perf_that_fails_is_refused_in_its_words_after_samples_too(self):
        self.perf("echo 'incompatible file format' >&2; exit 255")
        with self.assertRaisesRegex(tools.Refused, "^incompatible file format$"):
            self.read()

    def test_may_stop_early(self):
        self.perf("exit 1")
        samples = tools.script("x.data", stacks=False)
        self.assertEqual(next(samples).tid, 1)
        samples.close()


class Recording(Scratch):
    def test_of_tracepoints_has_room_for_their_bursts(self):
        (self.tracefs / "events/sched/sched_switch").mkdir(parents=True)
        asked = []
        self.replace(tools, "during_window", lambda job, words: asked.append(words))
        tools.record(self.job("sched"), ["-e", "sched:sched_switch", "--filter", "prev_pid==1"])
        tools.record(self.job("cpu"), ["-F", 999, "--call-graph", "fp"])
        self.assertEqual(["-m" in words for words in asked], [True, False])


class SystemCalls(Scratch):
    def run_view(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            view_stat.run(self.job("stat"))
        return [line for line in said.getvalue().splitlines() if "system calls" in line]

    def test_that_cannot_be_counted_are_refused_for_the_reason_that_there_is(self):
        def counted(_, events):
            if view_stat.ALL_SYSCALLS in events:
                raise tools.Refused("too many open files")
            return {}, window.Window()

        self.replace(tools, "has_counters", lambda: False)
        self.replace(view_stat, "counted", counted)
        self.replace(tools, "need_tracepoints", lambda *names: None)
        self.assertEqual(self.run_view(), ["refused: system calls: too many open files"])

        def none(*names):
            raise tools.Refused("this kernel has no tracepoint")

        self.replace(tools, "need_tracepoints", none)
        self.assertEqual(self.run_view(), ["refused: system calls: this kernel has no tracepoint"])

    def test_that_are_counted_are_not_refused(self):
        self.replace(tools, "has_counters", lambda: False)
        self.replace(view_stat, "counted", lambda _, events: ({}, window.Window()))
        self.replace(tools, "need_tracepoints", lambda *names: None)
        self.assertEqual(self.run_view(), [])


class Probes(Scratch):
    def setUp(self):
        super().setUp()
        self.tracefs.mkdir()
        self.events = self.tracefs / "uprobe_events"
        self.events.write_text("", encoding="utf-8")
        self.replace(view_alloc, "allocators", lambda pid: ["/lib/x"])
        self.replace(view_alloc, "find_entries", lambda path: {"0x10": "malloc"})

    def test_that_a_killed_run_left_go_before_new_ones_come_and_nobody_elses(self):
        left = ("p:millrace_7/malloc /lib/x:0x0000000000000010\np:millrace_77/malloc /lib/x:0x0000000000000010\n"
                "p:other/malloc /lib/x:0x0000000000000010\n")
        self.events.write_text(left, encoding="utf-8")
        with view_alloc.Probes(7) as probes:
            self.assertEqual(probes.events, ["millrace_7:malloc"])
            self.assertEqual(self.events.read_text(encoding="utf-8"),
                             left + "-:millrace_7/malloc\np:millrace_7/malloc /lib/x:0x10\n")

    def test_go_when_it_is_over(self):
        with view_alloc.Probes(7):
            pass
        self.assertEqual(self.events.read_text(encoding="utf-8").splitlines()[-1], "-:millrace_7/malloc")

    def test_that_the_kernel_does_not_take_are_refused_for_the_reason_that_there_is(self):
        for number, said in ((errno.EEXIST, "another run"), (errno.EACCES, "need root")):
            def write(_, line, number=number):
                raise OSError(number, os.strerror(number))

            self.replace(view_alloc.Probes, "write", write)
            with self.assertRaisesRegex(tools.Refused, said), view_alloc.Probes(7):
                pass

    def test_of_a_process_that_has_ended_are_refused_for_that(self):
        with self.assertRaisesRegex(tools.Refused, "^the process has ended$"):
            view_alloc.mappings(2 ** 30)


if __name__ == "__main__":
    unittest.main()
