#!/usr/bin/env python3
"""tests/vectors/kafka has a frame of each API that is served (src/api/kafka/api_table.cc), of a version that is served."""

import pathlib
import re
import unittest

REPO = pathlib.Path(__file__).resolve().parent.parent.parent

# Served, and sent by none of the clients of tests/e2e.
SENT_BY_NOBODY = {}


def served():
    """{API key: (lowest, highest version)}."""
    text = (REPO / "src" / "api" / "kafka" / "api_table.cc").read_text()
    rows = re.findall(r"^\s*\{(\d+), (\d+), (\d+), (?:nullptr|handle_\w+)\},", text, re.M)
    return {int(key): (int(low), int(high)) for key, low, high in rows}


def caught():
    """(API key, version) of each frame, by its name."""
    names = [path.name for path in (REPO / "tests" / "vectors" / "kafka").iterdir()]
    return [tuple(map(int, re.match(r"(\d+)-v(\d+)-[a-z-]+\.bin$", name).groups())) for name in names]


class Vectors(unittest.TestCase):
    def test_the_table_is_read(self):
        self.assertGreaterEqual(len(served()), 28)
        self.assertEqual(served()[0], (0, 13))

    def test_each_served_api_has_a_frame(self):
        missing = {key for key, (low, high) in served().items()
                   if not any(have == key and low <= version <= high for have, version in caught())}
        self.assertEqual(missing, set(SENT_BY_NOBODY), "tests/e2e/capture.py catches frames; what has some leaves the list here")


if __name__ == "__main__":
    unittest.main()
