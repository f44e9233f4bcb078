"""Our own loads, raw_load and bare_path: run, and their JSON line taken."""

import itertools
import json
import subprocess
import sys


class Running:
    """A load on its way."""

    def __init__(self, programs, process, file, label):
        self.programs, self.process, self.file, self.label = programs, process, file, label

    def result(self):
        """Its JSON line, or None where it failed; waits for its end."""
        out, err = self.process.communicate()
        if self.programs.verbose:
            print(out, end="", flush=True)
        if self.process.returncode != 0 or not self.file.exists():
            print(f"{self.label}: {err.strip() or out.strip()}", file=sys.stderr, flush=True)
            return None
        line = json.loads(self.file.read_text())
        self.file.unlink()
        return line

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Programs:
    """Where they are, where their results go. `before` runs in each child."""

    def __init__(self, build, scratch, before=None, verbose=False):
        self.build, self.scratch, self.before, self.verbose = build, scratch, before, verbose
        self.serial = itertools.count()

    def start(self, program, arguments, label):
        file = self.scratch / f"result-{next(self.serial)}.json"
        command = [self.build / "bench" / program, *arguments, "--json", file, "--label", label]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, preexec_fn=self.before)
        return Running(self, process, file, label)

    def run(self, program, arguments, label):
        return self.start(program, arguments, label).result()

    def bare(self, row, directory, seconds, fresh=False, file_mb=1024):
        """The row on the bare path, its files kept in `directory`; `seconds` as other rows."""
        directory.mkdir(parents=True, exist_ok=True)
        words = [*row.bare.split(), "--directory", directory, "--seconds", row.seconds(seconds), "--file-mb", file_mb]
        if fresh and row.produces:
            words.append("--fresh")
        return self.run("bare_path", words, f"bare {row.name}")


def append_json(path, line):
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
