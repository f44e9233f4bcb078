"""The rude clients of limits.py: each takes (broker, random numbers) and returns what is wrong, or None."""

import gzip
import os
import resource
import select
import socket
import struct
import time

import batch
import protocol
import workload


def fetch_of(topic, offset, least, wait=1000, size=1 << 20):
    return {"MaxWaitMs": wait, "MinBytes": least, "MaxBytes": size, "Topics": [
        {"Topic": topic, "Partitions": [{"Partition": 0, "FetchOffset": offset, "PartitionMaxBytes": size}]}]}


def connect(address, receive_buffer=None):
    host, port = address.rsplit(":", 1)
    made = socket.socket()
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(15)
    made.connect((host, int(port)))
    return made


def closed(connection, within=10):
    """Whether the other side closes without a byte of answer."""
    connection.settimeout(within)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def create(address, name, configs=None, partitions=1):
    workload.create_topics(address, [workload.Topic(name, partitions, (1, 1), configs)])


def fill(address, name, megabytes):
    body = os.urandom(500_000)
    with protocol.Connection(address, 30) as connection:
        records = batch.build([body], crc=None)
        for _ in range(megabytes * 2):
            connection.call("Produce", 7, {"Acks": -1, "TimeoutMs": 20000, "TopicData": [
                {"Name": name, "PartitionData": [{"Index": 0, "Records": records}]}]})


def oversize_announcements(broker, _):
    for size in (104857601, 2147483647, -1, -2147483648):
        with connect(broker.address) as connection:
            connection.sendall(struct.pack(">i", size) + b"x" * 100)
            if not closed(connection):
                return f"a frame of {size} bytes is awaited"


def garbage(broker, chooser):
    for _ in range(200):
        with connect(broker.address) as connection:
            data = chooser.randbytes(chooser.randrange(1, 3000))
            try:
                connection.sendall(data if chooser.random() < 0.5 else struct.pack(">i", len(data)) + data)
            except ConnectionError:
                continue        # it was closed while the rest was on its way


def mutated_requests(broker, chooser):
    """Whole requests with a few bytes changed: an answer or a close, never a dead broker."""
    requests = [protocol.encode_request("Produce", 9, {"Acks": -1, "TimeoutMs": 100, "TopicData": [
        {"Name": "bystander", "PartitionData": [{"Index": 9, "Records": batch.build([b"a"] * 3, codec=codec)}]}]})
        for codec in batch.COMPRESS]
    requests += [protocol.encode_request("Fetch", version, fetch_of("bystander", 0, 0, 0)) for version in (4, 7, 12)]
    requests += [protocol.encode_request("Metadata", 9, {"Topics": [{"Name": "bystander"}]}),
                 protocol.encode_request("CreateTopics", 5, {"Topics": [{"Name": "mutant", "NumPartitions": 1,
                                                                       "ReplicationFactor": 1}], "validateOnly": True}),
                 protocol.encode_request("DescribeConfigs", 4, {"Resources": [{"ResourceType": 2, "ResourceName": "bystander",
                                                                             "ConfigurationKeys": None}]})]
    for _ in range(600):
        data = bytearray(chooser.choice(requests))
        for _ in range(chooser.randrange(1, 6)):
            at = chooser.randrange(4, len(data))        # api key and version stay
            action = chooser.randrange(3)
            if action == 0:
                data[at] = chooser.choice((0, 1, 0x7F, 0x80, 0xFF, chooser.randrange(256)))
            elif action == 1:
                del data[at:at + chooser.randrange(1, 9)]
            else:
                data[at:at] = chooser.randbytes(chooser.randrange(1, 9))
            if len(data) <= 5:
                break
        with connect(broker.address) as connection:
            try:
                connection.sendall(struct.pack(">i", len(data)) + data)
                connection.settimeout(0.05)
                connection.recv(100)
            except (ConnectionError, TimeoutError):
                pass


def half_requests(broker, chooser):
    """Connections that stop in the middle of a request: half of them leave, half stay."""
    data = protocol.encode_request("Produce", 7, {"Acks": -1, "TopicData": [
        {"Name": "bystander", "PartitionData": [{"Index": 0, "Records": batch.build([b"half"] * 50)}]}]})
    data, kept = struct.pack(">i", len(data)) + data, []
    for _ in range(300):
        connection = connect(broker.address)
        connection.sendall(data[:chooser.randrange(1, len(data))])
        if chooser.random() < 0.5:
            connection.close()
        else:
            kept.append(connection)
    time.sleep(1)
    for connection in kept:
        connection.close()


