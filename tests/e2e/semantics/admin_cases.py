"""Metadata, topics and their settings."""

import time

from semantics.context import case

BAD_NAMES = ("", ".", "..", "a/b", "sp ace", "x" * 250, "é", "a:b", "a\n")


def _topics(*names):
    return [{"Name": name} for name in names]


@case
def metadata(k):
    name = k.create("meta", 3)
    for version in k.versions("Metadata"):
        quiet = {"AllowAutoTopicCreation": False} if version >= 4 else {}
        k.ask(f"v{version} none", "Metadata", version, {"Topics": [] if version else _topics(name), **quiet})
        answer = k.call("Metadata", version, {"Topics": None if version else [], **quiet})
        if isinstance(answer, dict):
            answer["Topics"] = [topic for topic in answer["Topics"] if topic["Name"] == name]
        k.note(f"v{version} all", answer)
        k.ask(f"v{version} one", "Metadata", version, {"Topics": _topics(name), **quiet})
        k.ask(f"v{version} one twice", "Metadata", version, {"Topics": _topics(name, name), **quiet})
        if version >= 4:
            k.ask(f"v{version} unknown", "Metadata", version, {"Topics": _topics(k.name("nobody"), name), **quiet})
        for bad in BAD_NAMES:
            k.ask(f"v{version} name {bad[:9]!r}", "Metadata", version, {"Topics": _topics(bad), **quiet})
        if version >= 8:
            operations = {"IncludeTopicAuthorizedOperations": True}
            if version <= 10:
                operations["IncludeClusterAuthorizedOperations"] = True
            k.ask(f"v{version} operations", "Metadata", version, {"Topics": _topics(name), **operations, **quiet})
        if version >= 10:
            unknown, known = bytes(range(16)), k.topic_id(name)
            for label, topic in (("unknown id", {"TopicId": unknown, "Name": None}), ("null", {"Name": None}),
                                 ("id", {"TopicId": known, "Name": None}),
                                 ("id and name", {"TopicId": known, "Name": name})):
                k.ask(f"v{version} {label}", "Metadata", version, {"Topics": [topic], **quiet})


@case
def auto_creation(k):
    k.create("auto.made")
    for version in k.versions("Metadata"):
        name = k.name(f"auto-{version}")
        first = k.call("Metadata", version, {"Topics": _topics(name)})
        code = first["Topics"][0]["ErrorCode"] if isinstance(first, dict) else first
        k.note(f"v{version} first", code if code not in (0, 3, 5) else "made or being made")
        k.settle(name, 1)
        k.ask(f"v{version} then", "Metadata", version, {"Topics": _topics(name)})
        k.ask(f"v{version} collides", "Metadata", version, {"Topics": _topics(k.name("auto_made"))})
        for bad in BAD_NAMES:
            k.ask(f"v{version} name {bad[:9]!r}", "Metadata", version, {"Topics": _topics(bad)})


