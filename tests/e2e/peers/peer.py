"""What the Python peers share: lines of JSON in and out (peers/README.md)."""

import json
import queue
import sys
import threading


def say(word, value):
    print(json.dumps({word: value}), flush=True)


def batches():
    """The lists of values that a producer is to send, as they come."""
    for line in sys.stdin:
        yield json.loads(line)


def asked():
    """A queue that gets every line of the input, and None at its end."""
    lines = queue.Queue()

    def read():
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


class Assignment:
    """Says what is assigned whenever that changes."""

    def __init__(self):
        self.said = None

    def now(self, partitions):
        partitions = sorted(partitions)
        if partitions != self.said:
            self.said = partitions
            say("assigned", partitions)


def main(produce, consume):
    if sys.argv[1] == "produce":
        produce(*sys.argv[2:])
    else:
        consume(*sys.argv[2:])