def announced_but_not_sent(broker, _):
    before, kept = broker.rss(), []
    for _ in range(50):
        connection = connect(broker.address)
        connection.sendall(struct.pack(">i", 90_000_000) + struct.pack(">hhih", 0, 7, 1, -1))
        kept.append(connection)
    time.sleep(2)
    grown = broker.rss() - before
    print(f"    50 announcements of 90 MB: {grown >> 20} MiB more resident")
    for connection in kept:
        connection.close()
    return f"announced bytes cost {grown >> 20} MiB" if grown > 16 << 20 and broker.name == "millrace" else None


def large_frames_trickle(broker, _):
    """20 clients each send most of a 50 MB request, slowly: together more than --memory, so some are not read."""
    kept, part = [], bytes(1 << 20)
    head = struct.pack(">hhih", 0, 7, 1, -1)
    for _ in range(20):
        connection = connect(broker.address)
        connection.sendall(struct.pack(">i", 50_000_000) + head)
        connection.setblocking(False)
        kept.append(connection)
    sent, until = dict.fromkeys(kept, 0), time.monotonic() + 8
    while time.monotonic() < until:
        writable = select.select([], [one for one in kept if sent[one] < 45_000_000], [], 0.2)[1]
        for connection in writable:
            try:
                sent[connection] += connection.send(part)
            except ConnectionError:
                sent[connection] = 1 << 40
    for connection in kept:
        connection.close()


def readers_that_do_not_read(broker, _):
    """100 clients each ask for 20 times 5 MB and read nothing."""
    kept = []
    for _ in range(100):
        connection = connect(broker.address, 4096)
        for correlation in range(20):
            frame = protocol.encode_request("Fetch", 11, fetch_of("bulk", 0, 1, 0, 5 << 20), correlation)
            connection.sendall(struct.pack(">i", len(frame)) + frame)
        kept.append(connection)
    time.sleep(5)
    for connection in kept:
        connection.close()


def slow_readers(broker, _):
    """30 clients that read 20 KB a second of what they asked for."""
    kept = []
    for _ in range(30):
        connection = connect(broker.address, 4096)
        frame = protocol.encode_request("Fetch", 11, fetch_of("bulk", 0, 1, 0, 20 << 20))
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        kept.append(connection)
    for _ in range(50):
        for connection in select.select(kept, [], [], 0)[0]:
            try:
                if not connection.recv(2000):
                    kept.remove(connection)
            except ConnectionError:
                kept.remove(connection)
        time.sleep(0.1)
    for connection in kept:
        connection.close()


def requests_without_reading(broker, _):
    """One client sends requests for ever and reads no answer: the broker must stop reading from it."""
    frame = protocol.encode_request("Metadata", 9, {"Topics": None})
    data = (struct.pack(">i", len(frame)) + frame) * 1000
    with connect(broker.address, 4096) as connection:
        connection.setblocking(False)
        sent, until = 0, time.monotonic() + 5
        while time.monotonic() < until:
            if select.select([], [connection], [], 0.5)[1]:
                try:
                    sent += connection.send(data)
                except ConnectionError:
                    break
        print(f"    {sent >> 10} KiB of requests were taken")
        return f"{sent >> 20} MiB of requests were taken without an answer being read" if sent > 64 << 20 else None


def bombs(broker, _):
    """Small batches that unpack to a gigabyte."""
    packed = gzip.compress(bytes(1 << 30), 9)
    with protocol.Connection(broker.address, 60) as connection:
        for _ in range(3):
            answer = connection.call("Produce", 7, {"Acks": -1, "TimeoutMs": 30000, "TopicData": [
                {"Name": "bulk", "PartitionData": [{"Index": 0, "Records": batch.build(codec="gzip", payload=packed)}]}]})
            code = answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"]
            if code == 0:
                return "a batch of zeros is accepted"


def absurd_counts(broker, _):
    """Requests that would be dear if they were believed."""
    with protocol.Connection(broker.address, 20) as connection:
        answer = connection.call("CreateTopics", 3, {"timeoutMs": 5000, "Topics": [
            {"Name": "absurd", "NumPartitions": 2147483647, "ReplicationFactor": 1}]})
        if answer["Topics"][0]["ErrorCode"] == 0:
            return "2^31-1 partitions are created"
        if broker.name == "millrace":       # Kafka's controller does not survive this one
            answer = connection.call("CreatePartitions", 0, {"TimeoutMs": 5000, "Topics": [
                {"Name": "bystander", "Count": 2147483647, "Assignments": None}]})
            if answer["Results"][0]["ErrorCode"] == 0:
                return "a topic grows to 2^31-1 partitions"
        parts = [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 30}] * 100_000
        connection.call("Fetch", 11, {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20,
                                      "Topics": [{"Topic": "bystander", "Partitions": parts}]})
        connection.call("Metadata", 9, {"AllowAutoTopicCreation": False,
                                        "Topics": [{"Name": f"nobody-{index}"} for index in range(50_000)]})


