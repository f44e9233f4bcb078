"""What is measured: contenders, those of them that speak Kafka and are loaded by raw_load, and Millrace among these, in a fresh
directory or in the steady state."""

import itertools
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from measure import disk, processes, steady
from measure.failures import attempted

BARE_FILES = 4         # of the bare path, one for each of its partitions


@dataclass
class Setup:
    """What every contender needs to know of the run."""
    programs: object
    scratch: Path
    build: Path
    seconds: float
    warmup: float
    cores: list                                        # the server's, the load's, and more
    port: int = 0
    quick: bool = False
    before: object = None                              # runs in each server's process
    settings: list = field(default_factory=list)       # of millraced, NAME=VALUE
    memory: str = "4G"                                 # of millraced
    serial: object = field(default_factory=itertools.count)

    @property
    def server_cpu(self):
        return self.cores[0]

    @property
    def load_cpu(self):
        return self.cores[1]

    @property
    def bare_file_mb(self):
        return 256 if self.quick else 1024

    def preload_mb(self, row):
        return min(row.preload_mb, 1024) if self.quick else row.preload_mb

    def require_room(self, wanted, bare=True, ours=True):
        """Ends the program with a line where the disk has clearly too little for the rows, bare and on a broker of ours."""
        files = BARE_FILES * self.bare_file_mb if bare and any(row.bare for row in wanted) else 0
        written = max(disk.least_mb(row, self) for row in wanted) if ours else 0
        disk.require(self.scratch.parent, files + written)

    def bare(self, row, fresh=False):
        """The row on the bare path, a JSON line or None; its files are made once and go with the scratch directory."""
        directory = self.scratch / "bare"
        words = [*row.bare.split(), "--server-cpu", self.server_cpu, "--load-cpu", self.load_cpu, "--directory", directory,
                 "--seconds", row.seconds(self.seconds), "--file-mb", self.bare_file_mb]
        if fresh and row.produces:
            words.append("--fresh")
        label = f"bare {row.name}"

        def measure():
            directory.mkdir(exist_ok=True)
            return self.programs.run("bare_path", words, label)

        return self.when_quiet(row, label, measure)

    def when_quiet(self, row, what, work):
        """work() once the disk is quiet, or None where it failed."""

        def waited():
            disk.wait_until_quiet(row, self.scratch)
            return work()

        return attempted(what, waited)


class Contender:
    """Something to measure: run() starts it over a fresh directory, loads it, and stops it."""

    name = "?"
    what = ""          # version and settings, for the reader of the table
    durable = False    # an answer means that the data is on stable storage

    def __init__(self, setup):
        self.setup = setup

    def lacks(self, row):
        """Why the row cannot be measured; nothing where it can."""
        return "it needs a setting of millraced" if row.own else ""

    def has(self, row):
        return not self.lacks(row)

    def run(self, row):
        """A JSON line, or None where it failed, which a line says."""
        return self.setup.when_quiet(row, f"{self.name} {row.name}", lambda: self.measure(row))

    def measure(self, row):
        """As run(), but may raise anything."""
        raise NotImplementedError


class KafkaSpeaking(Contender):
    """A contender that raw_load can load."""

    address, pid, data = None, None, None

    def topic(self, row):
        return f"{row.name}-{os.getpid()}-{next(self.setup.serial)}"

    def words(self, row, topic, seconds=None, warmup=None, configs=()):
        """raw_load's command line for the row."""
        words = [*row.load.split(), "--broker", self.address, "--topic", topic, "--cpu", self.setup.load_cpu,
                 "--seconds", row.seconds(self.setup.seconds) if seconds is None else seconds,
                 "--warmup", self.setup.warmup if warmup is None else warmup]
        for config in configs:
            words += ["--config", config]
        return words + (["--server-pid", self.pid] if self.pid else [])

    def load(self, row):
        """The row on a topic of its own. What a cold fetch reads is written first and driven out of the page cache."""
        topic = self.topic(row)
        words = self.words(row, topic)
        if row.cold:
            self.fill(topic, self.setup.preload_mb(row), row.partitions)
        elif row.preload_mb:
            words += ["--preload-mb", row.preload_mb]
        return self.setup.programs.run("raw_load", words, f"{self.name} {row.name}")

    def fill(self, topic, megabytes, partitions, configs=(), messages=1000):
        """Writes so much into a topic, which is made, and drives it out of the page cache; raises LoadFailed."""
        words = ["produce", "--broker", self.address, "--topic", topic, "--partitions", partitions,
                 "--cpu", self.setup.load_cpu, "--connections", min(partitions, 64), "--in-flight", 2,
                 "--messages-per-batch", messages, "--mb", megabytes]
        for config in configs:
            words += ["--config", config]
        self.setup.programs.start("raw_load", words, f"{self.name}: filling {topic}").line()
        if self.data:
            drop_cached(self.data)


