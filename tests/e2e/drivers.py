"""Each stock client behind the same few verbs, for clients.py.

A record is (key, value, headers, timestamp) in bytes; what is read back is Record. A verb that a client does not have
is missing from its class, and its cells of the table say so."""

import base64
import collections
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import cache

Record = collections.namedtuple("Record", "offset key value headers timestamp")
LIMIT = 2_097_152       # bytes that a topic and its clients let a batch have


class Failed(Exception):
    pass


def _run(command, text=b"", timeout=90):
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(command[0])} does not end") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Failed(f"exit {done.returncode}: {' / '.join(words[-3:])[:300]}")
    return done.stdout


class Kcat:
    """kcat of the distribution, with whatever librdkafka it has."""

    name, codecs = "kcat", ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, address):
        self.base = ["kcat", "-q", "-b", address, "-X", "broker.address.family=v4"]

    @staticmethod
    def here():
        return shutil.which("kcat")

    def produce(self, topic, partition, codec, records):
        for key, value, headers, _ in records:
            with tempfile.NamedTemporaryFile() as file:
                file.write(value)
                file.flush()
                marks = [word for name, text in headers for word in ("-H", f"{name}={text.decode()}")]
                _run([*self.base, "-P", "-t", topic, "-p", partition, "-z", codec, "-X", "acks=all", "-X", f"message.max.bytes={LIMIT}", "-k", key.decode(), *marks, file.name])

    def consume(self, topic, partition, offset, count):
        out = _run([*self.base, "-C", "-t", topic, "-p", partition, "-o", offset, "-c", count, "-J", "-e",
                    "-X", f"fetch.message.max.bytes={LIMIT}"])
        found = []
        for line in out.splitlines():
            one = json.loads(line)
            marks = one.get("headers", [])
            found.append(Record(one["offset"], one["key"].encode(), one["payload"].encode(),
                                [(name, text.encode()) for name, text in zip(marks[::2], marks[1::2])], one["ts"]))
        return found

    def topics(self):
        found = json.loads(_run([*self.base, "-L", "-J"]))
        return {topic["topic"]: len(topic["partitions"]) for topic in found["topics"]}

    def at(self, topic, partition, timestamp):
        return int(_run([*self.base, "-Q", "-t", f"{topic}:{partition}:{timestamp}"]).split()[-1])


class Confluent:
    """confluent-kafka, with the librdkafka of its wheel."""

    name, codecs = "confluent-kafka", ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, address):
        from confluent_kafka.admin import AdminClient
        self.base = {"bootstrap.servers": address, "broker.address.family": "v4", "log_level": 0}
        self.admin = AdminClient(self.base)

    @staticmethod
    def here():
        return True

    def produce(self, topic, partition, codec, records):
        from confluent_kafka import Producer
        producer = Producer({**self.base, "compression.type": codec, "enable.idempotence": True,
                             "message.max.bytes": LIMIT, "message.timeout.ms": 30000})
        errors = []
        for key, value, headers, timestamp in records:
            producer.produce(topic, value, key, partition, timestamp=timestamp, headers=headers,
                             on_delivery=lambda error, _: errors.append(error) if error else None)
            producer.flush(40)      # each in a batch of its own
        if errors:
            raise Failed(str(errors[0]))

    def _consumer(self):
        from confluent_kafka import Consumer
        return Consumer({**self.base, "group.id": "e2e", "enable.auto.commit": False, "check.crcs": True})

    def consume(self, topic, partition, offset, count):
        from confluent_kafka import TopicPartition
        consumer, found = self._consumer(), []
        consumer.assign([TopicPartition(topic, partition, offset)])
        for _ in range(300):
            for message in consumer.consume(100, 0.1):
                if message.error():
                    raise Failed(str(message.error()))
                found.append(Record(message.offset(), message.key(), message.value(), message.headers() or [],
                                    message.timestamp()[1]))
            if len(found) >= count:
                break
        consumer.close()
        return found

    def at(self, topic, partition, timestamp):
        from confluent_kafka import TopicPartition
        consumer = self._consumer()
        found = consumer.offsets_for_times([TopicPartition(topic, partition, timestamp)], 20)[0]
        consumer.close()
        if found.error:
            raise Failed(str(found.error))
        return found.offset

    def end(self, topic, partition):
        from confluent_kafka import TopicPartition
        consumer = self._consumer()
        low_high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 20)
        consumer.close()
        return low_high[1]

    def _wait(self, futures):
        try:
            return [future.result(30) for future in futures.values()]
        except Exception as error:
            raise Failed(str(error)) from None

    def topics(self):
        return {name: len(topic.partitions) for name, topic in self.admin.list_topics(timeout=20).topics.items()}

    def create(self, topic, partitions, configs):
        from confluent_kafka.admin import NewTopic
        self._wait(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    def grow(self, topic, partitions):
        from confluent_kafka.admin import NewPartitions
        self._wait(self.admin.create_partitions([NewPartitions(topic, partitions)]))

    def delete(self, topic):
        self._wait(self.admin.delete_topics([topic]))

    def delete_records(self, topic, partition, before):
        from confluent_kafka import TopicPartition
        return self._wait(self.admin.delete_records([TopicPartition(topic, partition, before)]))[0].low_watermark

    def configs(self, topic):
        from confluent_kafka.admin import ConfigResource
        found = self._wait(self.admin.describe_configs([ConfigResource("topic", topic)]))[0]
        return {name: entry.value for name, entry in found.items()}

    def alter(self, topic, configs):
        from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
        self._wait(self.admin.incremental_alter_configs([ConfigResource("topic", topic, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in configs.items()])]))


