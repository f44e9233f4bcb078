"""Does compaction keep to its share of the core, and of the disk? Measured from outside, by the scheduler's count of the process."""

import subprocess
import time
from dataclasses import dataclass

from measure import processes
from measure.brokers import LOAD_CPU, Millrace
from measure.further import say

BACKOFF_S = 15             # the first look comes so long after the start: everything is written, and destaged, by then
SAMPLE_S = 0.05
IDLE_SHARE = 0.01          # an idle broker takes less
CORE_PERCENTS = (10, 25, 50)
DISK_BYTES_PER_S = 20_000_000


@dataclass
class Sample:
    at: float              # seconds
    cpu: float             # seconds so far
    disk: int              # bytes read and written so far


def compaction(setup, repeats):
    """Shares of the core at several settings, then the disk's."""
    megabytes = 64 if setup.quick else 512
    whole = True
    for percent in CORE_PERCENTS:
        found = [watch(setup, megabytes, f"compaction.core.percent={percent}") for _ in range(repeats)]
        busy = [share_of_core(run) for run in found if run]
        whole = say(f"compaction of {megabytes} MB with compaction.core.percent={percent}: percent of the core", busy, percent,
                    at_most=True) and whole
    found = [watch(setup, megabytes // 4, "compaction.core.percent=100", f"log.cleaner.io.max.bytes.per.second={DISK_BYTES_PER_S}")
             for _ in range(repeats)]
    moved = [bytes_per_second(run) / 1e6 for run in found if run]
    return say("compaction with log.cleaner.io.max.bytes.per.second: MB/s read and written", moved, DISK_BYTES_PER_S / 1e6,
               at_most=True) and whole


def watch(setup, megabytes, *settings):
    """Samples of a broker from when it begins to compact what was written until it has; None where it does not."""
    broker = Millrace(setup)
    first_look = time.monotonic() + BACKOFF_S
    with broker.started(memory="1G", settings=[f"log.cleaner.backoff.ms={BACKOFF_S * 1000}", *settings]):
        if not fill(setup, broker, megabytes):
            return None
        if time.monotonic() > first_look:
            print("writing took too long: compaction may have begun before", flush=True)
        time.sleep(max(0, first_look - time.monotonic()))
        samples = [sample(broker)]
        while "log compacted" not in broker.log.read_text(errors="replace"):
            if samples[-1].at - samples[0].at > 600:
                return None
            time.sleep(SAMPLE_S)
            samples.append(sample(broker))
    return from_first_work(samples)


def fill(setup, broker, megabytes):
    """Ten thousand keys, over and over, in segments that are closed."""
    command = [setup.build / "millrace-bench", "produce", "--brokers", broker.address, "--topic", "compacted", "--cores", LOAD_CPU,
               "--topic-config", "cleanup.policy=compact", "--topic-config", "segment.bytes=16777216", "--keys", "uniform:10000",
               "--partitions", 1, "--rate", megabytes * 250, "--seconds", 4, "--warmup", 0, "--size", 1000, "--drain", 30]
    made = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        print(made.stderr.strip(), flush=True)
    return made.returncode == 0


def sample(broker):
    return Sample(time.monotonic(), processes.cpu_seconds(broker.pid), processes.disk_moved(broker.pid))


def from_first_work(samples):
    """What came before compaction began, an idle broker, is no part of it."""
    for before, after in zip(samples, samples[1:]):
        if after.cpu - before.cpu > 5 * IDLE_SHARE * (after.at - before.at):
            return samples[samples.index(before):]
    return None


def share_of_core(samples):
    """Percent."""
    return 100 * (samples[-1].cpu - samples[0].cpu) / (samples[-1].at - samples[0].at)


def bytes_per_second(samples):
    return (samples[-1].disk - samples[0].disk) / (samples[-1].at - samples[0].at)
