"""The command line that run_table and compare_brokers share, and numbers that are refused with a line."""

import argparse
import math
import os
import sys
from pathlib import Path

from measure import rows


def _number(kind, text, fits, what):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def count(text):
    return _number(int, text, lambda value: value > 0, "a whole number above 0")


def length(text):
    return _number(float, text, lambda value: 0 < value < math.inf, "a number above 0")


def length_or_none(text):
    return _number(float, text, lambda value: 0 <= value < math.inf, "a number, 0 or more")


def port(text):
    return _number(int, text, lambda value: 0 <= value <= 65000, "a port up to 65000")


def process(text):
    return _number(int, text, lambda value: value > 0 and Path(f"/proc/{value}").is_dir(), "a process that runs")


def address(text):
    name, _, number = text.rpartition(":")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    _number(int, number, lambda value: 0 < value < 65536, "the port of HOST:PORT")
    return text


def setting(text):
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return text


def row_list(text):
    try:
        return rows.chosen(text)
    except KeyError as unknown:
        raise argparse.ArgumentTypeError(f"no such row: {unknown.args[0]}") from None


def add_shared(parser):
    parser.add_argument("--rows", type=row_list, help="comma separated: " + ",".join(row.name for row in rows.ROWS))
    parser.add_argument("--repeats", type=count, help="3 unless said")
    parser.add_argument("--seconds", type=length, help="measured in each run: 4 unless said")
    parser.add_argument("--warmup", type=length_or_none, help="before them: 1 unless said; Kafka's JVM gets 20 s and more")
    parser.add_argument("--json", type=argparse.FileType("a", encoding="utf-8"), metavar="FILE",
                        help="append every run to FILE, one line each")
    parser.add_argument("--data", type=Path, help="directory for all data (BUILD/bench-data)")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE",
                        help="a setting of millraced, such as reactor.send=zerocopy")
    parser.add_argument("--verbose", action="store_true", help="print what each load says")


def fill_in(options, repeats=3, seconds=4, warmup=1):
    """What was not said."""
    for name, value in (("repeats", repeats), ("seconds", seconds), ("warmup", warmup)):
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.data = (options.data or options.build / "bench-data").resolve()


def need_programs(build, *names):
    """Ends the program with a line where one of them is not built."""
    missing = [name for name in names if not os.access(build / name, os.X_OK)]
    if missing:
        sys.exit(f"{build} has no {', '.join(missing)}: run scripts/build --tests")
