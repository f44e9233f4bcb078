"""Writes what a view found: the folded stacks (which diff reads) and the flame graph."""

import fold
import flame_svg


def write(job, stacks, title, facts, unit):
    fold.write_folded(stacks, job.path(".folded"))
    job.path(".svg").write_text(flame_svg.draw(stacks, title, facts, unit), encoding="utf-8")
    print(f"\nflame graph: {job.path('.svg')}\nstacks:      {job.path('.folded')}")
