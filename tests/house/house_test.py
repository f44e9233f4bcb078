"""Holds the project to the house (house.py), after checking that each rule would notice.

Usage: house_test.py PROJECT
"""

import sys
import tempfile
import unittest
from pathlib import Path

import house

HEADER = "#pragma once\n"
SOUND = {
    "README.md": "Millrace\n",
    "src/base/README.md": "words\n",
    "src/base/a.hh": HEADER,
    "src/broker/README.md": "words\n",
    "src/broker/partition/a.cc": '#include <vector>\n\n#include "base/a.hh"\n#include "storage/log.hh"\n',
}


def including(what):
    return f'{HEADER}#include "{what}"\n'


# What is put into a sound house, and a part of the one line that must be said about it; None: nothing.
ROWS = [
    ("nothing", {}, None),
    ("a room includes itself", {"src/base/b.hh": including("base/a.hh")}, None),
    ("a build directory", {"build/x": "", "build-gcc/y": ""}, None),
    ("a dot file", {".clang-format": ""}, None),
    ("upwards", {"src/base/b.hh": including("record/x.hh")}, "src/base/b.hh:2: base may not include record/x.hh"),
    ("upwards with a space", {"src/base/b.cc": '#  include  "server/config.hh"\n'}, "base may not include"),
    ("upwards in angles", {"src/base/b.cc": "#include <server/config.hh>\n"}, "base may not include"),
    ("sideways", {"src/broker/b.cc": '#include "wire/kafka/produce.hh"\n'}, "broker may not include wire"),
    ("what the broker stores", {"src/broker/b.cc": '#include "wire/kafka/messages/stored_offsets.hh"\n'}, None),
    ("what only the broker stores", {"src/storage/b.cc": '#include "wire/kafka/messages/stored_offsets.hh"\n',
                                     "src/storage/README.md": ""}, "storage may not include wire/"),
    ("storage knows no protocol", {"src/storage/b.cc": '#include "wire/x.hh"\n', "src/storage/README.md": ""},
     "storage may not include wire/x.hh"),
    ("doors and cluster", {"src/api/b.cc": '#include "cluster/x.hh"\n', "src/api/README.md": ""},
     "api may not include cluster"),
    ("the world in a room", {"src/server/b.cc": '#include "sim/world.hh"\n', "src/server/README.md": ""},
     "server may not include sim"),
    ("the world in a test", {"tests/base/b.cc": '#include "sim/world.hh"\n'}, None),
    ("the client's promise from below", {"src/base/b.cc": including("millrace/client.hh")[len(HEADER):]},
     "base may not include millrace/client.hh"),
    ("the client's promise from above", {"src/cli/b.cc": including("millrace/client.hh")[len(HEADER):], "src/cli/README.md": ""},
     None),
    ("a promise that nobody outside could keep", {"include/millrace/a.hh": including("broker/x.hh")},
     "include/millrace/a.hh:2: client may not include broker/x.hh"),
    ("a bare name", {"src/base/b.cc": '#include "a.hh"\n'}, "not written as room/file.hh"),
    ("400 lines", {"src/base/b.cc": "\n" * 400}, None),
    ("401 lines", {"src/base/b.cc": "\n" * 401}, "src/base/b.cc: 401 lines, over 400"),
    ("a long test", {"tests/base/b.cc": "\n" * 401}, "over 400"),
    ("long data", {"src/base/b.txt": "\n" * 401}, None),
    ("a foreign header", {"src/base/b.h": ""}, "headers end in .hh"),
    ("a foreign source", {"tests/base/b.cpp": ""}, "headers end in .hh"),
    ("an unguarded header", {"src/base/b.hh": ""}, "has no #pragma once"),
    ("a room without README", {"src/wire/b.cc": ""}, "src/wire: has no README.md"),
    ("a room that is not drawn", {"src/attic/README.md": ""}, "src/attic: no such room"),
    ("a long README", {"src/base/README.md": "\n" * 101}, "more than a page"),
    ("clutter", {"notes.txt": ""}, "notes.txt: does not belong"),
    ("a machine's path", {"scripts/x": "cd /" + "work/main\n"}, "scripts/x:1: a path of one machine"),
    ("a home", {"configs/x.toml": 'a = "/home' + '/somebody/x"\n'}, "a path of one machine"),
    ("a path that only looks like one", {"configs/x.toml": "a = build/" + "work/x\n"}, None),
    ("unfinished", {"src/base/b.cc": "// TODO" + "(now): finish\n"}, "does not get committed"),
]


class Rules(unittest.TestCase):
    def test_each_rule_notices(self):
        for name, planted, want in ROWS:
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                for place, text in (SOUND | planted).items():
                    path = Path(directory) / place
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
                said = house.problems(directory)
                if want is None:
                    self.assertEqual(said, [])
                else:
                    self.assertEqual(len(said), 1, said)
                    self.assertIn(want, said[0])


class Project(unittest.TestCase):
    def test_the_project_keeps_the_house(self):
        self.assertEqual(house.problems(PROJECT), [])


if __name__ == "__main__":
    PROJECT = sys.argv.pop(1)
    unittest.main()
