"""The tables of run_table and bench-compare: what is computed and printed from runs, without running anything."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "bench"))
from measure import brokers, figures, kafka, own_tool, rows, steady, table  # noqa: E402


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

        setup = brokers.Setup(Programs(), Path("none"), Path("none"), 4, 1, quick=quick)
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


if __name__ == "__main__":
    unittest.main()
