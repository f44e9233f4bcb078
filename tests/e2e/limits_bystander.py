"""The honest client that limits.py lets work beside the rude ones."""

import threading
import time

import batch
import protocol
from limits_rude import fetch_of


class Bystander(threading.Thread):
    """An honest client. `worst` is its longest round of a produce and a fetch."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.stopped, self.worst, self.rounds, self.failure = address, threading.Event(), 0.0, 0, None

    def run(self):
        try:
            with protocol.Connection(self.address, 20) as connection:
                while not self.stopped.is_set():
                    start = time.monotonic()
                    answer = connection.call("Produce", 7, {"Acks": -1, "TimeoutMs": 10000, "TopicData": [
                        {"Name": "bystander", "PartitionData": [{"Index": 0, "Records": batch.build([b"x" * 100])}]}]})
                    part = answer["Responses"][0]["PartitionResponses"][0]
                    assert part["ErrorCode"] == 0, part
                    answer = connection.call("Fetch", 11, fetch_of("bystander", part["BaseOffset"], 1))
                    assert len(answer["Responses"][0]["Partitions"][0]["Records"]) > 100, "an acknowledged record is not served"
                    self.worst, self.rounds = max(self.worst, time.monotonic() - start), self.rounds + 1
                    time.sleep(0.02)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"

    def finish(self):
        self.stopped.set()
        self.join(30)
        return self.failure or ("it made no round" if not self.rounds else None)