def idle_connections(broker, _):
    count = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
    before, start, kept = broker.rss(), time.monotonic(), []
    for index in range(count):
        kept.append(connect(broker.address))
        if index % 10 == 0:
            kept[-1].sendall(b"\0\0")       # and some in the middle of a length
    took = time.monotonic() - start
    time.sleep(1)
    cpu, since = broker.cpu_seconds(), time.monotonic()
    time.sleep(3)
    busy = (broker.cpu_seconds() - cpu) / (time.monotonic() - since)
    print(f"    {count} connections in {took:.1f} s, {(broker.rss() - before) / count / 1024:.1f} KiB each, {busy:.1%} of a core")
    with protocol.Connection(broker.address) as one_more:
        one_more.call("Metadata", 1, {"Topics": []})
    poll = select.poll()            # select() knows no descriptors above 1023
    for connection in kept:
        poll.register(connection, select.POLLIN)
    alive = count - len(poll.poll(0))
    for connection in kept:
        connection.close()
    return f"{count - alive} idle connections were closed" if alive < count else None


def many_that_do_not_read(broker, _):
    """64 clients pipeline requests with long answers and read none of them."""
    frame = protocol.encode_request("DescribeConfigs", 4, {"IncludeDocumentation": True, "Resources": [
        {"ResourceType": 2, "ResourceName": "bystander", "ConfigurationKeys": None}]})
    data, kept, before = (struct.pack(">i", len(frame)) + frame) * 200, [], broker.rss()
    for _ in range(64):
        connection = connect(broker.address, 4096)
        connection.setblocking(False)
        kept.append(connection)
    until = time.monotonic() + 8
    while time.monotonic() < until:
        for connection in select.select([], kept, [], 0.2)[1]:
            try:
                connection.send(data)
            except ConnectionError:
                kept.remove(connection)
        time.sleep(0.01)
    print(f"    {64 - len(kept)} of 64 were closed, {(broker.rss() - before) >> 20} MiB more resident")
    for connection in kept:
        connection.close()


def parked_and_cold_fetches(broker, _):
    """Fetches of old records behind one that waits for new ones: their answers may not pile up behind it."""
    kept = []
    for _ in range(20):
        connection = connect(broker.address, 4096)
        for number in range(200):
            asked = fetch_of("bulk", number % 100, 1, 0, 2 << 20)
            if number == 0:
                asked = fetch_of("bystander", 0, (1 << 31) - 1, 20_000)
            frame = protocol.encode_request("Fetch", 11, asked, number)
            connection.sendall(struct.pack(">i", len(frame)) + frame)
        kept.append(connection)
    time.sleep(5)
    for connection in kept:
        connection.close()


def zeros_by_zstd(size, window_log):
    """The records of one batch: one record with so many zeros, in a few KB of zstd that asks for such a window."""
    body = b"\0" + batch.varint(0) + batch.varint(0) + batch.varint(-1) + batch.varint(size)
    head = batch.varint(len(body) + size + 1) + body
    out = bytearray(b"\x28\xb5\x2f\xfd\x00" + bytes([window_log - 10 << 3]))
    out += (len(head) << 3).to_bytes(3, "little") + head
    left = size
    while left > 0:                     # one byte, repeated
        part = min(left, 131072)
        out += (part << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
        left -= part
    return bytes(out + (1 << 3 | 1).to_bytes(3, "little") + b"\0")


def produce_of(records):
    return protocol.encode_request("Produce", 7, {"Acks": -1, "TimeoutMs": 30000, "TopicData": [
        {"Name": "bulk", "PartitionData": [{"Index": 0, "Records": records}]}]})


def zstd_windows(broker, _):
    """24 clients each send a small batch whose window is 128 MiB and gets filled."""
    records = batch.build(codec="zstd", payload=zeros_by_zstd(200 << 20, 27))
    frame, kept, before = produce_of(records), [], broker.rss()
    for _ in range(24):
        connection = connect(broker.address)
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        kept.append(connection)
    time.sleep(5)
    print(f"    {(broker.rss() - before) >> 20} MiB more resident for windows")
    for connection in kept:
        connection.close()


def small_bombs(broker, _):
    """Batches of 60 KB with a record of 1.9 GB, from several clients at once: others must not wait for them."""
    frame, kept = produce_of(batch.build(codec="zstd", payload=zeros_by_zstd(1_900_000_000, 17))), []
    for _ in range(4):
        connection = connect(broker.address)
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        kept.append(connection)
    time.sleep(6)
    for connection in kept:
        connection.close()


RUDE = (oversize_announcements, garbage, mutated_requests, half_requests, announced_but_not_sent, large_frames_trickle,
        readers_that_do_not_read, slow_readers, requests_without_reading, many_that_do_not_read, parked_and_cold_fetches, bombs,
        zstd_windows, small_bombs, absurd_counts, idle_connections)
