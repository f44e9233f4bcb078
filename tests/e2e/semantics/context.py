"""One broker under question: sends, remembers the answers under a label, and makes them comparable."""

import contextlib
import re
import sys
import time

import batch
import protocol

CASES = []

# Fields that differ between any two brokers and mean nothing to a client.
_DROPPED = {"ThrottleTimeMs", "Host", "Port", "ErrorMessage", "BatchIndexErrorMessage"}
_EPOCHS = {"LeaderEpoch"}
# What members of a group hand each other, as it is.
_TEXTS = {"Metadata", "MemberMetadata", "Assignment", "MemberAssignment"}
_SORT_KEYS = ("Name", "GroupId", "MemberId", "Topic", "ResourceName", "PartitionIndex", "Index", "Partition", "ApiKey", "Key", "NodeId")


def case(function):
    """Registers a case; its name is the function's, its labels are given by the calls in it."""
    CASES.append(function)
    return function


class Context:
    def __init__(self, address, prefix="s", limits=None, timeout=8):
        self.address, self.prefix, self.timeout, self.limits = address, prefix, timeout, limits or {}
        self.results, self.where, self._connection = {}, "", None
        self.known = {}     # ids that a broker drew, and what they are called in the answers
        self.advertised = {key["ApiKey"]: (key["MinVersion"], key["MaxVersion"])
                           for key in self._open().call("ApiVersions", 0)["ApiKeys"]}
        self.started_ms = int(time.time() * 1000)
        self.base_epoch = 0
        self.base_epoch = self.epoch(self.create("epoch"))

    # Versions -------------------------------------------------------------------------------------------------------

    def versions(self, api, low=0):
        """Every version of `api` that is asked: advertised by this broker, and within `limits` where given."""
        key = protocol.api_key(api)
        if key not in self.advertised:
            return []
        first, last = self.advertised[key]
        if str(key) in self.limits:
            first, last = max(first, self.limits[str(key)][0]), min(last, self.limits[str(key)][1])
        first = max(first, low, protocol.message(f"{api}Request").valid[0])
        return list(range(first, min(last, protocol.message(f"{api}Request").valid[1]) + 1))

    def top(self, api, by_name=None):
        """The newest common version, no newer than `by_name`."""
        newest = self.versions(api)[-1]
        return newest if by_name is None else min(newest, by_name)

    # Sending --------------------------------------------------------------------------------------------------------

    def _open(self):
        if self._connection is None:
            self._connection = protocol.Connection(self.address, self.timeout)
        return self._connection

    def reset(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def attempt(self, talk):
        """What talk(connection) returns, or in one word how it ended. The connection is fresh after an ending."""
        try:
            return talk(self._open())
        except protocol.Closed:
            outcome = "closed"
        except (ConnectionError, BrokenPipeError):
            outcome = "closed"
        except TimeoutError:
            outcome = "no answer"
        except (protocol.ProtocolError, UnicodeDecodeError) as error:
            outcome = f"malformed answer: {error}"
        self.reset()
        return outcome

    def call(self, api, version, body=None):
        return self.attempt(lambda connection: connection.call(api, version, body or {}))

    def note(self, label, result):
        """Remembers a result, made comparable."""
        full = f"{self.where}: {label}"
        assert full not in self.results, f"{full} twice"
        self.results[full] = self.comparable(result)
        return result

    def ask(self, label, api, version, body=None):
        return self.note(label, self.call(api, version, body))

    # Topics ---------------------------------------------------------------------------------------------------------

    def name(self, short):
        return f"{self.prefix}-{short}"

    def create(self, short, partitions=1, configs=None, settle=True):
        """Makes a topic and waits until it has leaders; returns its full name."""
        name = self.name(short)
        answer = self.call("CreateTopics", self.top("CreateTopics", 5), {"timeoutMs": 8000, "Topics": [{
            "Name": name, "NumPartitions": partitions, "ReplicationFactor": 1,
            "Configs": [{"Name": key, "Value": value} for key, value in (configs or {}).items()]}]})
        if not isinstance(answer, dict) or answer["Topics"][0]["ErrorCode"] not in (0, 36):
            raise RuntimeError(f"cannot create {name}: {answer}")
        if settle:
            self.settle(name, partitions)
        return name

    def describe(self, name, version=None):
        answer = self.call("Metadata", self.top("Metadata", 9) if version is None else version,
                           {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})
        return answer["Topics"][0]

    def settle(self, name, partitions):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            topic = self.describe(name)
            if topic["ErrorCode"] == 0 and len(topic["Partitions"]) == partitions and \
                    all(part["ErrorCode"] == 0 and part["LeaderId"] >= 0 for part in topic["Partitions"]) and \
                    all(isinstance(self.end(name, partition), int) for partition in range(partitions)):
                return      # Kafka names a leader before that one knows it
            time.sleep(0.05)
        raise RuntimeError(f"{name} has no leaders")

    def epoch(self, name):
        return self.describe(name)["Partitions"][0].get("LeaderEpoch", 0)

    def topic_id(self, name):
        """The topic's id, or None where the broker's Metadata has none yet."""
        if self.top("Metadata") < 10:
            return None
        return self.call("Metadata", 10, {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})["Topics"][0]["TopicId"]

    def produce(self, name, records, partition=0, version=None, acks=-1, **more):
        """One partition's records; the answer's part for it, or how the connection ended."""
        answer = self.call("Produce", self.top("Produce", 9) if version is None else version, {
            "Acks": acks, "TimeoutMs": 5000, "TopicData": [
                {"Name": name, "PartitionData": [{"Index": partition, "Records": records}]}], **more})
        return answer["Responses"][0]["PartitionResponses"][0] if isinstance(answer, dict) else answer

    def end(self, name, partition=0):
        """The log's end, or the error."""
        answer = self.call("ListOffsets", 1, {"ReplicaId": -1, "Topics": [
            {"Name": name, "Partitions": [{"PartitionIndex": partition, "Timestamp": -1}]}]})
        if not isinstance(answer, dict):
            return answer
        part = answer["Topics"][0]["Partitions"][0]
        return part["Offset"] if part["ErrorCode"] == 0 else f"error {part['ErrorCode']}"

    def fetch(self, name, offset, partition=0, version=None, top=None, **part):
        return self.call("Fetch", self.top("Fetch", 12) if version is None else version, {
            "MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 24, **(top or {}), "Topics": [
                {"Topic": name, "Partitions": [
                    {"Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": 1 << 24, **part}]}]})

    # Comparing ------------------------------------------------------------------------------------------------------

    def comparable(self, value, field=None):
        if isinstance(value, dict):
            return {key: self.comparable(item, key) for key, item in value.items() if key not in _DROPPED}
        if isinstance(value, (list, tuple)):
            items = [self.comparable(item, field) for item in value]
            for key in _SORT_KEYS:
                if items and all(isinstance(item, dict) and key in item for item in items):
                    return sorted(items, key=lambda item: (item[key] is not None, item[key] or type(item[key])()))
            return items
        if field == "Records":
            return None if value is None else [self._batch(header) for header in batch.headers(value)]
        if isinstance(value, bytes) and field in _TEXTS:
            return value.hex()
        if isinstance(value, bytes):
            return "zero id" if not any(value) else "an id"
        if field in _EPOCHS and isinstance(value, int) and value >= 0:
            return f"E{value - self.base_epoch:+d}" if value != self.base_epoch else "E"
        if field == "ClusterId":
            return value and "an id"
        if field == "Documentation":
            return value and "text"
        if isinstance(value, int) and abs(value - self.started_ms) < 600_000:
            return "about now"
        if isinstance(value, str) and value in self.known:
            return self.known[value]
        return value.replace(self.prefix + "-", "P-") if isinstance(value, str) else value

    def _batch(self, header):
        return {"offsets": f"{header.base_offset}..{header.next_offset - 1}", "count": header.count,
                "attributes": header.attributes, "LeaderEpoch": self.comparable(header.epoch, "LeaderEpoch"),
                "base time": self.comparable(header.base_time), "max time": self.comparable(header.max_time),
                "crc": "restamped" if self.comparable(header.max_time) == "about now" else header.crc}

    def run(self, wanted=""):
        """All cases whose name matches. A case that cannot go on is itself a result."""
        for function in CASES:
            if not re.search(wanted, function.__name__):
                continue
            self.where = function.__name__
            self.reset()
            start, before = time.monotonic(), len(self.results)
            try:
                function(self)
            except Exception as error:      # a broker's nonsense shall not hide the other cases
                self.results[f"{self.where}: breaks off"] = f"{type(error).__name__}: {error}"
            print(f"{self.where}: {len(self.results) - before} answers, {time.monotonic() - start:.1f} s", file=sys.stderr)
        self.reset()
        return self.results


@contextlib.contextmanager
def fresh(k):
    """A connection of its own for raw bytes."""
    connection = protocol.Connection(k.address, k.timeout)
    try:
        yield connection
    finally:
        connection.close()


def flatten(value, path=""):
    """{path: leaf} of nested dicts and lists; settings go by their name, everything else by its place."""
    if isinstance(value, dict) and value:
        return {key: leaf for name, item in value.items() for key, leaf in flatten(item, f"{path}.{name}").items()}
    if isinstance(value, list) and value and path.endswith(".Configs"):
        names = [item["Name"] for item in value]
        if len({*names}) == len(names):
            return {key: leaf for item in value for key, leaf in flatten(item, f"{path}[{item['Name']}]").items()}
    if isinstance(value, list) and value:
        return {key: leaf for index, item in enumerate(value) for key, leaf in flatten(item, f"{path}[{index}]").items()}
    return {path: value}
