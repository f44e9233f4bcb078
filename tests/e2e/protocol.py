"""Kafka's wire protocol, driven by the table of messages that the broker's own codec is generated from.

A message is a dict by field name; what is missing takes its default. Decoding is strict: a response with a byte too
few or too many raises ProtocolError."""

import os
import pathlib
import re
import socket
import struct

import cache


class ProtocolError(Exception):
    pass


class Closed(ProtocolError):
    """The other side closed the connection."""


_ALWAYS = (0, 1 << 15)
_FIXED = {"int8": ">b", "int16": ">h", "int32": ">i", "int64": ">q", "uint16": ">H", "uint32": ">I",
          "float64": ">d", "bool": ">?"}


def _versions(text):
    if text == "none":
        return (1, 0)
    low, _, high = text.partition("-")
    if text.endswith("+"):
        return (int(text[:-1]), 1 << 15)
    return (int(low), int(high or low))


def _within(versions, version):
    return versions[0] <= version <= versions[1]


class Field:
    """One line of the table, with the lines nested below it."""

    def __init__(self, words):
        self.name, kind = words[0], words[1]
        self.array = kind.startswith("[]")
        self.type = kind[2:] if self.array else kind
        self.versions = _versions(words[2]) if len(words) > 2 else _ALWAYS
        self.null, self.tag, self.default, self.never_compact = (1, 0), None, None, False
        for word in words[3:]:
            key, _, value = word.partition("=")
            if key == "null":
                self.null = _versions(value)
            elif key == "tag":
                self.tag = int(value)
            elif key == "default":
                self.default = value
            elif key == "flex":
                self.never_compact = True
        self.fields = []

    def missing(self, version):
        """The value that stands for this field when nobody gave one."""
        if self.default == "null":
            return None
        if self.array:
            return []
        if self.type == "string":
            return (self.default or "").strip('"')
        if self.type in ("bytes", "records"):
            return None if _within(self.null, version) else b""
        if self.type == "uuid":
            return bytes(16)
        if self.type == "bool":
            return self.default == "true"
        if self.type == "float64":
            return float(self.default or 0)
        if self.type in _FIXED:
            return int(self.default or "0", 0)
        return {}


class Message:
    def __init__(self, name, valid, flexible):
        self.name, self.valid, self.flexible_versions = name, _versions(valid), _versions(flexible)
        self.fields, self.structs = [], {}

    def flexible(self, version):
        return _within(self.flexible_versions, version)


def _table_path():
    given = os.environ.get("E2E_KAFKA_MESSAGES")
    if given:
        return pathlib.Path(given)
    found = sorted((cache.REPO / "src" / "wire").rglob("*messages*.txt"))
    if not found:
        raise RuntimeError("no table of Kafka's messages below src/wire; name it in E2E_KAFKA_MESSAGES")
    return found[0]


def _load():
    messages, keys, key, message, stack = {}, {}, None, None, []
    for line in _table_path().read_text().splitlines():
        if line.startswith("== "):
            if line.startswith("== differences"):
                break
            head = re.match(r"== (\d+) (\w+)$", line)
            key, message = (int(head[1]), None) if head else (None, None)
            if head:
                keys[head[2]] = key
            continue
        if key is None or not line or line.startswith("#"):
            continue
        words, indent = line.split(), (len(line) - len(line.lstrip())) // 2
        if indent == 0:
            message = None
            if len(words) > 1 and words[1] in ("request", "response"):
                options = dict(word.split("=", 1) for word in words if "=" in word)
                message = messages[words[0]] = Message(words[0], options["v"], options.get("flex", "none"))
                stack = [message]
        elif message is not None and words[0] != "errors":
            del stack[indent:]
            if words[0] == "struct":
                field = message.structs[words[1]] = Field(words)
            else:
                field = Field(words)
                stack[-1].fields.append(field)
            stack.append(field)
    return messages, keys


_loaded = None


def _tables():
    global _loaded
    if _loaded is None:
        _loaded = _load()
    return _loaded


def api_key(name):
    return _tables()[1][name]


def api_name(key):
    return {number: name for name, number in _tables()[1].items()}.get(key, str(key))


def message(name):
    return _tables()[0][name]


def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Encoder:
    def __init__(self, owner, version):
        self.owner, self.version, self.compact = owner, version, owner.flexible(version)

    def struct(self, fields, value):
        out, tagged = bytearray(), []
        unknown = set(value) - {field.name for field in fields} - {"*tags"}
        if unknown:
            raise KeyError(f"{self.owner.name} has no {unknown}")
        for field in fields:
            if not _within(field.versions, self.version):
                continue
            given = value.get(field.name, field.missing(self.version))
            if field.tag is None:
                out += self.field(field, given)
            elif given != field.missing(self.version):
                tagged.append((field.tag, self.field(field, given)))
        if self.compact:
            tagged += value.get("*tags", [])
            out += uvarint(len(tagged))
            for tag, body in sorted(tagged):
                out += uvarint(tag) + uvarint(len(body)) + body
        return bytes(out)

    def length(self, value, short, compact):
        if compact:
            return uvarint(0 if value is None else len(value) + 1)
        return struct.pack(">h" if short else ">i", -1 if value is None else len(value))

    def field(self, field, value):
        if field.array:
            items = b"".join(self.one(field, item) for item in value) if value else b""
            return self.length(value, False, self.compact) + items
        return self.one(field, value)

    def one(self, field, value):
        kind, compact = field.type, self.compact and not field.never_compact
        if kind in _FIXED:
            return struct.pack(_FIXED[kind], value)
        if kind == "uuid":
            return bytes(value)
        if kind == "string":
            data = value.encode() if isinstance(value, str) else value
            return self.length(data, True, compact) + (data or b"")
        if kind in ("bytes", "records"):
            return self.length(value, False, compact) + (value or b"")
        return self.struct(_nested(self.owner, field), value)


