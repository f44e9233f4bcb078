"""The honest client that limits.py lets work beside the rude ones, and what the disk alone takes meanwhile."""

import os
import threading
import time

import batch
import protocol
from limits_rude import fetch_of


class Bystander(threading.Thread):
    """An honest client. `worst` is its longest round of a produce and a fetch, and `slowest` says which of the two took so long."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.stopped, self.failure = address, threading.Event(), None
        self.worst, self.slowest, self.rounds = 0.0, "", 0

    def run(self):
        try:
            with protocol.Connection(self.address, 20) as connection:
                while not self.stopped.is_set():
                    start = time.monotonic()
                    answer = connection.call("Produce", 7, {"Acks": -1, "TimeoutMs": 10000, "TopicData": [
                        {"Name": "bystander", "PartitionData": [{"Index": 0, "Records": batch.build([b"x" * 100])}]}]})
                    part = answer["Responses"][0]["PartitionResponses"][0]
                    assert part["ErrorCode"] == 0, part
                    stored = time.monotonic()
                    answer = connection.call("Fetch", 11, fetch_of("bystander", part["BaseOffset"], 1))
                    assert len(answer["Responses"][0]["Partitions"][0]["Records"]) > 100, "an acknowledged record is not served"
                    self.rounds += 1
                    end = time.monotonic()
                    if end - start > self.worst:
                        self.worst = end - start
                        self.slowest = "produce" if stored - start > end - stored else "fetch"
                    time.sleep(0.02)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"

    def finish(self):
        self.stopped.set()
        self.join(30)
        return self.failure or ("it made no round" if not self.rounds else None)


class DiskWatch(threading.Thread):
    """Durable writes of 4 KiB to a file of its own below `directory`. `worst` is the longest: how long the disk stood still for
    everybody."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.path, self.stopped, self.worst = directory / "disk-watch", threading.Event(), 0.0

    def run(self):
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_DSYNC, 0o600)
        try:
            while not self.stopped.is_set():
                start = time.monotonic()
                os.pwrite(file, bytes(4096), 0)
                self.worst = max(self.worst, time.monotonic() - start)
                time.sleep(0.02)
        finally:
            os.close(file)
            self.path.unlink()

    def finish(self):
        self.stopped.set()
        self.join(30)
        return self.worst
