#!/usr/bin/env python3
"""Stock clients in groups, each in its default configuration: members come and go, offsets are committed, the broker is
stopped and killed while they go on.

Every client produces into a topic of its own and consumes it with a group of its own; all of them run at the same time.
What the members of a group got is held against the log, where every record must have come once, and against the values that
went out. Prints a table of client by feature and `N passed, N failed`."""

import argparse
import collections
import concurrent.futures
import pathlib
import shutil
import sys

import broker as brokers
import cache
import clients
import drivers
import feature_table
import group_peers
import protocol
from drivers import Failed
from group_peers import waited

PARTITIONS = 4
FIRST, MORE = 1000, 200     # records of the first step, and of each later one
NOT_YET = (14, 15, 16)      # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR


class Scenario:
    """One client's topic, producer, group and members. Each step is a method that raises where something is wrong; a step
    builds on those before it."""

    def __init__(self, kind, address, work):
        self.kind, self.address, self.work = kind, address, work
        self.name = kind.name.replace(" ", "-")
        self.topic, self.group = f"topic-{self.name}", f"group-{self.name}"
        self.producer, self.members, self.gone, self.sent = None, [], [], []
        self.over = False       # a step failed, so that those after it mean nothing

    # What the broker says ------------------------------------------------------------------------------------------

    def ask(self, api, version, body):
        with protocol.Connection(self.address, timeout=60) as connection:
            return connection.call(api, version, body)

    def ask_coordinator(self, api, version, body, code):
        """The answer of a coordinator that has loaded the group."""
        def answer():
            found = self.ask(api, version, body)
            return None if code(found) in NOT_YET else found

        return waited(answer, f"an answer to {api}")

    def ends(self):
        answer = self.ask("ListOffsets", 1, {"ReplicaId": -1, "Topics": [{"Name": self.topic, "Partitions": [
            {"PartitionIndex": partition, "Timestamp": -1} for partition in range(PARTITIONS)]}]})
        return {one["PartitionIndex"]: one["Offset"] for one in answer["Topics"][0]["Partitions"]}

    def committed(self):
        answer = self.ask_coordinator("OffsetFetch", 5, {"GroupId": self.group, "Topics": [
            {"Name": self.topic, "PartitionIndexes": list(range(PARTITIONS))}]}, lambda found: found["ErrorCode"])
        return {one["PartitionIndex"]: one["CommittedOffset"] for one in answer["Topics"][0]["Partitions"]}

    def described(self):
        """(state, number of members)."""
        group = self.ask_coordinator("DescribeGroups", 0, {"Groups": [self.group]},
                                     lambda found: found["Groups"][0]["ErrorCode"])["Groups"][0]
        return group["GroupState"], len(group["Members"])

    # What the client does ------------------------------------------------------------------------------------------

    def send(self, count):
        first = len(self.sent)
        self.sent += self.producer.send([f"{self.name}.{first + index}" for index in range(count)])

    def start(self):
        log = self.work / f"{self.group}-{len(self.members) + len(self.gone)}.log"
        self.members.append(self.kind.member(self.address, self.topic, self.group, log))
        return self.members[-1]

    def stop(self, member):
        member.stop()
        self.members.remove(member)
        self.gone.append(member)

    def records(self):
        return [record for member in self.gone + self.members for record in member.records]

    # What must be true ---------------------------------------------------------------------------------------------

    def all_came_once(self):
        """Waits until the members have got the whole log, and holds what they got against it."""
        def all_stored():
            return sum(self.ends().values()) >= len(self.sent)

        waited(all_stored, lambda: f"{len(self.sent)} records in the log: {self.ends()}")
        ends = self.ends()
        if sum(ends.values()) != len(self.sent) and not self.kind.repeats:
            raise Failed(f"the log holds {sum(ends.values())} records of {len(self.sent)}")
        wanted = {(partition, offset) for partition, end in ends.items() for offset in range(end)}

        def missing():
            for member in self.members:
                member.must_run()
            return sorted(wanted - {record[:2] for record in self.records()})

        waited(lambda: not missing(), lambda: f"{len(missing())} of {len(wanted)} records: {missing()[:3]}..., {self.described()}, "
               f"committed {self.committed()}, assigned {[member.assigned for member in self.members]}")
        got = collections.Counter(record[:2] for record in self.records())
        twice = sorted(place for place, times in got.items() if times > 1)
        if twice or set(got) - wanted:
            raise Failed(f"{len(twice)} records came twice: {twice[:3]}...; not in the log: {sorted(set(got) - wanted)[:3]}")
        values = collections.Counter(record[2] for record in self.records())
        if (set(values) != set(self.sent)) if self.kind.repeats else (values != collections.Counter(self.sent)):
            raise Failed("other values than were sent")

    def shared(self):
        """Waits until each partition belongs to one of the members, and each member has some."""
        def parts():
            for member in self.members:
                member.must_run()
            return [set(member.assigned) for member in self.members if member.assigned is not None]

        def is_shared():
            if self.described() != ("Stable", len(self.members)):
                return False
            now = parts()
            return not now or (all(now) and sorted(sum(map(list, now), [])) == list(range(PARTITIONS)))

        waited(is_shared, lambda: f"a share for each: {self.described()}, {parts()}")

    def shares_seen(self, since):
        """Each member got records, and no two of the same partition, since it had so many."""
        parts = [{record[0] for record in member.records[before:]} for member, before in since.items()]
        if not all(parts) or sum(map(len, parts)) != PARTITIONS:
            raise Failed(f"records came from partitions {parts} to the members")

    # The steps -----------------------------------------------------------------------------------------------------

    def produce(self):
        log = self.work / f"{self.topic}.log"
        self.producer = self.kind.producer(self.address, self.topic, log)
        self.send(FIRST)
        waited(lambda: sum(self.ends().values()) >= FIRST, lambda: f"{FIRST} records in the log: {self.ends()}")
        if not all(self.ends().values()):
            raise Failed(f"the keys went to some partitions only: {self.ends()}")

    def consume(self):
        self.start()
        self.all_came_once()
        self.shared()

    def join(self):
        self.start()
        self.send(MORE)         # while the group rebalances
        self.shared()
        self.all_came_once()
        before = {member: len(member.records) for member in self.members}
        self.send(MORE)
        self.all_came_once()
        self.shares_seen(before)

    def leave(self):
        self.stop(self.members[0])
        self.send(MORE)
        self.shared()
        self.all_came_once()

    def commit(self):
        ends = self.ends()
        said = self.members[0].commit()
        if said not in (None, ends):
            raise Failed(f"the client says that {said} is committed instead of {ends}")
        waited(lambda: self.committed() == ends, lambda: f"commits of {ends}: {self.committed()}")

    def restart(self):
        self.stop(self.members[0])
        waited(lambda: self.described() == ("Empty", 0), lambda: f"an empty group: {self.described()}")
        self.send(MORE)
        self.start()
        self.all_came_once()

    def settle(self):
        """Before the broker ends: what came is committed, so that no client may ask for it again."""
        ends = self.ends()
        waited(lambda: self.committed() == ends, lambda: f"commits of {ends}: {self.committed()}")

    def go_on(self):
        """After the broker has ended and started again."""
        if self.committed() != (ends := self.ends()):
            raise Failed(f"after the start {self.committed()} is committed instead of {ends}")
        for member in [member for member in self.members if member.ended_with_broker()]:
            self.members.remove(member)
            self.gone.append(member)
            self.start()
        self.send(MORE)
        self.all_came_once()
        self.shared()

    def end(self):
        for member in list(self.members):
            self.stop(member)
        self.producer.stop()
        waited(lambda: self.committed() == self.ends(), lambda: f"commits of {self.ends()}: {self.committed()}, "
               f"{self.described()}, last words {[member.last_words() for member in self.gone]}")

    def close(self):
        for one in self.members + ([self.producer] if self.producer else []):
            one.kill()


