"""Reads messages.txt into Message, Struct and Field. Its head explains the grammar."""

import re

NONE = 32767  # a version that never comes: "flexible from none"
FIXED_SIZES = {"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4,
               "int64": 8, "float64": 8, "uuid": 16}
VARIABLE = {"string", "bytes", "records"}
MESSAGE_LINE = re.compile(
    r"(\w+) (request|response|header|data|metadata|key|value) v=(\S+) flex=(\S+)(.*)")


class Range:
    """The versions low..high, both included; empty when high < low."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    @staticmethod
    def parse(text):
        if text == "none":
            return Range(NONE, -1)
        if text.endswith("+"):
            return Range(int(text[:-1]), NONE)
        low, _, high = text.partition("-")
        return Range(int(low), int(high or low))

    def __contains__(self, version):
        return self.low <= version <= self.high

    def intersection(self, other):
        return Range(max(self.low, other.low), min(self.high, other.high))

    def empty(self):
        return self.high < self.low

    def __str__(self):
        if self.high == NONE:
            return f"{self.low}+"
        return f"{self.low}" if self.low == self.high else f"{self.low}-{self.high}"


class Field:
    def __init__(self, words):
        self.name, kind, versions = words[:3]
        self.is_array = kind.startswith("[]")
        self.type = kind.removeprefix("[]")
        self.versions = Range.parse(versions)
        rest = dict(word.partition("=")[::2] for word in words[3:])
        self.null = Range.parse(rest["null"]) if "null" in rest else Range(NONE, -1)
        self.tag = int(rest["tag"]) if "tag" in rest else None
        self.default = rest.get("default")
        self.never_compact = rest.get("flex") == "none"

    def is_struct(self):
        return self.type not in FIXED_SIZES and self.type not in VARIABLE


class Struct:
    """A message, or a struct inside one. `cpp`: its C++ name, set when its message is complete."""

    def __init__(self, name):
        self.name = name
        self.fields = []
        self.cpp = None
        self.is_tag_value = False


class Message(Struct):
    def __init__(self, match, key, record_type):
        super().__init__(match[1])
        self.kind = match[2]
        self.versions = Range.parse(match[3])
        self.flexible = Range.parse(match[4])
        self.unstable = "unstable" in match[5].split()
        self.key = key if self.kind in ("request", "response") else None
        self.record_type = record_type if self.kind in ("key", "value") else None
        self.structs = {}

    def ordered_structs(self):
        """The nested structs, each after those that it contains."""
        done = []

        def visit(struct):
            for field in struct.fields:
                if field.is_struct():
                    inner = self.structs[field.type]
                    if inner not in done:
                        visit(inner)
            if struct is not self:
                done.append(struct)

        visit(self)
        return done

    def smallest(self, field, version):
        """The fewest bytes that one element of the array `field` takes in `version`."""
        if not field.is_struct():
            return self._smallest_value(field, version)
        return self._smallest_struct(self.structs[field.type], version)

    def smallest_in_any_version(self, field):
        versions = self.versions.intersection(field.versions)
        return min(self.smallest(field, v) for v in range(versions.low, versions.high + 1))

    def _smallest_struct(self, struct, version):
        size = 1 if version in self.flexible else 0
        for field in struct.fields:
            if version not in field.versions or field.tag is not None:
                continue
            if field.is_array:
                size += 1 if version in self.flexible else 4
            elif field.is_struct():
                nullable = not field.null.empty()
                size += 1 if nullable else self._smallest_struct(self.structs[field.type], version)
            else:
                size += self._smallest_value(field, version)
        return size

    def _smallest_value(self, field, version):
        if field.type in FIXED_SIZES:
            return FIXED_SIZES[field.type]
        if version in self.flexible and not field.never_compact:
            return 1
        return 2 if field.type == "string" else 4


def words_of(name):
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)


def snake(name):
    return "_".join(word.lower() for word in words_of(name))


def nested_name(message, struct):
    """message_name + "_" + the struct's name less what it repeats of the message's: its base name
    anywhere, its first words in front, its last word ("Request") behind. MetadataRequestTopic of
    MetadataRequest is metadata_request_topic, TopicProduceData of ProduceRequest is
    produce_request_topic_data."""
    outer, rest = words_of(message), words_of(struct)
    base = outer[:-1]
    for at in range(len(rest) - len(base) + 1):
        if rest[at:at + len(base)] == base and len(rest) > len(base):
            rest = rest[:at] + rest[at + len(base):]
            break
    else:
        for word in base:
            if len(rest) < 2 or rest[0] != word:
                break
            rest = rest[1:]
    if len(rest) > 1 and rest[0] == outer[-1]:
        rest = rest[1:]
    if len(rest) > 1 and rest[-1] == outer[-1]:
        rest = rest[:-1]
    return snake(message) + "_" + snake("".join(rest))


def finish(message):
    """Drops fields that no valid version has, and names the structs."""
    message.cpp = snake(message.name)
    for struct in [message, *message.structs.values()]:
        struct.fields = [f for f in struct.fields
                         if not f.versions.intersection(message.versions).empty()]
        for field in struct.fields:
            plain = field.null.empty() and not field.is_array
            if field.tag is not None and field.is_struct() and plain:
                message.structs[field.type].is_tag_value = True
    used = set()
    for struct in message.ordered_structs():
        struct.cpp = nested_name(message.name, struct.name)
        if struct.cpp in used:
            raise SystemExit(f"{message.name}: two structs would be called {struct.cpp}")
        used.add(struct.cpp)


def read(path):
    """All messages of the table, in its order."""
    messages, open_structs = [], []
    key = record_type = message = None
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("== "):
            first = line.split()[1]
            key, record_type, message = (int(first) if first.isdigit() else None), None, None
        elif line.startswith("-- type "):
            record_type, message = int(line.split()[2]), None
        elif match := MESSAGE_LINE.fullmatch(line):
            message = None
            if match[3] != "none":
                message = Message(match, key, record_type)
                messages.append(message)
                open_structs = [message]
        elif line.startswith("  ") and message:
            words = line.split()
            depth = (len(line) - len(line.lstrip(" "))) // 2
            if words[0] == "errors":
                continue
            del open_structs[depth:]
            if words[0] == "struct":
                struct = message.structs.setdefault(words[1], Struct(words[1]))
                open_structs.append(struct)
                continue
            field = Field(words)
            open_structs[-1].fields.append(field)
            if field.is_struct():
                open_structs.append(message.structs.setdefault(field.type, Struct(field.type)))
        elif not line.startswith("  "):
            message = None
    for message in messages:
        finish(message)
    return messages
