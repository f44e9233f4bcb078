#!/usr/bin/env python3
"""millrace-bench itself: every workload against a fresh broker, its exit status, its JSON and its histograms, which PyPI's
hdrhistogram must read alike; what it must notice (garbage, repeats, a broker that stands still or dies), and what it must say
when it cannot run."""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import batch
import broker as brokers
import cache
import protocol
from bench_shape import CHECKED, TOP, check_histogram, check_shape, expect, good, keys

QUICK = ["--seconds", "2", "--warmup", "0.5"]


class Bench:
    def __init__(self, program, broker, work, cores):
        self.program, self.broker, self.work, self.cores = program, broker, pathlib.Path(work), cores
        self.files = 0

    def command(self, kind, *options, address=None):
        self.files += 1
        path = self.work / f"bench-{self.files}.json"
        path.unlink(missing_ok=True)
        return path, [self.program, kind, "--brokers", address or self.broker.address, "--cores", self.cores, "--json", str(path),
                      *map(str, options)]

    def run(self, kind, *options, status=0, address=None, told=True):
        """Its JSON (unless it is told to write that elsewhere), or its one line where it must fail with 1."""
        path, command = self.command(kind, *options, address=address)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        expect(f"exit status {done.returncode} and not {status}: {done.stderr[-600:]}", done.returncode == status)
        if status == 1:
            lines = done.stderr.strip().splitlines()
            expect(f"not one line but {lines}", len(lines) == 1 and lines[0].startswith("millrace-bench: "))
            return lines[0]
        if status == 2:
            return json.loads(path.read_text()), done.stderr.strip().splitlines()[-1]
        return json.loads(path.read_text()) if told else None


# ---- the cases

def produces(bench):
    for options in (["--batch-records", 1], ["--acks", 0], ["--idempotence", "--partitions", 3], ["--keys", "uniform:100"],
                    ["--rate", 3000, "--linger-ms", 5, "--size", "lognormal:200,1"], ["--compression", "zstd"]):
        check_shape(bench.run("produce", *QUICK, "--connections", 2, *options), "produce")


def with_server_pid(bench):
    if not bench.broker.process:
        return
    result = bench.run("produce", *QUICK, "--server-pid", bench.broker.process.pid, "--label", "with \"quotes\"")
    check_shape(result, "produce")
    expect("CPU seconds", result["server_cpu_seconds"] > 0 and result["server_cpu_seconds_per_gb"] > 0)
    expect("two seconds", len(result["intervals"]) == 2)
    expect("memory", all(i["server"]["rss_bytes"] > 1 << 20 for i in result["intervals"]))
    expect("label", result["label"] == 'with "quotes"')


def end_to_end(bench):
    for options in (["--consumers", 2], ["--groups", 2, "--consumers", 2], ["--keys", "zipf:50,1.2", "--compression", "lz4"]):
        result = bench.run("e2e", *QUICK, "--rate", 2000, "--partitions", 4, *options)
        check_shape(result, "e2e")
        good(result)
        expect("every record's time", result["end_to_end"]["latency"]["count"] >= result["produce"]["records"] * 0.9)


def mixed_and_consume(bench):
    check_shape(bench.run("produce", *QUICK, "--topic", "kept", "--partitions", 3, "--rate", 4000), "produce")
    result = bench.run("mixed", *QUICK, "--topic", "kept", "--rate", 2000, "--consumers", 3, "--warmup", 0)
    check_shape(result, "mixed")
    good(result)
    result = bench.run("consume", "--topic", "kept")
    check_shape(result, "consume")
    good(result)
    expect("the partitions that there are", result["configuration"]["partitions"] == 3)
    expect("a topic that was there was not made", result["configuration"]["replication"] is None)
    expect("both runs' records", result["consume"]["verified"]["records"] >= 13_000)
    expect("all of them in the measured time", result["consume"]["records"] == result["consume"]["verified"]["records"])
    expect("nothing is left", result["consume"]["unread"] == 0)
    result = bench.run("consume", "--topic", "kept", "--groups", 2, "--consumers", 2)
    good(result)
    expect("what two groups read, in the measured time", result["consume"]["records"] == result["consume"]["verified"]["records"]
           >= 26_000)
    line = bench.run("produce", "--topic", "kept", "--partitions", 4, status=1)
    expect(f"{line} says what there is", "--partitions 4" in line and "with 3" in line)