class _Json:
    """A program that takes one JSON request and gives one JSON answer."""

    def _ask(self, do, **more):
        out = _run(self.command, json.dumps({"do": do, "address": self.address, **more}).encode())
        return json.loads(out)

    def __init__(self, address):
        self.address = address

    def produce(self, topic, partition, codec, records):
        self._ask("produce", topic=topic, partition=partition, codec=codec, records=[{
            "key": base64.b64encode(key).decode(), "value": base64.b64encode(value).decode(), "timestamp": timestamp,
            "headers": [{"key": name, "value": base64.b64encode(text).decode()} for name, text in headers],
        } for key, value, headers, timestamp in records])

    def topics(self):
        return self._ask("topics")

    def create(self, topic, partitions, configs):
        self._ask("create", topic=topic, partitions=partitions, configs=configs)

    def grow(self, topic, partitions):
        self._ask("grow", topic=topic, partitions=partitions)

    def delete(self, topic):
        self._ask("delete", topic=topic)

    def configs(self, topic):
        return self._ask("configs", topic=topic)

    def alter(self, topic, configs):
        self._ask("alter", topic=topic, configs=configs)

    def at(self, topic, partition, timestamp):
        return self._ask("at", topic=topic, partition=partition, timestamp=timestamp)

    def end(self, topic, partition):
        return self._ask("end", topic=topic, partition=partition)


class Franz(_Json):
    name, codecs = "franz-go", ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, address):
        super().__init__(address)
        self.command = [cache.franz()]

    @staticmethod
    def here():
        return cache.franz()

    def consume(self, topic, partition, offset, count):
        found = self._ask("consume", topic=topic, partition=partition, offset=offset, count=count)
        return [Record(one["offset"], base64.b64decode(one["key"]), base64.b64decode(one["value"]),
                       [(mark["key"], base64.b64decode(mark["value"])) for mark in one["headers"] or []],
                       one["timestamp"]) for one in found]


class Kafkajs(_Json):
    """Produces and administers; it consumes only in groups. Its alter replaces all settings (AlterConfigs)."""

    name, codecs = "kafkajs", ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, address):
        super().__init__(address)
        self.command = [cache.node_command(), pathlib.Path(cache.kafkajs()) / "client.js"]

    @staticmethod
    def here():
        return cache.kafkajs()


