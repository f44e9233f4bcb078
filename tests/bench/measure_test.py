"""The tables of run_table and bench-compare: what is computed and printed from runs, what is refused, and what is left when
runs fail or are interrupted, without running any broker or load."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import types
import unittest
from pathlib import Path
from unittest import mock

BENCH = Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.insert(0, str(BENCH))
from measure import (brokers, disk, external, failures, figures, further, kafka, own_tool, processes, rows,  # noqa: E402
                     scaling, soak, steady, table)


def program(name):
    """A command line of bench, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


COMPARE, RUN_TABLE = program("compare_brokers"), program("run_table")


def output_of(work, *arguments, stream="stdout"):
    """What it prints; an exit is no failure."""
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(getattr(contextlib, f"redirect_{stream}")(io.StringIO()))
        stack.enter_context(contextlib.suppress(SystemExit, KeyboardInterrupt))
        work(*arguments)
    return said.getvalue()


def run(**fields):
    return {"seconds": 2, "steal_s": 0, **fields}


def results(**by_contender):
    found = table.Results()
    for name, rates in by_contender.items():
        for rate in rates:
            found.add(rows.named("100B"), name, rate and run(requests_per_s=rate))
    return found


class Figures(unittest.TestCase):
    def test_a_ratio_is_of_the_same_repeat_and_a_failed_one_leaves_its_pair_out(self):
        ours = [run(requests_per_s=10), run(requests_per_s=40), None]
        theirs = [run(requests_per_s=5), run(requests_per_s=10), run(requests_per_s=1)]
        self.assertEqual(figures.paired(rows.REQUESTS, ours, theirs), [2, 4])

    def test_of_times_the_shorter_one_is_better(self):
        self.assertEqual(figures.paired(rows.P99, [run(p99_us=100)], [run(p99_us=300)]), [3])
        self.assertEqual(figures.share(rows.P99, [run(p99_us=100)], [run(p99_us=50)]), "0.50")

    def test_steal_is_the_worst_runs_share_of_a_core(self):
        self.assertEqual(figures.steal([run(), run(steal_s=0.5), None]), "25")


class Table(unittest.TestCase):
    def cells(self, found, others):
        return [[cell.strip() for cell in line.split("|")[1:-1]]
                for line in table.ratios([rows.named("100B")], ["millrace"], others, found)][2:]

    def test_the_median_ratio_decides_whether_what_is_asked_is_reached(self):
        found = results(millrace=[160, 150, 100], kafka=[10, 10, 10], limit=[400, 400, 400])
        line, = self.cells(found, ["kafka", "limit"])
        self.assertEqual(line[1:6], ["fresh", "15.00 (10.00-16.00)", "15: reached", "0.38 (0.25-0.40)", "0.45: NOT reached"])

    def test_what_was_not_measured_is_not_called_reached(self):
        line, = self.cells(results(millrace=[160], kafka=[None]), ["kafka"])
        self.assertEqual(line[2:4], ["-", "15: not measured"])

    def test_what_was_not_steady_is_not_called_so(self):
        counts = {"first": 4, "last": 5, "turned_over": 1, "begun": 2, "recycled": 1}
        self.assertNotIn("NOT", table.turnover_line(counts))
        self.assertIn("too little", table.turnover_line({**counts, "turned_over": 0}))
        self.assertIn("did not keep up", table.turnover_line({**counts, "last": 9}))


class Rows(unittest.TestCase):
    def test_a_list_of_names_chooses_rows_and_an_unknown_one_is_refused(self):
        self.assertEqual([row.name for row in rows.chosen("open,100B")], ["100B", "open"])
        self.assertRaises(KeyError, rows.chosen, "100B,none")

    def test_a_row_warms_with_a_row_that_exists(self):
        for row in rows.ROWS:
            self.assertIn(row.warm_with or row.name, [other.name for other in rows.ROWS])


