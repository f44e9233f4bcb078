"""From the start of the process to its first answer: on nothing, and over many partitions after each kind of end."""

import os
import shutil
import signal
import time

from measure import processes
from measure.brokers import Millrace
from measure.failures import LoadFailed
from measure.further import Load, repeated, say

EMPTY_S, FULL_S = 0.05, 1
LOAD_MAX_S = 120           # the broker is killed long before


def starts(setup, repeats):
    """Seconds on an empty directory, after a clean stop and after kill -9 under load."""
    span = processes.Span()
    empty = repeated("start on an empty directory", 5 * repeats, on_nothing, setup)
    whole = say("start on an empty directory, seconds to the first answer", empty, 5 * repeats, EMPTY_S, at_most=True,
                runs=[span.line()])
    return over_many(setup, repeats) and whole


def on_nothing(setup):
    with Millrace(setup).started(memory="1G") as broker:
        return broker.start_seconds


def over_many(setup, repeats):
    partitions, megabytes = (100, 1024) if setup.quick else (1000, 20480)
    over = f"{partitions:,} partitions with {megabytes / 1024:g} GB"
    broker = Millrace(setup)
    try:
        with broker.started(keep=True):
            broker.fill("starts", megabytes, partitions)
        span = processes.Span()
        found = repeated(f"start over {over}", repeats, after_both_ends, setup, broker, partitions, megabytes // 20)
        noise = [span.line()]
    finally:
        shutil.rmtree(broker.data, ignore_errors=True)
    whole = say(f"start over {over} after a clean stop", [clean for clean, _ in found], repeats, FULL_S, at_most=True,
                runs=noise)
    return say(f"start over {over} after kill -9 under load", [killed for _, killed in found], repeats, FULL_S, at_most=True,
               runs=noise) and whole


def after_both_ends(setup, broker, partitions, megabytes):
    """(seconds after a clean stop, seconds after kill -9)."""
    with broker.started(keep=True):
        clean = broker.start_seconds
        kill_under_load(setup, broker, partitions, megabytes)
    with broker.started(keep=True):
        return clean, broker.start_seconds


def kill_under_load(setup, broker, partitions, megabytes):
    """kill -9 once so much was written of a load that goes on."""
    before = processes.disk_moved(broker.pid)
    load = Load(broker, setup).start(f"produce --connections {min(partitions, 64)} --in-flight 2 --partitions {partitions} "
                                     f"--messages-per-batch 1000", "starts", seconds=LOAD_MAX_S)
    while processes.disk_moved(broker.pid) - before < megabytes << 20:
        if load.process.poll() is not None:
            raise LoadFailed("the load ended before the broker was killed")
        time.sleep(0.01)
    os.kill(broker.pid, signal.SIGKILL)
    load.kill()
