"""Half load for long under retention.bytes: does memory grow, does the broker stall, do segments turn over?"""

import statistics
import time

from measure import processes, rows, steady
from measure.brokers import Steady
from measure.further import SMALL, Load, half_of_the_most
from measure.table import turnover_line

SAMPLE_S = 5
GROWTH_MAX = 16 << 20      # of the median of the last tenth over that of the second: allocators settle, leaks do not


def soak(setup, minutes):
    """Prints a line a minute and the findings; whether the load went well."""
    row = rows.named("10x1K")
    broker = Steady(setup)
    with broker.started():
        load = Load(broker, setup)
        rate = half_of_the_most(load, "trial")
        if rate is None:
            return False
        configs = steady.configs(row)
        broker.fill("soak", steady.fill_mb(row), row.partitions, configs)
        processes.wait_until_touched(broker.pid)
        logged = len(stalls_in(broker.log))
        watch = steady.Turnover(broker.data, "soak", after=0)
        running = load.start(f"open --rate {rate} --connections 8 --in-flight 64 --partitions 4 {SMALL}", "soak",
                             seconds=minutes * 60)
        resident = sample(broker, running, setup)
        line = running.result()
        turned = watch.result()
        stalls = stalls_in(broker.log)[logged:]
    if line is None:
        return False
    report(rate, minutes, line, turned, resident, stalls)
    return True


def stalls_in(log):
    """The broker's own word for a turn of more than 10 ms; what it says beside tells whether the time went in the kernel."""
    return [text for text in log.read_text(errors="replace").splitlines() if "a turn took too long" in text]


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
    print(f"stalls that the broker logged: {len(stalls)}, asked none: {'reached' if not stalls else 'NOT reached'}")
    for text in stalls[:5]:
        print(f"  {text}")