class OwnTools(unittest.TestCase):
    def test_their_messages_count_as_many_bytes_as_in_our_batches(self):
        row = rows.named("10x1K")
        line = own_tool.result(row, messages=1000, seconds=2, used={"server_cpu_s": 1, "seconds": 2}, latencies={})
        self.assertEqual((line["requests_per_s"], line["messages_per_s"]), (50, 500))
        self.assertAlmostEqual(line["mb_per_s"], 50 * 10151 / 1e6)
        self.assertAlmostEqual(line["server_cpu_s_per_gb"], 1 / (100 * 10151 / 1e9))

    def test_a_run_that_fails_is_a_cell_and_nothing_of_it_is_left(self):
        for error in (OSError("no"), ValueError("no"), StopIteration(), KeyError("no"),
                      subprocess.CalledProcessError(1, "tool"), own_tool.ToolFailed("no")):
            with self.subTest(error), tempfile.TemporaryDirectory() as place:
                setup = brokers.Setup(None, Path(place), Path(place), 4, 1, sorted(os.sched_getaffinity(0)) * 2)

                class Broken(own_tool.OwnTool):
                    name = "broken"

                    def start(self, data, port, log):
                        self.process = self.serve(["sleep", "60"], log)
                        raise error

                contender = Broken(setup)
                said = output_of(lambda: self.assertIsNone(contender.run(rows.named("100B"))), stream="stderr")
                self.assertEqual(said.count("\n"), 1, said)
                self.assertIsNotNone(contender.process.poll())
                self.assertFalse((Path(place) / "broken").exists())


class Steady(unittest.TestCase):
    def test_a_renamed_file_counts_as_recycled_and_a_removed_name_as_turned_over(self):
        with tempfile.TemporaryDirectory() as place:
            data = Path(place)
            (data / "t-0").mkdir()
            (data / "pool").mkdir()
            (data / "t-0" / "00.log").touch()
            (data / "pool" / "1").touch()
            watch = steady.Turnover(data, "t", after=0)
            watch.timer.join()
            (data / "t-0" / "00.log").rename(data / "pool" / "2")
            (data / "pool" / "1").rename(data / "t-0" / "10.log")
            for new in ("20.log", "30.log"):
                (data / "t-0" / new).touch()
            self.assertEqual(watch.result(), {"first": 1, "last": 3, "turned_over": 1, "begun": 3, "recycled": 1})


class WarmUp(unittest.TestCase):
    def pieces(self, rates, cpu=kafka.PIECE_S, quick=False):
        """How many pieces a JVM is warmed with when they reach these rates and use so much CPU each."""
        left, asked = list(rates), []

        class Programs:
            def run(self, *_):
                asked.append(left.pop(0))
                return {"requests_per_s": asked[-1], "server_cpu_s": cpu}

        class Warmed(kafka.Kafka):
            def __init__(self, setup):
                brokers.KafkaSpeaking.__init__(self, setup)
                self.address, self.pid, self.data = "127.0.0.1:1", 1, Path("none")

        setup = brokers.Setup(Programs(), Path("none"), Path("none"), 4, 1, [0, 1], quick=quick)
        Warmed(setup).warm(rows.named("100B"))
        return len(asked)

    def test_it_lasts_20_s_of_cpu_at_least(self):
        self.assertEqual(self.pieces([100] * 50), 10)
        self.assertEqual(self.pieces([100] * 50, cpu=1), 20)

    def test_it_lasts_until_the_rate_stands(self):
        self.assertEqual(self.pieces([100 * 1.1 ** n for n in range(12)] + [300] * 30), 16)

    def test_it_ends_after_a_minute_and_a_half_whatever_the_rate(self):
        self.assertEqual(self.pieces([2 ** n for n in range(50)]), 45)

    def test_where_all_is_quick_it_is_one_piece(self):
        self.assertEqual(self.pieces([1, 2], quick=True), 1)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] not in "ZX"
    except OSError:
        return False


