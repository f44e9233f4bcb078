"""A failing run says one line that replays it, whatever ended it, and its exit code tells what.

usage: swarm_words_test.py SWARM

The failures are the swarm's own (--planted), and signals as a broken program would get them.
"""
import os
import re
import signal
import subprocess
import sys

LINE = re.compile(r"^FAILED (\S+) at ([0-9.]+) s   replay: (\S+) (.*?)   commit \S+(?:   schedule_hash=([0-9a-f]{16}))?$", re.M)


def run(words, directory):
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=directory)
    return ended.returncode, LINE.search(ended.stdout), ended.stdout


def planted(program, directory):
    """The line replays what it says: same checker, same moment, same schedule."""
    for seed in range(1, 40):
        code, found, said = run([program, f"--seed={seed}", "--planted", "--without=codecs"], directory)
        if code != 0:
            break
    if code != 3 or found is None or found[1] != "planted" or found[3] != program or found[5] is None:
        sys.exit(f"not the planted failure: {said}")
    again = run([found[3], *found[4].split()], directory)
    if again[0] != 3 or again[1] is None or again[1][0] != found[0]:
        sys.exit(f"another run: {found[0]}: {again[2]}")


def by_signal(program, directory, number):
    one = subprocess.Popen([program, "--seed=1", "--repeat=100000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True, cwd=directory)
    first = one.stdout.readline()
    one.send_signal(number)
    said = one.stdout.read()
    found = LINE.search(said)
    if one.wait() != 2 or found is None or found[1] != "crash" or found[4] != "--seed=1":
        sys.exit(f"{number!r}: exit {one.returncode}: {first}{said}")


def main():
    directory, name = os.path.split(os.path.abspath(sys.argv[1]))
    program = f"./{name}"
    planted(program, directory)
    for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
        by_signal(program, directory, number)


main()
