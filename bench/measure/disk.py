"""The disk: room of our own on it, and when it is quiet. What was deleted before is still being worked off for a while, and
durable writes stand still meanwhile."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

QUIET_SECONDS = 5       # the discards of a deleted directory came 2 s apart, for 10 s a gigabyte
STALL_SECONDS = 0.02    # 75 ms each, where a write took 0.7 ms
GIVE_UP_SECONDS = 120
SLOW_MB_PER_S = 200     # what a closed loop writes at least


@contextlib.contextmanager
def scratch(data, program):
    """A directory below `data`, which is made, for all that the runs write; gone at the end."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{program}.", dir=data))
    except OSError as error:
        sys.exit(f"{data}: {error.strerror}")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def require(directory, megabytes):
    """Ends the program with a line where less is free."""
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize / 1e6
    if free < megabytes:
        sys.exit(f"{directory}: {free / 1e3:.1f} GB are free there, and {megabytes / 1e3:.1f} are needed at least (--data)")


def least_mb(row, setup):
    """What a run of the row keeps there at least, on a disk that is slow."""
    closed_loop = row.load.startswith("produce")
    return max(setup.preload_mb(row), SLOW_MB_PER_S * (row.seconds(setup.seconds) + setup.warmup) if closed_loop else 0)


def wait_until_quiet(row, directory):
    """Until no durable write of 4 KiB has stood still for some seconds, before a run of a row that measures times: in a rate a few
    stalls do not show."""
    if not row.figure.less_is_better:
        return
    os.sync()
    path = directory / "quiet"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DSYNC, 0o600)
    try:
        begun = stalled = time.monotonic()
        while (now := time.monotonic()) - stalled < QUIET_SECONDS:
            if now - begun > GIVE_UP_SECONDS:
                print(f"the disk still stands still now and then after {GIVE_UP_SECONDS} s", file=sys.stderr, flush=True)
                return
            os.pwrite(file, bytes(4096), 0)
            if time.monotonic() - now > STALL_SECONDS:
                stalled = time.monotonic()
            time.sleep(0.005)
    finally:
        os.close(file)
        path.unlink(missing_ok=True)
