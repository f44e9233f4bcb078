#!/usr/bin/env python3
"""Fills topics, stops the broker cleanly, and lets Kafka's own DumpLogSegments judge every segment and its indexes.

With --data DIR it only judges a directory that is there. The tool prints what it finds wrong and still exits with 0,
so its words are read: any mismatch, any index entry that points elsewhere, any segment that it reads to another end
than its file's fails."""

import argparse
import pathlib
import re
import subprocess
import sys
import time

import batch
import broker as brokers
import cache
import protocol
import workload

# What DumpLogSegments says about a file that is not right (it exits with 0 all the same).
COMPLAINTS = re.compile(r"mismatch|corrupt|invalid|exception|isn't|not found|non-monotonic|out of order|"
                        r"Found timestamp|illegal|error", re.IGNORECASE)
FILES_A_CALL = 60


def files_of(log_dir):
    """Segments and indexes by topic directory, internal topics of Kafka's metadata left out."""
    return [path for folder in sorted(pathlib.Path(log_dir).iterdir())
            if folder.is_dir() and re.search(r"-\d+$", folder.name) and not folder.name.startswith("__")
            for path in sorted(folder.iterdir()) if path.suffix in (".log", ".index", ".timeindex")]


def dump(paths, *options):
    """The tool's words about some files, and its exit status."""
    command = cache.java("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--max-message-size", "16777216",
                         *options, "--files", ",".join(map(str, paths)))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def judge(paths):
    """Complaints, as lines. Every index comes together with its segment, which the tool reads through it."""
    wrong, batches = [], 0
    for options in ((), ("--index-sanity-check",), ("--verify-index-only",)):
        wanted = [path for path in paths if not options or path.suffix != ".log"]
        for at in range(0, len(wanted), FILES_A_CALL):
            status, words = dump(wanted[at:at + FILES_A_CALL], *options)
            if status != 0:
                wrong.append(f"exit status {status}: {words[-300:]}")
            current = "?"
            for line in words.splitlines():
                if line.startswith("Dumping "):
                    current = line[len("Dumping "):]
                elif line.startswith("baseOffset:"):
                    batches += 1
                    if "isvalid: true" not in line:
                        wrong.append(f"{current}: {line[:200]}")
                elif line.startswith("Non-consecutive offsets in "):
                    current = line.split(" in ", 1)[1]
                elif pair := re.match(r"\s+(-?\d+) is followed by (-?\d+)", line):
                    # The tool holds the first record of every segment but the first against -1.
                    if (int(pair[1]), int(pair[2])) != (-1, int(pathlib.Path(current).stem)):
                        wrong.append(f"{current}: offset {pair[1]} is followed by {pair[2]}")
                elif not line.startswith("|") and COMPLAINTS.search(line):
                    wrong.append(f"{current}: {line[:300]}")
    return wrong, batches


def lengths(paths):
    """Segments whose batches do not fill their file to the last byte, and indexes that are not whole entries."""
    wrong = []
    for path in paths:
        size = path.stat().st_size
        if path.suffix == ".log":
            at = sum(12 + header.length for header in batch.file_headers(path))
            if at != size:
                wrong.append(f"{path}: batches end at {at}, the file at {size}")
        elif size % (8 if path.suffix == ".index" else 12):
            wrong.append(f"{path}: {size} bytes are not whole entries")
    return wrong


def fill(broker, seconds, seed):
    """A load of every kind, and topics whose segments roll often or whose times go back and forth."""
    topics, ledger = workload.topics_of(0), workload.Ledger()
    workload.create_topics(broker.address, topics)
    load = workload.Load(broker.address, ledger, topics, seed).start()
    with protocol.Connection(broker.address) as connection:
        workload.create_topics(broker.address, [workload.Topic("times", 1, (1, 1), {"segment.bytes": "1048576"}),
                                                workload.Topic("empty", 2, (1, 1)),
                                                workload.Topic("stamped", 1, (1, 1), {"message.timestamp.type": "LogAppendTime"})])
        base = int(time.time() * 1000) - 86_400_000
        for index in range(400):
            records = batch.build([b"x" * 5000] * 3, codec=("none", "gzip", "lz4")[index % 3],
                                  base_time=base + (index * 7919 % 1000) * 1000, time_deltas=[0, 500, 20])
            for topic in ("times", "stamped"):
                connection.call("Produce", 7, {"Acks": -1, "TimeoutMs": 10000, "TopicData": [
                    {"Name": topic, "PartitionData": [{"Index": 0, "Records": records}]}]})
    time.sleep(seconds)
    load.stop()
    wrong = workload.check(broker.address, topics, ledger)
    print(workload.summary(ledger))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--data", metavar="DIR", help="judge the topics below this directory; start nothing")
    parser.add_argument("--seconds", type=float, default=5, help="of load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1, help="SIGKILLs before the clean stop, so that recovered indexes are judged too")
    arguments = parser.parse_args()
    cache.in_venv()
    if cache.kafka_classpath() is None:
        print("Maven and Java are needed for Kafka's tools")
        return 2

    wrong, log_dir = [], arguments.data
    if log_dir is None:
        with brokers.from_arguments(arguments, "dump", settings={"message.max.bytes": "2097152"}) as broker:
            broker.start()
            wrong += fill(broker, arguments.seconds, arguments.seed)
            for _ in range(arguments.kills):
                broker.kill()
                broker.start()
            broker.stop()
            log_dir = broker.log_dir
    paths = files_of(log_dir)
    complaints, batches = judge(paths)
    wrong += complaints + lengths(paths)
    print("".join(f"{line}\n" for line in wrong[:40]), end="")
    kinds = {suffix: sum(path.suffix == suffix for path in paths) for suffix in (".log", ".index", ".timeindex")}
    print(f"{kinds} judged, {batches} batches, {len(wrong)} complaints")
    if not batches:
        print("there was nothing to judge")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
