#!/usr/bin/env python3
"""Rude clients, limits and endings: what a broker must survive, with its memory and the other clients watched.

Each case is one line of the table. A bystander produces and fetches all the time over a connection of its own; the
case fails when the bystander has to wait, when the broker's resident memory passes its bound, or when its own check
does. The endings (signals, exit statuses) start brokers of their own."""

import argparse
import random
import resource
import sys
import threading

import broker as brokers
import cache
from limits_bystander import Bystander, DiskWatch
from limits_cores import CORES
from limits_endings import ENDINGS
from limits_rude import RUDE, create, fill


def size_of(text):
    """Bytes of 512M, 1G, 1GiB."""
    text = text.upper().removesuffix("B").removesuffix("I")
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]] if text[-1].isalpha() else int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.set_defaults(memory="512M")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="LIST", help="of cases by name")
    parser.add_argument("--wait", type=float, default=3.0, metavar="SECONDS",
                        help="that the bystander may have to wait at most, beside four times what the disk alone took")
    arguments = parser.parse_args()
    cache.in_venv()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 10_200:
        print(f"only {hard} open files are allowed here, so fewer idle connections are made")

    passed, failed = 0, []

    def report(name, wrong, words=""):
        nonlocal passed
        passed += not wrong
        if wrong:
            failed.append(name)
        print(f"{name.replace('_', ' '):32} {'FAILED: ' + str(wrong) if wrong else 'ok'} {words}", flush=True)

    def wanted(functions):
        return [one for one in functions if not arguments.only or one.__name__ in arguments.only.split(",")]

    bound = size_of(arguments.memory)       # the program, its stacks and its allocator's own are inside
    if wanted(RUDE):
        with brokers.from_arguments(arguments, "limits") as broker:
            broker.start()
            broker.wait_until_touched()
            create(broker.address, "bystander")
            create(broker.address, "bulk", {"max.message.bytes": "2097152"})
            fill(broker.address, "bulk", 64)
            for number, rude in enumerate(wanted(RUDE)):
                bystander = Bystander(broker.address)
                bystander.start()
                disk = DiskWatch(broker.data_dir.parent)
                disk.start()
                peak = [broker.rss()]
                watching = threading.Event()

                def watch():
                    while not watching.wait(0.05):
                        peak[0] = max(peak[0], broker.rss())

                watcher = threading.Thread(target=watch, daemon=True)
                watcher.start()
                try:
                    wrong = rude(broker, random.Random(arguments.seed * 100 + number))
                except Exception as error:
                    wrong = f"{type(error).__name__}: {error}"
                watching.set()
                watcher.join()
                wrong = wrong or bystander.finish()
                bystander.stopped.set()
                stood = disk.finish()
                if broker.process.poll() is not None:
                    report(rude.__name__, f"the broker ended with {broker.process.returncode}: {broker.log_tail(5)}")
                    broker.process = None
                    broker.start()
                    continue
                if broker.name == "millrace" and peak[0] > bound:
                    wrong = wrong or f"{peak[0] >> 20} MiB resident, {bound >> 20} allowed"
                if bystander.worst > arguments.wait + 4 * stood:
                    wrong = wrong or f"the bystander's {bystander.slowest} took {bystander.worst:.1f} s, the disk alone {stood:.1f} s"
                report(rude.__name__, wrong, f"(peak {peak[0] >> 20} MiB, bystander {bystander.rounds} rounds, "
                                             f"worst {bystander.worst * 1000:.0f} ms, a {bystander.slowest}, disk {stood * 1000:.0f} ms)")
            if broker.name == "millrace":
                status = broker.stop()
                report("clean_stop_after_all", None if status == 0 else f"status {status}")
    if arguments.broker != "kafka":
        for ending in wanted((*ENDINGS, *CORES)):
            def make(name):
                return brokers.from_arguments(arguments, f"limits-{name}")
            try:
                report(ending.__name__, ending(make))
            except Exception as error:
                report(ending.__name__, f"{type(error).__name__}: {error}")
    print(f"{passed} passed, {len(failed)} failed" + (f": {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
