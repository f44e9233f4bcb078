"""What changed between two recordings: a table by function, and two flame graphs, as wide as after and as wide as before."""

import sys
from pathlib import Path

import fold
import flame_svg
import tables


def recording(word, out):
    """The folded stacks that `word` names: a file, or the beginning of the name of one in `out`."""
    path = Path(word)
    if not path.is_file():
        found = sorted(out.glob(f"{word}*.folded"))
        if not found:
            sys.exit(f"scripts/perf: there are no folded stacks {word} here or in {out}")
        path = found[0]
    with open(path, encoding="utf-8", errors="replace") as lines:
        return path, fold.read_folded(lines)


def shares(stacks):
    total = sum(stacks.values()) or 1
    return {frame: (alone / total, whole / total) for frame, (alone, whole) in fold.by_function(stacks).items()}


def changes(before, after):
    """(function, alone before, alone after, with callees before, with callees after) as shares, the largest change first."""
    old, new = shares(before), shares(after)
    rows = [(frame, old.get(frame, (0, 0))[0], new.get(frame, (0, 0))[0], old.get(frame, (0, 0))[1], new.get(frame, (0, 0))[1])
            for frame in old.keys() | new.keys()]
    return sorted(rows, key=lambda row: (-abs(row[2] - row[1]), -abs(row[4] - row[3]), row[0]))


def run(words, out):
    if not words:
        words = [str(path) for path in sorted(out.glob("*-cpu.folded"))[-2:]]
    if len(words) != 2:
        sys.exit("scripts/perf: diff takes two recordings: scripts/perf diff BEFORE AFTER (.folded files, or how their names begin)")
    (before_path, before), (after_path, after) = recording(words[0], out), recording(words[1], out)
    print(f"before: {before_path} ({sum(before.values()):,})\nafter:  {after_path} ({sum(after.values()):,})\n")
    rows = [["function", "kind", "alone before", "after", "change", "with callees before", "after"]]
    for frame, old, new, old_whole, new_whole in changes(before, after)[:40]:
        if max(old, new, old_whole, new_whole) >= 0.001:
            rows.append([frame.name[:90], frame.kind, *(f"{100 * share:.2f} %" for share in (old, new)), f"{100 * (new - old):+.2f}",
                         *(f"{100 * share:.2f} %" for share in (old_whole, new_whole))])
    tables.show(rows)
    facts = f"{before_path.name} -> {after_path.name}; shares, not amounts"
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"{after_path.stem}-since-{before_path.stem}"
    for side, drawn, other in (("after", after, before), ("before", before, after)):
        path = stem.with_name(f"{stem.name}-as-{side}.svg")
        path.write_text(flame_svg.draw(drawn, "What changed", facts, "samples", other, side), encoding="utf-8")
        print(f"{'' if side == 'before' else chr(10)}flame graph, as wide as {side}: {path}")
    return 0
