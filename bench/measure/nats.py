"""NATS JetStream: one stream on disk, published to by the nats command; both from the Go module proxy."""

import csv

from measure import fetched, own_tool
from measure.own_tool import OwnTool

SERVER = "github.com/nats-io/nats-server/v2@v2.15.3"
TOOL = "github.com/nats-io/natscli/nats@v0.5.1"
TRIAL = 4000           # messages of the run that finds how many the measured one needs


class Nats(OwnTool):
    """Its default: files are flushed every two minutes."""

    name = "nats"
    sync = "2m"

    def __init__(self, setup):
        super().__init__(setup)
        self.programs = fetched.go_programs("nats", SERVER, TOOL)
        version = fetched.run([self.programs / "nats-server", "--version"]).split()[-1]
        self.what = f"NATS JetStream {version}, file store, sync_interval {self.sync}; nats bench js pub"

    def has(self, row):
        return super().has(row) and row.load.startswith("produce")

    def start(self, data, port, log):
        config = data / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{port}"\n'
                          f'jetstream {{ store_dir: "{data}", sync_interval: {self.sync}, max_file_store: 1TB }}\n')
        return self.serve([self.programs / "nats-server", "-c", config], log)

    def load(self, row, port):
        """A batch of n messages as n more on the way. A partition is a subject."""
        connections, in_flight, batch, _ = own_tool.shape(row)
        trial = max(TRIAL, 2 * connections * in_flight * batch)
        rate, _, _ = self._publish(row, port, trial)
        messages = max(int(rate * row.seconds(self.setup.seconds)), trial)
        rate, latencies, used = self._publish(row, port, messages)
        return own_tool.result(row, messages, messages / rate, used, latencies)

    def _publish(self, row, port, messages):
        """(messages a second, latencies, what it cost)."""
        connections, in_flight, batch, size = own_tool.shape(row)
        report = self.setup.scratch / "nats.csv"
        report.unlink(missing_ok=True)
        way = ["sync"] if in_flight * batch == 1 else ["async", "--batch", in_flight * batch]
        subjects = ["--multisubject", "--multisubjectmax", row.partitions] if row.partitions > 1 else []
        _, used = self.metered([self.programs / "nats", "-s", f"nats://127.0.0.1:{port}", "--no-context", "bench", "js", "pub",
                                way[0], "bench", *way[1:], *subjects, "--clients", connections, "--size", f"{size}B",
                                "--msgs", messages, "--create", "--purge", "--storage", "file", "--maxbytes", "60GB",
                                "--no-progress", "--csv", report])
        with open(report, encoding="utf-8", newline="") as lines:
            clients = list(csv.DictReader(lines))
        # The clients begin and end together: the slowest says how long it took.
        seconds = max(float(client["DurationSecs"]) for client in clients)
        latencies = {f"{ours}_us": max(float(client[f"{theirs}LatencyMicroSecs"]) for client in clients)
                     for ours, theirs in (("p50", "P50"), ("p99", "P99"), ("p999", "P99.9"))}
        return messages / seconds, latencies, used


class Durable(Nats):
    """Flushed before it answers."""

    name = "nats-durable"
    sync = "always"
    durable = True
