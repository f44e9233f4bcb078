"""Our own loads, raw_load and bare_path: run, and their JSON line taken."""

import itertools
import json
import subprocess
import sys

from measure.failures import LoadFailed, attempted


class Running:
    """A load on its way."""

    def __init__(self, programs, process, file, label):
        self.programs, self.process, self.file, self.label = programs, process, file, label
        programs.running.add(self)

    def result(self, timeout=None):
        """Its JSON line, or None where it failed. Waits `timeout` seconds at most; what ends the wait ends the load."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except BaseException:
            self.kill()
            raise
        self.programs.running.discard(self)
        if self.programs.verbose:
            print(out, end="", flush=True)
        if self.process.returncode != 0 or not self.file.exists():
            print(f"{self.label}: {err.strip() or out.strip()}", file=sys.stderr, flush=True)
            return None
        line = json.loads(self.file.read_text())
        self.file.unlink()
        return line

    def line(self):
        """As result(), but raises LoadFailed where there is none, and where nothing was answered."""
        line = self.result()
        if not line or not line["requests"]:
            raise LoadFailed(f"the load {self.label} failed")
        return line

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.programs.running.discard(self)


class Programs:
    """Where they are, where their results go. `before` runs in each child."""

    def __init__(self, build, scratch, before=None, verbose=False):
        self.build, self.scratch, self.before, self.verbose = build, scratch, before, verbose
        self.serial = itertools.count()
        self.running = set()

    def start(self, program, arguments, label):
        file = self.scratch / f"result-{next(self.serial)}.json"
        command = [self.build / "bench" / program, *arguments, "--json", file, "--label", label]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, preexec_fn=self.before)
        return Running(self, process, file, label)

    def run(self, program, arguments, label):
        return self.start(program, arguments, label).result()

    def kill(self):
        """Those that nobody has waited for."""
        for running in list(self.running):
            running.kill()


def append_json(file, line):
    """Writes a line; one that cannot be written is said, and the measurement goes on."""
    attempted(file.name, lambda: print(json.dumps(line), file=file, flush=True))
