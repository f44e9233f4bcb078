"""Runs perf for a view, and says in one line why where the machine forbids what the view asks for."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import samples
import window

HERE = Path(__file__).resolve().parent
TRACEFS = Path("/sys/kernel/tracing")
BURSTS = ["-m", "4M"]  # perf's own half MiB a processor is full of tracepoints, above all with stacks, before perf gets to run


class Refused(Exception):
    """The kernel, the machine or the rights of this user do not give what a view needs."""


@dataclass
class Job:
    """One view of one process for some time, and where its files go."""
    view: str
    pid: int
    seconds: float
    out: Path
    stamp: str
    unwind: str | None = None                   # fp, dwarf; None: what the view does best with
    templates: bool = False
    messages_per_request: float | None = None   # where the load says so

    def path(self, ending):
        return self.out / f"{self.stamp}-{self.view}{ending}"

    def call_graph(self, best):
        """How stacks are followed. A stack by DWARF costs up to 16 KiB a sample: enough for any of ours."""
        return ["--call-graph", "dwarf,8192" if (self.unwind or best) == "dwarf" else "fp"]


def paranoid():
    try:
        return int(Path("/proc/sys/kernel/perf_event_paranoid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def why(text):
    """Of what perf printed, the reason as one line."""
    lowered = text.lower()
    if "paranoid" in lowered or "permission" in lowered or "not permitted" in lowered or "no access" in lowered:
        return f"not as this user: root, or sysctl kernel.perf_event_paranoid=-1 (it is {paranoid()})"
    if "not supported" in lowered or "no such device" in lowered:
        return "this machine has no such counter"
    if "unknown tracepoint" in lowered or "invalid or unsupported event" in lowered:
        return "this kernel has no such tracepoint"
    if "no such process" in lowered or "couldn't find" in lowered:
        return "the process has ended"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "perf said nothing"


def run(words, **keywords):
    """Runs perf; what it printed to stdout and to stderr. Raises Refused where it fails."""
    command = ["perf", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
                          **keywords)
    if done.returncode != 0:
        raise Refused(why(done.stderr))
    return done.stdout, done.stderr


def has_counters():
    """Whether the processor's own counters (cycles, cache misses) can be read here; few virtual machines give them."""
    done = subprocess.run(["perf", "stat", "-x,", "-e", "cycles:u", "true"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "not supported" not in done.stderr and "not counted" not in done.stderr


def need_tracepoints(*names):
    """Mounts the tracing file system where there is none."""
    if os.geteuid() == 0 and not os.path.isdir(TRACEFS / "events"):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], capture_output=True, check=False)
    if not os.access(TRACEFS / "events", os.R_OK | os.X_OK):
        raise Refused("tracepoints need root (the tracing file system is not mounted or not readable)")
    missing = [name for name in names if not has_tracepoint(name)]
    if missing:
        raise Refused(f"this kernel has no tracepoint {', '.join(missing)}")


def has_tracepoint(name):
    return os.path.exists(TRACEFS / "events" / name.replace(":", "/"))


def during_window(job, words):
    """Runs perf with `words` while the window lasts, which turns its events on and off. Gives what was counted meanwhile."""
    result = job.path("-window.json")
    result.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        pipes = [Path(directory) / name for name in ("control", "answer")]
        for pipe in pipes:
            os.mkfifo(pipe)
        control = ["-D", "-1", "--control", f"fifo:{pipes[0]},{pipes[1]}"]
        command = [sys.executable, HERE / "window.py", job.pid, job.seconds, result, *pipes]
        try:
            run([*words, *control, "--", *command])
        except Refused as refusal:
            if not Path(f"/proc/{job.pid}").exists():
                raise Refused("the process has ended") from refusal
            raise
    return window.read(result, job.messages_per_request)


def record(job, selection, everywhere=False):
    """perf record of the process, or of all processes, while the window lasts. Gives the data's file and what was counted."""
    data = job.path(".data")
    target = ["-a"] if everywhere else ["-p", job.pid]
    room = BURSTS if any(has_tracepoint(str(word)) for word in selection) else []
    return data, during_window(job, ["record", "-q", "-N", "-o", data, *room, *selection, *target])


def say_losses(said):
    """Of what perf printed to stderr on reading a recording: that events are missing in it."""
    for line in re.findall(r"^.*\blost\b.*$", said, re.I | re.M):
        print(f"what follows is less than there was: {line.strip()}")


def script(data, stacks=True, trace=True):
    """The samples of a recording, one after the other; after the last one it is said if some were lost. Raises Refused where
    perf cannot read it, also after samples."""
    fields = ["comm", "tid", "time", "event"] + (["cpu", "trace"] if trace else []) + (["ip", "sym", "dso"] if stacks else [])
    command = ["perf", "script", "-i", str(data), "--ns", "--no-inline", "-F", ",".join(fields)]
    # A file: perf would wait for a pipe that nobody empties while its samples are read.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="replace") as process:
            yield from samples.read_samples(process.stdout)
        complaints.seek(0)
        said = complaints.read()
    if process.returncode != 0:
        raise Refused(why(said))
    say_losses(said)


def event_of(data):
    """The event that perf chose."""
    out, _ = run(["evlist", "-i", data])
    return out.splitlines()[0].split(":")[0] if out else "?"


def have(command):
    return shutil.which(command) is not None