@case
def create_topics(k):
    for version in k.versions("CreateTopics"):
        taken = k.create(f"taken-{version}")
        k.create(f"dot.{version}")

        def ask(label, *topics, short=None, **more):
            short = short or f"new-{version}-{label.replace(' ', '-')}"
            topics = [{"Name": k.name(short), "NumPartitions": 2, "ReplicationFactor": 1, **topic} for topic in topics]
            k.ask(f"v{version} {label}", "CreateTopics", version, {"Topics": topics, "timeoutMs": 8000, **more})

        def config(**settings):
            return [{"Name": key.replace("_", "."), "Value": value} for key, value in settings.items()]

        ask("plain", {})
        ask("exists", {"Name": taken})
        ask("collides", {"Name": k.name(f"dot_{version}")})
        ask("no topics")
        ask("only validated", {}, validateOnly=True)
        ask("exists, only validated", {"Name": taken}, validateOnly=True)
        ask("twice", {}, {})
        for count in (0, -1, -2, 10001, 2147483647):
            ask(f"{count} partitions", {"NumPartitions": count})
        for factor in (0, -1, -2, 2, 32767):
            ask(f"factor {factor}", {"ReplicationFactor": factor})
        ask("defaults", {"NumPartitions": -1, "ReplicationFactor": -1})
        for bad in BAD_NAMES:
            ask(f"name {bad[:9]!r}", {"Name": bad})
        here = [{"PartitionIndex": 0, "BrokerIds": [1]}, {"PartitionIndex": 1, "BrokerIds": [1]}]
        open_counts = {"NumPartitions": -1, "ReplicationFactor": -1}
        ask("assigned", {**open_counts, "Assignments": here})
        ask("assigned with counts", {"Assignments": here})
        ask("assigned to nobody", {**open_counts, "Assignments": [{"PartitionIndex": 0, "BrokerIds": []}]})
        ask("assigned to a stranger", {**open_counts, "Assignments": [{"PartitionIndex": 0, "BrokerIds": [77]}]})
        ask("assigned twice", {**open_counts, "Assignments": [{"PartitionIndex": 0, "BrokerIds": [1, 1]}]})
        ask("assigned with a gap", {**open_counts, "Assignments": [here[0], {"PartitionIndex": 5, "BrokerIds": [1]}]})
        ask("assigned from 1", {**open_counts, "Assignments": here[1:]})
        for label, settings in (
                ("known", config(segment_ms="5000", flush_ms="1000")), ("later", config(retention_ms="1000")),
                ("later, compaction", config(cleanup_policy="compact")), ("unknown key", config(no_such="1")),
                ("null value", config(retention_ms=None)), ("not a number", config(retention_ms="abc")),
                ("below the minimum", config(retention_ms="-2")), ("over int32", config(segment_bytes="9999999999")),
                ("small segment", config(segment_bytes="1000")), ("smallest segment", config(segment_bytes="1048576")),
                ("unknown policy", config(cleanup_policy="x")), ("later, both policies", config(cleanup_policy="compact,delete")),
                ("policy with spaces", config(cleanup_policy=" delete ")),
                ("unknown codec", config(compression_type="brotli")), ("codec", config(compression_type="gzip")),
                ("boolean", config(preallocate="maybe")), ("upper case boolean", config(preallocate="FALSE")),
                ("time type", config(message_timestamp_type="Never")), ("ratio", config(min_cleanable_dirty_ratio="1.5")),
                ("number with spaces", config(segment_ms=" 5000 ")), ("negative size", config(max_message_bytes="-1")),
                ("later, replicas 2", config(min_insync_replicas="2")), ("empty key", [{"Name": "", "Value": "1"}]),
                ("key twice", config(flush_ms="1000") + config(flush_ms="2000")),
                ("level of gzip", config(compression_gzip_level="10")), ("remote", config(remote_storage_enable="true"))):
            ask(f"setting: {label}", {"Configs": settings}, short=f"set-{version}-{label.replace(' ', '-')}")
        time.sleep(0.1)
        k.note(f"v{version} made", {"exist": sorted(
            topic["Name"] for topic in k.call("Metadata", 1, {"Topics": None})["Topics"]
            if topic["Name"].startswith((k.name(f"new-{version}"), k.name(f"set-{version}"))))})


@case
def delete_topics(k):
    for version in k.versions("DeleteTopics"):
        names = [k.create(f"gone-{version}-{index}") for index in range(4)]

        def ask(label, *topics, version=version):
            body = {"Topics": list(topics)} if version >= 6 else {"TopicNames": [topic["Name"] for topic in topics]}
            k.ask(f"v{version} {label}", "DeleteTopics", version, {**body, "TimeoutMs": 8000})

        ask("one", {"Name": names[0]})
        ask("it again", {"Name": names[0]})
        ask("none")
        ask("one twice", {"Name": names[1]}, {"Name": names[1]})
        ask("known and unknown", {"Name": names[2]}, {"Name": k.name("nobody")})
        for bad in ("", "a/b"):
            ask(f"name {bad!r}", {"Name": bad})
        if version >= 6:
            known = k.topic_id(names[3])
            ask("unknown id", {"Name": None, "TopicId": bytes(range(16))})
            ask("neither", {"Name": None})
            ask("id and name", {"Name": names[3], "TopicId": known})
            ask("id", {"Name": None, "TopicId": known})
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and k.describe(names[2])["ErrorCode"] == 0:
            time.sleep(0.05)
        k.note(f"v{version} afterwards", [k.describe(name)["ErrorCode"] for name in names])


@case
def a_topic_made_again_is_empty(k):
    name = k.create("again")
    import batch
    k.note("produced", k.produce(name, batch.build()))
    k.note("end before", k.end(name))
    k.call("DeleteTopics", 1, {"TopicNames": [name], "TimeoutMs": 8000})
    time.sleep(0.3)
    k.create("again")
    k.note("end after", k.end(name))


