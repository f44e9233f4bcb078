"""Half load for long under retention.bytes: does memory grow, does the broker stall, do segments turn over?"""

import re
import statistics
import time
from typing import NamedTuple

from measure import processes, rows, steady
from measure.brokers import Steady
from measure.further import SMALL, Load, half_of_the_most
from measure.table import turnover_line

SAMPLE_S = 5
GROWTH_MAX = 16 << 20      # of the median of the last tenth over that of the second: allocators settle, leaks do not
STALL_US = 10_000          # as millraced has it


class Stall(NamedTuple):
    """A turn that the broker logged as too long, in microseconds."""
    length: int
    on_cpu: int            # the time for which the thread had the processor
    sleeps: int            # how often it waited in the kernel instead
    in_poll: int           # inside the kernel
    slowest_items: int     # the slowest few items of our own

    @property
    def ours(self):
        """It had the processor for too long, or slept, for how long is not known; else others had it: processes, or the host."""
        return self.on_cpu > STALL_US or self.sleeps > 0


def soak(setup, minutes):
    """Prints a line a minute and the findings; raises where the load fails."""
    row = rows.named("10x1K")
    broker = Steady(setup)
    with broker.started():
        load = Load(broker, setup)
        rate = half_of_the_most(load, "trial")
        configs = steady.configs(row)
        broker.fill("soak", steady.fill_mb(row), row.partitions, configs)
        processes.wait_until_touched(broker.pid)
        logged = len(stalls_in(broker.log.read_text(errors="replace")))
        watch = steady.Turnover(broker.data, "soak", after=0)
        running = load.start(f"open --rate {rate} --connections 8 --in-flight 64 --partitions 4 {SMALL}", "soak",
                             seconds=minutes * 60)
        resident = sample(broker, running, setup)
        line = running.line()
        turned = watch.result()
        stalls = stalls_in(broker.log.read_text(errors="replace"))[logged:]
    report(rate, minutes, line, turned, resident, stalls)
    return True


def stalls_in(log):
    """The stalls in the text of a broker's log."""
    lines = [text for text in log.splitlines() if "a turn took too long" in text]
    fields = [dict(re.findall(r"(\w+)=(\d+)", text)) for text in lines]
    return [Stall(*(int(found[name]) for name in Stall._fields)) for found in fields]


def sample(broker, running, setup):
    """Resident bytes every few seconds until the load ends."""
    resident, said = [], time.monotonic()
    while running.process.poll() is None:
        resident.append(processes.resident(broker.pid))
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"  {resident[-1] / 2**20:.0f} MiB resident", flush=True)
        time.sleep(min(SAMPLE_S, setup.seconds / 2))
    return resident


def report(rate, minutes, line, turned, resident, stalls):
    part = max(1, len(resident) // 10)
    growth = statistics.median(resident[-part:]) - statistics.median(resident[part:2 * part] or resident[:1])
    print(f"{minutes:g} minutes of {rate} requests/s, 10 x 1 KB: p50 {line['p50_us'] / 1e3:.2f}, p99 {line['p99_us'] / 1e3:.2f}, "
          f"p99.9 {line['p999_us'] / 1e3:.2f}, most {line['max_us'] / 1e3:.2f} ms; {line['unsent']} requests found no room; "
          f"steal {100 * line['steal_s'] / line['seconds']:.0f} %")
    print(f"{turnover_line(turned)} (of what was there at the begin and is there at the end)")
    print(f"memory: {resident[0] / 2**20:.0f} MiB at first, {resident[-1] / 2**20:.0f} at last, growth {growth / 2**20:.1f} MiB, "
          f"asked none: {'reached' if growth < GROWTH_MAX else 'NOT reached'}")
    print("\n".join(said_of(stalls)))


def said_of(stalls):
    """For whom they are: a line for all, and one for each."""
    ours = sum(stall.ours for stall in stalls)
    yield (f"stalls that the broker logged: {len(stalls)}, {len(stalls) - ours} of them while others had its processor; "
           f"ours {ours}, asked none: {'reached' if not ours else 'NOT reached'}")
    for stall in stalls:
        whose = "ours" if stall.ours else "others'"
        yield (f"  {whose}: {stall.length / 1e3:.2f} ms, on_cpu {stall.on_cpu / 1e3:.2f}, sleeps {stall.sleeps}, "
               f"in_poll {stall.in_poll / 1e3:.2f}, slowest_items {stall.slowest_items / 1e3:.2f}")
