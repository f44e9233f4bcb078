"""Endings and connections with more than one core. Each takes a function that makes a broker over a fresh data directory, and
returns what is wrong, or None."""

import collections
import contextlib
import os
import re
import select
import signal
import struct
import subprocess
import time

import batch
import protocol
from limits_rude import connect, create, fetch_of, fill


def two_cores(make, name, **settings):
    broker = make(name)
    allowed = sorted(os.sched_getaffinity(0))[:2]
    broker.cores = ",".join(str(cpu) for cpu in allowed)
    broker.settings.update({key.replace("__", "."): value for key, value in settings.items()})
    return broker if len(allowed) == 2 else None


def cores_share_connections(make):
    """Twelve connections at once are six on each core, and max.connections counts all cores."""
    broker = two_cores(make, "shares", logging__level="debug", max__connections="12")
    if broker is None:
        print("    one CPU only: left out")
        return None
    with broker, contextlib.ExitStack() as open_ones:
        broker.start()
        time.sleep(0.3)         # what asked whether it is ready has left
        begun = broker.log_text().count("connection begun")
        for _ in range(12):
            one = open_ones.enter_context(protocol.Connection(broker.address))
            if not one.call("Metadata", 1, {"Topics": []})["Brokers"]:
                return "no answer"
        time.sleep(0.3)
        lines = [line for line in broker.log_text().splitlines() if "connection begun" in line][begun:]
        shares = collections.Counter(re.search(r"core=(\d+)", line).group(1) for line in lines)
        print(f"    connections by core: {dict(shares)}")
        if sorted(shares.values()) != [6, 6]:
            return f"12 connections on two cores: {dict(shares)}"
        with connect(broker.address) as one_more:
            one_more.settimeout(5)
            try:
                if one_more.recv(1) != b"":
                    return "a connection above max.connections is answered"
            except ConnectionError:
                pass
        deadline = time.monotonic() + 10        # the line goes through the log's own thread
        while "as many as may be" not in broker.log_text():
            if time.monotonic() > deadline:
                return "a connection is turned away and the log does not say so"
            time.sleep(0.05)


def stops_beside_clients_that_do_not_read(make):
    """Two cores and twelve clients that asked for much and read nothing: each core waits for its own at the same time."""
    broker = two_cores(make, "deaf")
    if broker is None:
        print("    one CPU only: left out")
        return None
    with broker, contextlib.ExitStack() as deaf:
        broker.start()
        create(broker.address, "bulk")
        fill(broker.address, "bulk", 20)
        frame = protocol.encode_request("Fetch", 11, fetch_of("bulk", 0, 1, 0, 20 << 20))
        for _ in range(12):
            one = deaf.enter_context(connect(broker.address, 4096))
            one.sendall(struct.pack(">i", len(frame)) + frame)
        time.sleep(0.5)
        start = time.monotonic()
        broker.signal(signal.SIGTERM)
        status = broker.process.wait(15)
        took = time.monotonic() - start
        broker.process = None
        print(f"    stopped after {took:.1f} s")
        return f"status {status} after {took:.1f} s" if status != 0 or took > 8 else None


def stops_beside_a_full_pipe(make):
    """Nobody reads what it logs: the stop takes no longer than it may."""
    with make("pipe") as broker:
        reads, writes = os.pipe()
        command = [*broker.command(), "--set", "logging.level=debug"]
        broker.data_dir.parent.mkdir(parents=True, exist_ok=True)
        broker.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writes, stderr=writes)
        broker.log_from = 0
        os.set_blocking(writes, False)
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and b" ready " not in os.read(reads, 1 << 16):
                pass
            with contextlib.suppress(BlockingIOError):
                while os.write(writes, b"x" * 1024):
                    pass
            os.set_blocking(writes, True)
            for _ in range(200):
                with protocol.Connection(broker.address) as one:
                    one.call("Metadata", 1, {"Topics": []})
            start = time.monotonic()
            broker.signal(signal.SIGTERM)
            status = broker.process.wait(15)
            took = time.monotonic() - start
            broker.process = None
            return f"status {status} after {took:.1f} s" if status != 0 or took > 8 else None
        finally:
            os.close(reads)
            os.close(writes)


LARGEST = 104_857_600       # socket.request.max.bytes


def flood(broker, count, limit):
    """Requests of the largest size over so many connections at once, as fast as they are taken; none of them means anything,
    so the broker closes each that it has read. (The most that was resident, connections left after `limit` seconds.)"""
    part = memoryview(bytes(1 << 20))
    head = struct.pack(">ihh", LARGEST, 0x7FFF, 0)
    left, peak = {}, broker.rss()
    for _ in range(count):
        connection = connect(broker.address)
        connection.sendall(head)
        connection.setblocking(False)
        left[connection] = LARGEST - len(head) + 4
    until = time.monotonic() + limit
    while left and time.monotonic() < until:
        reads, writes, _ = select.select(left, [one for one, rest in left.items() if rest], [], 0.1)
        for connection in {*reads, *writes}:
            try:
                if connection in reads and connection.recv(1) == b"":
                    raise ConnectionResetError
                if connection in writes:
                    left[connection] -= connection.send(part[:left[connection]])
            except ConnectionError:
                connection.close()
                del left[connection]
        peak = max(peak, broker.rss())
    for connection in left:
        connection.close()
    return peak, len(left)


def largest_requests_stay_within_memory(make):
    """On one core and on two: what is resident stays within --memory, and each request has its turn, or is closed where
    this much memory never holds it."""
    allowed = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]
    for count, megabytes in ((1, 64), (2, 128), (1, 512), (2, 512), (2, 1024)):
        if len(allowed) < count:
            print("    one CPU only: two cores are left out")
            continue
        broker = make(f"largest-{count}-{megabytes}")
        broker.cores, broker.memory = ",".join(allowed[:count]), f"{megabytes}M"
        with broker:
            broker.start()
            broker.wait_until_touched()
            before = broker.rss()
            peak, left = flood(broker, 12, 60)
            told = "larger than memory takes" in broker.log_text()
            print(f"    {count} cores, {megabytes} MiB: {before >> 20} MiB resident before, {peak >> 20} at most")
            if peak > megabytes << 20:
                return f"{peak >> 20} MiB resident with {count} cores and {megabytes} MiB"
            if left:
                return f"{left} of 12 were not read to their end with {count} cores and {megabytes} MiB"
            if told != (megabytes < 512):
                return f"the log does {'' if told else 'not '}say that they are too large for {megabytes} MiB"
            if megabytes >= 512:
                create(broker.address, "wide", partitions=100)
                records = batch.build([bytes(1_000_000)])
                with protocol.Connection(broker.address, 60) as one:
                    answer = one.call("Produce", 7, {"Acks": -1, "TimeoutMs": 30000, "TopicData": [
                        {"Name": "wide", "PartitionData": [{"Index": n, "Records": records} for n in range(100)]}]})
                codes = {part["ErrorCode"] for part in answer["Responses"][0]["PartitionResponses"]}
                if codes != {0}:
                    return f"a request of 100 MB is answered {codes}"


CORES = (largest_requests_stay_within_memory, cores_share_connections, stops_beside_clients_that_do_not_read, stops_beside_a_full_pipe)
