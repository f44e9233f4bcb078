"""As much of the Kafka protocol as it takes to ask a broker where its partitions end."""

import socket
import struct

METADATA, LIST_OFFSETS = 3, 2
LATEST = -1


class Malformed(Exception):
    """An answer that is no answer to what was asked."""


class Reader:
    def __init__(self, data):
        self.data = data
        self.place = 0

    def take(self, form):
        try:
            (value,) = struct.unpack_from(">" + form, self.data, self.place)
        except struct.error as error:
            raise Malformed(str(error)) from error
        self.place += struct.calcsize(">" + form)
        return value

    def string(self):
        size = self.take("h")
        if size < 0:
            return None
        text = self.data[self.place:self.place + size]
        self.place += size
        return text.decode("utf-8", "replace")

    def array(self, element):
        return [element() for _ in range(max(0, self.take("i")))]


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


class Connection:
    def __init__(self, host, port, timeout_s=30):
        self.socket = socket.create_connection((host, port), timeout_s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(min(1 << 20, size - len(data)))
            if not part:
                raise Malformed("the connection was closed")
            data += part
        return bytes(data)

    def ask(self, api, version, body):
        """One request (header version 1), the body of its answer (header version 0)."""
        request = struct.pack(">hhi", api, version, 1) + string("perf") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", self.receive(4))[0]
        if not 4 <= size <= 256 << 20:
            raise Malformed(f"an answer of {size} bytes")
        reader = Reader(self.receive(size))
        if reader.take("i") != 1:
            raise Malformed("the answer to something else")
        return reader

    def partitions(self):
        """The partitions of every topic that is not the broker's own: {topic: [index]}."""
        answer = self.ask(METADATA, 1, struct.pack(">i", -1))
        answer.array(lambda: (answer.take("i"), answer.string(), answer.take("i"), answer.string()))
        answer.take("i")
        topics = {}

        def partition():
            answer.take("h")
            index = answer.take("i")
            answer.take("i")
            answer.array(lambda: answer.take("i"))
            answer.array(lambda: answer.take("i"))
            return index

        def topic():
            error, name, internal = answer.take("h"), answer.string(), answer.take("b")
            indexes = answer.array(partition)
            if error == 0 and not internal:
                topics[name] = indexes

        answer.array(topic)
        return topics

    def ends(self):
        """The high watermark of every partition: {(topic, index): offset}."""
        topics = self.partitions()
        body = struct.pack(">ii", -1, len(topics))
        for name, indexes in topics.items():
            body += string(name) + struct.pack(">i", len(indexes))
            body += b"".join(struct.pack(">iq", index, LATEST) for index in indexes)
        answer = self.ask(LIST_OFFSETS, 1, body)
        found = {}

        def topic():
            name = answer.string()

            def partition():
                index, error, _, offset = answer.take("i"), answer.take("h"), answer.take("q"), answer.take("q")
                if error == 0:
                    found[name, index] = offset

            answer.array(partition)

        answer.array(topic)
        return found
