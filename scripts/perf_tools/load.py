"""A broker on one core, a load of the speed table on another, and a view of the broker meanwhile: from a clean clone to a flame
graph in one command."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time

import counts
import tools
import views

START_MAX_S = 300  # ten thousand partitions and a preload take their time
POLL_S = 0.5
ROOM_POLL_S = 0.1


def measured():
    """(rows, processes) of bench/measure: the rows of the speed table, and how its tables start a broker."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(tools.HERE.parent.parent / "bench"))
    from measure import processes, rows
    return rows.ROWS, processes


def choose(words, rows):
    """(row, view, seconds) of the words in any order."""
    row, view, seconds = rows[0], "cpu", 10
    by_name = {row.name: row for row in rows}
    for word in words:
        if word in by_name:
            row = by_name[word]
        elif word in views.VIEWS or word == "all":
            view = word
        elif re.fullmatch(r"[\d.]+", word):
            seconds = views.number(word, "number of seconds")
        else:
            sys.exit(f"scripts/perf: {word} is neither a row ({' '.join(by_name)}) nor a view ({' '.join(views.VIEWS)} all)")
    return row, view, seconds


def messages_per_request(row):
    """As raw_load counts: ten where the row says nothing. Fetches bring nothing in."""
    found = re.search(r"--messages-per-batch (\d+)", row.load)
    return None if row.load.startswith("fetch") else int(found[1]) if found else 10


def wait_until_steady(row, port, loader):
    """Until messages come in evenly; of a fetch, until those that it reads are all there."""
    watermarks = counts.Watermarks(port)
    last, grew, stood = None, 0, 0
    end = time.monotonic() + START_MAX_S
    while time.monotonic() < end:
        if loader.poll() is not None:
            raise tools.Refused("the load ended before it was looked at")
        now = watermarks.now().messages
        if now is not None and last is not None:
            grew, stood = (grew + 1, 0) if now > last else (grew, stood + 1)
        last = now
        if row.load.startswith("fetch") and grew and stood >= 4 or not row.load.startswith("fetch") and grew >= 4:
            return
        time.sleep(POLL_S)
    raise tools.Refused(f"the load did not come going within {START_MAX_S} s")


class Room(threading.Thread):
    """Stops a load before it fills the disk: a fast one writes gigabytes a second, and ten thousand partitions grow their
    segments ahead. It may use half of what was free at the start."""

    def __init__(self, directory, end):
        super().__init__(daemon=True)
        self.directory = directory
        self.end = end          # what ends the load
        self.least = self.free() // 2
        self.used_up = False
        self.over = threading.Event()

    def free(self):
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    def run(self):
        while not self.over.wait(ROOM_POLL_S):
            if self.free() < self.least:
                self.used_up = True
                self.end()
                return


def run(words, options, look_at):
    rows, processes = measured()
    row, view, seconds = choose(words, rows)
    cores = sorted(os.sched_getaffinity(0))
    mine, its = cores[0], cores[min(1, len(cores) - 1)]
    scratch = options.out / f"load-{os.getpid()}"
    scratch.mkdir(parents=True, exist_ok=True)
    port = processes.free_port()
    started = []
    room = Room(scratch, lambda: [process.terminate() for process in reversed(started)])
    log = open(scratch / "log", "w", encoding="utf-8")
    try:
        print(f"{row.title}: the broker on processor {mine}, the load on {its}", flush=True)
        room.start()
        broker = subprocess.Popen([options.build / "millraced", "--data-dir", scratch / "data", "--cores", str(mine),
                                   "--kafka", f"127.0.0.1:{port}", "--http", "off", "--memory", row.memory or "2G"],
                                  stdout=log, stderr=log, start_new_session=True)
        started.append(broker)
        try:
            processes.wait_for_port(port, broker, scratch / "log")
        except processes.NotStarted:
            raise tools.Refused("the broker did not start") from None
        processes.wait_until_touched(broker.pid)
        loader = subprocess.Popen([options.build / "bench/raw_load", *row.load.split(), "--broker", f"127.0.0.1:{port}",
                                   "--cpu", str(its), "--seconds", "100000", "--warmup", "0"],
                                  stdout=log, stderr=log, start_new_session=True)
        started.append(loader)
        wait_until_steady(row, port, loader)
        return look_at(views.of(view), options, broker.pid, seconds, messages_per_request(row))
    except BrokenPipeError:
        raise  # of our own output: main ends well
    except (tools.Refused, OSError) as error:
        log.flush()
        print((scratch / "log").read_text(encoding="utf-8", errors="replace")[-2000:], end="", file=sys.stderr)
        sys.exit(f"scripts/perf: {error}")
    finally:
        room.over.set()
        for process in reversed(started):
            processes.stop(process, 60)
        if room.used_up:
            print("scripts/perf: the load was ended, for it had used half of the free disk", file=sys.stderr)
        log.close()
        shutil.rmtree(scratch, ignore_errors=True)
