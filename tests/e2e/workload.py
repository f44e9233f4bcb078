"""The load and the checker of crash.py and powercut.py.

Values are unique and say who they are, so that the log alone tells what became of each record. Nobody sends a record
twice (no retries), so none may be there twice."""

import random
import threading
import time
import zlib

import batch
import protocol

BLOCK = random.Random(1).randbytes(1 << 21)


def value_of(number, size):
    """The record with this number: its name, then bytes that follow from it."""
    head = b"%012d|%08d|" % (number, size)
    start = number * 7919 % (1 << 20)
    return head + BLOCK[start:start + max(size - len(head), 0)]


def number_of(value):
    """The number of a record that value_of() made; None when a byte of it is not as it was."""
    try:
        number, size = int(value[:12]), int(value[13:21])
    except ValueError:
        return None
    return number if value == value_of(number, size) else None


class Topic:
    def __init__(self, name, partitions, sizes, configs=None):
        self.name, self.partitions, self.sizes, self.configs = name, partitions, sizes, configs or {}

    def size(self, chooser):
        low, high = self.sizes
        return int(low * (high / low) ** chooser.random())      # as many small as large, by order of magnitude


def topics_of(era, many=40):
    """A fresh set: a few busy partitions, many small ones, a few with large values."""
    large = {"max.message.bytes": "2097152", "segment.bytes": "33554432"}
    return [Topic(f"few-{era}", 3, (25, 2000)), Topic(f"many-{era}", many, (25, 300)),
            Topic(f"large-{era}", 2, (5000, 1_000_000), large),
            Topic(f"rolls-{era}", 2, (100, 20_000), {"segment.bytes": "1048576"})]