def steps(table, scenario, *wanted):
    for feature, step in wanted:
        if scenario.over:
            table.put(scenario.kind.name, feature, feature_table.NOT_TRIED)
            continue
        table.cell(scenario.kind.name, feature, step)
        scenario.over = table.rows[scenario.kind.name][feature] == "FAILED"


def through(table, broker, scenarios):
    """All steps, of all clients at a time."""
    with concurrent.futures.ThreadPoolExecutor(len(scenarios)) as pool:
        def together(of_one):
            list(pool.map(lambda one: steps(table, one, *of_one(one)), scenarios))

        together(lambda one: [("produce", one.produce), ("consume in a group", one.consume), ("a member joins", one.join),
                              ("a member leaves", one.leave), ("commit", one.commit),
                              ("restart from the commit", one.restart), ("commits before the stop", one.settle)])
        table.cell("broker", "clean stop", lambda: clients.differs("exit status", broker.stop(), 0)
                   if broker.name == "millrace" else broker.stop() and None)
        broker.start()
        together(lambda one: [("goes on after a stop", one.go_on), ("commits before the kill", one.settle)])
        broker.kill()
        broker.start()
        together(lambda one: [("goes on after a kill", one.go_on), ("clean end", one.end)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    feature_table.add_arguments(parser)
    parser.add_argument("--need-all", action="store_true", help="a client that is not installed counts as failed")
    parser.add_argument("--clients", default="", metavar="LIST", help="only these, by name")
    arguments = parser.parse_args()
    cache.in_venv()

    table, scenarios = feature_table.from_arguments(arguments, "groups"), []
    work = pathlib.Path(arguments.work) / "groups-clients"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with brokers.from_arguments(arguments, "groups") as broker:
        broker.start()
        judge = drivers.Confluent(broker.address)
        for kind in group_peers.ALL:
            if arguments.clients and kind.name not in arguments.clients.split(","):
                continue
            if kind.here():
                scenarios.append(Scenario(kind, broker.address, work))
                judge.create(scenarios[-1].topic, PARTITIONS, {})
            elif arguments.need_all:
                table.cell(kind.name, "installed", lambda: "it is not")
            else:
                print(f"{kind.name} is not installed and was not tried")
        try:
            through(table, broker, scenarios)
        finally:
            for one in scenarios:
                one.close()
    table.show()
    if not table.failures:
        shutil.rmtree(work)
        shutil.rmtree(broker.data_dir, ignore_errors=True)
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