class Millrace(KafkaSpeaking):
    """build/millraced, started anew over a fresh directory for every run."""

    name = "millrace"
    durable = True
    settings = ()

    def __init__(self, setup):
        super().__init__(setup)
        program = setup.build / "millraced"
        self.what = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()

    def lacks(self, row):
        return ""

    def measure(self, row):
        with self.started(row.memory):
            return self.load(row)

    def started(self, memory=None, cores=None, settings=(), keep=False):
        """For a `with`; on the server's core unless others are named."""
        return _Started(self, memory or self.setup.memory, cores or [self.setup.server_cpu],
                        [*self.settings, *settings, *self.setup.settings], keep)


class _Started:
    """A millraced that runs in the body of a `with`. Loads that are still on their way end with it, and its directory goes,
    unless it is kept for the next one; its log stays until then."""

    def __init__(self, broker, memory, cores, settings, keep):
        self.broker, self.memory, self.cores, self.settings, self.keep = broker, memory, cores, settings, keep

    def __enter__(self):
        setup, broker = self.broker.setup, self.broker
        broker.data, broker.log = setup.scratch / "millrace", setup.scratch / "millrace.log"
        broker.log.unlink(missing_ok=True)
        port = processes.free_port(setup.port)
        broker.address = f"127.0.0.1:{port}"
        command = [setup.build / "millraced", "--data-dir", broker.data, "--cores", ",".join(map(str, self.cores)),
                   "--kafka", f"127.0.0.1:{port}", "--http", "off",
                   "--memory", self.memory]
        for setting in self.settings:
            command += ["--set", setting]
        begun = time.monotonic()
        self.process = processes.start(command, broker.log, cpus=self.cores, before=setup.before)
        try:
            processes.wait_for_answer(port, self.process, broker.log)
            broker.start_seconds = time.monotonic() - begun
            processes.wait_until_touched(self.process.pid)
        except BaseException:
            self.__exit__()
            raise
        broker.pid = self.process.pid
        return broker

    def __exit__(self, *_):
        self.broker.setup.programs.kill()
        if not processes.stop(self.process):
            print("millraced did not stop within 30 s", file=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.broker.data, ignore_errors=True)


class Steady(Millrace):
    """Millrace under retention.bytes, so long that old segments' files are written again."""

    name = "millrace steady"
    settings = steady.SETTINGS

    def __init__(self, setup):
        super().__init__(setup)
        self.what += f", {', '.join(self.settings)}, segment.bytes and retention.bytes by the row"

    def lacks(self, row):
        return "" if row.segment_kb else "a disk of ordinary size has no room for its segments"

    def load(self, row):
        topic, configs = self.topic(row), steady.configs(row)
        self.fill(topic, steady.fill_mb(row), row.partitions, configs, messages=steady.fill_messages(row))
        steady.settle(self.data, topic)
        running = self.setup.programs.start("raw_load", self.words(row, topic, configs=configs), f"{self.name} {row.name}")
        watch = steady.Turnover(self.data, topic, after=self.setup.warmup)
        line = running.result()
        if line:
            line.update(watch.result())
        return line


def drop_cached(data):
    """Drives the logs below `data` out of the page cache, so that reads of them come from the disk."""
    for path in Path(data).rglob("*.log"):
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # retention was faster
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
