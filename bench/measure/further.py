"""What is asked of Millrace beyond the table: many partitions, a cold reader, several readers of a tail.

Each function measures one thing `repeats` times, prints a line, and says whether every run went well."""

import contextlib
import os
import statistics
import time

from measure import figures, processes, rows
from measure.brokers import Millrace
from measure.failures import LoadFailed, attempted

SMALL = "--messages-per-batch 10 --message-bytes 1000"     # the load of the row 10x1K


def repeated(what, repeats, measure, *arguments):
    """What measure(*arguments) gave each time that it did not fail."""
    found = [attempted(what, measure, *arguments) for _ in range(repeats)]
    return [one for one in found if one is not None]


def say(what, numbers, repeats, asked=None, at_most=False, runs=()):
    """One line: the median, its spread, whether it is as asked, the worst steal of the runs, and how many of so many repeats
    failed. Whether none did."""
    if not numbers:
        print(f"{what}: failed", flush=True)
        return False
    words = [figures.spread_of(numbers)]
    if asked is not None:
        middle = statistics.median(numbers)
        reached = middle <= asked if at_most else middle >= asked
        words.append(f"asked {'at most' if at_most else 'at least'} {asked:g}: {'reached' if reached else 'NOT reached'}")
    if runs:
        words.append(f"steal {figures.steal(runs)} %")
    if len(numbers) < repeats:
        words.append(f"{repeats - len(numbers)} of {repeats} failed")
    print(f"{what}: {', '.join(words)}", flush=True)
    return len(numbers) == repeats


class Load:
    """raw_load on a Millrace that runs."""

    def __init__(self, broker, setup):
        self.broker, self.setup = broker, setup

    def start(self, words, topic, cpu=None, seconds=None, server=True):
        """On the load's core unless another is named."""
        command = [*words.split(), "--broker", self.broker.address, "--topic", topic,
                   "--cpu", self.setup.load_cpu if cpu is None else cpu,
                   "--seconds", seconds or self.setup.seconds, "--warmup", self.setup.warmup]
        if server:
            command += ["--server-pid", self.broker.pid]
        return self.setup.programs.start("raw_load", command, topic)

    def run(self, words, topic):
        """Its JSON line; raises LoadFailed."""
        return self.start(words, topic).line()


def partitions_cost(setup, repeats):
    """The server's CPU a message of 1 KB, one a request, 64 x 16: while the partitions get their first files, and after that.
    What a first file costs is once in the life of a partition, and is the file system's."""
    found = repeated("10,000 partitions against 16", repeats, cost_ratios, setup)
    title = "server CPU a message, 10,000 partitions against 16"
    said = []
    for i, name in enumerate(("with new files", "in files that are there")):
        said.append(say(f"{title}, {name}", [ratios[i] for ratios, _ in found], repeats, 1.5, at_most=True,
                        runs=[line for _, lines in found for line in lines]))
    return all(said)


def cost_ratios(setup):
    """(the ratio with new files and the one in files that are there, the loads' lines)."""
    few, many = twice_on(setup, 16), twice_on(setup, 10000)
    return [cost(other) / cost(one) for one, other in zip(few, many)], [*few, *many]


def twice_on(setup, partitions):
    """The lines of the same load, twice on a new topic."""
    words = f"{rows.WIDE} --messages-per-batch 1 --partitions {partitions}"
    with Millrace(setup).started() as broker:
        return [Load(broker, setup).run(words, "cost") for _ in range(2)]


def cost(line):
    """Server CPU seconds a request."""
    return line["server_cpu_s"] / line["requests"]


@contextlib.contextmanager
def preferred(running):
    """Lets a load that sleeps between requests run before others of its core, where we may: on two cores the reader's own
    work would otherwise be what delays the producer."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(running.process.pid, os.SCHED_RR, os.sched_param(1))
    yield running


def half_of_the_most(load, topic):
    """Requests a second that are half of what the closed loop reaches."""
    line = load.run(f"produce --connections 8 --in-flight 16 --partitions 4 {SMALL}", topic)
    return max(1, int(line["requests_per_s"] / 2))


def cold_reader(setup, repeats):
    """A producer at half load, alone and beside a consumer that reads a cold backlog as fast as it can."""
    found = repeated("a cold reader", repeats, beside_a_reader, setup)
    return say("a producer's p99 at half load beside a reader of a cold backlog, against alone", [ratio for ratio, _ in found],
               repeats, 3, at_most=True, runs=[line for _, lines in found for line in lines])


def beside_a_reader(setup):
    """(how many times the p99 alone, the loads' lines)."""
    reader_cpu = setup.cores[2] if len(setup.cores) > 2 else setup.load_cpu
    with Millrace(setup).started(memory="1G") as broker:
        load = Load(broker, setup)
        broker.fill("backlog", 1024 if setup.quick else 6144, 4)
        rate = half_of_the_most(load, "busy")
        words = f"open --rate {rate} --connections 8 --in-flight 64 --partitions 4 --spin-us 50 {SMALL}"
        with preferred(load.start(words, "busy")) as producer:
            alone = producer.line()
        read = processes.disk_read(broker.pid)
        reader = load.start("fetch --connections 4 --partitions 4 --from-start", "backlog", cpu=reader_cpu,
                            seconds=setup.seconds + 2, server=False)
        with preferred(load.start(words, "busy")) as producer:
            beside = producer.line()
        reader_line = reader.line()
        served = (processes.disk_read(broker.pid) - read) / 1e6
    print(f"  {rate} requests/s: p99 {alone['p99_us'] / 1e3:.2f} ms alone, {beside['p99_us'] / 1e3:.2f} beside a reader "
          f"of {reader_line['mb_per_s']:.0f} MB/s; {served:.0f} MB came from the disk", flush=True)
    return beside["p99_us"] / alone["p99_us"], [alone, beside]


def tails(setup, repeats):
    """One, two and three consumers that follow one partition beside a producer: what the broker reads from the disk for them.
    The file system's own blocks are read beside: bitmaps for new files."""
    said = []
    for readers in (1, 2, 3):
        what = f"{readers} readers of one tail"
        found = repeated(what, repeats, tail, setup, readers)
        said.append(say(f"{what}, percent that came from the disk", [percent for percent, _ in found], repeats, 0.1,
                        at_most=True, runs=[line for _, lines in found for line in lines]))
    return all(said)


def tail(setup, readers):
    """(percent of what the readers got that came from the disk, the loads' lines)."""
    with Millrace(setup).started() as broker:
        load = Load(broker, setup)
        producer = load.start(f"open --rate 1000 --connections 4 --in-flight 64 --partitions 1 --spin-us 50 {SMALL}", "tail",
                              seconds=setup.seconds + 2)
        time.sleep(0.5)
        before = processes.disk_read(broker.pid)
        line = load.run(f"fetch --follow --connections {readers} --partitions 1", "tail")
        read = processes.disk_read(broker.pid) - before
        lines = [line, producer.line()]
    got = line["mb_per_s"] * line["seconds"]
    if not got:
        raise LoadFailed("the readers got nothing")
    print(f"  {readers} readers of one tail: {got:.0f} MB, {read / 1e6:.3f} MB read from the disk", flush=True)
    return 100 * read / 1e6 / got, lines
