#!/usr/bin/env python3
"""kafka-python, which is told that the broker is an older Kafka and speaks as that one did: a producer, a member of a group
and the admin calls, once for each of VERSIONS. So requests come in versions that clients of today send to nobody else.

A call that a version does not have is `-`, one of KNOWN `known`. Prints a table of version by call and `N passed, N failed`."""

import argparse
import functools
import shutil
import sys

import broker as brokers
import cache
import clients
import feature_table

VERSIONS = ((0, 11), (1, 1), (2, 1), (2, 3), (2, 5), (2, 8), (3, 3), (3, 8), None)     # None: what the broker says
RECORDS = 3
OLDEST_CONFIGS = "Kafka 4 serves no DescribeConfigs of version 0 either"
KNOWN = {                       # (version, call): why it fails
    ("0.11", "describe configs"): OLDEST_CONFIGS,
    ("0.11", "alter configs"): OLDEST_CONFIGS,      # which asks for them first
    ("0.11", "alter configs, all of them"): OLDEST_CONFIGS,
    ("1.1", "describe log dirs"): "Kafka 4 serves no DescribeLogDirs of version 0 either",
    ("2.8", "describe cluster"): "kafka-python looks for a field that the answer's version 0 does not have",
    ("3.3", "describe cluster"): "kafka-python looks for a field that the answer's version 0 does not have",
}


class Client:
    """All of a version: its name, its topic and group, its calls."""

    def __init__(self, address, version):
        self.name = ".".join(map(str, version)) if version else "newest"
        self.topic, self.group = f"topic-{self.name}", f"group-{self.name}"
        self.base = {"bootstrap_servers": address, **({"api_version": version} if version else {})}

    @functools.cached_property
    def admin(self):
        from kafka.admin import KafkaAdminClient
        return KafkaAdminClient(**self.base)

    @functools.cached_property
    def place(self):
        from kafka import TopicPartition
        return TopicPartition(self.topic, 0)

    def resource(self, configs=None):
        from kafka.admin import ConfigResource
        return ConfigResource("topic", self.topic, configs)

    def create(self):
        self.admin.create_topics({self.topic: {"num_partitions": 1, "replication_factor": 1}})

    def produce(self):
        from kafka import KafkaProducer
        producer = KafkaProducer(**self.base)
        for _ in range(RECORDS):
            producer.send(self.topic, b"value", b"key", partition=0).get(30)
        producer.close()

    def consume(self):
        from kafka import KafkaConsumer
        consumer = KafkaConsumer(self.topic, group_id=self.group, auto_offset_reset="earliest", heartbeat_interval_ms=200,
                                 **self.base)
        got = 0
        for _ in range(100):
            got += sum(map(len, consumer.poll(300).values()))
            if got >= RECORDS:
                break
        consumer.poll(1000)         # some heartbeats
        consumer.commit()
        committed = consumer.committed(self.place)
        consumer.close()
        return clients.differs("records, committed", (got, committed), (RECORDS, RECORDS))

    def calls(self):
        """(name, call) in their order; what a call returns is not looked at, but for texts and None."""
        from kafka.structs import OffsetAndMetadata
        admin = self.admin
        asked = {
            "describe topics": lambda: admin.describe_topics([self.topic]),
            "describe topic partitions": lambda: admin.describe_topic_partitions([self.topic]),
            "describe cluster": lambda: admin.describe_cluster(),
            "describe log dirs": lambda: admin.describe_log_dirs(),
            "describe configs": lambda: admin.describe_configs([self.resource()]),
            "alter configs": lambda: admin.alter_configs([self.resource({"segment.ms": "7200000"})]),
            "alter configs, all of them": lambda: admin.alter_configs([self.resource({"segment.ms": "7200001"})], incremental=False),
            "create partitions": lambda: admin.create_partitions({self.topic: 2}),
            "list groups": lambda: admin.list_groups(),
            "describe groups": lambda: admin.describe_groups([self.group]),
            "list group offsets": lambda: admin.list_group_offsets({self.group: [self.place]}),
            "alter group offsets": lambda: admin.alter_group_offsets(self.group, {self.place: OffsetAndMetadata(1, "", -1)}),
            "delete group offsets": lambda: admin.delete_group_offsets(self.group, [self.place]),
            "delete groups": lambda: admin.delete_groups([self.group]),
            "delete records": lambda: admin.delete_records({self.place: 1}),
            "delete topics": lambda: admin.delete_topics([self.topic]),
        }
        return [("create topics", self.create), ("produce", self.produce), ("consume", self.consume), *asked.items()]


def run(table, client):
    from kafka.errors import IncompatibleBrokerVersion, UnsupportedVersionError
    for name, call in client.calls():
        try:
            found = call()
            wrong = found if isinstance(found, str) else None
        except (IncompatibleBrokerVersion, UnsupportedVersionError):
            table.put(client.name, name, "-")
            continue
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        known = (client.name, name) in KNOWN
        if known and wrong:
            table.put(client.name, name, "known")
        else:
            table.cell(client.name, name, lambda: "it does not fail any more" if known else wrong)
    client.admin.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    arguments = parser.parse_args()
    cache.in_venv()

    table = feature_table.Table()
    with brokers.from_arguments(arguments, "older-clients", settings={"group.initial.rebalance.delay.ms": "0"}) as broker:
        broker.start()
        for version in VERSIONS:
            run(table, Client(broker.address, version))
        broker.stop()
        if not table.failures:
            shutil.rmtree(broker.data_dir, ignore_errors=True)
    table.show()
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