def search(bench):
    result = bench.run("search", "--warmup", 0.2, "--step-seconds", 0.5, "--steps", 5, "--rate", 500, "--p99-ms", 200)
    check_shape(result, "search")
    found = result["search"]
    keys("search", found, {"p99_bound_us", "steps", "rate", "at_least"})
    expect("steps", 0 < len(found["steps"]) <= 5)
    expect("the rate held", found["rate"] == max((s["rate"] for s in found["steps"] if s["held"]), default=0))
    expect("whether there may be a higher one", found["at_least"] == all(s["held"] for s in found["steps"]))
    result, line = bench.run("search", "--warmup", 0.2, "--seconds", 0.5, "--steps", 2, "--p99-ms", 0.001, status=2)
    expect("half a second each", result["configuration"]["seconds"] == 0.5)
    expect(f"no rate held: {line}", "no rate" in line and result["search"]["rate"] == 0)


def garbage_is_noticed(bench):
    """A second producer writes into the topic while it is read."""
    stop = threading.Event()

    def write():
        while not stop.wait(0.2):
            try:
                with protocol.Connection(bench.broker.address) as connection:
                    records = batch.build([b"no payload of ours" * 4])
                    connection.call("Produce", 7, {"TransactionalId": None, "Acks": -1, "TimeoutMs": 5000, "TopicData": [
                        {"Name": "planted", "PartitionData": [{"Index": 0, "Records": records}]}]})
            except (OSError, protocol.ProtocolError):
                pass

    thread = threading.Thread(target=write)
    thread.start()
    try:
        result, line = bench.run("e2e", *QUICK, "--topic", "planted", "--rate", 1000, status=2)
    finally:
        stop.set()
        thread.join()
    expect(f"corrupt records: {result['consume']['verified']}", result["consume"]["verified"]["corrupt"] > 0)
    expect(f"a clear line: {line}", "what was read is not what was written" in line and "corrupt" in line)