class Ledger:
    """What was sent, acknowledged and seen since the topics are there. Written by many threads under one lock."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}          # number -> (topic, partition)
        self.acked = {}         # number -> offset
        self.seen = {}          # (topic, partition, offset) -> number, as a consumer read it under load
        self.refused = {}       # number -> error that the broker or the client gave
        self.read = {}          # (topic, partition) -> numbers in offset order, as read last


_next_number = 0


def _take_numbers(ledger, count, topic, partition):
    global _next_number
    with ledger.lock:
        first, _next_number = _next_number, _next_number + count
        for number in range(first, first + count):
            ledger.sent[number] = (topic, partition)
    return range(first, first + count)


def _quiet(address, **more):
    return {"bootstrap.servers": address, "log_level": 0, "error_cb": lambda error: None,
            "socket.timeout.ms": 20000, "broker.address.family": "v4", "reconnect.backoff.max.ms": 200, **more}


class _Client(threading.Thread):
    """One source of load; ends when `stopped` is set."""

    def __init__(self, address, ledger, topics, seed):
        super().__init__(daemon=True)
        self.address, self.ledger, self.topics = address, ledger, topics
        self.chooser, self.stopped, self.failure = random.Random(seed), threading.Event(), None

    def run(self):
        try:
            self.work()
        except Exception as error:
            self.failure = error

    def work(self):
        raise NotImplementedError


class LibrdkafkaProducer(_Client):
    def __init__(self, address, ledger, topics, seed, acks="all", codec="none", linger=0, pending=300):
        super().__init__(address, ledger, topics, seed)
        self.pending, self.codec = pending, codec
        self.settings = _quiet(address, **{
            "acks": acks, "compression.type": codec, "linger.ms": linger, "enable.idempotence": False,
            "message.send.max.retries": 0, "message.max.bytes": 2_000_000, "message.timeout.ms": 60000,
            "queue.buffering.max.messages": 100000})

    def work(self):
        from confluent_kafka import Producer
        producer = Producer(self.settings)

        def delivered(number):
            def note(error, message):
                with self.ledger.lock:
                    if error is None:
                        self.ledger.acked[number] = message.offset()
                    else:
                        self.ledger.refused[number] = error.name()
            return note

        while not self.stopped.is_set():
            if len(producer) >= self.pending:
                producer.poll(0.005)
                continue
            topic = self.chooser.choice(self.topics)
            partition = self.chooser.randrange(topic.partitions)
            for _ in range(self.chooser.choice((1, 1, 1, 5, 30))):
                number = _take_numbers(self.ledger, 1, topic.name, partition)[0]
                producer.produce(topic.name, value_of(number, topic.size(self.chooser)), partition=partition,
                                 on_delivery=delivered(number))
            producer.poll(0)
            time.sleep(0.002)
        producer.flush(0.3)         # answers that came already
        producer.purge()
        producer.flush(2)


class RawProducer(_Client):
    """Several partitions in one request and several requests on the way, which the libraries seldom do."""

    def work(self):
        with protocol.Connection(self.address, timeout=1) as connection:
            waiting = []
            while not self.stopped.is_set():
                topic = self.chooser.choice(self.topics)
                parts, numbers = [], {}
                for partition in self.chooser.sample(range(topic.partitions), min(topic.partitions, 5)):
                    taken = _take_numbers(self.ledger, self.chooser.randrange(1, 4), topic.name, partition)
                    now = int(time.time() * 1000)
                    values = [value_of(number, self.chooser.randrange(25, 120)) for number in taken]
                    codec = self.chooser.choice(("none", "none", "gzip", "snappy"))
                    parts.append({"Index": partition, "Records": batch.build(values, codec=codec, base_time=now)})
                    numbers[partition] = taken
                connection.send("Produce", 7, {"Acks": self.chooser.choice((-1, 1)), "TimeoutMs": 10000, "TopicData": [
                    {"Name": topic.name, "PartitionData": parts}]})
                waiting.append(numbers)
                if len(waiting) >= 4:
                    self.take_answer(connection, waiting)
            while waiting:
                self.take_answer(connection, waiting)

    def take_answer(self, connection, waiting):
        answer = connection.receive("Produce", 7)[1]
        numbers = waiting.pop(0)
        with self.ledger.lock:
            for part in answer["Responses"][0]["PartitionResponses"]:
                for step, number in enumerate(numbers[part["Index"]]):
                    if part["ErrorCode"] == 0:
                        self.ledger.acked[number] = part["BaseOffset"] + step
                    else:
                        self.ledger.refused[number] = f"error {part['ErrorCode']}"

    def run(self):
        try:
            self.work()
        except (OSError, protocol.ProtocolError):
            pass                    # the broker is gone: that is the test
        except Exception as error:
            self.failure = error


class Reader(_Client):
    """A consumer under load. What it has read, a crash may not take back."""

    def work(self):
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer(_quiet(self.address, **{"group.id": "e2e", "enable.auto.commit": False,
                                                    "fetch.wait.max.ms": 50, "check.crcs": True}))
        consumer.assign([TopicPartition(topic.name, partition, len(self.ledger.read.get((topic.name, partition), ())))
                         for topic in self.topics for partition in range(topic.partitions)])
        while not self.stopped.is_set():
            for message in consumer.consume(500, 0.05):
                if message.error() is None:
                    number = number_of(message.value())
                    with self.ledger.lock:
                        self.ledger.seen[message.topic(), message.partition(), message.offset()] = number
        consumer.close()


class Load:
    """All clients at once."""

    def __init__(self, address, ledger, topics, seed):
        few, many, large, rolls = topics
        make = LibrdkafkaProducer
        self.clients = [
            make(address, ledger, [few, many], seed + 1),
            make(address, ledger, [few, many, rolls], seed + 2, acks="1", codec="lz4", linger=5),
            make(address, ledger, [many, rolls], seed + 3, codec="zstd", linger=20),
            make(address, ledger, [large, rolls], seed + 4, pending=8),
            RawProducer(address, ledger, [few, many], seed + 5),
            Reader(address, ledger, topics, seed + 6)]

    def start(self):
        for client in self.clients:
            client.start()
        return self

    def stop(self):
        """To be called once the broker is gone (or to end the load in peace)."""
        for client in self.clients:
            client.stopped.set()
        for client in self.clients:
            client.join(60)
            if client.is_alive():
                raise RuntimeError(f"{type(client).__name__} does not end")
            if client.failure is not None:
                raise client.failure


def create_topics(address, topics, timeout=30):
    """Makes the topics and waits for their leaders."""
    deadline = time.monotonic() + timeout
    with protocol.Connection(address, timeout) as connection:
        answer = connection.call("CreateTopics", 3, {"timeoutMs": 20000, "Topics": [
            {"Name": topic.name, "NumPartitions": topic.partitions, "ReplicationFactor": 1,
             "Configs": [{"Name": key, "Value": value} for key, value in topic.configs.items()]} for topic in topics]})
        for result in answer["Topics"]:
            if result["ErrorCode"]:
                raise RuntimeError(f"cannot create {result}")
        while True:
            found = connection.call("Metadata", 1, {"Topics": [{"Name": topic.name} for topic in topics]})["Topics"]
            if all(entry["ErrorCode"] == 0 and all(part["LeaderId"] >= 0 and not part["ErrorCode"]
                                                   for part in entry["Partitions"]) for entry in found):
                return
            if time.monotonic() > deadline:
                raise RuntimeError("the topics have no leaders")
            time.sleep(0.05)


def delete_topics(address, topics):
    with protocol.Connection(address, 30) as connection:
        connection.call("DeleteTopics", 1, {"TopicNames": [topic.name for topic in topics], "TimeoutMs": 20000})


def _ends(address, topics, timeout):
    """The high watermark of each partition; waits while a partition has no leader yet."""
    deadline = time.monotonic() + timeout
    while True:
        with protocol.Connection(address, timeout) as connection:
            answer = connection.call("ListOffsets", 1, {"ReplicaId": -1, "Topics": [
                {"Name": topic.name, "Partitions": [{"PartitionIndex": index, "Timestamp": -1}
                                                    for index in range(topic.partitions)]} for topic in topics]})
        parts = [(entry["Name"], part) for entry in answer["Topics"] for part in entry["Partitions"]]
        broken = [(name, part["PartitionIndex"], part["ErrorCode"]) for name, part in parts if part["ErrorCode"]]
        if not broken:
            return {(name, part["PartitionIndex"]): part["Offset"] for name, part in parts}
        if time.monotonic() > deadline:
            raise RuntimeError(f"no offsets of {broken[:5]}")
        time.sleep(0.1)


def read_all(address, topics, timeout=120):
    """{(topic, partition): [(offset, number or None)]} of everything up to the high watermarks."""
    from confluent_kafka import Consumer, TopicPartition
    ends = _ends(address, topics, 30)
    found = {key: [] for key in ends}
    open_ends = {key for key, end in ends.items() if end > 0}
    consumer = Consumer(_quiet(address, **{
        "group.id": "e2e", "enable.auto.commit": False, "check.crcs": True, "fetch.wait.max.ms": 50,
        "auto.offset.reset": "error", "queued.max.messages.kbytes": 65536}))
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in open_ends])
    deadline = time.monotonic() + timeout
    while open_ends and time.monotonic() < deadline:
        for message in consumer.consume(2000, 0.2):
            if message.error() is not None:
                continue
            key = message.topic(), message.partition()
            found[key].append((message.offset(), number_of(message.value())))
            if message.offset() + 1 >= ends[key]:
                open_ends.discard(key)
    consumer.close()
    return found, ends, open_ends


def check(address, topics, ledger, timeout=120):
    """Reads everything and compares it with the ledger; the violations, as lines."""
    found, ends, unread = read_all(address, topics, timeout)
    wrong = [f"{topic}-{partition}: the end {ends[topic, partition]} was not reached, "
             f"{len(found[topic, partition])} records read" for topic, partition in sorted(unread)]
    where = {}
    for (topic, partition), records in found.items():
        for index, (offset, number) in enumerate(records):
            place = f"{topic}-{partition} offset {offset}"
            if offset != index:
                wrong.append(f"{place}: the {index}th record, so the offsets are not dense")
                break
            if number is None:
                wrong.append(f"{place}: its bytes are not those of any record sent")
            elif ledger.sent.get(number) != (topic, partition):
                wrong.append(f"{place}: record {number} was sent to {ledger.sent.get(number)}")
            elif number in where:
                wrong.append(f"{place}: record {number} is also at {where[number][2]}, but was sent once")
            else:
                where[number] = (topic, partition, offset)
    lost = moved = 0
    for number, offset in ledger.acked.items():
        topic, partition = ledger.sent[number]
        if number not in where:
            lost += 1
            if lost <= 5:
                wrong.append(f"{topic}-{partition} offset {offset}: record {number} was acknowledged and is lost")
        elif where[number][2] != offset:
            moved += 1
            if moved <= 5:
                wrong.append(f"{topic}-{partition}: record {number} was acknowledged at {offset}, is at {where[number][2]}")
    if lost or moved:
        wrong.append(f"{lost} of {len(ledger.acked)} acknowledged records lost, {moved} moved")
    gone = [key for key, number in ledger.seen.items() if number is None or where.get(number) != key]
    wrong += [f"{topic}-{partition} offset {offset}: a consumer had read another record there"
              for topic, partition, offset in gone[:5]]
    now = {key: [number for _, number in records] for key, records in found.items()}
    for key, before in ledger.read.items():
        if now.get(key, [])[:len(before)] != before:
            wrong.append(f"{key[0]}-{key[1]}: what was read after the last start reads differently now")
    ledger.read, ledger.seen = now, {}
    return wrong


def summary(ledger):
    """What happened to the records so far, in words; a digest of the log for comparing runs."""
    kept = sum(map(len, ledger.read.values()))
    digest = zlib.crc32(repr(sorted(ledger.read.items())).encode())
    return (f"{len(ledger.sent)} sent, {len(ledger.acked)} acknowledged, {len(ledger.refused)} failed, "
            f"{kept} in the log ({digest:08x})")