class Further(unittest.TestCase):
    def say(self, *arguments, **options):
        """(what it returns, what it prints)."""
        kept = []
        said = output_of(lambda: kept.append(further.say("what", *arguments, **options)))
        return kept[0], said

    def test_a_repeat_that_is_missing_is_said_and_is_a_failure(self):
        self.assertEqual(self.say([2, 3], 2, 2), (True, "what: 2.50 (2.00-3.00), asked at least 2: reached\n"))
        self.assertEqual(self.say([2], 3, 2), (False, "what: 2.00, asked at least 2: reached, 2 of 3 failed\n"))
        self.assertEqual(self.say([], 3, 2), (False, "what: failed\n"))

    def test_the_worst_steal_stands_beside(self):
        self.assertIn("NOT reached, steal 25 %", self.say([2], 1, 1, at_most=True, runs=[run(), run(steal_s=0.5)])[1])

    def test_a_repeat_that_fails_leaves_the_others(self):
        work = mock.Mock(side_effect=[1, failures.LoadFailed("the load x failed"), 3])
        found = []
        said = output_of(lambda: found.extend(further.repeated("what", 3, work)), stream="stderr")
        self.assertEqual((found, said), ([1, 3], "what: the load x failed\n"))

    def test_scaling_doubles_the_cores_as_far_as_there_are(self):
        self.assertEqual([scaling.powers_of_two(most) for most in (2, 3, 9)], [[1, 2], [1, 2], [1, 2, 4, 8]])


class Soak(unittest.TestCase):
    TURN = "2026-11-21T10:00:01.123Z WARN core=0 reactor a turn took too long"
    LOG = f"""2026-11-21T10:00:00.123Z INFO core=0 storage segment rolled topic=orders base=4711
{TURN} length=18512us on_cpu=512us sleeps=0 in_poll=18400us slowest_items=49us first=fetch second="" third="" fourth=""
{TURN} length=31000us on_cpu=10001us sleeps=0 in_poll=20000us slowest_items=10500us first="a b" second=timer third="" fourth=""
{TURN} length=12000us on_cpu=900us sleeps=2 in_poll=11000us slowest_items=900us first=fetch second="" third="" fourth=""
"""

    def test_a_stall_is_whose_time_it_was(self):
        stalls = soak.stalls_in(self.LOG)
        self.assertEqual(stalls[0], soak.Stall(length=18512, on_cpu=512, sleeps=0, in_poll=18400, slowest_items=49))
        self.assertEqual([stall.ours for stall in stalls], [False, True, True])

    def test_all_are_said_and_ours_alone_are_judged(self):
        stalls = soak.stalls_in(self.LOG)
        head, *each = soak.said_of(stalls)
        self.assertIn("logged: 3, 1 of them while others had its processor; ours 2, asked none: NOT reached", head)
        self.assertEqual(each[0], "  others': 18.51 ms, on_cpu 0.51, sleeps 0, in_poll 18.40, slowest_items 0.05")
        self.assertEqual(len(each), 3)
        self.assertIn("asked none: reached", next(soak.said_of(stalls[:1])))


class Refused(unittest.TestCase):
    def test_words_that_are_wrong_are_refused_before_anything_runs(self):
        for module, words in ((COMPARE, "--soak 0"), (COMPARE, "--repeats 0"), (COMPARE, "--seconds nan"),
                              (COMPARE, "--brokers kafka,none"), (COMPARE, "--rows none"), (COMPARE, "--tails --rows hot"),
                              (COMPARE, "--json /none/runs.json"), (COMPARE, "--soak 1 --repeats 2"), (COMPARE, "--port -1"),
                              (RUN_TABLE, "--seconds abc"), (RUN_TABLE, "--broker kafka"), (RUN_TABLE, "--pid 1"),
                              (RUN_TABLE, "--broker h:9092 --set a=b"), (RUN_TABLE, "--set a")):
            with self.subTest(words), self.assertRaises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()):
                module.parse(words.split())
            self.assertEqual(end.exception.code, 2)

    def test_packages_of_other_brokers_are_wanted_where_they_are_measured(self):
        for words, want in (("", "build test peers"), ("--brokers millrace,redis", "build test"), ("--tails", "build test"),
                            ("--brokers millrace,nats", "build test peers")):
            self.assertEqual(COMPARE.packages(COMPARE.parse(words.split())), want, words)

    def test_what_is_not_there_is_one_line(self):
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "text").write_text("no JSON\n")
            for words in (["run_table", "--build", place], ["compare_runs", f"{place}/none", f"{place}/none"],
                          ["compare_runs", f"{place}/text", f"{place}/text"]):
                done = subprocess.run([sys.executable, BENCH / words[0], *words[1:]], capture_output=True, text=True,
                                      check=False)
                self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)

    def test_a_disk_with_too_little_room_is_refused_and_scratch_is_removed(self):
        with tempfile.TemporaryDirectory() as place:
            with self.assertRaisesRegex(SystemExit, "are needed at least"), disk.scratch(Path(place) / "data", "x") as scratch:
                disk.require(scratch, 1e12)
            self.assertEqual(list((Path(place) / "data").iterdir()), [])
            (Path(place) / "file").touch()
            with self.assertRaisesRegex(SystemExit, "file"), disk.scratch(Path(place) / "file", "x"):
                self.fail("a file is no directory")


