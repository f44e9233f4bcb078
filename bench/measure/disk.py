"""The disk before a run: what was deleted before is still being worked off for a while, and durable writes stand still meanwhile."""

import os
import sys
import time

QUIET_SECONDS = 5       # the discards of a deleted directory came 2 s apart, for 10 s a gigabyte
STALL_SECONDS = 0.02    # 75 ms each, where a write took 0.7 ms
GIVE_UP_SECONDS = 120


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
        path.unlink()
