"""Each stock client as a producer and as a member of a group, for groups.py.

`producer(address, topic, log)` has `send(values)`, which returns the values that went out when the broker has them all.
`member(address, topic, group, log)` has `records`, all that it got as (partition, offset, value), `assigned`, the partitions
that it says it has (None where it does not say), `commit()`, what the client calls committed (None where it has no such
call), and `stop()`, a clean end.

A client that `repeats` may send a record again that the broker has already: its producer is not idempotent by default."""

import json
import re
import signal
import subprocess
import sys
import threading
import time

import cache
import drivers
from drivers import Failed

PATIENCE_S = 150        # for anything that comes at all, on a busy machine


def waited(condition, what):
    """The first true value of condition()."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(0.05)
    return value


class Process:
    """A client that runs until it is told to end. What it writes is given to feed() line by line."""

    by_signal = False       # how it is told: SIGTERM, or the end of its input
    fine = (0,)             # exit statuses of a clean end

    def __init__(self, command, log):
        self.log, self.command = log, command
        self.errors = open(log, "ab")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE if self.by_signal else self.errors)
        self.readers = [threading.Thread(target=self._read, args=(stream, feed), daemon=True)
                        for stream, feed in ((self.process.stdout, self.feed), (self.process.stderr, self.hear)) if stream]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, feed):
        for line in stream:
            self.errors.write(line)
            self.errors.flush()
            feed(line.decode(errors="replace").rstrip("\n"))

    def feed(self, line):
        """A line of standard output."""

    def hear(self, line):
        """A line of standard error, of a client that speaks there."""

    def write(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except OSError:
            raise Failed(self.ending()) from None

    def last_words(self):
        """The end of what it said beside its records: complaints, and what it was assigned."""
        with open(self.log, errors="replace") as log:
            said = [line for line in log.read().splitlines() if line.startswith('{"assigned"') or not line.startswith('{"')]
        return " / ".join(said[-3:])[-300:]

    def ending(self):
        return f"it ended with {self.process.poll()}: {self.last_words()}"

    def must_run(self):
        if self.process.poll() is not None:
            raise Failed(self.ending())

    def stop(self):
        self.must_run()
        if self.by_signal:
            self.process.send_signal(signal.SIGTERM)
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failed("it does not end when told to") from None
        for reader in self.readers:
            reader.join()
        if self.process.returncode not in self.fine:
            raise Failed(self.ending())

    def kill(self):
        self.process.kill()
        self.process.wait()


class Member(Process):
    assigned = None

    def __init__(self, command, log):
        self.records = []
        super().__init__(command, log)

    def commit(self):
        return None

    def ended_with_broker(self):
        """It ended since the broker did, as it is made to."""
        return False


class Peer:
    """A program of peers/README.md."""

    repeats = False

    class Producer(Process):
        acked = 0

        def feed(self, line):
            self.acked += json.loads(line)["acked"]

        def send(self, values):
            wanted = self.acked + len(values)
            self.write(json.dumps(values) + "\n")
            waited(lambda: self.must_run() or self.acked >= wanted, lambda: f"acknowledgements: {self.acked} of {wanted}")
            return values

    class Member(Member):
        committed = None

        def __init__(self, command, log):
            self.assigned = set()
            super().__init__(command, log)

        def feed(self, line):
            (word, value), = json.loads(line).items()
            if word == "got":
                self.records += map(tuple, value)
            elif word == "assigned":
                self.assigned = set(value)
            else:
                self.committed = dict(value)

        def commit(self):
            self.committed = None
            self.write("commit\n")
            waited(lambda: self.must_run() or self.committed is not None, "the answer to a commit")
            return self.committed

    def __init__(self, name, here, command):
        self.name, self.here, self.command = name, here, command

    def producer(self, address, topic, log):
        return self.Producer([*self.command(), "produce", address, topic], log)

    def member(self, address, topic, group, log):
        return self.Member([*self.command(), "consume", address, topic, group], log)


class Sarama(Peer):
    """After a lost connection it closes the next one too, while requests are on their way there, and sends them again."""

    repeats = True


class Kcat:
    name, here, repeats = "kcat", staticmethod(drivers.Kcat.here), False

    class Producer:
        """One kcat for each call: it says nothing of what it sent but its exit status."""

        def __init__(self, address, topic):
            self.command = ["kcat", "-P", "-b", address, "-t", topic, "-K", ":"]

        def send(self, values):
            drivers._run(self.command, "".join(f"{value}:{value}\n" for value in values).encode(), PATIENCE_S)
            return values

        def stop(self):
            pass

        kill = stop

    class Member(Member):
        by_signal = True

        def ended_with_broker(self):
            """kcat gives up at the first moment at which no broker is up."""
            return self.process.poll() == 1 and "All broker connections are down" in self.ending()

        def feed(self, line):
            one = json.loads(line)
            self.records.append((one["partition"], one["offset"], one["payload"]))

        def hear(self, line):
            if (found := re.search(r" rebalanced .*(assigned|revoked): (.*)", line)):
                self.assigned = set(map(int, re.findall(r"\[(\d+)\]", found[2]))) if found[1] == "assigned" else set()

    def producer(self, address, topic, log):
        return self.Producer(address, topic)

    def member(self, address, topic, group, log):
        # A member that ended with the broker cannot leave: the next one waits for the end of its session, 45 s.
        return self.Member(["kcat", "-b", address, "-u", "-J", "-X", "auto.offset.reset=earliest", "-G", group, topic], log)


class Console:
    """Kafka's console producer, which says nothing of what it sent, and console consumer, which does not say what it has."""

    name, here, repeats = "java console", staticmethod(cache.kafka_classpath), False

    class Producer(Process):
        def send(self, values):
            self.write("".join(f"{value}\t{value}\n" for value in values))
            return values

    class Member(Member):
        by_signal, fine = True, (0, 143)

        def feed(self, line):
            partition, offset, value = line.split("\t")
            self.records.append((int(partition.split(":")[1]), int(offset.split(":")[1]), value))

    def producer(self, address, topic, log):
        return self.Producer(cache.java("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", address, "--topic", topic,
                                        "--reader-property", "parse.key=true"), log)

    def member(self, address, topic, group, log):
        return self.Member(cache.java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", address,
                                      "--topic", topic, "--group", group, "--from-beginning", "--formatter-property",
                                      "print.partition=true", "--formatter-property", "print.offset=true"), log)


