"""From the start of the process to its first answer: on nothing, and over many partitions after each kind of end."""

import os
import signal

from measure.brokers import Millrace
from measure.further import say

EMPTY_S, FULL_S = 0.05, 1


def starts(setup, repeats):
    """Seconds on an empty directory, after a clean stop and after kill -9 under load."""
    empty = []
    for _ in range(5 * repeats):
        broker = Millrace(setup)
        with broker.started(memory="1G"):
            empty.append(broker.start_seconds)
    whole = say("start on an empty directory, seconds to the first answer", empty, EMPTY_S, at_most=True)
    partitions, megabytes = (100, 1024) if setup.quick else (1000, 20480)
    clean, killed = [], []
    broker = Millrace(setup)
    with broker.started(keep=True):
        broker.fill("starts", megabytes, partitions)
    for _ in range(repeats):
        with broker.started(keep=True):
            clean.append(broker.start_seconds)
            broker.fill("starts", megabytes // 20, partitions)
            os.kill(broker.pid, signal.SIGKILL)
        with broker.started(keep=True):
            killed.append(broker.start_seconds)
    with broker.started():
        pass
    over = f"{partitions:,} partitions with {megabytes / 1024:g} GB"
    whole = say(f"start over {over} after a clean stop", clean, FULL_S, at_most=True) and whole
    return say(f"start over {over} after kill -9", killed, FULL_S, at_most=True) and whole
