#!/usr/bin/env python3
"""Kills the broker with SIGKILL at random moments under load, starts it again and looks for every acknowledged record.

Now and then the start itself is killed as well, the stop is a clean one under load, or the broker comes back with
other cores. Every ten rounds the topics are deleted and made anew. The seed decides the moments and what is sent;
the schedule of the machine does the rest."""

import argparse
import random
import sys
import time

import broker as brokers
import cache
import workload


def disturb(broker, chooser, longest):
    """Ends the broker under load, in one of the ways; in words."""
    pause = chooser.uniform(0.05, longest)
    time.sleep(pause)
    if chooser.random() < 0.1:
        start = time.monotonic()
        status = broker.stop()
        took = time.monotonic() - start
        if status != 0 and broker.name == "millrace":
            raise RuntimeError(f"a clean stop under load ended with {status}")
        return f"stopped after {pause:.2f} s (took {took:.2f} s)"
    broker.kill()
    return f"killed after {pause:.2f} s"


def start_again(broker, chooser, cores):
    """Starts the broker, perhaps with other cores and perhaps killed once on its way; in words."""
    words = ""
    if broker.name == "millrace" and cores and chooser.random() < 0.3:
        broker.cores = chooser.choice(cores)
    if chooser.random() < 0.2:
        broker.start(wait=False)
        pause = chooser.uniform(0, 0.3 if broker.name == "millrace" else 4)
        time.sleep(pause)
        broker.kill()
        words = f", killed again {pause:.2f} s into its start"
    start = time.monotonic()
    broker.start()
    if broker.name == "millrace":
        words += f", cores {broker.cores}"
    return f"{words}, served after {time.monotonic() - start:.2f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="5 rounds")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--longest", type=float, default=2.5, metavar="SECONDS", help="of load before a kill")
    parser.add_argument("--other-cores", default="0:1:0,1", metavar="LIST:LIST", help="that the broker may come back with")
    parser.add_argument("--era", type=int, default=10, metavar="ROUNDS", help="until the topics are made anew")
    arguments = parser.parse_args()
    cache.in_venv()

    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    rounds = 5 if arguments.quick else arguments.rounds
    print(f"crash.py --seed {seed} --rounds {rounds} --longest {arguments.longest}", flush=True)
    failed, acknowledged = 0, 0
    with brokers.from_arguments(arguments, "crash", settings={"message.max.bytes": "2097152"}) as broker:
        broker.start()
        topics, ledger = [], None
        for index in range(rounds):
            chooser = random.Random(seed * 1000 + index)
            if index % arguments.era == 0:
                if topics:
                    workload.delete_topics(broker.address, topics)
                    acknowledged += len(ledger.acked)
                topics, ledger = workload.topics_of(index // arguments.era), workload.Ledger()
                workload.create_topics(broker.address, topics)
            load = workload.Load(broker.address, ledger, topics, seed + index * 100).start()
            words = disturb(broker, chooser, arguments.longest)
            load.stop()
            words += start_again(broker, chooser, arguments.other_cores.split(":") if arguments.other_cores else [])
            wrong = workload.check(broker.address, topics, ledger)
            failed += bool(wrong)
            print(f"round {index}: {words}; {workload.summary(ledger)}: {'FAILED' if wrong else 'ok'}", flush=True)
            print("".join(f"    {line}\n" for line in wrong[:20]), end="", flush=True)
        acknowledged += len(ledger.acked)
        status = broker.stop()
        if status != 0 and broker.name == "millrace":
            print(f"the last, clean stop ended with {status}")
            failed += 1
        broker.start()
        wrong = workload.check(broker.address, topics, ledger)
        print("".join(f"after the clean stop: {line}\n" for line in wrong[:20]), end="")
        failed += bool(wrong)
        broker.stop()
    print(f"{acknowledged} records acknowledged, {rounds} rounds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
