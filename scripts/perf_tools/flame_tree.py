"""From folded stacks to boxes: where each function's bar begins, how wide and how deep it is."""

from dataclasses import dataclass, field

from fold import Frame


@dataclass
class Node:
    frame: Frame
    count: int = 0     # of the recording that is drawn: the width
    other: int = 0     # of the one it is compared with
    children: dict = field(default_factory=dict)


def grow(stacks, others=None):
    """The tree of `stacks`; with `others` each node also has their count. All hang on one root."""
    root = Node(Frame("all", "thread"))
    for counts, column in ((stacks, "count"), (others or {}, "other")):
        for stack, count in counts.items():
            node = root
            setattr(node, column, getattr(node, column) + count)
            for frame in stack:
                node = node.children.setdefault(frame, Node(frame))
                setattr(node, column, getattr(node, column) + count)
    return root


@dataclass
class Box:
    node: Node
    begin: int
    depth: int


def boxes(root, share_min=1 / 5000):
    """Every bar that is at least `share_min` of the whole wide, outer ones first. Siblings stand in the order of their names,
    so that two pictures of the same program look alike."""
    found = []
    waiting = [Box(root, 0, 0)]
    least = root.count * share_min
    while waiting:
        box = waiting.pop()
        if box.node.count <= 0 or box.node.count < least:
            continue
        found.append(box)
        begin = box.begin
        for _, child in sorted(box.node.children.items()):
            waiting.append(Box(child, begin, box.depth + 1))
            begin += child.count
    return sorted(found, key=lambda box: (box.depth, box.begin))