@case
def create_partitions(k):
    for version in k.versions("CreatePartitions"):
        name = k.create(f"grow-{version}", 2)

        def ask(label, *topics, version=version, name=name, **more):
            k.ask(f"v{version} {label}", "CreatePartitions", version, {
                "Topics": [{"Name": name, "Assignments": None, **topic} for topic in topics],
                "TimeoutMs": 8000, **more})

        ask("only validated", {"Count": 4}, ValidateOnly=True)
        ask("more", {"Count": 3})
        k.settle(name, 3)
        for count in (3, 2, 0, -1):
            ask(f"to {count}", {"Count": count})
        ask("none")
        ask("unknown topic", {"Name": k.name("nobody"), "Count": 3})
        ask("bad name", {"Name": "a/b", "Count": 3})
        ask("twice", {"Count": 4}, {"Count": 5})
        ask("assigned", {"Count": 4, "Assignments": [{"BrokerIds": [1]}]})
        k.settle(name, 4)
        ask("too many assigned", {"Count": 5, "Assignments": [{"BrokerIds": [1]}, {"BrokerIds": [1]}]})
        ask("none assigned", {"Count": 5, "Assignments": []})
        ask("assigned to a stranger", {"Count": 5, "Assignments": [{"BrokerIds": [9]}]})
        ask("assigned to nobody", {"Count": 5, "Assignments": [{"BrokerIds": []}]})
        k.note(f"v{version} afterwards", len(k.describe(name)["Partitions"]))


# Broker settings that are compared; a broker has many of its own.
BROKER_KEYS = ["auto.create.topics.enable", "num.partitions", "default.replication.factor", "log.retention.ms",
               "log.retention.hours", "message.max.bytes", "log.segment.bytes", "compression.type", "log.cleanup.policy",
               "log.retention.bytes", "log.message.timestamp.type", "node.id", "min.insync.replicas",
               "connections.max.idle.ms", "socket.request.max.bytes", "log.flush.interval.messages", "no.such.key"]


@case
def describe_configs(k):
    name = k.create("described", configs={"flush.ms": "1234567", "compression.type": "gzip"})
    for version in k.versions("DescribeConfigs"):
        for label, resource in (
                ("topic", {"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": None}),
                ("two keys", {"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": ["retention.ms", "no.such"]}),
                ("no keys", {"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": []}),
                ("unknown topic", {"ResourceType": 2, "ResourceName": k.name("nobody"), "ConfigurationKeys": None}),
                ("bad topic", {"ResourceType": 2, "ResourceName": "a/b", "ConfigurationKeys": None}),
                ("empty topic", {"ResourceType": 2, "ResourceName": "", "ConfigurationKeys": None}),
                ("broker", {"ResourceType": 4, "ResourceName": "1", "ConfigurationKeys": BROKER_KEYS}),
                ("default broker", {"ResourceType": 4, "ResourceName": "", "ConfigurationKeys": BROKER_KEYS}),
                ("other broker", {"ResourceType": 4, "ResourceName": "7", "ConfigurationKeys": None}),
                ("broker by word", {"ResourceType": 4, "ResourceName": "one", "ConfigurationKeys": None}),
                ("unknown type", {"ResourceType": 3, "ResourceName": "x", "ConfigurationKeys": None}),
                ("type 99", {"ResourceType": 99, "ResourceName": "x", "ConfigurationKeys": None})):
            for synonyms in (False, True):
                if synonyms and label not in ("topic", "broker"):
                    continue
                k.ask(f"v{version} {label}{' with synonyms' * synonyms}", "DescribeConfigs", version,
                      {"Resources": [{**resource}], "IncludeSynonyms": synonyms, "IncludeDocumentation": synonyms}
                      if version >= 3 else {"Resources": [{**resource}], "IncludeSynonyms": synonyms})
        k.ask(f"v{version} twice", "DescribeConfigs", version, {"Resources": [
            {"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": ["retention.ms"]}] * 2})


def _changed(k, name):
    """The settings of a topic that are its own, by name."""
    answer = k.call("DescribeConfigs", 1, {"Resources": [
        {"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": None}]})
    if not isinstance(answer, dict):
        return answer
    return {entry["Name"]: entry["Value"] for entry in answer["Results"][0]["Configs"] if entry["ConfigSource"] == 1}


