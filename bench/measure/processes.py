"""Processes under measure: pinned, waited for, and asked what they used."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from measure.failures import Failed


class NotStarted(Failed):
    pass


def cores():
    """The CPUs that we may use: the server's, the load's, and more. Ends the program with a line where there is only one."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        sys.exit("a server and its load need a CPU each, and there is only one to use")
    return found


def free_port(first=0, width=2):
    """A port with `width - 1` free ones above it: at or above `first`, below the ephemeral ones unless named."""
    first = first or 21000
    for port in range(first, min(first + 100 * width, 65536 - width), width):
        try:
            for candidate in range(port, port + width):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", candidate))
            return port
        except OSError:
            continue
    raise NotStarted(f"no free port from {first}")


def start(command, log_path, cpus=None, before=None, env=None, cwd=None):
    """A process in a session of its own (which `before` makes, where it is given) with all threads on `cpus`, as many open
    files as it may, its output in a file."""

    def prepare():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if cpus is not None:
            os.sched_setaffinity(0, cpus)
        if before:
            before()

    with open(log_path, "ab") as log:
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                preexec_fn=prepare, env=env, cwd=cwd, start_new_session=before is None)


def wait_for_port(port, process, log_path, seconds=60):
    """Until somebody listens there; raises NotStarted with the log's end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    said = Path(log_path).read_text(encoding="utf-8", errors="replace")[-2000:]
    raise NotStarted(f"nothing listens on {port}: {said}")


def wait_for_answer(port, process, log_path, seconds=60):
    """Until a broker of Kafka's protocol there has answered ApiVersions (v0); raises NotStarted as above."""
    request = bytes.fromhex("0000000c") + bytes.fromhex("0012" "0000" "00000001" "0002") + b"up"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(request)
                if len(connection.recv(8)) == 8:
                    return
        except OSError:
            time.sleep(0.001)
    wait_for_port(port, process, log_path, 0)


def stop(process, seconds=30):
    """SIGTERM, and SIGKILL to its session where that does not help or nobody waits for it; True where it ended by itself."""
    if process.poll() is not None:
        return True
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def terminate(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def wait_until_touched(pid):
    """A broker touches its memory in idle turns after the start; on a machine that was begun a moment ago the first touch
    of a page is dear enough to be all that a run measures."""
    before = -1
    for _ in range(120):
        pages = resident(pid) // os.sysconf("SC_PAGE_SIZE")
        if pages - before < 256:
            return
        before = pages
        time.sleep(0.5)


def resident(pid):
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def disk_read(pid):
    """Bytes that the process had the disk read so far."""
    return _disk(pid)["read_bytes"]


def disk_moved(pid):
    """Bytes that the process had the disk read and write so far."""
    return _disk(pid)["read_bytes"] + _disk(pid)["write_bytes"]


def _disk(pid):
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def children(pid):
    """The process and all that it started."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):  # one that just ended has none
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, task.read_text(encoding="ascii").split())
    return found


def name(pid):
    return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()


def cpu_seconds(pid):
    """Of all threads of the process, also of those that ended, as the kernel's io workers do: its clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def machine():
    """The machine in a few words."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.split(": ", 1)[1].strip() for line in info if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} x {model}, Linux {os.uname().release}"


def steal_seconds():
    """Of all CPUs: time that the host gave to somebody else."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


class Span:
    """From now on: seconds and steal time, as a load's line has them."""

    def __init__(self):
        self.begun, self.stolen = time.monotonic(), steal_seconds()

    def line(self):
        return {"seconds": time.monotonic() - self.begun, "steal_s": steal_seconds() - self.stolen}
