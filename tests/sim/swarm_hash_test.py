"""One seed gives one schedule: twice in a process, and in another process.

usage: swarm_hash_test.py SWARM
"""
import re
import subprocess
import sys


def hashes(swarm, seed):
    said = subprocess.run([swarm, f"--seed={seed}", "--repeat=2"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return re.findall(r"schedule_hash=([0-9a-f]{16})", said)


def main():
    swarm = sys.argv[1]
    seen = set()
    for seed in (1, 2, 3):
        all_hashes = hashes(swarm, seed) + hashes(swarm, seed)
        if len(all_hashes) != 4 or len(set(all_hashes)) != 1:
            sys.exit(f"seed {seed} has more than one schedule: {all_hashes}")
        seen.add(all_hashes[0])
    if len(seen) != 3:
        sys.exit("different seeds have the same schedule")


main()
