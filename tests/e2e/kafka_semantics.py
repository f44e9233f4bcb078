#!/usr/bin/env python3
"""Sends the same requests to Millrace and to Apache Kafka and prints where the answers differ.

Kafka's answers are recorded once (--record FILE, with --broker kafka) and compared against any number of times
(--against FILE, by default kafka-answers.json.gz beside this file); or both brokers run (--against kafka or HOST:PORT).
A difference that is meant stands in semantics/expected.py with its reason. Exit status 1 on any other."""

import argparse
import gzip
import json
import pathlib
import re
import sys

import broker as brokers
import cache
from semantics import admin_cases, data_cases, deletion_cases, fetch_cases, group_cases, wire_cases  # noqa: F401 (they register themselves)
from semantics.context import Context, flatten
from semantics.expected import explain

RECORDED = cache.HERE / "semantics" / "kafka-answers.json.gz"


def ask(under_test, wanted, limits=None):
    """(ranges advertised, results) of a broker that runs."""
    context = Context(under_test.address, limits=limits)
    return {str(key): pair for key, pair in context.advertised.items()}, context.run(wanted)


def write(path, value):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        packed.write(json.dumps(value, sort_keys=True).encode())


def read(path):
    with gzip.open(path) as packed:
        return json.load(packed)


def compare(ours, theirs):
    """Prints every difference; the number of those that nobody expects, and of all."""
    unexpected, expected = 0, {}
    for label in ours:
        mine, other = flatten(ours[label]), flatten(theirs.get(label, "was not asked"))
        for path in sorted({*mine, *other}):
            if mine.get(path, "absent") == other.get(path, "absent"):
                continue
            line = f"{label}{path}: ours {mine.get(path, 'absent')!r}, Kafka's {other.get(path, 'absent')!r}"
            reason = explain(label, path, mine.get(path, "absent"), other.get(path, "absent"))
            if reason:
                expected.setdefault(reason, []).append(line)
            else:
                unexpected += 1
                print(line[:400])
    return unexpected, expected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--against", default=str(RECORDED), metavar="FILE|kafka|HOST:PORT")
    parser.add_argument("--record", metavar="FILE", nargs="?", const=str(RECORDED), help="write the answers, compare nothing")
    parser.add_argument("--cases", default="", metavar="REGEX", help="only the cases whose name matches")
    parser.add_argument("--verbose", action="store_true", help="print the expected differences as well")
    arguments = parser.parse_args()

    limits, theirs = None, None
    if not arguments.record and pathlib.Path(arguments.against).is_file():
        recorded = read(arguments.against)
        limits, theirs = recorded["ranges"], recorded["answers"]
    with brokers.from_arguments(arguments, "semantics", settings={"num.partitions": "1", "group.initial.rebalance.delay.ms": "0"}) as under_test:
        under_test.start()
        ranges, ours = ask(under_test, arguments.cases, limits)
        under_test.stop()
    if arguments.record:
        write(arguments.record, {"ranges": ranges, "answers": ours})
        print(f"{len(ours)} answers recorded")
        return 0
    if theirs is None:
        arguments.broker = arguments.against
        with brokers.from_arguments(arguments, "semantics-kafka") as kafka:
            kafka.start()
            limits, theirs = ask(kafka, arguments.cases, ranges)
            kafka.stop()
    for key, (low, high) in sorted(ranges.items(), key=lambda item: int(item[0])):
        if key not in limits or low < limits[key][0] or high > limits[key][1]:
            ours[f"advertised: key {key}"], theirs[f"advertised: key {key}"] = [low, high], limits.get(key, "nothing")
    unexpected, expected = compare(ours, theirs)
    print()
    for reason, lines in sorted(expected.items()):
        print(f"expected ({len(lines)}): {reason}")
        if arguments.verbose:
            print("".join(f"    {line[:300]}\n" for line in lines), end="")
    missing = [label for label in theirs if label not in ours and re.search(arguments.cases, label.split(":")[0])
               and not re.search(r": v\d+\b", label)]
    print("".join(f"not asked of ours: {label}\n" for label in missing[:20]), end="")
    print(f"{len(ours)} answers compared, {sum(map(len, expected.values()))} expected differences, "
          f"{unexpected} others")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