class Verifiable:
    """Kafka's VerifiableProducer, which makes values of its own, and VerifiableConsumer, which commits after each poll."""

    name, here, repeats = "java verifiable", staticmethod(cache.kafka_classpath), False

    class Producer:
        def __init__(self, address, topic):
            self.address, self.topic, self.calls = address, topic, 0

        def send(self, values):
            self.calls += 1
            out = drivers._run(cache.java("org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server", self.address,
                                          "--topic", self.topic, "--max-messages", len(values), "--repeating-keys", len(values),
                                          "--value-prefix", self.calls), timeout=PATIENCE_S)
            sent = [one["value"] for one in map(json.loads, out.splitlines()) if one["name"] == "producer_send_success"]
            if len(sent) != len(values):
                raise Failed(f"{len(sent)} of {len(values)} sent: {out[-300:].decode(errors='replace')}")
            return sent

        def stop(self):
            pass

        kill = stop

    class Member(Member):
        by_signal, fine = True, (0, 143)

        def __init__(self, command, log):
            self.assigned = set()
            super().__init__(command, log)

        def feed(self, line):
            one = json.loads(line)
            if one["name"] == "record_data":
                self.records.append((one["partition"], one["offset"], one["value"]))
            elif one["name"] == "partitions_assigned":
                self.assigned |= {part["partition"] for part in one["partitions"]}
            elif one["name"] == "partitions_revoked":
                self.assigned -= {part["partition"] for part in one["partitions"]}

    def producer(self, address, topic, log):
        return self.Producer(address, topic)

    def member(self, address, topic, group, log):
        return self.Member(cache.java("org.apache.kafka.tools.VerifiableConsumer", "--bootstrap-server", address, "--topic", topic,
                                      "--group-id", group, "--verbose"), log)


def _python(program):
    return lambda: [sys.executable, cache.HERE / "peers" / program]


def _always():
    return True


ALL = (Kcat(), Peer("confluent-kafka", _always, _python("with_confluent.py")),
       Peer("kafka-python", _always, _python("with_kafka_python.py")), Peer("aiokafka", _always, _python("with_aiokafka.py")),
       Peer("franz-go", cache.franz, lambda: [cache.franz()]), Sarama("sarama", cache.sarama, lambda: [cache.sarama()]),
       Peer("kafkajs", cache.kafkajs, lambda: [cache.node_command(), cache.kafkajs() / "peer.js"]),
       Peer("java client", cache.java_peer, lambda: cache.java("Peer", classpath=cache.java_peer())), Console(), Verifiable())
