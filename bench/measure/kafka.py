"""Apache Kafka from its published jars: one node in KRaft mode, as its own start script would run it, on one core."""

import shutil
import time
from pathlib import Path

from measure import fetched, processes, rows
from measure.brokers import KafkaSpeaking

# What kafka-server-start.sh and kafka-run-class.sh give the JVM.
JVM = ["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"]
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"

PIECE_S = 2            # a warm-up goes in pieces, each on a topic that is deleted after it: the disk must hold it
WARM_CPU_S = 20        # of the server's CPU at least: on one core the compiler competes with what it compiles
WARM_MAX_S = 90        # of the clock at most
STEADY_WITHIN = 0.1    # the mean of the last three pieces against that of the three before


class Kafka(KafkaSpeaking):
    """Its defaults: an answer comes from the page cache."""

    name = "kafka"
    properties = {}

    def __init__(self, setup):
        super().__init__(setup)
        self.java, self.classpath = fetched.java(), fetched.kafka_classpath()
        version = next(word.rsplit("-", 1)[1] for word in self._jars() if word.startswith("kafka_2"))
        self.what = f"Apache Kafka {version}, {', '.join(f'{k}={v}' for k, v in self.properties.items()) or 'its defaults'}"

    def _jars(self):
        return [path.stem for path in Path(self.classpath).parent.glob("*.jar")]

    def measure(self, row):
        self.data = self.setup.scratch / self.name
        log = self.setup.scratch / f"{self.name}.log"
        log.unlink(missing_ok=True)
        port = processes.free_port(self.setup.port)
        self._format(port)
        command = [self.java, *JVM, QUIET, "-cp", self.classpath, "kafka.Kafka", self.data / "server.properties"]
        process = processes.start(command, log, cpus={self.setup.server_cpu}, before=self.setup.before)
        try:
            processes.wait_for_port(port, process, log, seconds=120)
            self.address, self.pid = f"127.0.0.1:{port}", process.pid
            self.warm(rows.named(row.warm_with) if row.warm_with else row)
            return self.load(row)
        finally:
            processes.stop(process)
            shutil.rmtree(self.data, ignore_errors=True)

    def _format(self, port):
        settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}", "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self.data / "logs", "offsets.topic.replication.factor": 1,
            # What the warm-up wrote leaves the disk before the measured topic is written.
            "log.segment.delete.delay.ms": 500, **self.properties,
        }
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        file = self.data / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        fetched.run([self.java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", QUIET, "-cp", self.classpath,
                     "kafka.tools.StorageTool", "format", "-t", "benchAAAAAAAAAAAAAAAAA", "-c", file])

    def warm(self, row):
        """The row's own load until the JVM has compiled what it uses and the rate stands; one piece where all is quick."""
        rates, cpu = [], 0
        while len(rates) * PIECE_S < WARM_MAX_S:
            topic = self.topic(row)
            words = [*self.words(row, topic, seconds=PIECE_S, warmup=0.2), "--delete"]
            if row.preload_mb:
                words += ["--preload-mb", row.preload_mb]
            line = self.setup.programs.run("raw_load", words, f"{self.name}: warming up with {row.name}")
            if line is None:
                return
            rates.append(line[row.figure.field])
            cpu += line["server_cpu_s"]
            self._wait_until_gone(topic)
            if self.setup.quick or (cpu >= WARM_CPU_S and stands(rates)):
                return

    def _wait_until_gone(self, topic):
        for _ in range(100):
            if not any((self.data / "logs").glob(f"{topic}-*")):
                return
            time.sleep(0.1)


def stands(rates):
    """Whether the rate has stopped rising."""
    if len(rates) < 6:
        return False
    return abs(sum(rates[-3:]) / sum(rates[-6:-3]) - 1) < STEADY_WITHIN


class Durable(Kafka):
    """Flushes before it answers."""

    name = "kafka-durable"
    durable = True
    properties = {"log.flush.interval.messages": 1}
