"""Writes C++ for the messages of schema.py: structs (.hh), walks (_walk.hh) and codecs (.cc)."""

from schema import FIXED_SIZES, NONE, snake

CPP_TYPES = {"bool": "bool", "int8": "int8_t", "int16": "int16_t", "uint16": "uint16_t",
             "int32": "int32_t", "uint32": "uint32_t", "int64": "int64_t", "float64": "double",
             "uuid": "base::uuid", "string": "std::string_view", "bytes": "base::bytes",
             "records": "base::bytes"}
LIMITS = {-2**31: "INT32_MIN", 2**31 - 1: "INT32_MAX", 2**63 - 1: "INT64_MAX", -2**63: "INT64_MIN"}
HEAD = "// Generated from src/wire/kafka/messages.txt by generate.py: edit those.\n"
OPEN = "\nnamespace millrace::wire::kafka {\n"
CLOSE = "\n}  // namespace millrace::wire::kafka\n"


def field_type(message, field):
    kind = message.structs[field.type].cpp if field.is_struct() else CPP_TYPES[field.type]
    if field.is_array:
        kind = f"array<{kind}>"
    return kind if field.null.empty() else f"std::optional<{kind}>"


def initializer(field):
    """What a field is when nobody sets it: a nullable one without a default of its own is null."""
    number = field.type in FIXED_SIZES and field.type != "uuid" and not field.is_array
    if not number:
        if field.default not in (None, "null", '""'):
            raise SystemExit(f"{field.name}: a default of {field.default} is not known here")
        return ""
    if field.type == "bool":
        return f" = {field.default or 'false'}"
    value = int(field.default or "0", 0)
    return f" = {LIMITS.get(value, value)}"


def struct_body(message, struct):
    lines = []
    for field in struct.fields:
        notes = str(field.versions)
        if not field.null.empty():
            notes += f", null in {field.null}"
        if field.tag is not None:
            notes += f", tag {field.tag}"
        what = f"{field_type(message, field)} {snake(field.name)}{initializer(field)};"
        lines.append(f"  {what}  // {notes}\n")
    return "".join(lines)


def declare(message):
    """The structs of one message."""
    out = ""
    for struct in message.ordered_structs():
        out += f"\nstruct {struct.cpp} {{\n" + struct_body(message, struct)
        if struct.is_tag_value:
            out += f"  friend bool operator==(const {struct.cpp}&,\n"
            out += f"                         const {struct.cpp}&) = default;\n"
        out += "};\n"
    flexible = f"flexible in {message.flexible}"
    if message.flexible.low == NONE:
        flexible = "never flexible"
    what = message.kind if message.key is None else f"{message.kind}, API key {message.key}"
    if message.record_type is not None:
        what += f" of record type {message.record_type}"
    out += f"\n/// {message.name} ({what}): versions {message.versions}, {flexible}.\n"
    out += f"struct {message.cpp} {{\n"
    if message.key is not None:
        out += f"  static constexpr int16_t api_key = {message.key};\n"
    if message.record_type is not None:
        out += f"  static constexpr int16_t record_type = {message.record_type};\n"
    out += f"  static constexpr int16_t min_version = {message.versions.low};\n"
    out += f"  static constexpr int16_t max_version = {message.versions.high};\n"
    out += f"  static constexpr int16_t first_flexible = {message.flexible.low};\n"
    return out + "\n" + struct_body(message, message) + "};\n"


def in_versions(message, field):
    """The C++ condition that the walked version has the field; None when all have it."""
    terms = []
    if field.versions.low > 0:
        terms.append(f"w.version() >= {field.versions.low}")
    if field.versions.high < message.versions.high:
        terms.append(f"w.version() <= {field.versions.high}")
    return " && ".join(terms) or None


def may_be_null(message, field):
    """The C++ condition that a nullable field may be null in the walked version."""
    used = message.versions.intersection(field.versions)
    terms = []
    if field.null.low > used.low:
        terms.append(f"w.version() >= {field.null.low}")
    if field.null.high < used.high:
        terms.append(f"w.version() <= {field.null.high}")
    return " && ".join(terms) or "true"


