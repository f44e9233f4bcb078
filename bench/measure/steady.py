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
    return max(1, 4 * row.segment_kb * row.partitions // 1024)


def fill_messages(row):
    """Of 1 KB a batch: several batches to a segment."""
    return max(1, min(1000, row.segment_kb // 8))


def files(data, pattern):
    """{inode: path} of the files below `data`."""
    found = {}
    for path in data.glob(pattern):
        try:
            found[path.stat().st_ino] = path
        except OSError:
            continue  # just removed
    return found


def segments(data, topic):
    return files(data, f"{topic}-*/*.log")


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
    """Looks at the data directory when the window opens and again at the end. Of the topic's segments `first` were there and
    `last` are: `turned_over` of the first are gone, `begun` of the last are new, and `recycled` of those are files that were there
    before under another name."""

    def __init__(self, data, topic, after):
        self.data, self.topic = data, topic
        self.timer = threading.Timer(after, self._open)
        self.timer.start()

    def _open(self):
        self.segments = set(segments(self.data, self.topic).values())
        self.files = files(self.data, "**/*")

    def result(self):
        self.timer.join()
        after = segments(self.data, self.topic)
        begun = {inode: path for inode, path in after.items() if path not in self.segments}
        return {"first": len(self.segments), "last": len(after), "turned_over": len(self.segments - set(after.values())),
                "begun": len(begun), "recycled": sum(inode in self.files for inode in begun)}
