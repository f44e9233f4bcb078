#!/usr/bin/env python3
"""Cuts the power of the disk under the broker and looks for every acknowledged record after the restart.

The disk is a rig of its own (--rig DIR, a directory with rig.sh: `up FS SIZE`, `cut SEED MODE`, `recover`, `down`),
which needs root, FUSE and loop devices. Each file system sees --cuts cuts, the modes in turn, in a random order. Every other run of
--per-disk cuts has slow flushes: they widen the window between a write and its flush. On XFS every other cut comes shortly after a backup by
`cp`: files and backup share their extents then, and an overwrite is in a new extent that only a sync of its own file keeps."""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import broker as brokers
import cache
import workload

MODES = ("drop-all", "keep-random", "torn", "prefix", "keep-all")


class Rig:
    def __init__(self, scripts, folder, flush_us):
        self.script = pathlib.Path(scripts) / "rig.sh"
        self.folder = pathlib.Path(folder).absolute()
        self.environment = {**os.environ, "RIG_DIR": str(self.folder), "RIG_FLUSH_US": str(flush_us), "RIG_CHECK": "1"}

    def run(self, *words):
        done = subprocess.run([str(self.script), *map(str, words)], env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f"rig.sh {' '.join(map(str, words))}: {done.stdout}")
        return done.stdout.strip()

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / "rig.state").exists():
            self.run("down")
        return self

    def __exit__(self, *_):
        if (self.folder / "rig.state").exists():
            self.run("down")


def back_up(folder):
    """Files that come and go meanwhile may be missing from it; the number of those that share their extents."""
    backup = folder / "backup"
    shutil.rmtree(backup, ignore_errors=True)
    subprocess.run(["cp", "-r", "--reflink=always", str(folder / "data"), str(backup)], stderr=subprocess.DEVNULL)
    return sum(path.is_file() for path in backup.rglob("*"))


def cut_once(rig, broker, topics, ledger, chooser, seed, mode, longest, backs_up):
    """One round; (words, violations)."""
    load = workload.Load(broker.address, ledger, topics, seed).start()
    pause = chooser.uniform(0.3, longest)
    time.sleep(pause / 2)
    shared = back_up(rig.folder / "mnt") if backs_up else 0
    time.sleep(pause / 2)
    damage = rig.run("cut", seed, mode)
    broker.kill()
    load.stop()
    acknowledged = len(ledger.acked)
    repaired = rig.run("recover")
    start = time.monotonic()
    try:
        broker.start()
        wrong = workload.check(broker.address, topics, ledger)
    except RuntimeError as error:
        wrong = [f"after the cut: {error}"]
    if backs_up and shared == 0:
        wrong.append("nothing was backed up")
    if "damage" in repaired:
        wrong.append(f"the file system: {repaired}")
    backup = f", {shared} files shared with a backup" if backs_up else ""
    return f"{mode} after {pause:.2f} s{backup}, {acknowledged} acknowledged so far ({damage}), served and checked after " \
           f"{time.monotonic() - start:.2f} s", wrong


def run_disk(arguments, fs, flush_us, modes, seed):
    """A disk of its own for some cuts; the number of failed ones and of records acknowledged."""
    failed, acknowledged, chooser = 0, 0, random.Random(seed)
    with Rig(arguments.rig, arguments.rig_dir, flush_us) as rig:
        print(f"{rig.run('up', fs, arguments.size)}, flushes of {flush_us} us", flush=True)
        broker = brokers.from_arguments(arguments, "powercut", rig.folder / "mnt" / "data",
                                        {"message.max.bytes": "2097152"})
        broker.log_path = pathlib.Path(arguments.work) / f"powercut-{fs}-{seed}.log"
        broker.log_path.parent.mkdir(parents=True, exist_ok=True)
        with broker:
            broker.start()
            topics, ledger = workload.topics_of(0, arguments.many), workload.Ledger()
            workload.create_topics(broker.address, topics)
            if arguments.settle:
                subprocess.run(["sync", "-f", str(rig.folder / "mnt")], check=True)
            for index, mode in enumerate(modes):
                words, wrong = cut_once(rig, broker, topics, ledger, chooser, seed + index, mode, arguments.longest,
                                        backs_up=fs == "xfs" and index % 2 == 1)
                print(f"cut {index}: {words}; {workload.summary(ledger)}: {'FAILED' if wrong else 'ok'}", flush=True)
                print("".join(f"    {line}\n" for line in wrong[:12]), end="", flush=True)
                if wrong:
                    failed += 1
                    broker.kill()       # what is gone stays gone: the next disk is a fresh one
                    break
            acknowledged += len(ledger.acked)
            broker.kill()
    return failed, acknowledged, index + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--rig", required=True, metavar="DIR", help="with rig.sh")
    parser.add_argument("--rig-dir", default="/tmp/millrace-powercut", metavar="DIR", help="where the rig keeps its disk")
    parser.add_argument("--file-systems", default="ext4,xfs", metavar="LIST")
    parser.add_argument("--cuts", type=int, default=20, help="for each file system")
    parser.add_argument("--per-disk", type=int, default=5, help="cuts before the disk is made anew")
    parser.add_argument("--flush-us", default="0,2000,500,5000", metavar="LIST", help="flush times, taken in turn")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--size", default="6G")
    parser.add_argument("--many", type=int, default=200, help="partitions of the topic with many small ones")
    parser.add_argument("--longest", type=float, default=4.0, metavar="SECONDS", help="of load before a cut")
    parser.add_argument("--settle", action="store_true",
                        help="sync the disk once after the topics are made (a broker that does not flush, too, has them then)")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    cache.in_venv()

    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"powercut.py --seed {seed} --cuts {arguments.cuts} --file-systems {arguments.file_systems}", flush=True)
    failed = acknowledged = 0
    flushes = [int(text) for text in arguments.flush_us.split(",")]
    for place, fs in enumerate(arguments.file_systems.split(",")):
        wanted = arguments.modes.split(",")
        modes = [wanted[index % len(wanted)] for index in range(arguments.cuts)]
        random.Random(seed + place).shuffle(modes)
        for turn, at in enumerate(range(0, arguments.cuts, arguments.per_disk)):
            lost, records, done = run_disk(arguments, fs, flushes[turn % len(flushes)], modes[at:at + arguments.per_disk],
                                           seed + place * 100_000 + at * 100)
            failed, acknowledged = failed + lost, acknowledged + records
            if lost:
                print(f"{fs}: {len(modes[at:at + arguments.per_disk]) - done} cuts of this disk were not made after the failed one")
    print(f"{acknowledged} records acknowledged, {arguments.cuts} cuts on each of {arguments.file_systems}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
