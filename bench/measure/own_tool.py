"""Brokers with a protocol of their own, loaded by a tool of their own, measured from outside."""

import shutil
import subprocess

from measure import processes
from measure.brokers import Contender
from measure.failures import Failed

TOOL_MAX_S = 300


class OwnTool(Contender):
    """Starts its server on the server's core over a fresh directory and its tool on the load's core."""

    def __init__(self, setup):
        super().__init__(setup)
        self.served = []

    def start(self, data, port, log):
        """Serves what it takes; the server's process, which listens on `port` soon."""
        raise NotImplementedError

    def load(self, row, port):
        """Runs the tool; messages_per_s, mb_per_s, requests_per_s and the latencies that it says, in microseconds."""
        raise NotImplementedError

    def measure(self, row):
        name = self.name.replace(" ", "-")
        data, log = self.setup.scratch / name, self.setup.scratch / f"{name}.log"
        log.unlink(missing_ok=True)
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        port = processes.free_port(self.setup.port, width=4)
        try:
            process = self.start(data, port, log)
            processes.wait_for_port(port, process, log)
            self.pid = process.pid
            return self.load(row, port)
        finally:
            self.stop()
            shutil.rmtree(data, ignore_errors=True)

    def stop(self):
        """All that was served, the last first. A script waits for the server that it has started: that goes before it."""
        while self.served:
            process = self.served.pop()
            for pid in processes.children(process.pid)[1:]:
                processes.terminate(pid)
            processes.stop(process)

    def serve(self, command, log, **options):
        process = processes.start(command, log, cpus={self.setup.server_cpu}, before=self.setup.before, **options)
        self.served.append(process)
        return process

    def metered(self, command, **options):
        """The tool's output and what the server and the host used meanwhile."""
        span, cpu = processes.Span(), processes.cpu_seconds(self.pid)
        out = self.tool(command, **options)
        return out, {**span.line(), "server_cpu_s": processes.cpu_seconds(self.pid) - cpu}

    def tool(self, command, env=None):
        """One run of the tool on the load's core; raises ToolFailed with its last line."""
        log = self.setup.scratch / "tool.log"
        log.unlink(missing_ok=True)
        process = processes.start(command, log, cpus={self.setup.load_cpu}, env=env)
        try:
            process.wait(TOOL_MAX_S)
        except subprocess.TimeoutExpired:
            raise ToolFailed(f"the load tool did not end in {TOOL_MAX_S} s") from None
        finally:
            processes.stop(process, seconds=5)
        out = log.read_text(encoding="utf-8", errors="replace")
        if process.returncode != 0:
            raise ToolFailed((out.strip().splitlines() or ["the load tool failed"])[-1][:300])
        return out


class ToolFailed(Failed):
    pass


def shape(row):
    """(connections, requests in flight on each, messages a request, bytes a message) of a row that produces."""
    return (row.option("--connections", 1), row.option("--in-flight", 1), row.option("--messages-per-batch", 10),
            row.option("--message-bytes", 1000))


def batch_bytes(row):
    """What raw_load's batch of the same messages has, so that rates in bytes compare."""
    _, _, batch, size = shape(row)
    words = (row.bare or "").split()
    return int(words[words.index("--frame") + 1]) if "--frame" in words else batch * size


def result(row, messages, seconds, used, latencies):
    """A line as raw_load's, from a count of messages in a time."""
    requests = messages / shape(row)[2]
    sent = requests * batch_bytes(row)
    return {**used, "requests": requests, "requests_per_s": requests / seconds, "messages_per_s": messages / seconds,
            "mb_per_s": sent / seconds / 1e6, "server_cpu_s_per_gb": used["server_cpu_s"] / (sent / 1e9), **latencies}