def visit(message, field):
    arguments = [f"x.{snake(field.name)}"]
    if field.is_array:
        arguments.append(str(message.smallest_in_any_version(field)))
    if not field.null.empty():
        arguments.append(may_be_null(message, field))
    verb = "array" if field.is_array else "records" if field.type == "records" else "field"
    if field.never_compact:
        verb = "plain_text"
    return f"w.{verb}({', '.join(arguments)});"


def tag(message, field, condition):
    name = snake(field.name)
    smallest = f", {message.smallest_in_any_version(field)}" if field.is_array else ""
    return f"known_tag({field.tag}, {condition}, x.{name}, initial.{name}{smallest})"


def walk(message, struct):
    out = "\ntemplate <class Walker>\n"
    out += f"void walk(Walker& w,\n          typename Walker::template of<{struct.cpp}>& x) {{\n"
    tags = []
    for field in struct.fields:
        condition = in_versions(message, field)
        if field.tag is not None:
            always = may_be_null(message, field) == "true" and field.default == "null"
            if not field.null.empty() and not always:
                raise SystemExit(f"{message.name}.{field.name}: a tag with a null not its default")
            tags.append((field.tag, tag(message, field, condition or "true")))
        elif condition:
            out += f"  if ({condition}) {visit(message, field)}\n"
        else:
            out += f"  {visit(message, field)}\n"
    if message.flexible.low != NONE:
        if tags:
            out += f"  constexpr {struct.cpp} initial{{}};\n"
            out += "  w.tags(" + ",\n         ".join(text for _, text in sorted(tags)) + ");\n"
        else:
            out += "  w.tags();\n"
    if not struct.fields and message.flexible.low == NONE:
        out += "  static_cast<void>(w), static_cast<void>(x);\n"
    elif not struct.fields:
        out += "  static_cast<void>(x);\n"
    return out + "}\n"


def header(messages):
    """name.hh: what the room promises of these messages."""
    out = HEAD + '#pragma once\n\n#include "wire/kafka/message.hh"\n' + OPEN
    for message in messages:
        out += declare(message)
    out += "\n// Defined in the sources of this room.\n"
    for message in messages:
        out += "extern " + instantiation(message, "\nextern ")
    return out + CLOSE


def instantiation(message, between):
    name = message.cpp
    return (f"template base::result<{name}> decode(reader&, int16_t, arena&);{between}"
            f"template size_t size_of(const {name}&, int16_t);{between}"
            f"template void encode(writer&, const {name}&, int16_t);\n")


def walks(name, messages):
    """name_walk.hh: the one declaration of each layout, for decoder, size, encoder and tests."""
    out = HEAD + '#pragma once\n\n#include "wire/kafka/known_tag.hh"\n'
    out += f'#include "wire/kafka/messages/{name}.hh"\n' + OPEN
    for message in messages:
        for struct in [*message.ordered_structs(), message]:
            out += walk(message, struct)
    return out + CLOSE


def source(files):
    """group.cc: the codecs of some files; `files` are (name, messages)."""
    out = HEAD + '#include "wire/kafka/codec.hh"\n'
    out += "".join(f'#include "wire/kafka/messages/{name}_walk.hh"\n' for name, _ in files) + OPEN
    for _, messages in files:
        for message in messages:
            out += "\n" + instantiation(message, "\n")
    return out + CLOSE


def api_rows(messages):
    """api_rows.inc: one row for each API of the table."""
    out = HEAD
    for message in messages:
        if message.kind == "request" and message.key is not None:
            stable = message.versions.high - (1 if message.unstable else 0)
            name = message.name.removesuffix("Request")
            out += (f'{{{message.key}, "{name}", {message.versions.low}, {message.versions.high}, '
                    f"{stable}, {message.flexible.low}}},\n")
    return out


def message_list(files):
    """all_messages.inc: MESSAGE(name) for each generated message, and the headers before them."""
    out = HEAD + "#ifdef MESSAGE\n"
    out += "".join(f"MESSAGE({m.cpp})\n" for _, messages in files for m in messages)
    out += "#else\n"
    out += "".join(f'#include "wire/kafka/messages/{name}_walk.hh"\n' for name, _ in files)
    return out + "#endif\n"
