"""What many.py speaks: many producers in one request, members of groups, and the honest ones that must go on beside a flood."""

import struct
import threading
import time

import batch
import protocol

SESSION_MS = 1_800_000          # as long as group.max.session.timeout.ms lets a member be silent


def text(word):
    return struct.pack(">h", len(word)) + word.encode()


def produce_body(topic, parts):
    """Produce 7, for (partition, records)s."""
    body = bytearray(struct.pack(">hhii", -1, -1, 20_000, 1) + text(topic) + struct.pack(">i", len(parts)))
    for partition, records in parts:
        body += struct.pack(">ii", partition, len(records)) + records
    return bytes(body)


def first_batch_of(producer_id):
    return batch.build([b"x"], producer=(producer_id, 0, 0))


def produce_ids(connection, topic, partitions, ids):
    """One batch of each of these producers, 1 to a partition and request. How often each error code came."""
    codes = {}
    for begin in range(ids.start, ids.stop, partitions):
        part = range(begin, min(begin + partitions, ids.stop))
        records = [(number % partitions, first_batch_of(number)) for number in part]
        answer = connection.call("Produce", 7, produce_body(topic, records))
        for one in answer["Responses"][0]["PartitionResponses"]:
            codes[one["ErrorCode"]] = codes.get(one["ErrorCode"], 0) + 1
    return codes


def coordinate(address):
    """Makes the broker make __consumer_offsets, and waits until it answers for groups."""
    deadline = time.monotonic() + 30
    with protocol.Connection(address) as connection:
        while time.monotonic() < deadline:
            answer = connection.call("FindCoordinator", 1, {"Key": "anyone", "KeyType": 0})
            if answer["ErrorCode"] == 0 and connection.call("Heartbeat", 0, {
                    "GroupId": "anyone", "GenerationId": 1, "MemberId": "nobody"})["ErrorCode"] == 25:
                return
            time.sleep(0.1)
    raise RuntimeError("no coordinator")


def join_body(group, member="", session_ms=SESSION_MS, metadata=b"\0\0\0\0\0\0\0\0\0\0"):
    return {"GroupId": group, "SessionTimeoutMs": session_ms, "RebalanceTimeoutMs": 10_000, "MemberId": member,
            "ProtocolType": "consumer", "Protocols": [{"Name": "range", "Metadata": metadata}]}


def join_alone(connection, group, metadata=b"\0\0\0\0\0\0\0\0\0\0", session_ms=SESSION_MS):
    """The one member of a group that has its assignment: (error, generation, member id)."""
    answer = connection.call("JoinGroup", 3, join_body(group, "", session_ms, metadata))
    if answer["ErrorCode"] != 0:
        return answer["ErrorCode"], -1, ""
    generation, member = answer["GenerationId"], answer["MemberId"]
    answer = connection.call("SyncGroup", 1, {"GroupId": group, "GenerationId": generation, "MemberId": member,
                                              "Assignments": [{"MemberId": member, "Assignment": bytes(32)}]})
    return answer["ErrorCode"], generation, member


def commit_body(group, topic, partitions, offset, generation=-1, member=""):
    return {"GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member,
            "Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": partition, "CommittedOffset": offset,
                                                       "CommittedLeaderEpoch": -1, "CommittedMetadata": ""}
                                                      for partition in partitions]}]}


def commit_code(answer):
    return answer["Topics"][0]["Partitions"][0]["ErrorCode"]


class Honest(threading.Thread):
    """A producer, mostly an idempotent one, and a member of a group: it produces with numbered batches, reads them, sends
    heartbeats and commits. `worst` is its longest round."""

    def __init__(self, address, topic, group, idempotent=True):
        super().__init__(daemon=True)
        self.address, self.topic, self.group, self.idempotent = address, topic, group, idempotent
        self.stopped, self.begun = threading.Event(), threading.Event()
        self.worst, self.rounds, self.failure = 0.0, 0, None

    def run(self):
        try:
            with protocol.Connection(self.address, 30) as connection:
                producer = connection.call("InitProducerId", 1, {"TransactionalId": None, "TransactionTimeoutMs": 60_000})
                error, generation, member = join_alone(connection, self.group, session_ms=10_000)
                assert error == 0, f"join: {error}"
                while not self.stopped.is_set():
                    start = time.monotonic()
                    self.round(connection, producer["ProducerId"], generation, member)
                    self.worst, self.rounds = max(self.worst, time.monotonic() - start), self.rounds + 1
                    self.begun.set()
                    time.sleep(0.05)
                connection.call("LeaveGroup", 0, {"GroupId": self.group, "MemberId": member})
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
        self.begun.set()

    def round(self, connection, producer_id, generation, member):
        numbers = (producer_id, 0, self.rounds) if self.idempotent else (-1, -1, -1)
        records = batch.build([b"honest"], producer=numbers)
        answer = connection.call("Produce", 7, produce_body(self.topic, [(0, records)]))
        part = answer["Responses"][0]["PartitionResponses"][0]
        assert part["ErrorCode"] == 0, f"produce: {part['ErrorCode']}"
        answer = connection.call("Fetch", 11, {"MaxWaitMs": 1000, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [
            {"Topic": self.topic, "Partitions": [{"Partition": 0, "FetchOffset": part["BaseOffset"],
                                                  "PartitionMaxBytes": 1 << 20}]}]})
        assert answer["Responses"][0]["Partitions"][0]["Records"], "an acknowledged record is not served"
        answer = connection.call("Heartbeat", 0, {"GroupId": self.group, "GenerationId": generation, "MemberId": member})
        assert answer["ErrorCode"] == 0, f"heartbeat: {answer['ErrorCode']}"
        answer = connection.call("OffsetCommit", 6, commit_body(self.group, self.topic, [0], part["BaseOffset"] + 1,
                                                                generation, member))
        assert commit_code(answer) == 0, f"commit: {commit_code(answer)}"

    def finish(self):
        self.stopped.set()
        self.join(60)
        return self.failure or ("it made no round" if not self.rounds else None)
