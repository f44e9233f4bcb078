"""Names for people: what perf says of a function made short, and the part of the system to which it belongs."""

import re

ROOMS = ("base", "record", "reactor", "sim", "storage", "wire", "broker", "api", "server")

# What a compiler appends to the name of a piece of a function. The pieces of a coroutine bear its own name, so that the
# work before and after a wait stands in one place; only where a frame is freed is something else.
CLONE = re.compile(r"(?: \(\.(\w+)\)| \[clone \.?([\w.]+)\]|\.(resume|destroy|cleanup|cold|part|constprop|isra|llvm|lto_priv)"
                   r"(?:\.\d+)*|@+[A-Z][\w.]*)$")
OPERATOR = re.compile(r"(?<!\w)operator(\(\)|\[\]|<=>|->\*|<<=|>>=|->|<<|>>|&&|\|\||\+\+|--|[<>=!+\-*/%^&|~,]=?)")
ALLOCATORS = ("libmimalloc", "libjemalloc", "libtcmalloc")
SYSTEM_LIBRARIES = ("libc.so", "libc-", "libm.so", "libgcc_s", "libstdc++", "libpthread", "ld-linux", "libc++")
ALLOCATES = re.compile(r"(_?mi_\w+|operator (new|delete)(\[\])?|malloc|calloc|realloc|free|aligned_alloc|posix_memalign)$")


def without_clone(symbol):
    """The function of which `symbol` is a piece; ` (destroy)` is kept, for there a coroutine's frame ends."""
    while True:
        found = CLONE.search(symbol)
        if not found:
            return symbol
        piece = next((word for word in found.groups() if word), "")
        symbol = symbol[:found.start()]
        if piece in ("destroy", "cleanup"):
            return symbol + f" ({piece})"


def closing(text, start):
    """The place after the bracket that closes the one at `start`; None where none does."""
    pairs = {"<": ">", "(": ")", "{": "}", "[": "]"}
    waiting = []
    place = start
    while place < len(text):
        operator = OPERATOR.match(text, place)
        if operator:
            place = operator.end()
            continue
        letter = text[place]
        if letter in pairs:
            waiting.append(pairs[letter])
        elif letter == ">" and text[place - 1] == "-":
            pass  # an arrow
        elif waiting and letter == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place + 1
        place += 1
    return None


def without_arguments(symbol, templates):
    """Without parameter lists and, unless `templates`, with `<>` for template arguments. As it is where it does not balance."""
    kept = []
    place = 0
    while place < len(symbol):
        operator = OPERATOR.match(symbol, place)
        if operator:
            kept.append(operator.group())
            place = operator.end()
            continue
        letter = symbol[place]
        if letter == "(" or letter == "<" and not templates:
            end = closing(symbol, place)
            if end is None:
                return symbol
            if letter == "<":
                kept.append("<>")
            elif symbol[place:end] == "(destroy)" or symbol[place:end] == "(cleanup)":
                kept.append(symbol[place:end])
            place = end
            continue
        if letter == "<":
            end = closing(symbol, place) or len(symbol)
            kept.append(symbol[place:end])
            place = end
            continue
        kept.append(letter)
        place += 1
    return "".join(kept)


def without_return_type(name):
    """Of `void f` only f. A space after `operator` belongs to the name."""
    depth = 0
    last = 0
    for place, letter in enumerate(name):
        if letter in "<{":
            depth += 1
        elif letter in ">}":
            depth = max(0, depth - 1)
        elif letter == " " and depth == 0:
            if name[place + 1:] in ("(destroy)", "(cleanup)") or "operator" in name[:place]:
                break
            last = place + 1
    return name[last:]


def short(symbol, templates=False):
    """`void millrace::f<int>(char) [clone .resume]` as `f<>`: parameters, clones, return type and our own namespace go."""
    if "::" not in symbol and "(" not in symbol and "<" not in symbol:
        return without_clone(symbol)
    name = without_clone(symbol.strip()).replace("(anonymous namespace)::", "").replace("[abi:cxx11]", "")
    name = without_arguments(name, templates)
    for word in (" const", " volatile", " &&", " &", " noexcept"):
        name = name.removesuffix(word)
    return without_return_type(name).replace("millrace::", "") or symbol


def kind_of(symbol, dso):
    """kernel, libc, liburing, allocator, library, unknown, or the room of Millrace that `symbol` is in."""
    if dso.startswith(("[kernel", "[guest.kernel", "[bpf")) or dso.endswith((".ko", "]_bpf")) or symbol.startswith("bpf_prog_"):
        return "kernel"
    library = dso.rsplit("/", 1)[-1]
    if library.startswith("liburing"):
        return "liburing"
    if library.startswith(ALLOCATORS):
        return "allocator"
    if library.startswith(SYSTEM_LIBRARIES) or dso == "[vdso]":
        return "libc"
    name = without_return_type(without_arguments(without_clone(symbol), False))
    if name.startswith("millrace::"):
        room = name.split("::")[1]
        return room if room in ROOMS else "program"
    if ALLOCATES.match(name):
        return "allocator"
    if ".so" in library:
        return "library"
    if symbol == "[unknown]":
        return "unknown"
    return "library" if name.startswith(("std::", "fmt::", "__gnu_cxx::")) else "program"
