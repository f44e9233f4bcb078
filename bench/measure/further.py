"""What is asked of Millrace beyond the table: cores, many partitions, a cold reader, several readers of a tail.

Each function measures one thing `repeats` times, prints a line, and says whether every run went well."""

import contextlib
import os
import statistics
import time

from measure import figures, processes, rows
from measure.brokers import LOAD_CPU, SERVER_CPU, Millrace

SMALL = "--messages-per-batch 10 --message-bytes 1000"     # the load of the row 10x1K


def say(what, numbers, asked, at_most=False):
    """One line: the median, its spread, and whether it is as asked."""
    if not numbers:
        print(f"{what}: failed", flush=True)
        return False
    middle = statistics.median(numbers)
    reached = middle <= asked if at_most else middle >= asked
    print(f"{what}: {figures.spread_of(numbers)}, asked {'at most' if at_most else 'at least'} {asked:g}: "
          f"{'reached' if reached else 'NOT reached'}", flush=True)
    return True


class Load:
    """raw_load on a Millrace that runs."""

    def __init__(self, broker, setup):
        self.broker, self.setup = broker, setup

    def start(self, words, topic, cpu=LOAD_CPU, seconds=None, server=True):
        command = [*words.split(), "--broker", self.broker.address, "--topic", topic, "--cpu", cpu,
                   "--seconds", seconds or self.setup.seconds, "--warmup", self.setup.warmup]
        if server:
            command += ["--server-pid", self.broker.pid]
        return self.setup.programs.start("raw_load", command, topic)

    def run(self, words, topic, **options):
        return self.start(words, topic, **options).result()


def scaling(setup, repeats):
    """Two loads: all on core 0, and server and loads on cores 0 and 1. Once with one listener, where half of the requests are handed
    to the other core, and once with a listener for each core, where clients go to the core that owns a partition. Small requests
    and many of them, so that the processor is what there is too little of."""
    listeners = {"one listener": (), "a listener for each core": ("core_listeners.enable=true",)}
    found = {name: [] for name in listeners}
    words = "produce --connections 16 --in-flight 128 --partitions 16 --messages-per-batch 1 --message-bytes 100"
    for repeat in range(repeats):
        alone = rate_on(setup, [SERVER_CPU], words, f"scaling-{repeat}")
        for name, settings in listeners.items():
            both = rate_on(setup, [SERVER_CPU, LOAD_CPU], words, f"scaling-{repeat}", settings)
            if alone and both:
                found[name].append(both / alone)
    title = "cores 0 and 1 against core 0, server and load on both, 1 x 100 B, 32 x 128, 16 partitions"
    return all([say(f"{title}, {name}", numbers, 1.7) for name, numbers in found.items()])


def rate_on(setup, cores, words, topic, settings=()):
    """Requests a second of two loads on a broker, all of them on these cores; None where one failed."""
    broker = Millrace(setup)
    with broker.started(cores=cores, settings=settings):
        load = Load(broker, setup)
        loads = [load.start(words, topic, cpu=cores[i % len(cores)]) for i in range(2)]
        lines = [running.result() for running in loads]
    return None if None in lines else sum(line["requests_per_s"] for line in lines)


def partitions_cost(setup, repeats):
    """The server's CPU a message of 1 KB, one a request, 64 x 16: while the partitions get their first files, and after that. What a
    first file costs is once in the life of a partition, and is the file system's."""
    found = {"with new files": [], "in files that are there": []}
    for repeat in range(repeats):
        few, many = (cost_of(setup, partitions, f"cost-{partitions}-{repeat}") for partitions in (16, 10000))
        if few and many:
            for numbers, one, other in zip(found.values(), few, many):
                numbers.append(other / one)
    title = "server CPU a message, 10,000 partitions against 16"
    return all([say(f"{title}, {name}", numbers, 1.5, at_most=True) for name, numbers in found.items()])


