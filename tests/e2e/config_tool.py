#!/usr/bin/env python3
"""Kafka's own kafka-configs against the broker: what it prints of brokers and topics, with each value's source and synonyms,
and what it changes and is refused. The last line is `N passed, N failed`."""

import re
import shutil
import sys

import broker as brokers
import cache
import drivers
import feature_table
import group_tools
from clients import differs
from drivers import Failed

# One setting that the operator chose, what it is without him, and for which of a topic's it is the default; and one that the
# topic has from the beginning.
SET, CHOSEN, BUILT_IN, OF_TOPIC = "message.max.bytes", "2000000", "1048588", "max.message.bytes"
OWN, OWN_VALUE = "index.interval.bytes", "8192"
ENTRY = re.compile(r"  (\S+?)=(.*) sensitive=(\w+) synonyms=\{(.*)\}$")


class Tool:
    """kafka-configs for one kind of thing and one of its names."""

    def __init__(self, address, kind, name):
        self.base = ["--bootstrap-server", address, "--entity-type", kind, "--entity-name", name]

    def say(self, *words):
        return drivers._run(cache.java("org.apache.kafka.tools.ConfigCommand", *self.base, *words)).decode()

    def described(self, *words):
        """{setting: (value, [(source, name, value) of each synonym])}."""
        found = {}
        for line in self.say("--describe", *words).splitlines():
            if (entry := ENTRY.match(line)):
                pairs = re.findall(r"([A-Z_]+):([^=]+)=(.*?)(?:, (?=[A-Z_]+:)|$)", entry[4])
                found[entry[1]] = entry[2], pairs
            elif line.startswith("  "):
                raise Failed(f"it prints {line[:200]!r}")
        return found

    def refused(self, *words):
        """What it says when it fails; None where it does not."""
        try:
            self.say(*words)
        except Failed as wrong:
            return str(wrong)
        return None


def own(name, value):
    return [("DYNAMIC_TOPIC_CONFIG", name, value)]


def static(name, value):
    return [("STATIC_BROKER_CONFIG", name, value)]


def default(name, value):
    return [("DEFAULT_CONFIG", name, value)]


def brokers_cells(cell, tool, changes):
    def everything():
        found = tool.described("--all")
        return differs(SET, found.get(SET), (CHOSEN, static(SET, CHOSEN) + default(SET, BUILT_IN))) or \
            differs("num.partitions", found.get("num.partitions"), ("1", default("num.partitions", "1"))) or \
            (None if len(found) > 50 else f"only {len(found)} settings")

    def alter():
        said = tool.refused("--alter", "--add-config", f"{SET}=1000")
        return (None if said and "InvalidConfigurationException" in said else f"it says {said!r}") or \
            differs(SET, tool.described("--all")[SET][0], CHOSEN)

    cell("brokers --describe --all", everything)
    cell("brokers --describe", lambda: differs("changed while it runs", tool.described(), {}))
    if not changes:
        cell("brokers --alter is refused", alter)


def topics_cells(cell, tool):
    of_broker = static(SET, CHOSEN) + default(SET, BUILT_IN)
    has = {OWN: (OWN_VALUE, own(OWN, OWN_VALUE) + default("log.index.interval.bytes", "4096"))}

    def everything():
        found = tool.described("--all")
        return differs(OF_TOPIC, found.get(OF_TOPIC), (CHOSEN, of_broker)) or differs(OWN, found.get(OWN), has[OWN]) or \
            (None if len(found) >= 37 else f"only {len(found)} settings")

    def change():
        said = tool.say("--alter", "--add-config", f"{OF_TOPIC}=1000,cleanup.policy=[delete,compact]", "--delete-config", OWN)
        return (None if "Completed updating config for topic described." in said else said) or differs("own", tool.described(), {
            OF_TOPIC: ("1000", own(OF_TOPIC, "1000") + of_broker),
            "cleanup.policy": ("delete,compact", own("cleanup.policy", "delete,compact") +
                               default("log.cleanup.policy", "delete"))})

    def delete():
        tool.say("--alter", "--delete-config", f"{OF_TOPIC},cleanup.policy")
        return differs("own", tool.described(), {}) or \
            differs(OF_TOPIC, tool.described("--all")[OF_TOPIC], (CHOSEN, of_broker))

    def refuse():
        for words in ("segment.ms=soon", "no.such=1"):
            said = tool.refused("--alter", "--add-config", words)
            if said is None or "InvalidConfigurationException" not in said:
                return f"{words}: it says {said!r}"
        return differs("own", tool.described(), {})

    cell("topics --describe", lambda: differs("own", tool.described(), has))
    cell("topics --describe --all", everything)
    cell("topics --alter --add-config", change)
    cell("topics --alter --delete-config", delete)
    cell("topics --alter is refused", refuse)


def main():
    arguments = group_tools.arguments_of(__doc__)
    if arguments is None:
        return 2

    table = feature_table.from_arguments(arguments, "config_tool")
    with brokers.from_arguments(arguments, "config-tool", settings={SET: CHOSEN}) as broker:
        broker.start()
        drivers.Confluent(broker.address).create("described", 1, {OWN: OWN_VALUE})

        def cell(feature, check):
            table.cell("java config tool", feature, check)

        # Kafka changes some of a broker's settings while it runs.
        brokers_cells(cell, Tool(broker.address, "brokers", "1"), changes=broker.name != "millrace")
        topics_cells(cell, Tool(broker.address, "topics", "described"))
    table.show()
    if not table.failures:
        shutil.rmtree(broker.data_dir, ignore_errors=True)
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
