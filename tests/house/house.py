"""The rules of the house that a program can read: which room may include which, and what files look like.

A room includes itself and the rooms that its row names. Only tests include sim; only server knows everyone.
"""

import re
from pathlib import Path

BELOW_BROKER = {"storage", "record", "reactor", "base"}
MAY_INCLUDE = {
    "base": set(),
    "record": {"base"},
    "reactor": {"base"},
    "sim": {"reactor", "base"},
    "storage": {"record", "reactor", "base"},
    "wire": {"record", "base"},
    "broker": BELOW_BROKER,
    "api": {"broker", "wire"} | BELOW_BROKER,
    "cluster": {"broker", "wire"} | BELOW_BROKER,
    "client": {"wire", "record", "reactor", "base"},
    "server": {"api", "cluster", "broker", "wire"} | BELOW_BROKER,
    "cli": {"client", "wire", "record", "reactor", "base"},
}

# Headers that a room may include although it may not include theirs: formats of what is stored, no requests.
MAY_INCLUDE_FILES = {
    "broker": {"wire/kafka/messages/stored_offsets.hh", "wire/kafka/messages/consumer_protocol.hh"},
}

TOP_LEVEL = {"meson.build", "meson_options.txt", "src", "include", "bench", "tests", "scripts", "configs",
             "README.md", "LICENSE"}
CODE = {"src", "include", "bench", "tests", "scripts"}
CODE_SUFFIXES = {".cc", ".hh", ".py", ".sh", ".js", ".go", ".java", ".build", ""}
FOREIGN_SUFFIXES = {".h", ".hpp", ".hxx", ".cpp", ".cxx", ".c++"}
NOT_OURS = {"__pycache__", "node_modules", ".venv"}
# Of code: what is generated or data has as many as it needs (the table of messages, src/wire/kafka/messages.txt, and the
# headers that the build makes of it; the Grafana dashboard and the samples in configs; what tests compare with).
LINES_MAX = 400
README_LINES_MAX = 100

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Written in pieces, so that this file does not hold what it looks for.
PATHS_OF_A_MACHINE = re.compile("|".join(rf"(?<![\w.])/{name}/" for name in ("work", "farm", "root", r"home/\w+")))
UNFINISHED = "TODO" + "(now)"


def files_of(root):
    """Every file of the project under `root`, outside build directories."""
    for top in sorted(root.iterdir()):
        if top.name in TOP_LEVEL | {".ci"}:
            inside = [top] if top.is_file() else sorted(top.rglob("*"))
            for path in inside:
                if path.is_file() and not NOT_OURS & set(path.relative_to(root).parts):
                    yield path


def check_top_level(root):
    for top in sorted(root.iterdir()):
        known = top.name in TOP_LEVEL or top.name.startswith(".")
        built = top.name == "build" or top.name.startswith("build-")
        if not known and not built:
            yield f"{top.name}: does not belong at the top level"


def check_rooms(root):
    for room in sorted(path for path in (root / "src").iterdir() if path.is_dir()):
        has_sources = any(room.rglob("*.hh")) or any(room.rglob("*.cc"))
        if room.name not in MAY_INCLUDE:
            yield f"src/{room.name}: no such room in the drawing"
        elif has_sources and not (room / "README.md").is_file():
            yield f"src/{room.name}: has no README.md"


def check_includes(place, lines):
    """The headers of include/millrace are the client's: what it promises to outsiders."""
    room = place.parts[1] if place.parts[0] == "src" else "client"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        first = target.split("/")[0].replace("millrace", "client")
        if target in MAY_INCLUDE_FILES.get(room, set()):
            continue
        if "/" in target and first in MAY_INCLUDE:
            if first != room and first not in MAY_INCLUDE.get(room, set()):
                yield f"{place}:{number}: {room} may not include {target}"
        elif quote == '"':
            yield f'{place}:{number}: "{target}" is not written as room/file.hh'


def check_file(place, text):
    lines = text.splitlines()
    if place.suffix in FOREIGN_SUFFIXES:
        yield f"{place}: headers end in .hh, sources in .cc"
    if place.parts[0] in CODE and place.suffix in CODE_SUFFIXES and len(lines) > LINES_MAX:
        yield f"{place}: {len(lines)} lines, over {LINES_MAX}"
    if place.name == "README.md" and place.parts[0] == "src" and len(lines) > README_LINES_MAX:
        yield f"{place}: {len(lines)} lines are more than a page"
    if place.suffix == ".hh" and "#pragma once" not in text:
        yield f"{place}: has no #pragma once"
    if place.parts[0] in {"src", "include"} and len(place.parts) > 2 and place.suffix in {".cc", ".hh"}:
        yield from check_includes(place, lines)
    for number, line in enumerate(lines, 1):
        if UNFINISHED in line:
            yield f"{place}:{number}: {UNFINISHED} does not get committed"
        if PATHS_OF_A_MACHINE.search(line):
            yield f"{place}:{number}: a path of one machine"


def problems(root):
    """Every broken rule under `root`, one line each."""
    root = Path(root)
    found = list(check_top_level(root)) + list(check_rooms(root))
    for path in files_of(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data of a test
        found += check_file(path.relative_to(root), text)
    return found
