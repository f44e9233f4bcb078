"""A failing run shrinks: the smaller one fails with the same checker, and has less in it.

usage: swarm_shrink_test.py SWARM

The failure is the swarm's own (--planted): a kill is called one once something was acknowledged.
"""
import re
import shlex
import subprocess
import sys


def run(words):
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return ended.returncode, ended.stdout


def main():
    swarm = sys.argv[1]
    for seed in range(1, 40):
        code, said = run([swarm, f"--seed={seed}", "--planted"])
        if code != 0:
            break
    else:
        sys.exit("no seed fails")
    if code != 3 or "FAILED planted " not in said:
        sys.exit(f"not the planted failure: {said}")
    drawn = re.search(rf"seed {seed}: (.*)", said)[1]

    code, said = run([swarm, f"--seed={seed}", "--planted", "--shrink"])
    found = re.search(r"^SHRUNK planted in \d+ tries   replay: \S+ (.*?)   commit", said, re.M)
    if code != 3 or found is None:
        sys.exit(f"nothing was shrunk: {said}")
    words = shlex.split(found[1])
    code, again = run([swarm, *words])
    if code != 3 or "FAILED planted " not in again:
        sys.exit(f"the smaller run does not fail in the same way: {words}: {again}")
    small = re.search(rf"seed {seed}: (.*)", again)[1]
    print(f"{drawn}\n{small}\n{found[1]}")
    faults = re.search(r"faults=(\S+)", small)[1]
    clients = re.search(r"producers=(\d+)x(\d+)", small)
    if faults != "kills" or clients[1] != "1" or int(clients[2]) >= int(re.search(r"producers=\d+x(\d+)", drawn)[1]):
        sys.exit("it could be smaller")
    code, said = run([swarm, f"--seed={seed}", "--planted", "--without=kills", "--shrink"])
    if code != 0 or "nothing to shrink" not in said:
        sys.exit(f"a run that passes is shrunk: {said}")


main()
