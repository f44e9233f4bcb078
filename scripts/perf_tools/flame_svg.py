"""Draws folded stacks as a flame graph: one SVG that needs nothing else. Who calls whom stands bottom to top; a bar is as wide as
what was counted in it and in what it called. Without scripts it is a still picture; flame_svg.js adds zoom and search."""

from collections import Counter
from html import escape
from pathlib import Path

import flame_tree

HERE = Path(__file__).resolve().parent
WIDTH = 1200
SIDE = 10
HEAD = 92          # title, facts, legend
FOOT = 34          # the line that says what the pointer is on
ROW = 17
LETTER = 6.63      # width of one at 11 px of a fixed-width font

COLOURS = {
    "thread": "#d5d8dc", "unknown": "#c2c6cc", "queue": "#e58c8c", "kernel": "#f2a25c", "libc": "#efd36a", "liburing": "#e3bd2f",
    "library": "#d9c9a3", "allocator": "#ee8fb5", "program": "#b9c4d0", "base": "#a9bccf", "record": "#7fcdbb",
    "reactor": "#8ccf7e", "sim": "#bcbddc", "storage": "#74a9e0", "wire": "#6fd0dc", "broker": "#b59ae6",
    "api": "#e58fd6", "server": "#f0b7c8",
}

STYLE = """
svg { background: #fff; }
text { font: 11px 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1c2430; }
#title { font: bold 17px 'DejaVu Sans', Helvetica, Arial, sans-serif; }
.said { font: 12px 'DejaVu Sans', Helvetica, Arial, sans-serif; fill: #566070; }
.f { cursor: pointer; }
.f text { pointer-events: none; }
.f:hover rect { stroke: #1c2430; stroke-width: 1; }
.f.above { opacity: .45; }
.f.found rect { fill: #e4003a !important; }
.f.found text { fill: #fff; }
.button { cursor: pointer; fill: #1f62c0; }
input { font: 12px 'DejaVu Sans Mono', Menlo, monospace; width: 100%; box-sizing: border-box; padding: 2px 5px; margin: 0;
  border: 1px solid #98a2b0; border-radius: 3px; }
"""


def fitted(name, width):
    """`name` in `width` pixels: outer namespaces go first, then the end."""
    room = int((width - 6) / LETTER)
    while len(name) > room and "::" in name.split("<")[0]:
        name = name.split("::", 1)[1]
    if len(name) > room:
        name = name[:room - 1] + "\u2026" if room >= 4 else ""
    return name


def percent(part, whole):
    return f"{100 * part / whole:.2f} %" if whole else "-"


def printable(text):
    """XML has no word for control characters and lone surrogates, not even an escaped one."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def change_colour(node, root, most):
    """White where nothing changed, red where its share grew, blue where it shrank; `most` is the deepest."""
    delta = node.count / max(root.count, 1) - node.other / max(root.other, 1)
    depth = min(1, abs(delta) / most) ** 0.5 if most else 0
    weak = round(245 - 165 * depth)
    return f"#f5{weak:02x}{weak:02x}" if delta > 0 else f"#{weak:02x}{weak:02x}f5"


def frame_element(box, root, scale, height, unit, most):
    node = box.node
    x = SIDE + box.begin * scale
    width = node.count * scale
    y = height - FOOT - (box.depth + 1) * ROW
    said = f"{node.frame.name} [{node.frame.kind}]: {node.count:,} {unit}, {percent(node.count, root.count)}"
    style = ""
    if most is not None:
        said += f"; the other: {node.other:,}, {percent(node.other, root.other)}"
        style = f' style="fill:{change_colour(node, root, most)}"'
    name = printable(node.frame.name)
    return (f'<g class="f" data-b="{box.begin}" data-n="{node.count}" data-d="{box.depth}" data-name="{name}">'
            f"<title>{printable(said)}</title>"
            f'<rect class="k-{node.frame.kind}" x="{x:.2f}" y="{y}" width="{max(width - .5, .2):.2f}" height="{ROW - 1}" '
            f'rx="1.5"{style}/><text x="{x + 3:.2f}" y="{y + 12}">{printable(fitted(node.frame.name, width))}</text></g>')


def legend(stacks, total):
    """Each kind with what was counted in it alone, the largest first."""
    alone = Counter()
    for stack, count in stacks.items():
        alone[stack[-1].kind if stack else "thread"] += count
    x = SIDE
    for kind, count in alone.most_common():
        words = f"{kind} {100 * count / total:.1f} %"
        if x + len(words) * LETTER + 30 > WIDTH:
            return
        yield (f'<rect class="k-{kind}" x="{x:.0f}" y="66" width="11" height="11" rx="2"/>'
               f'<text x="{x + 15:.0f}" y="76">{words}</text>')
        x += len(words) * LETTER + 30


def change_legend(side):
    drawn, other = ("after", "before") if side == "after" else ("before", "after")
    return [f'<text class="said" x="{SIDE}" y="76">drawn: {drawn}, compared with {other}.</text>',
            '<rect x="260" y="66" width="11" height="11" fill="#f55050"/><text x="276" y="76">larger share</text>',
            '<rect x="390" y="66" width="11" height="11" fill="#5050f5"/><text x="406" y="76">smaller share</text>']


def draw(stacks, title, facts, unit="samples", others=None, side="after"):
    """The SVG of `stacks`; with `others` the colours say what changed between the two."""
    root = flame_tree.grow(stacks, others)
    found = flame_tree.boxes(root)
    most = None
    if others is not None:
        deltas = [abs(box.node.count / max(root.count, 1) - box.node.other / max(root.other, 1)) for box in found]
        most = max(deltas, default=0)
    depth = max((box.depth for box in found), default=0)
    height = HEAD + FOOT + (depth + 1) * ROW
    scale = (WIDTH - 2 * SIDE) / root.count if root.count else 0
    colours = "\n".join(f".k-{kind} {{ fill: {colour}; }}" for kind, colour in COLOURS.items())
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'data-side="{SIDE}" data-letter="{LETTER}" data-total="{root.count}">',
        f"<style>{STYLE}{colours}</style>",
        f'<rect width="100%" height="100%" fill="#fff"/><text id="title" x="{SIDE}" y="25">{printable(title)}</text>',
        f'<text class="said" x="{SIDE}" y="47">{printable(facts)}</text>',
        *(change_legend(side) if others is not None else legend(stacks, max(root.count, 1))),
        f'<text id="hover" class="said" x="{SIDE}" y="{height - 12}"></text>',
    ]
    if not found:
        lines.append(f'<text x="{SIDE}" y="{HEAD + 10}">nothing was recorded</text>')
    lines += [frame_element(box, root, scale, height, unit, most) for box in found]
    script = (HERE / "flame_svg.js").read_text(encoding="utf-8")
    lines.append(f"<script><![CDATA[\n{script}]]></script>\n</svg>\n")
    return "\n".join(lines)
