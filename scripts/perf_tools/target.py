"""The process to look at."""

import sys
from pathlib import Path

NAME = "millraced"


def running():
    """Every broker of ours that runs."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text(encoding="utf-8", errors="replace").strip() == NAME:
                found.append(int(comm.parent.name))
        except OSError:
            continue  # it has ended
    return sorted(found)


def find(pid=None):
    """`pid`, or the only broker that runs."""
    if pid is None:
        found = running()
        if not found:
            sys.exit(f"scripts/perf: no {NAME} runs; start one (scripts/run), let scripts/perf load do so, or name a process: "
                     "scripts/perf VIEW PID")
        if len(found) > 1:
            sys.exit(f"scripts/perf: several run: scripts/perf VIEW PID with one of {' '.join(map(str, found))}")
        pid = found[0]
    if not Path(f"/proc/{pid}").is_dir():
        sys.exit(f"scripts/perf: there is no process {pid}")
    return pid
