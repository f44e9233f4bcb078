#!/usr/bin/env python3
"""Cores that are brokers of their own, through stock clients: everybody is told of every core, records go straight to the core that
owns their partition, groups to the one that coordinates them, and all of it comes back after a kill."""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

import broker as brokers
import cache
import feature_table
import protocol
from scrape import scrape

MESSAGES, PARTITIONS, NODE = 20_000, 8, 1


class Failed(Exception):
    pass


def listed(address):
    with protocol.Connection(address) as connection:
        answer = connection.call("Metadata", 9, {"Topics": []})
    return [(one["NodeId"], one["Port"]) for one in answer["Brokers"]]


def all_are_told(broker, ports):
    """The same brokers on every port, also for kcat."""
    wanted = [(1000 * NODE + core, port) for core, port in enumerate(ports)]
    wrong = [f"{address}: {listed(address)}, not {wanted}"
             for address in (broker.address, *(f"127.0.0.1:{port}" for port in ports)) if listed(address) != wanted]
    said = subprocess.run(["kcat", "-L", "-b", broker.address], capture_output=True, text=True, check=True, timeout=30).stdout
    wrong += [f"kcat does not see broker {number}" for number, port in wanted
              if f"broker {number} at 127.0.0.1:{port}" not in said]
    return wrong or None


def produced(address, topic, begin, count=MESSAGES):
    from confluent_kafka import Producer
    failures, acknowledged = [], []
    producer = Producer({"bootstrap.servers": address, "broker.address.family": "v4", "enable.idempotence": True, "linger.ms": 2,
                         "batch.num.messages": 50, "message.timeout.ms": 60000})

    def delivered(error, message):
        (failures if error else acknowledged).append(error or message.value())

    for number in range(begin, begin + count):
        producer.produce(topic, f"value {number}", str(number), on_delivery=delivered)
        producer.poll(0)
    left = producer.flush(60)
    if left or failures:
        raise Failed(f"{left} without an answer, {failures[:3]}")
    return {value.decode() for value in acknowledged}


def consumed(address, topic, group, wanted):
    """Two members of a group read until they have all of `wanted`; what else came is said."""
    from confluent_kafka import Consumer
    members = [Consumer({"bootstrap.servers": address, "broker.address.family": "v4", "group.id": group,
                         "auto.offset.reset": "earliest", "session.timeout.ms": 6000}) for _ in range(2)]
    seen = []
    try:
        for member in members:
            member.subscribe([topic])
        idle = 0
        while len(seen) < len(wanted) and idle < 60:
            got = [message for member in members for message in member.consume(1000, 0.25)]
            idle = 0 if got else idle + 1
            for message in got:
                if message.error():
                    raise Failed(str(message.error()))
                seen.append(message.value().decode())
    finally:
        for member in members:
            member.close()     # commits
    if set(seen) != wanted:
        raise Failed(f"{len(wanted - set(seen))} missing, {len(set(seen) - wanted)} that nobody sent")


def mails_per_request(broker, work):
    """What went between cores while `work` ran, for each request that came in."""
    before = scrape(broker)
    work()
    after = scrape(broker)
    moved = {name: after.sum(name) - before.sum(name) for name in ("millrace_mail_posted_total", "millrace_kafka_requests_total")}
    return moved["millrace_mail_posted_total"] / moved["millrace_kafka_requests_total"]


def straight_to_the_owner(broker, plain):
    """Records of clients that are told of the cores change no core; of others, half of them do."""
    told = mails_per_request(broker, lambda: produced(broker.address, "t", 0))
    not_told = mails_per_request(plain, lambda: produced(plain.address, "t", 0))
    print(f"mail between cores for each request: {told:.3f} with listeners of cores, {not_told:.3f} without")
    return None if told < 0.2 * not_told else [f"{told:.3f} mails a request, {not_told:.3f} without"]


def through_a_kill(broker):
    wanted = produced(broker.address, "kept", 0)
    consumed(broker.address, "kept", "before", wanted)
    broker.kill()
    broker.start()
    consumed(broker.address, "kept", "after", wanted)
    more = produced(broker.address, "kept", MESSAGES)
    consumed(broker.address, "kept", "before", more)   # goes on where it had committed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    arguments = parser.parse_args()
    cache.in_venv()
    table = feature_table.Table()
    program, work = os.path.abspath(arguments.broker), pathlib.Path(arguments.work)
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))

    def make(name, **settings):
        made = brokers.Millrace(program, work / name, cores, "512M", {"num.partitions": str(PARTITIONS), **settings},
                                http=f"127.0.0.1:{brokers.free_port()}")
        made.wipe()
        return made

    first = brokers.free_port()     # the one above is free too
    ports = [first, first + 1]
    with make("core-listeners", **{"core_listeners.enable": "true", "core_listeners.port": str(ports[0])}) as broker, \
            make("one-listener") as plain:
        broker.start()
        plain.start()
        table.cell("core listeners", "brokers", lambda: all_are_told(broker, ports))
        table.cell("core listeners", "no hand-off", lambda: straight_to_the_owner(broker, plain))
        plain.stop()
        table.cell("core listeners", "a kill", lambda: through_a_kill(broker))
        if broker.process is not None:
            broker.stop()
        if not table.failures:
            for one in (broker, plain):
                shutil.rmtree(one.data_dir, ignore_errors=True)
    table.show()
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
