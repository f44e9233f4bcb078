#!/usr/bin/env python3
"""Cells of client by feature: what clients.py, groups.py, group_tools.py and config_tool.py fill, and, as a program, the one
table of all of them.

    tests/e2e/feature_table.py FOLDER [--need-all]   prints the cells that they left in FOLDER (their --cells FOLDER)

A cell of that table is `ok`, `FAILED`, `NOT RUN` where the client should have it and nobody tried, or - for what the client
does not have. Exit status 1 where one failed, and with --need-all where one was not run."""

import argparse
import json
import pathlib
import re
import sys
import threading
import time

NOT_TRIED = "not tried"
# Columns: the heading, and which features of the programs belong to it.
COLUMNS = {
    "produce": r"produce( none)?|kafka-producer-perf-test",
    "codecs": r"produce (gzip|snappy|lz4|zstd)|codecs as stored",
    "consume": r"consume from .*",
    "offsets": r"offset by timestamp|end offset",
    "topics": r"create topic.*|create partitions|list and describe topics|delete (records|topic)",
    "configs": r"(describe|alter) configs|(brokers|topics) .*",
    "group consume": r"consume in a group|kafka-consumer-perf-test",
    "member joins": r"a member joins",
    "member leaves": r"a member leaves",
    "commit": r"commit|commits before .*",
    "client restarts": r"restart from the commit",
    "broker stopped": r"goes on after a stop",
    "broker killed": r"goes on after a kill",
    "clean end": r"clean end",
    "group admin": r"(groups )?--.*|dump .*",
    "other": r".*",
}
ALONE = ("produce", "codecs", "consume", "offsets")
ADMIN = ("topics", "configs")
GROUP = ("group consume", "member joins", "member leaves", "commit", "client restarts", "broker stopped", "broker killed",
         "clean end")
# Rows: the clients, and what each must show.
CLIENTS = {
    "kcat": (*ALONE, "topics", *GROUP),
    "confluent-kafka": (*ALONE, *ADMIN, *GROUP),
    "kafka-python": (*ALONE, *GROUP),
    "aiokafka": (*ALONE, *GROUP),
    "kafkajs": ("produce", "codecs", "offsets", *ADMIN, *GROUP),
    "franz-go": (*ALONE, *ADMIN, *GROUP),
    "sarama": (*ALONE, *ADMIN, *GROUP),
    "java client": ("produce", *GROUP),
    "java console": ("produce", "codecs", "consume", *GROUP),
    "java performance": ("produce", "group consume"),
    "java verifiable": ("produce", *GROUP),
    "java admin tools": ("offsets", *ADMIN),
    "java config tool": ("configs",),
    "java group tool": ("group admin",),
}


class Table:
    """Cells: ok, the number of what failed (the lines are printed), or - for what a client does not have."""

    def __init__(self, left_at=None):
        """`left_at`: a file that always holds the cells as JSON."""
        self.rows, self.features, self.failures, self.passed = {}, [], [], 0
        self.left_at, self.lock = left_at, threading.Lock()

    def cell(self, client, feature, check):
        """Runs check(); a text that it returns, and any exception, is a failure."""
        start = time.monotonic()
        try:
            wrong = check()
        except AttributeError as error:
            if getattr(error, "obj", None).__class__.__module__ not in ("drivers", "drivers_more"):
                raise
            self.put(client, feature, "-")
            return
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            self.failures.append(f"{client} / {feature}: {str(wrong)[:500]}")
            print(f"FAILED {self.failures[-1]}", flush=True)
        else:
            self.passed += 1
        self.put(client, feature, "FAILED" if wrong else "ok")
        print(f"  {client:16} {feature:28} {'FAILED' if wrong else 'ok':7} {time.monotonic() - start:5.1f} s", flush=True)

    def put(self, client, feature, text):
        with self.lock:
            if feature not in self.features:
                self.features.append(feature)
            self.rows.setdefault(client, {})[feature] = text
            if self.left_at is not None:
                self.left_at.write_text(json.dumps(self.rows))

    def show(self):
        clients, width = list(self.rows), max(map(len, self.features)) + 2
        print("\n" + " " * width + "  ".join(f"{name:>15}" for name in clients))
        for feature in self.features:
            print(f"{feature:{width}}" + "  ".join(f"{self.rows[name].get(feature, '-'):>15}" for name in clients))
        print(f"{self.passed} passed, {len(self.failures)} failed")


def add_arguments(parser):
    parser.add_argument("--cells", type=pathlib.Path, metavar="FOLDER", help="leave the cells of the table there, for feature_table.py")


def from_arguments(arguments, name):
    """The table of one program. Its file is there from the first cell on."""
    if arguments.cells is None:
        return Table()
    arguments.cells.mkdir(parents=True, exist_ok=True)
    (arguments.cells / f"{name}.json").unlink(missing_ok=True)
    return Table(arguments.cells / f"{name}.json")


def column_of(feature):
    return next(column for column, features in COLUMNS.items() if re.fullmatch(features, feature))


def gathered(folder):
    """{client: {column: [cells]}} of all programs. What is not about a client is there only where it failed."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        for client, cells in json.loads(path.read_text()).items():
            for feature, text in cells.items():
                if client in CLIENTS or text == "FAILED":
                    found.setdefault(client, {}).setdefault(column_of(feature), []).append(text)
    return found


def verdict(cells, wanted):
    """One cell of the whole table."""
    if "FAILED" in cells:
        return "FAILED"
    if NOT_TRIED in cells or (wanted and "ok" not in cells):
        return "NOT RUN"
    return "ok" if "ok" in cells else "-"


def lay_out(found):
    """{client: {column: verdict}}, the known clients first."""
    clients = [*CLIENTS, *(name for name in found if name not in CLIENTS)]
    return {client: {column: verdict(found.get(client, {}).get(column, []), column in CLIENTS.get(client, ()))
                     for column in COLUMNS} for client in clients}


def lines_of(table):
    """The table as lines: headings of up to two words above each other. A column without anything in it is left out."""
    columns = [column for column in COLUMNS if any(row[column] != "-" for row in table.values())]
    width = max(map(len, table)) + 1
    heads = [column.rsplit(" ", 1) if " " in column else ["", column] for column in columns]
    widths = [max(7, *map(len, head)) for head in heads]
    for level in (0, 1):
        yield (" " * width + " ".join(f"{head[level]:>{size}}" for head, size in zip(heads, widths))).rstrip()
    for client, row in table.items():
        yield f"{client:{width}}" + " ".join(f"{row[column]:>{size}}" for column, size in zip(columns, widths))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--need-all", action="store_true", help="what was not run counts as failed")
    arguments = parser.parse_args()
    table = lay_out(gathered(arguments.folder))
    print("\n".join(lines_of(table)))
    cells = [cell for row in table.values() for cell in row.values()]
    return 1 if "FAILED" in cells or (arguments.need_all and "NOT RUN" in cells) else 0


if __name__ == "__main__":
    sys.exit(main())
