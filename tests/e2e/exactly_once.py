#!/usr/bin/env python3
"""Idempotent producers through SIGKILLs and clean stops of the broker: they repeat until they are answered, and in the end
every record is there once and in its producer's order."""

import argparse
import random
import sys
import threading
import time

import broker as brokers
import cache
import workload

TOPIC, PARTITIONS = "once", 6


class Producer(threading.Thread):
    """Sends numbers, ascending, to partitions of its choice until told to stop; then waits for every answer."""

    def __init__(self, address, index, seed, codec, linger):
        super().__init__()
        self.first, self.chooser, self.stopped = index * 100_000_000, random.Random(seed + index), threading.Event()
        self.sent, self.acked, self.failures = {}, {}, []
        self.settings = {"bootstrap.servers": address, "log_level": 0, "error_cb": lambda error: None,
                         "broker.address.family": "v4", "reconnect.backoff.max.ms": 200, "enable.idempotence": True,
                         "compression.type": codec, "linger.ms": linger, "message.timeout.ms": 120000}

    def run(self):
        from confluent_kafka import Producer as Client
        client, number = Client(self.settings), self.first

        def delivered(which):
            def note(error, message):
                if error is None:
                    self.acked[which] = (message.partition(), message.offset())
                else:
                    self.failures.append(f"{which}: {error}")
            return note

        while not self.stopped.is_set():
            if len(client) >= 2000:
                client.poll(0.005)
                continue
            partition = self.chooser.randrange(PARTITIONS)
            for _ in range(self.chooser.choice((1, 1, 5, 50))):
                self.sent[number] = partition
                client.produce(TOPIC, workload.value_of(number, self.chooser.randrange(22, 2000)), partition=partition,
                               on_delivery=delivered(number))
                number += 1
            client.poll(0)
            time.sleep(0.001)
        left = client.flush(120)
        if left:
            self.failures.append(f"{left} records without an answer")


def read_all(address):
    """The numbers of each partition in order of offsets."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": address, "group.id": "once", "enable.auto.commit": False,
                         "broker.address.family": "v4", "check.crcs": True})
    found = {}
    for partition in range(PARTITIONS):
        _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), 20)
        numbers = found[partition] = []
        consumer.assign([TopicPartition(TOPIC, partition, 0)])
        while len(numbers) < end:
            for message in consumer.consume(2000, 5):
                if message.error() is not None:
                    raise RuntimeError(str(message.error()))
                numbers.append(workload.number_of(message.value()))
    consumer.close()
    return found


def check(producers, found):
    """What is wrong, in words."""
    wrong = [failure for one in producers for failure in one.failures]
    for one in producers:
        for partition, numbers in found.items():
            own = [n for n in numbers if n is not None and one.first <= n < one.first + 100_000_000]
            wanted = [n for n, where in one.sent.items() if where == partition]
            if own != wanted:
                twice = len(own) - len(set(own))
                wrong.append(f"partition {partition}: {len(wanted)} sent, {len(own)} there, {twice} twice, "
                             f"{len(set(wanted) - set(own))} missing, in order: {own == sorted(own)}")
        for number, (partition, offset) in one.acked.items():
            if found[partition][offset] != number:
                wrong.append(f"record {number} is not at {partition}@{offset}")
    for partition, numbers in found.items():
        if None in numbers:
            wrong.append(f"partition {partition} has damaged records")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="5 rounds")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    cache.in_venv()

    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    rounds = 5 if arguments.quick else arguments.rounds
    print(f"exactly_once.py --seed {seed} --rounds {rounds}", flush=True)
    chooser = random.Random(seed)
    with brokers.from_arguments(arguments, "exactly-once") as broker:
        broker.start()
        workload.create_topics(broker.address, [workload.Topic(TOPIC, PARTITIONS, (1, 2))])
        producers = [Producer(broker.address, 0, seed, "none", 0), Producer(broker.address, 1, seed, "lz4", 5),
                     Producer(broker.address, 2, seed, "zstd", 20)]
        for one in producers:
            one.start()
        for index in range(rounds):
            time.sleep(chooser.uniform(0.1, 2))
            if chooser.random() < 0.2:
                broker.stop()
            else:
                broker.kill()
            broker.cores = chooser.choice(["0", "0,1"])
            broker.start()
        for one in producers:
            one.stopped.set()
        for one in producers:
            one.join()
        found = read_all(broker.address)
        wrong = check(producers, found)
        broker.stop()
    print("".join(f"    {line}\n" for line in wrong[:20]), end="")
    print(f"{sum(len(one.acked) for one in producers)} records acknowledged, each sent once, over {rounds} endings: "
          f"{'FAILED' if wrong else 'each is there once, in order'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
