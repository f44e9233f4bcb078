"""Redis streams: XADD by redis-benchmark, a batch of n messages as n pipelined commands."""

import csv
import io

from measure import fetched, own_tool
from measure.own_tool import OwnTool, ToolFailed

TRIAL = 4000           # commands of the run that finds how many the measured one needs


class Redis(OwnTool):
    """An append-only file that is flushed once a second."""

    name = "redis"
    fsync = "everysec"

    def __init__(self, setup):
        super().__init__(setup)
        self.programs = fetched.debian("redis-server", "redis-tools") / "usr" / "bin"
        self.env = fetched.libraries(self.programs.parent.parent)
        words = fetched.run([self.programs / "redis-server", "--version"], env=self.env).split()
        self.what = f"Redis {words[2].removeprefix('v=')}, appendonly yes, appendfsync {self.fsync}; redis-benchmark"

    def has(self, row):
        return super().has(row) and row.name not in ("open", "cold")

    def start(self, data, port, log):
        return self.serve([self.programs / "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", data, "--save", "",
                           "--appendonly", "yes", "--appendfsync", self.fsync, "--daemonize", "no"], log, env=self.env)

    def load(self, row, port):
        if row.name == "hot":
            return self._fetch(row, port)
        connections, in_flight, batch, size = own_tool.shape(row)
        words = ["-c", connections, "-P", in_flight * batch, "-r", row.partitions]
        command = ["XADD", "log:__rand_int__", "*", "v", "x" * size]
        return self._measure(row, port, words, command, messages_each=1, pipelined=in_flight * batch)

    def _fetch(self, row, port):
        """A thousand messages of 1 KB at a time from the end of one stream."""
        self._benchmark(port, 4000, ["-c", 1, "-P", 16], ["XADD", "log", "*", "v", "x" * 1000])
        words = ["-c", row.option("--connections", 4)]
        return self._measure(row, port, words, ["XREVRANGE", "log", "+", "-", "COUNT", 1000], messages_each=1000)

    def _measure(self, row, port, words, command, messages_each, pipelined=1):
        """A short run to learn the rate, then as many commands as fill the time."""
        trial = max(TRIAL // messages_each, 200, 2 * row.option("--connections", 1) * pipelined)
        rate = self._said(self._benchmark(port, trial, words, command))["rps"]
        commands = max(int(rate * row.seconds(self.setup.seconds)), trial)
        out, used = self.metered(self._command(port, commands, words, command), env=self.env)
        said = self._said(out)
        latencies = {f"p{at}_us": said[f"p{at}_latency_ms"] * 1e3 for at in (50, 99)}
        return own_tool.result(row, commands * messages_each, commands / said["rps"], used, latencies)

    def _benchmark(self, port, commands, words, command):
        return self.tool(self._command(port, commands, words, command), env=self.env)

    def _command(self, port, commands, words, command):
        return [self.programs / "redis-benchmark", "-p", port, "-n", commands, "--csv", *words, *command]

    @staticmethod
    def _said(out):
        """The last row of its CSV, as numbers."""
        lines = [line for line in out.splitlines() if line.startswith('"')]
        if len(lines) < 2:
            raise ToolFailed(f"redis-benchmark said: {out.strip()[-200:]}")
        row = next(csv.DictReader(io.StringIO("\n".join([lines[0], lines[-1]]))))
        return {key: float(value) for key, value in row.items() if key != "test"}


class Durable(Redis):
    """Flushed before it answers."""

    name = "redis-durable"
    fsync = "always"
    durable = True
