"""A broker under test: Millrace, an Apache Kafka from Maven (the judge of these tests themselves), or one that runs already."""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

import cache
import protocol


def free_port():
    """A port below the ephemeral ones that nobody listens on, with a free one above it (Kafka's controller)."""
    chooser = random.SystemRandom()
    while True:
        port = chooser.randrange(20000, 32000, 2)
        try:
            for candidate in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", candidate))
            return port
        except OSError:
            continue


class Broker:
    """A process that can be started, stopped and killed again and again over one data directory."""

    def __init__(self, data_dir, settings=None, port=None):
        self.data_dir = pathlib.Path(data_dir)
        self.settings = dict(settings or {})
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self.process = None
        self.process_group = False

    @property
    def log_dir(self):
        """Where `<topic>-<partition>` directories are."""
        return self.data_dir

    def command(self):
        raise NotImplementedError

    def start(self, wait=True, timeout=60):
        assert self.process is None, "already started"
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=60):
        """Until the broker answers a Metadata request with itself in it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"the broker ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                with protocol.Connection(self.address, timeout=5) as connection:
                    if connection.call("Metadata", 1, {"Topics": []})["Brokers"]:
                        return self
            except (OSError, protocol.ProtocolError):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the broker was not ready after {timeout} s:\n{self.log_tail()}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL, as a crash of the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, timeout=30):
        """SIGTERM; the exit status. Raises when the broker does not end."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the broker did not stop within {timeout} s:\n{self.log_tail()}") from None
        self.process = None
        return status

    def wipe(self):
        """Removes the data; the broker must be down."""
        assert self.process is None
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.log_path.unlink(missing_ok=True)

    def log_text(self):
        """What the broker logged since it was started last."""
        with open(self.log_path, "rb") as log:
            log.seek(getattr(self, "log_from", 0))
            return log.read().decode(errors="replace")

    def log_tail(self, lines=15):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def wait_until_touched(self):
        """Until its idle turns have touched its memory, so that what grows later is what clients cost."""
        before, still = -1, 0       # it may get no turn for a while on a busy machine
        for _ in range(120):
            now = self.rss()
            still = still + 1 if now - before < 1 << 20 else 0
            if still == 4:
                return
            before = now
            time.sleep(0.5)

    def rss(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Millrace(Broker):
    """build/millraced with its flags."""

    name = "millrace"

    def __init__(self, program, data_dir, cores="0", memory="1G", settings=None, port=None, http="off"):
        """`http`: HOST:PORT, where nobody else may listen; many brokers of tests run at a time."""
        super().__init__(data_dir, settings, port)
        self.program, self.cores, self.memory, self.http = program, cores, memory, http

    def command(self):
        command = [self.program, "--data-dir", self.data_dir, "--kafka", self.address, "--http", self.http,
                   "--memory", self.memory]
        if self.cores:
            command += ["--cores", self.cores]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        return [str(part) for part in command]

    def start(self, wait=True, timeout=60):
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        return super().start(wait, timeout)

    def wait_ready(self, timeout=60):
        super().wait_ready(timeout)
        # The line goes through the log's own thread, and may come after the first answer.
        deadline = time.monotonic() + 5
        while "ready" not in self.log_text():
            if time.monotonic() > deadline:
                raise RuntimeError("the broker answers, but did not log that it is ready")
            time.sleep(0.01)
        return self


class Kafka(Broker):
    """Apache Kafka, one node in KRaft mode, from the jars of java/pom.xml."""

    name = "kafka"

    def __init__(self, data_dir, settings=None, port=None, heap="1g"):
        super().__init__(data_dir, settings, port)
        self.heap = heap

    @property
    def log_dir(self):
        return self.data_dir / "log"

    def _properties(self):
        controller = self.port + 1
        lines = {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self.log_dir, "offsets.topic.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0, **self.settings,
        }
        return "".join(f"{key}={value}\n" for key, value in lines.items())

    def start(self, wait=True, timeout=120):
        properties = self.data_dir / "server.properties"
        if not properties.exists():
            self.data_dir.mkdir(parents=True)
            properties.write_text(self._properties())
            subprocess.run(cache.java("kafka.tools.StorageTool", "format", "-t", "e2eAAAAAAAAAAAAAAAAAAA",
                                      "-c", properties), check=True, stdout=subprocess.DEVNULL)
        return super().start(wait, timeout)

    def command(self):
        return [cache.java_command(), "-Xms256m", f"-Xmx{self.heap}", "-XX:+UseG1GC",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", cache.kafka_classpath(), "kafka.Kafka",
                str(self.data_dir / "server.properties")]


class External(Broker):
    """A broker that somebody else started: it can be asked, not stopped."""

    name = "external"

    def __init__(self, address):
        super().__init__("/nonexistent/external", port=int(address.rsplit(":", 1)[1]))
        self.address = address

    @property
    def log_dir(self):
        return None

    def start(self, wait=True, timeout=60):
        return self.wait_ready(timeout)

    def stop(self, timeout=30):
        return 0

    def kill(self):
        pass

    def wipe(self):
        pass


def add_arguments(parser):
    parser.add_argument("--broker", default=str(cache.REPO / "build" / "millraced"), metavar="PROGRAM|kafka|HOST:PORT",
                        help="millraced to start, `kafka` for an Apache Kafka, or the address of a running broker")
    parser.add_argument("--work", default=str(cache.REPO / "build" / "e2e"), metavar="DIR",
                        help="data directories and logs go below it")
    parser.add_argument("--cores", default="0", metavar="LIST")
    parser.add_argument("--memory", default="1G", metavar="SIZE")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of the broker, by Kafka's name")


def from_arguments(arguments, name, data_dir=None, settings=None):
    """The broker that the arguments ask for, over a fresh data directory called `name`."""
    settings = {**(settings or {}), **dict(item.split("=", 1) for item in arguments.settings)}
    data_dir = pathlib.Path(data_dir or pathlib.Path(arguments.work) / name)
    if arguments.broker == "kafka":
        broker = Kafka(data_dir, settings, heap=arguments.memory.lower())
    elif not os.path.exists(arguments.broker) and ":" in arguments.broker:
        return External(arguments.broker)
    else:
        broker = Millrace(os.path.abspath(arguments.broker), data_dir, arguments.cores, arguments.memory, settings)
    broker.wipe()
    return broker


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