def cost_of(setup, partitions, topic):
    """Server CPU seconds a request, of the same load twice on a new topic; None where one failed."""
    broker = Millrace(setup)
    words = f"{rows.WIDE} --messages-per-batch 1 --partitions {partitions}"
    with broker.started():
        lines = [Load(broker, setup).run(words, topic) for _ in range(2)]
    return [line["server_cpu_s"] / line["requests"] for line in lines] if all(line and line["requests"] for line in lines) else None


@contextlib.contextmanager
def preferred(running):
    """Lets a load that sleeps between requests run before others of its core, where we may: on two cores the reader's own
    work would otherwise be what delays the producer."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(running.process.pid, os.SCHED_RR, os.sched_param(1))
    yield running


def half_of_the_most(load, topic):
    """Requests a second that are half of what the closed loop reaches; None where it failed."""
    line = load.run(f"produce --connections 8 --in-flight 16 --partitions 4 {SMALL}", topic)
    return max(1, int(line["requests_per_s"] / 2)) if line else None


def cold_reader(setup, repeats):
    """A producer at half load, alone and beside a consumer that reads a cold backlog as fast as it can."""
    reader_cpu = 2 if (os.cpu_count() or 1) > 2 else LOAD_CPU
    found, served = [], []
    for _ in range(repeats):
        broker = Millrace(setup)
        with broker.started(memory="1G"):
            load = Load(broker, setup)
            broker.fill("backlog", 1024 if setup.quick else 6144, 4)
            rate = half_of_the_most(load, "busy")
            if rate is None:
                continue
            words = f"open --rate {rate} --connections 8 --in-flight 64 --partitions 4 --spin-us 50 {SMALL}"
            with preferred(load.start(words, "busy")) as producer:
                alone = producer.result()
            read = processes.disk_read(broker.pid)
            reader = load.start("fetch --connections 4 --partitions 4 --from-start", "backlog", cpu=reader_cpu,
                                seconds=setup.seconds + 2, server=False)
            with preferred(load.start(words, "busy")) as producer:
                beside = producer.result()
            reader_line = reader.result()
            served.append((processes.disk_read(broker.pid) - read) / 1e6)
        if alone and beside and reader_line:
            found.append(beside["p99_us"] / alone["p99_us"])
            print(f"  {rate} requests/s: p99 {alone['p99_us'] / 1e3:.2f} ms alone, {beside['p99_us'] / 1e3:.2f} beside a reader "
                  f"of {reader_line['mb_per_s']:.0f} MB/s; {served[-1]:.0f} MB came from the disk", flush=True)
    return say("a producer's p99 at half load beside a reader of a cold backlog, against alone", found, 3, at_most=True)


def tails(setup, repeats):
    """One, two and three consumers that follow one partition beside a producer: bytes that the broker reads from the disk."""
    whole = True
    for repeat in range(repeats):
        broker = Millrace(setup)
        with broker.started():
            load = Load(broker, setup)
            for readers in (1, 2, 3):
                topic = f"tail-{repeat}-{readers}"
                producer = load.start(f"open --rate 1000 --connections 4 --in-flight 64 --partitions 1 --spin-us 50 {SMALL}", topic,
                                      seconds=setup.seconds + 2)
                time.sleep(0.5)
                before = processes.disk_read(broker.pid)
                line = load.run(f"fetch --follow --connections {readers} --partitions 1", topic)
                read = processes.disk_read(broker.pid) - before
                whole = bool(producer.result() and line) and whole
                got = line["mb_per_s"] * line["seconds"] if line else 0
                # The file system's own blocks are read beside: bitmaps for new files.
                reached = got > 0 and read / 1e6 < got / 1000
                print(f"{readers} readers of one tail: {got:.0f} MB, {read / 1e6:.3f} MB read from the disk, asked under 0.1 %: "
                      f"{'reached' if reached else 'NOT reached'}", flush=True)
    return whole
