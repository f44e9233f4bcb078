"""A broker that somebody else started, and whose data somebody else keeps."""

import secrets
import sys

from measure.brokers import KafkaSpeaking
from measure.failures import attempted

DELETE_MAX_S = 60


class External(KafkaSpeaking):
    """Its topics are our own, and are deleted after use, whatever came of it."""

    def __init__(self, setup, address, pid, name):
        super().__init__(setup)
        self.address, self.pid, self.name = address, pid, name

    def topic(self, row):
        """A name that nobody else has: what is there already would be loaded, and deleted."""
        self.made = f"{super().topic(row)}-{secrets.token_hex(4)}"
        return self.made

    def lacks(self, row):
        return super().lacks(row) or ("its files cannot be driven out of the page cache from here" if row.cold else "")

    def measure(self, row):
        self.made = None
        try:
            return self.load(row)
        finally:
            if self.made:
                self._delete(self.made, row)

    def _delete(self, topic, row):
        """raw_load deletes what it has loaded: a megabyte more."""
        what = f"deleting {topic}"
        words = ["produce", "--broker", self.address, "--topic", topic, "--partitions", row.partitions, "--mb", 1, "--delete"]
        if not attempted(what, lambda: self.setup.programs.start("raw_load", words, what).result(DELETE_MAX_S)):
            print(f"{self.address}: the topic {topic} may still be there", file=sys.stderr, flush=True)
