"""Record batches (magic 2) as bytes: built, also wrongly on purpose, and their headers read."""

import gzip
import struct

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
HEADER = struct.Struct(">qiibIhiqqqhii")
HEADER_SIZE = 61
NO_TIMESTAMP = -1


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _xxh32(data):
    """XXH32 with seed 0 of fewer than 16 bytes: all that the header of an LZ4 frame needs."""
    mask, p1, p2, p3, p4, p5 = 0xFFFFFFFF, 2654435761, 2246822519, 3266489917, 668265263, 374761393
    assert len(data) < 16
    value, at = (p5 + len(data)) & mask, 0
    while at + 4 <= len(data):
        value = (value + int.from_bytes(data[at:at + 4], "little") * p3) & mask
        value, at = (value << 17 | value >> 15) * p4 & mask, at + 4
    for byte in data[at:]:
        value = (value + byte * p5) & mask
        value = ((value << 11 | value >> 21) & mask) * p1 & mask
    value = (value ^ value >> 15) * p2 & mask
    value = (value ^ value >> 13) * p3 & mask
    return value ^ value >> 16


def _snappy_raw(data):
    out, size = bytearray(), len(data)
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    for at in range(0, len(data), 65536):       # literals only
        part = data[at:at + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def _snappy_xerial(data):
    block = _snappy_raw(data)
    return b"\x82SNAPPY\x00" + struct.pack(">iii", 1, 1, len(block)) + block


def _lz4(data):
    head = b"\x60\x40"                          # version 1, independent blocks; blocks of at most 64 KiB
    out = bytearray(b"\x04\x22\x4d\x18" + head + bytes([_xxh32(head) >> 8 & 0xFF]))
    for at in range(0, len(data), 65536):       # stored blocks
        part = data[at:at + 65536]
        out += struct.pack("<I", len(part) | 1 << 31) + part
    return bytes(out + b"\0\0\0\0")


def _zstd(data):
    out = bytearray(b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)))   # single segment, 4-byte content size
    parts = [data[at:at + 65536] for at in range(0, len(data), 65536)] or [b""]
    for index, part in enumerate(parts):        # raw blocks
        out += (len(part) << 3 | (index == len(parts) - 1)).to_bytes(3, "little") + part
    return bytes(out)


COMPRESS = {"none": bytes, "gzip": lambda data: gzip.compress(data, mtime=0),
            "snappy": _snappy_xerial, "snappy-raw": _snappy_raw, "lz4": _lz4, "zstd": _zstd}


def varint(value):
    """A signed varint (zigzag)."""
    value = (value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _blob(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(value, key=None, headers=(), offset_delta=0, time_delta=0, attributes=0):
    body = bytes([attributes]) + varint(time_delta) + varint(offset_delta) + _blob(key) + _blob(value)
    body += varint(len(headers)) + b"".join(_blob(name) + _blob(text) for name, text in headers)
    return varint(len(body)) + body


def build(values=(b"value",), codec="none", base_offset=0, epoch=-1, magic=2, crc=None, attributes=None, last_delta=None,
          base_time=1_700_000_000_000, max_time=None, producer=(-1, -1, -1), count=None, length=None, records=None,
          payload=None, key=None, deltas=None, time_deltas=None):
    """A batch. Every field of the header can be given another value than the one that fits; the CRC fits unless given.
    `records` replaces the encoded records, `payload` what stands behind the header (after compression)."""
    n = len(values)
    deltas = deltas if deltas is not None else range(n)
    time_deltas = time_deltas if time_deltas is not None else range(n)
    if records is None:
        records = b"".join(record(value, key, offset_delta=delta, time_delta=time)
                           for value, delta, time in zip(values, deltas, time_deltas))
    if payload is None:
        payload = COMPRESS[codec](records)
    if attributes is None:
        attributes = CODECS.index(codec.split("-")[0])
    if max_time is None:
        max_time = base_time + max(time_deltas, default=0)
    tail = struct.pack(">hiqqqhii", attributes, n - 1 if last_delta is None else last_delta, base_time, max_time,
                       *producer, n if count is None else count) + payload
    crc = crc32c(tail) if crc is None else crc
    size = len(tail) + 9 if length is None else length
    return struct.pack(">qiibI", base_offset, size, epoch, magic, crc) + tail


def message_set(magic, value=b"old"):
    """One message of the formats before record batches (magic 0 or 1)."""
    import zlib
    body = struct.pack(">bb", magic, 0) + (struct.pack(">q", 1_700_000_000_000) if magic else b"")
    body += struct.pack(">i", -1) + struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", 0, len(body) + 4, zlib.crc32(body)) + body


class Header:
    """The header of one stored or served batch."""

    __slots__ = ("base_offset", "length", "epoch", "magic", "crc", "attributes", "last_delta", "base_time", "max_time",
                 "producer_id", "producer_epoch", "base_sequence", "count")

    def __init__(self, fields):
        for name, value in zip(self.__slots__, fields):
            setattr(self, name, value)

    @property
    def codec(self):
        number = self.attributes & 7
        return CODECS[number] if number < len(CODECS) else str(number)

    @property
    def next_offset(self):
        return self.base_offset + self.last_delta + 1


def headers(data):
    """The headers of whole batches back to back; what is cut off at the end is left out."""
    at = 0
    while at + HEADER_SIZE <= len(data):
        header = Header(HEADER.unpack_from(data, at))
        end = at + 12 + header.length
        if header.length < HEADER_SIZE - 12 or end > len(data):
            return
        yield header
        at = end


def file_headers(path):
    """As headers(), of a segment, without reading the records."""
    with open(path, "rb") as segment:
        size, at = segment.seek(0, 2), 0
        while at + HEADER_SIZE <= size:
            segment.seek(at)
            header = Header(HEADER.unpack(segment.read(HEADER_SIZE)))
            if header.length < HEADER_SIZE - 12:
                return
            yield header
            at += 12 + header.length
