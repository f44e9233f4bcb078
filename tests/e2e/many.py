#!/usr/bin/env python3
"""Many of everything: what one partition, group, connection and producer id costs, and what floods of new ones do.

The first part starts a broker on two cores for each kind, makes as many as are promised, and prints how much resident
memory one takes beyond the buffers that are reserved anyway: no more than twice the README's figure, and all together within
--memory. The second lets floods of new ids loose on a broker with little memory: what is too much must be refused by an
error code, the resident memory stays within its bound, an idempotent producer and a member of a group that were there
before go on as if nothing were, and new ones are served afterwards."""

import argparse
import resource
import sys
import threading

import broker as brokers
from limits import size_of
from many_clients import Honest, coordinate
from many_floods import FLOODS, NEVER_REFUSED, TAKES_PRODUCERS
from many_items import FIGURES, ITEMS, make_partitions

NOT_THEIRS = 1 << 20        # bytes that grow meanwhile whatever is made
FLOOD_SETTINGS = {"group.initial.rebalance.delay.ms": "0", "max.connections": "2500"}


class Peak:
    """The most that was resident while it ran."""

    def __init__(self, broker):
        self.broker, self.bytes, self.over = broker, broker.rss(), threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.over.wait(0.05):
            self.bytes = max(self.bytes, self.broker.rss())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def beyond(what, count, made, grown):
    """What is wrong with these, or None."""
    if made != count:
        return f"{made} of {count}: {what}"
    if grown > 2 * FIGURES[what] * count + NOT_THEIRS:
        return f"{what}: {grown / count:.0f} bytes each, and the README says {FIGURES[what]}"
    return None


def measure_item(arguments, name):
    """What is wrong, or None."""
    make, usual = ITEMS[name]
    count, bound = usual // 10 if arguments.quick else usual, size_of(arguments.memory)
    with brokers.from_arguments(arguments, f"many-{name}", settings={"group.initial.rebalance.delay.ms": "0"}) as broker:
        broker.start()
        broker.wait_until_touched()
        wrong = None
        with Peak(broker) as peak:
            for what, made, grown in make(broker, count):
                print(f"{what:52} {made:8} {grown / max(made, 1):10.0f} bytes each  {broker.rss() >> 20} MiB resident", flush=True)
                wrong = wrong or beyond(what, count, made, grown)
        if wrong is None and peak.bytes > bound:
            wrong = f"{peak.bytes >> 20} MiB resident, {bound >> 20} allowed"
        status = broker.stop()
        return wrong or (f"status {status}" if status else None)


def newcomer(broker, idempotent):
    """What stands in the way of one who comes after the flood, or None."""
    later = Honest(broker.address, "honest-0", "honest", idempotent)
    later.start()
    later.begun.wait(60)
    return later.finish()


def unserved_afterwards(broker, flood):
    """What is wrong, or None. Where the flood took the places of one kind, the others must be served, and that one refused."""
    taken = flood in TAKES_PRODUCERS
    wrong = newcomer(broker, idempotent=not taken)
    refused = newcomer(broker, idempotent=True) if taken else None
    print(f"    afterwards a new one {wrong or 'is served'}{f', an idempotent one {refused}' if taken else ''}", flush=True)
    if wrong is not None:
        return f"afterwards a new one is not served: {wrong}"
    if taken and (refused is None or "produce: 44" not in refused):
        return f"afterwards an idempotent producer is not told POLICY_VIOLATION: {refused}"
    return None


def flood_once(arguments, flood):
    """What is wrong, or None."""
    arguments.memory, bound = arguments.flood_memory, size_of(arguments.flood_memory)
    with brokers.from_arguments(arguments, f"many-{flood.__name__}", settings=FLOOD_SETTINGS) as broker:
        broker.start()
        broker.wait_until_touched()
        make_partitions(broker.address, 100, "flood")
        make_partitions(broker.address, 100, "honest")
        coordinate(broker.address)
        honest = Honest(broker.address, "honest-0", "honest")
        honest.start()
        honest.begun.wait(30)
        with Peak(broker) as peak:
            codes = flood(broker, arguments.seconds)
        wrong = honest.finish()
        if broker.process.poll() is not None:
            return f"the broker ended with {broker.process.returncode}: {broker.log_tail(5)}"
        print(f"    answers by error code: {dict(codes)}; peak {peak.bytes >> 20} MiB of {bound >> 20}; the honest one made "
              f"{honest.rounds} rounds, the longest {honest.worst:.2f} s", flush=True)
        if wrong is None:
            wrong = unserved_afterwards(broker, flood)
        if wrong is None and peak.bytes > bound:
            wrong = f"{peak.bytes >> 20} MiB resident, {bound >> 20} allowed"
        if wrong is None and honest.worst > arguments.wait:
            wrong = f"the honest one waited {honest.worst:.1f} s"
        if wrong is None and flood not in NEVER_REFUSED and len(codes) < 2:
            wrong = f"nothing was refused: {dict(codes)}"
        status = broker.stop()
        return wrong or (f"status {status}" if status else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.set_defaults(cores="0,1")
    parser.add_argument("--only", default="", metavar="LIST", help="of kinds and floods by name")
    parser.add_argument("--quick", action="store_true", help="a tenth as many, and shorter floods")
    parser.add_argument("--flood-memory", default="192M", metavar="SIZE")
    parser.add_argument("--seconds", type=float, default=0, help="of a flood; default: 15, or 6")
    parser.add_argument("--wait", type=float, default=3.0, metavar="SECONDS", help="that the honest ones may have to wait at most")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or (6 if arguments.quick else 15)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    only = [name for name in arguments.only.split(",") if name]

    passed, failed = 0, []

    def run(name, case):
        nonlocal passed
        try:
            wrong = case()
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        passed += not wrong
        if wrong:
            failed.append(name)
        print(f"{name.replace('_', ' '):32} {f'FAILED: {wrong}' if wrong else 'ok'}", flush=True)

    for name in ITEMS:
        if not only or name in only:
            run(name, lambda: measure_item(arguments, name))
    for flood in FLOODS:
        if not only or flood.__name__ in only:
            run(flood.__name__, lambda: flood_once(arguments, flood))
    print(f"{passed} passed, {len(failed)} failed" + (f": {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
