"""Stacks folded: equal stacks are one line with a number, from the thread at the outside to the innermost function.

    core-0 [thread];core::run [reactor];core::turn [reactor];uring_backend::poll [reactor] 17

In brackets the kind (names.kind_of), which colours the picture.
"""

import re
from collections import Counter
from typing import NamedTuple

import names

NOWHERE = 0xffffffffffffffff  # what an unwinder gives above the first function of a thread


class Frame(NamedTuple):
    name: str
    kind: str


LOST = Frame("(caller unknown: no frame pointer)", "unknown")


def thread_of(comm):
    """The workers of a ring are one: their number is only that of the thread that made them."""
    return Frame(re.sub(r"^(iou-\w+)-\d+$", r"\1", comm) or "?", "thread")


def of_library(dso):
    return "[" + dso.rsplit("/", 1)[-1].removesuffix(" (deleted)").strip("[]") + "]"


def frames_of(sample, templates=False):
    """The stack of a sample, outermost first, beginning with its thread.

    Code without frame pointers (liburing, mimalloc) leaves rubbish as the callers: it is dropped and said so in one frame.
    Unnamed functions of a library bear the library's name, once.
    """
    frames = []
    lost = False
    for address, symbol, dso in reversed(sample.stack):
        if symbol == "[unknown]" and dso in ("[unknown]", "", "//anon", "[heap]", "[stack]"):
            lost = lost or address != NOWHERE
            continue
        name = of_library(dso) if symbol == "[unknown]" else names.short(symbol, templates)
        frame = Frame(name, names.kind_of(symbol, dso))
        if symbol == "[unknown]" and (not frames and not lost and "libstdc++" in dso or frames[-1:] == [frame]):
            continue  # where every thread begins
        frames.append(frame)
    return (thread_of(sample.comm), *([LOST] if lost else []), *frames)


def text_of(frame):
    """Hostile names cannot break a line: what separates is replaced."""
    name = "".join(" " if ord(letter) < 32 else ":" if letter == ";" else letter for letter in frame.name)
    return f"{name} [{frame.kind}]"


def write_folded(stacks, path):
    with open(path, "w", encoding="utf-8", errors="replace") as out:
        for stack, count in sorted(stacks.items()):
            out.write(";".join(map(text_of, stack)) + f" {count}\n")


def read_folded(lines):
    """The stacks of folded lines, also of ones without kinds; what is no such line is passed over."""
    stacks = Counter()
    for line in lines:
        path, _, count = line.rstrip("\n").rpartition(" ")
        if not path or not count.isdigit():
            continue
        frames = []
        for word in path.split(";"):
            found = re.fullmatch(r"(.*) \[(\w+)\]", word)
            frames.append(Frame(*found.groups()) if found else Frame(word, "program"))
        stacks[tuple(frames)] += int(count)
    return stacks


def by_function(stacks):
    """For each function (self, total): what was counted in it alone, and in it and what it called, once a stack."""
    alone, whole = Counter(), Counter()
    for stack, count in stacks.items():
        alone[stack[-1]] += count
        for frame in set(stack):
            whole[frame] += count
    return {frame: (alone[frame], total) for frame, total in whole.items()}
