"""The steady state under retention.bytes: how a topic gets there, and what shows that segments change hands."""

import threading
import time

# Kafka's five minutes between two looks would want a disk of terabytes at these rates.
SETTINGS = ("log.retention.check.interval.ms=250",)


def configs(row):
    """Of the topic: a partition keeps two whole segments and the one being written."""
    segment = row.segment_kb << 10
    return [f"segment.bytes={segment}", f"retention.bytes={2 * segment}"]


def fill_mb(row):
    """So much that every partition has let go of segments before the load begins."""
    return max(1, 5 * row.segment_kb * row.partitions // 1024)


def fill_messages(row):
    """Of 1 KB a batch: several batches to a segment."""
    return max(1, min(1000, row.segment_kb // 8))


def segments(data, topic):
    """{inode: name} of the topic's logs."""
    found = {}
    for log in data.glob(f"{topic}-*/*.log"):
        try:
            found[log.stat().st_ino] = f"{log.parent.name}/{log.name}"
        except OSError:
            continue  # just removed
    return found


def settle(data, topic, seconds=20):
    """Until retention has caught up with what was written."""
    before = None
    for _ in range(seconds):
        now = segments(data, topic)
        if now == before:
            return
        before = now
        time.sleep(1)


class Turnover:
    """Looks at the names of a topic's logs when the window opens and again at the end. `turned_over` counts the logs that
    were there and are gone; `recycled` those of them whose file lives on under another name."""

    def __init__(self, data, topic, after):
        self.data, self.topic = data, topic
        self.before = {}
        self.timer = threading.Timer(after, self._open)
        self.timer.start()

    def _open(self):
        self.before = segments(self.data, self.topic)

    def result(self):
        self.timer.join()
        after = segments(self.data, self.topic)
        names = set(after.values())
        gone = [inode for inode, name in self.before.items() if name not in names]
        return {"turned_over": len(gone), "recycled": sum(inode in after for inode in gone)}
