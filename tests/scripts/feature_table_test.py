"""The table of client by feature at the end of scripts/compat: what failed and what nobody tried can be seen in it."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
sys.path.insert(0, str(E2E))
import feature_table  # noqa: E402


def everything():
    """Cells as the programs leave them, all green."""
    features = {"produce": "produce none", "codecs": "codecs as stored", "consume": "consume from kcat",
                "offsets": "end offset", "topics": "delete topic", "configs": "topics --describe --all",
                "group consume": "consume in a group", "member joins": "a member joins", "member leaves": "a member leaves",
                "commit": "commits before the kill", "client restarts": "restart from the commit",
                "broker stopped": "goes on after a stop", "broker killed": "goes on after a kill", "clean end": "clean end",
                "group admin": "--delete of a live group"}
    return {client: {features[column]: "ok" for column in columns} for client, columns in feature_table.CLIENTS.items()}


def shown(cells, *words):
    """(exit status, {client: its line}) of the program."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "one.json").write_text(json.dumps(cells))
        done = subprocess.run([sys.executable, E2E / "feature_table.py", folder, *words], capture_output=True, text=True)
    return done.returncode, {line[:17].strip(): line[17:].split() for line in done.stdout.splitlines()}


class FeatureTable(unittest.TestCase):
    def test_all_is_green(self):
        status, lines = shown(everything(), "--need-all")
        self.assertEqual(status, 0)
        self.assertEqual(lines["java performance"].count("ok"), 2)
        self.assertEqual(set(lines["confluent-kafka"]), {"ok", "-"})

    def test_one_failure_among_many_that_went_well(self):
        cells = everything()
        cells["kcat"]["produce gzip"] = "FAILED"
        status, lines = shown(cells)
        self.assertEqual(status, 1)
        self.assertEqual(lines["kcat"][1], "FAILED")

    def test_a_client_that_nobody_tried(self):
        cells = everything()
        del cells["sarama"]
        status, lines = shown(cells)
        self.assertEqual(status, 0)
        self.assertEqual(" ".join(lines["sarama"]).count("NOT RUN"), len(feature_table.CLIENTS["sarama"]))
        self.assertEqual(shown(cells, "--need-all")[0], 1)

    def test_a_step_after_one_that_failed(self):
        cells = everything()
        cells["kcat"]["commits before the stop"] = feature_table.NOT_TRIED
        self.assertEqual(" ".join(shown(cells)[1]["kcat"]).count("NOT RUN"), 1)

    def test_what_failed_beside_the_clients(self):
        status, lines = shown({**everything(), "broker": {"clean stop": "FAILED", "end after it": "ok"}})
        self.assertEqual(status, 1)
        self.assertEqual(lines["broker"][-1], "FAILED")


if __name__ == "__main__":
    unittest.main()