def _nested(owner, field):
    return field.fields or owner.structs[field.type].fields


class _Decoder:
    def __init__(self, owner, version, data, at=0):
        self.owner, self.version, self.data, self.at = owner, version, data, at
        self.compact = owner.flexible(version)

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise ProtocolError(f"{self.owner.name} v{self.version}: {size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size:self.at]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 35:
                raise ProtocolError("a varint without an end")

    def length(self, short, compact):
        if compact:
            return self.uvarint() - 1
        return struct.unpack(">h", self.take(2))[0] if short else struct.unpack(">i", self.take(4))[0]

    def struct(self, fields):
        value = {}
        for field in fields:
            if _within(field.versions, self.version):
                value[field.name] = self.field(field) if field.tag is None else field.missing(self.version)
        if self.compact:
            last = -1
            for _ in range(self.uvarint()):
                tag, size = self.uvarint(), self.uvarint()
                if tag <= last:
                    raise ProtocolError(f"{self.owner.name}: tags out of order")
                last, end = tag, self.at + size
                known = [f for f in fields if f.tag == tag and _within(f.versions, self.version)]
                if known:
                    value[known[0].name] = self.field(known[0])
                    if self.at != end:
                        raise ProtocolError(f"{self.owner.name}: tag {tag} has the wrong size")
                else:
                    self.take(size)
        return value

    def field(self, field):
        if not field.array:
            return self.one(field)
        count = self.length(False, self.compact)
        if count < 0:
            if not _within(field.null, self.version):
                raise ProtocolError(f"{self.owner.name} v{self.version}: {field.name} is null")
            return None
        if count > len(self.data):
            raise ProtocolError(f"{self.owner.name}: {field.name} has {count} items")
        return [self.one(field) for _ in range(count)]

    def one(self, field):
        kind, compact = field.type, self.compact and not field.never_compact
        if kind in _FIXED:
            return struct.unpack(_FIXED[kind], self.take(struct.calcsize(_FIXED[kind])))[0]
        if kind == "uuid":
            return bytes(self.take(16))
        if kind in ("string", "bytes", "records"):
            size = self.length(kind == "string", compact)
            if size < 0:
                if not field.array and not _within(field.null, self.version):
                    raise ProtocolError(f"{self.owner.name} v{self.version}: {field.name} is null")
                return None
            data = self.take(size)
            return data.decode() if kind == "string" else bytes(data)
        return self.struct(_nested(self.owner, field))


def encode_request(api, version, body, correlation=1, client_id="e2e"):
    """The frame without its length. `body` is a dict, or bytes that are sent as they are."""
    request = message(f"{api}Request")
    flexible = request.flexible(version)
    head = struct.pack(">hhi", api_key(api), version, correlation)
    name = None if client_id is None else client_id.encode()
    head += struct.pack(">h", -1 if name is None else len(name)) + (name or b"")
    if flexible:
        head += b"\0"
    return head + (body if isinstance(body, bytes) else _Encoder(request, version).struct(request.fields, body))


def decode_response(api, version, frame):
    """(correlation, body). `frame` is without its length."""
    response = message(f"{api}Response")
    decoder = _Decoder(response, version, frame)
    correlation = struct.unpack(">i", decoder.take(4))[0]
    if response.flexible(version) and api != "ApiVersions":
        for _ in range(decoder.uvarint()):
            decoder.uvarint()
            decoder.take(decoder.uvarint())
    body = decoder.struct(response.fields)
    if decoder.at != len(frame):
        raise ProtocolError(f"{response.name} v{version}: {len(frame) - decoder.at} bytes are left over")
    return correlation, body


class Connection:
    """A blocking connection; requests may be pipelined by send() and receive()."""

    def __init__(self, address, timeout=15):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def send(self, api, version, body, client_id="e2e"):
        self.correlation += 1
        self.send_frame(encode_request(api, version, body, self.correlation, client_id))
        return self.correlation

    def send_frame(self, frame):
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.socket.recv(min(size - len(data), 1 << 20))
            except ConnectionError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed(f"closed after {len(data)} of {size} bytes")
            data += part
        return bytes(data)

    def receive_frame(self):
        return self.receive_exactly(struct.unpack(">i", self.receive_exactly(4))[0])

    def receive(self, api, version):
        return decode_response(api, version, self.receive_frame())

    def call(self, api, version, body=None):
        sent = self.send(api, version, body or {})
        correlation, answer = self.receive(api, version)
        if correlation != sent:
            raise ProtocolError(f"{api} v{version}: answer to {correlation}, sent {sent}")
        return answer

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