class External(unittest.TestCase):
    def test_its_topic_is_deleted_also_where_the_run_is_interrupted(self):
        loads = mock.Mock()
        loads.run.side_effect = KeyboardInterrupt
        contender = external.External(brokers.Setup(loads, Path("none"), Path("none"), 4, 1, [0, 1]), "h:1", None, "other")
        self.assertRaises(KeyboardInterrupt, contender.measure, rows.named("100B"))
        ran, deleted = loads.run.call_args.args[1], loads.start.call_args.args[1]
        self.assertEqual(ran[ran.index("--topic") + 1], deleted[deleted.index("--topic") + 1])
        self.assertIn("--delete", deleted)

    def test_rows_that_it_cannot_have_are_left_out(self):
        contender = external.External(None, "h:1", None, "other")
        self.assertEqual([name for name in ("hot", "cold", "one", "one-memory") if contender.has(rows.named(name))],
                         ["hot", "one"])


class Ends(unittest.TestCase):
    def test_a_signal_ends_by_an_exception_unless_it_is_ignored(self):
        words = """import signal, sys, time
from measure import failures

def main():
    try:
        print("on", flush=True)
        time.sleep(60)
    finally:
        print("cleaned", flush=True)

signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(failures.exit_status(main))
"""
        for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
            process = subprocess.Popen([sys.executable, "-c", words], cwd=BENCH, stdout=subprocess.PIPE, text=True)
            self.assertEqual(process.stdout.readline(), "on\n")
            process.send_signal(number)
            self.assertEqual((process.communicate()[0], process.returncode), ("cleaned\n", status))
        with mock.patch("signal.getsignal", return_value=signal.SIG_IGN), mock.patch("signal.signal") as set_handler:
            failures.exit_status(lambda: 0)
        set_handler.assert_not_called()

    def test_what_does_not_stop_is_killed_with_all_its_session(self):
        with tempfile.TemporaryDirectory() as place:
            log = Path(place) / "log"
            process = processes.start(["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait; wait"], log)
            while not log.read_text().endswith("\n"):
                time.sleep(0.01)
            self.assertFalse(processes.stop(process, seconds=0.1))
            child, deadline = int(log.read_text()), time.monotonic() + 10
            while runs(child) and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertFalse(runs(child))

    def test_an_interrupted_comparison_shows_what_it_has(self):
        fast = types.SimpleNamespace(name="millrace", what="", durable=True, has=lambda row: True,
                                     run=mock.Mock(side_effect=[run(requests_per_s=5e5), KeyboardInterrupt]))
        setup = types.SimpleNamespace(require_room=lambda _: None, bare=lambda _: run(requests_per_s=1e6), server_cpu=0,
                                      load_cpu=1)
        options = COMPARE.parse(["--rows", "100B,hot"])
        with mock.patch.object(COMPARE, "contenders", return_value=[fast]), contextlib.redirect_stderr(io.StringIO()):
            said = output_of(COMPARE.compare, options, setup)
        self.assertIn("Interrupted", said)
        self.assertIn("0.45: reached", said)
        self.assertNotIn("hot tail", said)

    def test_a_broker_that_cannot_be_had_is_left_out_with_a_line(self):
        options = COMPARE.parse(["--brokers", "kafka,redis"])
        for error in (RuntimeError("first\nlast"), StopIteration(), failures.Failed("last")):
            with mock.patch.object(COMPARE.importlib, "import_module", side_effect=error):
                said = output_of(lambda: list(COMPARE.contenders(options, None)))
            self.assertRegex(said, "^left out: kafka: .*\nleft out: redis: .*\n$")


if __name__ == "__main__":
    unittest.main()
