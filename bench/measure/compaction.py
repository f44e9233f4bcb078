"""Does compaction keep to its share of the core, and of the disk? Measured from outside, by the scheduler's count of the process."""

import subprocess
import time
from dataclasses import dataclass

from measure import processes
from measure.brokers import Millrace
from measure.failures import Failed, LoadFailed
from measure.further import repeated, say

BACKOFF_S = 15             # the first look comes so long after the start: everything is written, and destaged, by then
COMPACTED_MAX_S = 600
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
        setting = f"compaction.core.percent={percent}"
        whole = say_of(f"compaction of {megabytes} MB with {setting}: percent of the core", share_of_core, percent,
                       setup, repeats, megabytes, setting) and whole
    return say_of("compaction with log.cleaner.io.max.bytes.per.second: MB/s read and written", megabytes_per_second,
                  DISK_BYTES_PER_S / 1e6, setup, repeats, megabytes // 4, "compaction.core.percent=100",
                  f"log.cleaner.io.max.bytes.per.second={DISK_BYTES_PER_S}") and whole


def say_of(what, figure, asked, setup, repeats, megabytes, *settings):
    span = processes.Span()
    found = repeated(what, repeats, watch, setup, megabytes, *settings)
    return say(what, [figure(run) for run in found], repeats, asked, at_most=True, runs=[span.line()])


def watch(setup, megabytes, *settings):
    """Samples of a broker from when it begins to compact what was written until it has."""
    broker = Millrace(setup)
    first_look = time.monotonic() + BACKOFF_S
    with broker.started(memory="1G", settings=[f"log.cleaner.backoff.ms={BACKOFF_S * 1000}", *settings]):
        fill(setup, broker, megabytes)
        if time.monotonic() > first_look:
            print("writing took too long: compaction may have begun before", flush=True)
        time.sleep(max(0, first_look - time.monotonic()))
        samples = [sample(broker)]
        while "log compacted" not in broker.log.read_text(errors="replace"):
            if samples[-1].at - samples[0].at > COMPACTED_MAX_S:
                raise Failed(f"nothing was compacted within {COMPACTED_MAX_S} s")
            time.sleep(SAMPLE_S)
            samples.append(sample(broker))
    return from_first_work(samples)


def fill(setup, broker, megabytes):
    """Ten thousand keys, over and over, in segments that are closed; raises LoadFailed."""
    command = [setup.build / "millrace-bench", "produce", "--brokers", broker.address, "--topic", "compacted",
               "--cores", setup.load_cpu, "--topic-config", "cleanup.policy=compact",
               "--topic-config", "segment.bytes=16777216", "--keys", "uniform:10000", "--partitions", 1,
               "--rate", megabytes * 250, "--seconds", 4, "--warmup", 0, "--size", 1000, "--drain", 30]
    made = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise LoadFailed(f"millrace-bench: {made.stderr.strip()}")


def sample(broker):
    return Sample(time.monotonic(), processes.cpu_seconds(broker.pid), processes.disk_moved(broker.pid))


def from_first_work(samples):
    """What came before compaction began, an idle broker, is no part of it."""
    for before, after in zip(samples, samples[1:]):
        if after.cpu - before.cpu > 5 * IDLE_SHARE * (after.at - before.at):
            return samples[samples.index(before):]
    raise Failed("compaction was not seen to take any of the core")


def share_of_core(samples):
    """Percent."""
    return 100 * (samples[-1].cpu - samples[0].cpu) / (samples[-1].at - samples[0].at)


def megabytes_per_second(samples):
    return (samples[-1].disk - samples[0].disk) / (samples[-1].at - samples[0].at) / 1e6
