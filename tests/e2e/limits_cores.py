"""Endings and connections with more than one core. Each takes a function that makes a broker over a fresh data directory, and
returns what is wrong, or None."""

import collections
import contextlib
import os
import re
import signal
import struct
import subprocess
import time

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


CORES = (cores_share_connections, stops_beside_clients_that_do_not_read, stops_beside_a_full_pipe)
