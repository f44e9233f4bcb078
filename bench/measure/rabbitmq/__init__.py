"""RabbitMQ streams: Debian's server, and a small load of ours around RabbitMQ's own stream client (its load tool is in no registry)."""

import json
import os
from pathlib import Path

from measure import fetched, own_tool, processes
from measure.own_tool import OwnTool

HERE = Path(__file__).resolve().parent
WARM_S = 20            # of the client's JVM
NODE = "millrace-bench@localhost"
CONFIG = """listeners.tcp.1 = 127.0.0.1:{amqp}
stream.listeners.tcp.1 = 127.0.0.1:{port}
stream.advertised_host = 127.0.0.1
stream.advertised_port = {port}
disk_free_limit.absolute = 50MB
"""


class RabbitMQ(OwnTool):
    """Streams are never flushed by it: there is no durable form to measure."""

    name = "rabbitmq"

    def __init__(self, setup):
        super().__init__(setup)
        self.java = fetched.java()
        self.root = server()
        self.classpath = client()
        home = next((self.root / "usr" / "lib" / "rabbitmq" / "lib").iterdir())
        self.what = f"RabbitMQ {home.name.split('-')[-1]} streams; StreamLoad.java on its stream client"

    def has(self, row):
        # A producer holds one stream, and a client's JVM a thread for each connection.
        return super().has(row) and row.load.startswith("produce") and row.partitions <= 64

    def start(self, data, port, log):
        (data / "rabbitmq.conf").write_text(CONFIG.format(port=port, amqp=port + 1))
        (data / "enabled_plugins").write_text("[rabbitmq_stream].\n")
        (data / "env.conf").touch()
        erlang = self.root / "usr" / "lib" / "erlang" / "bin"
        env = {**os.environ, "HOME": str(data), "PATH": f"{erlang}:{os.environ['PATH']}",
               "ERL_EPMD_PORT": str(port + 2), "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": str(port + 3),
               "RABBITMQ_NODENAME": NODE, "RABBITMQ_MNESIA_BASE": str(data / "mnesia"), "RABBITMQ_LOGS": "-",
               "RABBITMQ_LOG_BASE": str(data / "log"), "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
               "RABBITMQ_CONF_ENV_FILE": str(data / "env.conf"),
               "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins")}
        # Erlang's name server would outlive the node that starts it; this one is ours to stop.
        self.serve([erlang / "epmd", "-port", port + 2, "-address", "127.0.0.1"], log, env=env)
        return self.serve([self.root / "usr" / "lib" / "rabbitmq" / "bin" / "rabbitmq-server"], log, env=env)

    def load(self, row, port):
        connections, in_flight, batch, size = own_tool.shape(row)
        node = next(pid for pid in processes.children(self.pid) if processes.name(pid).startswith("beam"))
        warmup = self.setup.warmup if self.setup.quick else WARM_S
        out, used = self.metered([self.java, "-Xmx1G", "-cp", self.classpath, "StreamLoad", port, row.partitions, connections,
                                  in_flight, batch, size, warmup, self.setup.seconds, node])
        said = json.loads(out.strip().splitlines()[-1])
        # The server's CPU is of the measured window alone, steal of the warm-up as well.
        said["steal_s"] = used["steal_s"] * said["seconds"] / used["seconds"]
        return own_tool.result(row, said["messages"], said["seconds"], said, {})


def server():
    """Where Debian's server and its Erlang are unpacked; its scripts know where that is."""
    root = fetched.debian("rabbitmq-server", "erlang-base")
    erl = root / "usr" / "lib" / "erlang" / "bin" / "erl"
    erl.write_text(erl.read_text().replace("ROOTDIR=/usr/lib/erlang", f"ROOTDIR={erl.parent.parent}"))
    return root


def client():
    """The class path of StreamLoad."""
    jars = fetched.maven_jars("rabbitmq-client", HERE / "pom.xml")
    source = HERE / "StreamLoad.java"

    def make(folder):
        # The compiler may be newer than the Java that runs it.
        fetched.run([fetched.javac(), "--release", "17", "-d", folder, "-cp", f"{jars}/*", source])

    return f"{fetched.made('rabbitmq-load', source.read_text(), make)}:{jars}/*"