class Java:
    """Kafka's own console producer and consumer, kafka-topics, kafka-configs and kafka-get-offsets."""

    name, codecs = "java console", ("none", "gzip", "snappy", "lz4", "zstd")
    admin_name = "java admin tools"
    own_time = True         # the console producer stamps records itself
    partitions = False      # and places them itself

    def __init__(self, address):
        self.address = address

    @staticmethod
    def here():
        return cache.kafka_classpath()

    def _tool(self, name, *arguments, text=b""):
        return _run(cache.java(f"org.apache.kafka.tools.{name}", "--bootstrap-server", self.address, *arguments), text)

    def produce(self, topic, partition, codec, records):
        lines = b"".join(b",".join(b"%s:%s" % (name.encode(), text) for name, text in headers) + b"\t" + key + b"\t" +
                         value + b"\n" for key, value, headers, _ in records)
        out = self._tool("ConsoleProducer", "--topic", topic, "--compression-codec", codec, "--sync",
                         "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
                         "--command-property", f"max.request.size={LIMIT}", "--request-timeout-ms", "30000",
                         text=lines)
        if b"rror" in out:
            raise Failed(out[-300:].decode(errors="replace"))

    def consume(self, topic, partition, offset, count):
        wanted = [word for what in ("timestamp", "offset", "headers", "key")
                  for word in ("--formatter-property", f"print.{what}=true")]
        out = self._tool("consumer.ConsoleConsumer", "--topic", topic, "--partition", partition, "--offset", offset,
                         "--max-messages", count, "--timeout-ms", "30000",
                         "--command-property", f"max.partition.fetch.bytes={LIMIT}", *wanted)
        found = []
        for line in out.splitlines():
            if not line.startswith((b"CreateTime", b"LogAppendTime")):
                continue
            when, where, marks, key, value = line.split(b"\t", 4)
            pairs = [mark.split(b":", 1) for mark in marks.split(b",")] if marks != b"NO_HEADERS" else []
            found.append(Record(int(where.split(b":")[1]), key, value, [(name.decode(), text) for name, text in pairs],
                                int(when.split(b":")[1])))
        return found

    def topics(self):
        names = self._tool("TopicCommand", "--list").decode().split()
        counts = {}
        for line in self._tool("TopicCommand", "--describe").decode().splitlines():
            if line.startswith("Topic: "):
                words = line.split()
                counts[words[1]] = int(words[words.index("PartitionCount:") + 1])
        if set(names) != set(counts):
            raise Failed(f"--list says {names}, --describe {sorted(counts)}")
        return counts

    def create(self, topic, partitions, configs):
        settings = [word for name, value in configs.items() for word in ("--config", f"{name}={value}")]
        self._tool("TopicCommand", "--create", "--topic", topic, "--partitions", partitions, *settings)

    def grow(self, topic, partitions):
        self._tool("TopicCommand", "--alter", "--topic", topic, "--partitions", partitions)

    def delete(self, topic):
        self._tool("TopicCommand", "--delete", "--topic", topic)

    def delete_records(self, topic, partition, before):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as asked:
            json.dump({"version": 1, "partitions": [{"topic": topic, "partition": partition, "offset": before}]}, asked)
            asked.flush()
            out = self._tool("DeleteRecordsCommand", "--offset-json-file", asked.name).decode()
        for line in out.splitlines():
            if line.startswith(f"partition: {topic}-{partition}"):
                return int(line.rsplit(":", 1)[1])
        raise Failed(f"no low watermark in {out!r}")

    def _configs(self, *arguments):
        return _run(cache.java("org.apache.kafka.tools.ConfigCommand", "--bootstrap-server", self.address,
                               "--entity-type", "topics", *arguments))

    def configs(self, topic):
        found = {}
        for line in self._configs("--entity-name", topic, "--describe", "--all").decode().splitlines():
            if line.startswith("  ") and "=" in line:
                name, _, value = line.strip().split(" ")[0].partition("=")
                found[name] = value
        return found

    def alter(self, topic, configs):
        self._configs("--entity-name", topic, "--alter", "--add-config",
                      ",".join(f"{name}={value}" for name, value in configs.items()))

    def _offset(self, topic, partition, when):
        out = self._tool("GetOffsetShell", "--topic-partitions", f"{topic}:{partition}", "--time", when).decode()
        for line in out.splitlines():
            if line.startswith(f"{topic}:{partition}:"):
                return int(line.rsplit(":", 1)[1] or -1)
        raise Failed(f"no offset in {out!r}")

    def at(self, topic, partition, timestamp):
        return self._offset(topic, partition, timestamp)

    def end(self, topic, partition):
        return self._offset(topic, partition, -1)


ALL = (Kcat, Confluent, Franz, Java, Kafkajs)
