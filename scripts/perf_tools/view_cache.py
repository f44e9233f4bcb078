"""Where the processor waits for memory: cache misses by function, and lines that cores take from each other."""

from collections import Counter

import fold
import pictures
import tables
import tools
import window


def run(job):
    if not tools.has_counters():
        raise tools.Refused("this machine gives no hardware counters, so no cache miss can be seen; use one without a hypervisor, "
                            "or a virtual machine with a PMU")
    data, during = tools.record(job, ["-e", "cache-misses", "-F", 999, *job.call_graph("fp")])
    stacks = Counter(fold.frames_of(sample, job.templates) for sample in tools.script(data, trace=False))
    print(window.describe(during) + "\n")
    tables.show(tables.functions(stacks, unit="samples"))
    pictures.write(job, stacks, f"Cache misses: process {job.pid}", window.describe(during), "samples")
    shared_lines(job)


def shared_lines(job):
    """perf c2c: loads that found their line changed in another core's cache."""
    data = job.path("-c2c.data")
    print("\nlines that two cores fight for")
    try:
        tools.run(["c2c", "record", "-o", data, "--", "-p", job.pid, "--", "sleep", job.seconds])
        out, said = tools.run(["c2c", "report", "-i", data, "--stdio", "--stats"])
    except tools.Refused as refusal:
        print(f"refused: this processor does not tell where a load found its line ({refusal})")
        return
    tools.say_losses(said)
    print(out.strip())
    print(f"\nmore: perf c2c report -i {data}")