def repeats_are_noticed(bench):
    bench.run("produce", *QUICK, "--topic", "repeated", "--rate", 500)
    with protocol.Connection(bench.broker.address) as connection:
        answer = connection.call("Fetch", 4, {"ReplicaId": -1, "MaxWaitMs": 100, "MinBytes": 1, "MaxBytes": 1 << 20,
                                              "IsolationLevel": 0, "Topics": [{"Topic": "repeated", "Partitions": [
                                                  {"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}]}]})
        records = answer["Responses"][0]["Partitions"][0]["Records"]
        first = records[:12 + int.from_bytes(records[8:12], "big")]
        # As its producer sent it: base offset 0.
        first = bytes(8) + first[8:]
        connection.call("Produce", 7, {"TransactionalId": None, "Acks": -1, "TimeoutMs": 5000, "TopicData": [
            {"Name": "repeated", "PartitionData": [{"Index": 0, "Records": first}]}]})
    result, _ = bench.run("consume", *QUICK, "--topic", "repeated", "--warmup", 0, status=2)
    expect(f"duplicates: {result['consume']['verified']}", result["consume"]["verified"]["duplicates"] > 0)


def a_broker_that_stands_still_is_charged(bench):
    """Open loop: all that should have been sent meanwhile waited, on average half of the time."""
    if not bench.broker.process:
        return
    path, command = bench.command("produce", "--seconds", 4, "--warmup", 0.5, "--rate", 1000)
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    bench.broker.signal(signal.SIGSTOP)
    time.sleep(1)
    bench.broker.signal(signal.SIGCONT)
    expect("exit status", running.wait(60) == 0)
    from hdrh.histogram import HdrHistogram
    latency = HdrHistogram.decode(json.loads(path.read_text())["produce"]["latency"]["hdr"].encode())
    slow = sum(item.count_at_value_iterated_to for item in latency.get_recorded_iterator()
               if item.value_iterated_to >= 500_000_000)
    expect(f"{slow} records waited half a second or more, and not some 500 of 1,000", 350 <= slow <= 800)


def several_processes(bench):
    start = int(time.time()) + 4
    together = ["--seconds", 2, "--warmup", 0.5, "--topic", "together", "--rate", 1000, "--run-id", 4711, "--start-at", start]
    bench.run("produce", "--seconds", 0.1, "--warmup", 0, "--topic", "together", "--rate", 100)
    runs = [bench.command("produce", *together, "--first-producer", first, "--label", "two") for first in (0, 100)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _, command in runs]
    for process in processes:
        _, words = process.communicate(timeout=60)
        expect(f"exit status {process.returncode}: {words[-300:]}", process.returncode == 0)
    merged = bench.work / "bench-merged.json"
    parts = [json.loads(path.read_text()) for path, _ in runs]
    subprocess.run([bench.program, "merge", *(str(path) for path, _ in runs), "--json", str(merged)], check=True)
    result = json.loads(merged.read_text())
    check_shape(result, "produce")
    expect("records are added", result["produce"]["records"] == sum(p["produce"]["records"] for p in parts))
    expect("all latencies", result["produce"]["latency"]["count"] == sum(p["produce"]["latency"]["count"] for p in parts))
    expect("all connections and the whole rate", (result["configuration"]["connections"], result["configuration"]["rate"])
           == (2, 2000))
    good(bench.run("consume", *QUICK, "--topic", "together", "--warmup", 0))
    again = subprocess.run([bench.program, "merge", str(runs[0][0]), str(runs[0][0]), "--json", str(merged)],
                           capture_output=True, text=True)
    expect(f"one result twice: {again.stderr}", again.returncode == 1 and "named twice" in again.stderr)
    line = bench.run("produce", *together, "--first-producer", 200, status=1)
    expect(f"too late for the others: {line}", "--start-at" in line)


def groups_of_several_processes(bench):
    """Each process has groups of its own, which read what all of them wrote."""
    start = int(time.time()) + 15
    runs = [bench.command("e2e", "--seconds", 2, "--warmup", 0.5, "--topic", "shared", "--partitions", 2, "--rate", 500, "--run-id",
                          99, "--start-at", start, "--groups", 1, "--consumers", 2, "--first-producer", first)
            for first in (0, 100)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _, command in runs]
    for process in processes:
        _, words = process.communicate(timeout=60)
        expect(f"exit status {process.returncode}: {words[-300:]}", process.returncode == 0)
    for path, _ in runs:
        result = json.loads(path.read_text())
        good(result)
        expect("what both wrote", result["consume"]["verified"]["records"] > 1.5 * result["produce"]["records"])


def a_tail_reader_measures_what_others_write(bench):
    _, command = bench.command("produce", "--seconds", 4, "--warmup", 0, "--topic", "watched", "--rate", 500, "--run-id", 55)
    writer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    result = bench.run("consume", "--seconds", 1.5, "--warmup", 0.5, "--topic", "watched", "--from", "end", "--run-id", 55)
    expect("the writer's exit status", writer.wait(60) == 0)
    keys("the result", result, TOP | {"consume", "end_to_end"})
    check_histogram(result["end_to_end"]["latency"])
    expect("end to end", 100 < result["end_to_end"]["latency"]["count"] < 2000)
    expect("a second and a half of it", [interval["at"] for interval in result["intervals"]] == [1, 1.5])


def a_broker_that_dies_is_no_result(bench):
    """Killed in the middle: whatever runs says so, with the status of failures, and shows what it had measured."""
    if not bench.broker.process:
        return
    for kind, options in (("produce", []), ("produce", ["--rate", 500]), ("consume", ["--from", "end"]), ("e2e", ["--rate", 500])):
        path, command = bench.command(kind, "--seconds", 4, "--warmup", 0.5, "--drain", 1, "--topic", "dying", *options)
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(2.5)
        bench.broker.kill()
        try:
            shown, words = running.communicate(timeout=60)
        finally:
            bench.broker.start()
        expect(f"{kind}: exit status {running.returncode}: {words[-300:]}", running.returncode == 2)
        expect(f"{kind}: a reason and an address: {words[-300:]}",
               "refused" in words.splitlines()[-1] and bench.broker.address in words)
        expect(f"{kind}: a table: {shown}", "k records/s" in shown)
        expect(f"{kind}: what was measured", json.loads(path.read_text())["seconds"] > 3)


def what_was_there_stays(bench):
    """A run that cannot be does not take the last one's result away."""
    path, command = bench.command("produce", address=f"127.0.0.1:{brokers.free_port()}")
    path.write_text("the last result")
    before = sorted(bench.work.iterdir())
    expect("exit status", subprocess.run(command, capture_output=True, timeout=60).returncode == 1)
    expect("the last result", path.read_text() == "the last result")
    expect("nothing beside it", sorted(bench.work.iterdir()) == before)
    link = bench.work / "latest.json"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    bench.run("produce", *QUICK, "--json", link, status=0, told=False)
    expect("a link is followed", link.is_symlink() and json.loads(path.read_text())["kind"] == "produce")
    shown = subprocess.run([*command, *QUICK, "--brokers", bench.broker.address, "--json", "/dev/stdout"], capture_output=True,
                           text=True, timeout=60)
    expect("a device is written to", '"kind": "produce"' in shown.stdout)
    line = bench.run("produce", "--report", "/nowhere/at/all.html", status=1)
    expect(f"{line} names the page", "/nowhere/at/all.html" in line)


def pages(bench):
    """A page of one run, and one of two side by side; both hold the results as they are."""
    page = bench.work / "bench-page.html"
    runs = []
    for label in ("first </script>", "second"):
        path, command = bench.command("e2e", *QUICK, "--rate", 500, "--label", label, "--report", str(page))
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        runs.append(str(path))
        expect("the page of a run has its label", label.replace("<", "\\u003c") in page.read_text())
    subprocess.run([bench.program, "report", *runs, "--report", str(page)], check=True, capture_output=True, timeout=60)
    text = page.read_text()
    expect("both runs", "second" in text and "first \\u003c/script>" in text)
    broken = bench.work / "bench-broken.json"
    broken.write_text('{"format": "millrace-bench 1"}')
    done = subprocess.run([bench.program, "report", runs[0], str(broken), "--report", str(page)], capture_output=True, text=True)
    lines = done.stderr.strip().splitlines()
    expect(f"one line that names the file: {lines}", done.returncode == 1 and len(lines) == 1 and broken.name in lines[0])


def told_to_end(bench):
    """By a signal: what was measured is shown, and the topic goes; with nothing measured one line says so."""
    for which, options, result in (
            (signal.SIGINT, ["produce", "--seconds", 60, "--warmup", 0.5], True),
            (signal.SIGTERM, ["e2e", "--seconds", 60, "--warmup", 0.5, "--rate", 1000], True),
            (signal.SIGINT, ["produce", "--seconds", 60, "--warmup", 0.5, "--rate", 0.2], True),
            (signal.SIGINT, ["produce", "--seconds", 60, "--warmup", 60], False),
            (signal.SIGINT, ["produce", "--start-at", int(time.time()) + 60], False),
            (signal.SIGINT, ["search", "--warmup", 0.1, "--step-seconds", 60], False)):
        path, command = bench.command(*options)
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(2.5)
        expect("its topic", own_topics(bench))
        running.send_signal(which)
        _, words = running.communicate(timeout=30)
        expect(f"exit status {running.returncode}: {words[-300:]}", running.returncode == 128 + which)
        expect(f"topics that are left: {own_topics(bench)}", not own_topics(bench))
        expect("a result, and only where there is one", path.exists() == result)
        if result:
            found = json.loads(path.read_text())
            expect(f"{found['seconds']} s were measured", 1 < found["seconds"] < 4)
            expect("no records failed", found["produce"]["errors"] == 0)
            wanted = found["configuration"]["rate"]
            reached = found["produce"]["records_per_second"]
            expect(f"{reached} records/s of {wanted}", wanted == "closed loop" or reached <= 1.1 * wanted + 1)
        else:
            expect(f"not one line at the end but {words}", "told to end before" in words.splitlines()[-1])


def an_ignored_signal_stays_ignored(bench):
    """As by nohup, or behind a shell's &."""
    path, command = bench.command("produce", *QUICK)
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    time.sleep(1)
    running.send_signal(signal.SIGHUP)
    expect(f"exit status {running.wait(30)}", running.returncode == 0)
    expect("the whole time", json.loads(path.read_text())["seconds"] > 1.9)


def own_topics(bench):
    with protocol.Connection(bench.broker.address) as connection:
        answer = connection.call("Metadata", 1, {"Topics": None})
    return [topic["Name"] for topic in answer["Topics"] if topic["Name"].startswith("millrace-bench-")]


def says_why_not(bench):
    nobody = f"127.0.0.1:{brokers.free_port()}"
    for options, part in (
            (["produce", "--topic", "bad/name"], "INVALID_TOPIC_EXCEPTION"),
            (["produce", "--topic-config", "no.such.key=1"], "INVALID_CONFIG"),
            (["produce", "--replication", "3"], "INVALID_REPLICATION_FACTOR"),
            (["produce", "--size", "12"], "--size"),
            (["produce", "--server-pid", "4194305"], "--server-pid"),
            (["produce", "--ramp", "1"], "--ramp"),
            (["consume", "--topic", "nowhere"], "UNKNOWN_TOPIC_OR_PARTITION"),
            (["consume"], "--topic"),
            (["dance"], "subcommand")):
        line = bench.run(*options, status=1)
        expect(f"{line} does not name {part}", part in line)
    line = bench.run("produce", *QUICK, status=1, address=nobody)
    expect(f"{line} does not name the address", nobody in line and "refused" in line)


CASES = [produces, with_server_pid, end_to_end, mixed_and_consume, search, garbage_is_noticed, repeats_are_noticed,
         a_broker_that_stands_still_is_charged, several_processes, groups_of_several_processes,
         a_tail_reader_measures_what_others_write, a_broker_that_dies_is_no_result, what_was_there_stays, pages, told_to_end,
         an_ignored_signal_stays_ignored, says_why_not]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--program", default=str(cache.REPO / "build" / "millrace-bench"))
    parser.add_argument("--load-cores", default=str(max(os.sched_getaffinity(0))), metavar="LIST")
    parser.add_argument("--only", default="", metavar="LIST", help="of cases by name")
    arguments = parser.parse_args()
    cache.in_venv()
    passed, failed = 0, 0
    with brokers.from_arguments(arguments, "bench-program") as broker:
        broker.start()
        bench = Bench(os.path.abspath(arguments.program), broker, arguments.work, arguments.load_cores)
        for case in CASES:
            if arguments.only and case.__name__ not in arguments.only.split(","):
                continue
            try:
                case(bench)
            except Exception as wrong:  # whatever goes wrong in a case fails it, and the others run
                failed += 1
                print(f"{case.__name__.replace('_', ' '):40} FAILED: {type(wrong).__name__} {wrong}", flush=True)
            else:
                passed += 1
                print(f"{case.__name__.replace('_', ' '):40} ok", flush=True)
        broker.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