@case
def incremental_alter_configs(k):
    for version in k.versions("IncrementalAlterConfigs"):
        name = k.create(f"inc-{version}")

        def ask(label, *changes, kind=2, resource=None, times=1, version=version, name=name, **more):
            resource = name if resource is None else resource
            k.ask(f"v{version} {label}", "IncrementalAlterConfigs", version, {"Resources": [
                {"ResourceType": kind, "ResourceName": resource, "Configs": [
                    {"Name": key, "ConfigOperation": operation, "Value": value} for key, operation, value in changes]}
            ] * times, **more})
            if kind == 2 and resource == name:
                time.sleep(0.05)
                k.note(f"v{version} {label}, then", _changed(k, name))

        ask("set", ("flush.ms", 0, "5000"), ("max.message.bytes", 0, "2097152"))
        ask("only validated", ("flush.ms", 0, "7000"), ValidateOnly=True)
        ask("later", ("retention.ms", 0, "5000"), ValidateOnly=True)
        ask("bad value", ("flush.ms", 0, "x"))
        ask("good and bad", ("segment.ms", 0, "1000"), ("flush.ms", 0, "x"))
        ask("unknown key", ("no.such", 0, "1"))
        ask("delete unknown key", ("no.such", 1, None))
        ask("delete", ("flush.ms", 1, None))
        ask("delete what is not set", ("flush.ms", 1, None))
        ask("delete with a value", ("max.message.bytes", 1, "1"))
        ask("null value", ("flush.ms", 0, None))
        ask("key twice", ("flush.ms", 0, "1000"), ("flush.ms", 0, "2000"))
        ask("append", ("cleanup.policy", 2, "compact"))
        ask("append again", ("cleanup.policy", 2, "compact"))
        ask("subtract", ("cleanup.policy", 3, "compact"))
        ask("subtract what is not there", ("cleanup.policy", 3, "compact"))
        ask("subtract the last", ("cleanup.policy", 3, "delete"))
        ask("append to a number", ("flush.ms", 2, "1"))
        ask("append null", ("cleanup.policy", 2, None))
        ask("unknown operation", ("flush.ms", 9, "1"))
        ask("nothing")
        ask("topic twice", ("flush.ms", 0, "1000"), times=2)
        ask("unknown topic", ("flush.ms", 0, "1000"), resource=k.name("nobody"))
        ask("bad topic", ("flush.ms", 0, "1000"), resource="a/b")
        ask("empty topic", ("flush.ms", 0, "1000"), resource="")
        ask("other broker", ("log.retention.ms", 0, "1000"), kind=4, resource="7")
        ask("broker by word", ("log.retention.ms", 0, "1000"), kind=4, resource="x")
        ask("broker, unknown key", ("no.such", 0, "1000"), kind=4, resource="1")
        ask("type 3", ("flush.ms", 0, "1000"), kind=3, resource="x")
        ask("type 99", ("flush.ms", 0, "1000"), kind=99, resource="x")


@case
def alter_configs(k):
    for version in k.versions("AlterConfigs"):
        name = k.create(f"alt-{version}", configs={"segment.ms": "100000"})

        def ask(label, *changes, resource=None, version=version, name=name, **more):
            resource = name if resource is None else resource
            k.ask(f"v{version} {label}", "AlterConfigs", version, {"Resources": [
                {"ResourceType": 2, "ResourceName": resource, "Configs": [
                    {"Name": key, "Value": value} for key, value in changes]}], **more})
            if resource == name:
                time.sleep(0.05)
                k.note(f"v{version} {label}, then", _changed(k, name))

        ask("only validated", ("flush.ms", "7000"), ValidateOnly=True)
        ask("replaces all", ("flush.ms", "5000"))
        ask("bad value", ("flush.ms", "x"))
        ask("null value", ("flush.ms", None))
        ask("unknown key", ("no.such", "1"))
        ask("key twice", ("flush.ms", "1000"), ("flush.ms", "2000"))
        ask("nothing")
        ask("unknown topic", ("flush.ms", "1000"), resource=k.name("nobody"))


@case
def zz_find_coordinator(k):
    """Last, since Kafka makes its internal topics on the first question, and answers 15 until it has them."""
    deadline = time.monotonic() + 60
    while k.call("FindCoordinator", 1, {"Key": "g"})["ErrorCode"] == 15 and time.monotonic() < deadline:
        time.sleep(0.1)
    for version in k.versions("FindCoordinator"):
        for kind in (0, 1, 2, 9, -1):
            if version == 0 and kind:
                continue
            body = {"Key": "g"} if version < 4 else {"CoordinatorKeys": ["g", "h"]}
            k.ask(f"v{version} type {kind}", "FindCoordinator", version, {**body, **({"KeyType": kind} if version else {})})
        k.ask(f"v{version} empty key", "FindCoordinator", version, {"Key": ""} if version < 4 else {"CoordinatorKeys": [""]})
