"""One seed gives one schedule: twice in a process, in another process, and in every build that is named.

usage: swarm_hash_test.py SWARM...

Builds of one compiler: another one schedules coroutines differently. Where builds differ, something that is no part of
the world (an address, the size of an object, a hash of the library's) has decided what happens.
"""
import re
import subprocess
import sys

SEEDS = (1, 2, 3, 12, 388)


def hashes(swarm, seed):
    said = subprocess.run([swarm, f"--seed={seed}", "--repeat=2"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return re.findall(r"schedule_hash=([0-9a-f]{16})", said)


def main():
    swarms = sys.argv[1:]
    seen = set()
    for seed in SEEDS:
        all_hashes = [one for swarm in swarms for one in hashes(swarm, seed)] + hashes(swarms[0], seed)
        if len(all_hashes) != 2 * len(swarms) + 2 or len(set(all_hashes)) != 1:
            sys.exit(f"seed {seed} has more than one schedule: {all_hashes}")
        seen.add(all_hashes[0])
    if len(seen) != len(SEEDS):
        sys.exit("different seeds have the same schedule")


main()
