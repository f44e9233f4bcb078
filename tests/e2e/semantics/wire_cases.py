"""Frames, headers, versions, order of answers."""

import struct

import protocol
from semantics.context import case, fresh


def _ending(k, talk):
    """How a conversation on a connection of its own ends."""
    with fresh(k) as connection:
        try:
            return talk(connection)
        except (protocol.Closed, ConnectionError):
            return "closed"
        except TimeoutError:
            return "no answer"


def _shape(answer):
    """An ApiVersions answer without its list, which `advertised` compares."""
    if isinstance(answer, dict):
        keys = {key["ApiKey"] for key in answer["ApiKeys"]}
        answer = {**answer, "ApiKeys": "has 18" if 18 in keys else "lacks 18"}
        answer.pop("SupportedFeatures", None)
        answer.pop("FinalizedFeatures", None)
        answer.pop("FinalizedFeaturesEpoch", None)
    return answer


@case
def api_versions(k):
    for version in k.versions("ApiVersions"):
        body = {"ClientSoftwareName": "e2e", "ClientSoftwareVersion": "1.0"}
        k.note(f"v{version}", _shape(k.call("ApiVersions", version, body)))
        if version >= 3:
            for name in ("", "bad name", "-x", "x-", "a", "a.b-c"):
                k.note(f"v{version} software name {name!r}",
                       _shape(k.call("ApiVersions", version, {**body, "ClientSoftwareName": name})))
                k.note(f"v{version} software version {name!r}",
                       _shape(k.call("ApiVersions", version, {**body, "ClientSoftwareVersion": name})))


@case
def api_versions_that_do_not_exist(k):
    for version in (6, 99, 32767, -1):
        def talk(connection, version=version):
            connection.send_frame(struct.pack(">hhih", 18, version, 7, -1) + b"\0\4e2e\0041.0\0")
            return _shape(protocol.decode_response("ApiVersions", 0, connection.receive_frame())[1])
        k.note(f"v{version}", _ending(k, talk))


@case
def requests_that_do_not_exist(k):
    for key, version in ((999, 0), (-1, 0), (4, 0), (5, 0), (7, 0), (52, 0), (3, 99), (3, -1), (1, 3), (1, 99), (19, 1),
                         (20, 0), (23, 1), (0, 0), (0, 1), (0, 2), (0, 99)):
        def talk(connection, key=key, version=version):
            connection.send_frame(struct.pack(">hhih", key, version, 7, -1) + bytes(16))
            return f"answered with {len(connection.receive_frame())} bytes"
        k.note(f"key {key} v{version}", _ending(k, talk))


@case
def frames(k):
    good = protocol.encode_request("Metadata", 1, {"Topics": []}, 5)

    def framed(announced, data):
        def talk(connection):
            connection.socket.sendall(struct.pack(">i", announced) + data)
            return "answered" if connection.receive_frame() else None
        return talk

    for label, announced, data in (
            ("empty", 0, b""), ("negative size", -1, b""), ("smallest size", -2147483648, b""),
            ("over the maximum", 104857601, b""), ("as large as can be", 2147483647, b""),
            ("one byte", 1, b"\0"), ("half a header", 6, good[:6]), ("header cut in the client id", 12, good[:12]),
            ("body cut", len(good) - 1, good[:-1]), ("body with a byte too many", len(good) + 1, good + b"x"),
            ("whole", len(good), good), ("http", struct.unpack(">i", b"GET ")[0], b"/ HTTP/1.0\r\n\r\n")):
        k.note(label, _ending(k, framed(announced, data)))


@case
def bodies_that_lie(k):
    """Lengths and counts inside a body that do not fit."""
    head = struct.pack(">hhih", 3, 1, 5, -1)
    flexible = struct.pack(">hhih", 3, 9, 5, -1) + b"\0"
    for label, data in (
            ("array of 2^31-1", head + struct.pack(">i", 2147483647)),
            ("array of -2", head + struct.pack(">i", -2)),
            ("string of 32767", head + struct.pack(">ih", 1, 32767) + b"abc"),
            ("string of -2", head + struct.pack(">ih", 1, -2)),
            ("null in a list of names", head + struct.pack(">ih", 1, -1)),
            ("compact array of 2^32-1", flexible + b"\xff\xff\xff\xff\x0f"),
            ("compact array with an endless length", flexible + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            ("name that is not UTF-8", head + struct.pack(">ih", 1, 2) + b"\xff\xfe"),
            ("client id of 32767", struct.pack(">hhih", 3, 1, 5, 32767) + b"abc"),
            ("client id of -2", struct.pack(">hhih", 3, 1, 5, -2) + struct.pack(">i", 0)),
            ("more tags than bytes", struct.pack(">hhih", 3, 9, 5, -1) + b"\x7f")):
        def talk(connection, data=data):
            connection.send_frame(data)
            return "answered" if connection.receive_frame() else None
        k.note(label, _ending(k, talk))


@case
def unknown_tags_are_skipped(k):
    for label, body in (("after the body", {"Topics": [], "*tags": [(9000, b"abc"), (9001, b"")]}),
                        ("in a topic", {"Topics": [{"Name": k.name("epoch"), "*tags": [(77, b"x" * 300)]}]})):
        k.ask(label, "Metadata", 9, {"AllowAutoTopicCreation": False, **body})
    head = struct.pack(">hhih", 3, 9, 5, -1) + b"\x02\x05\x01a\x07\x02bc"
    body = protocol.encode_request("Metadata", 9, {"Topics": []}, client_id=None)[11:]

    def talk(connection):
        connection.send_frame(head + body)
        return protocol.decode_response("Metadata", 9, connection.receive_frame())[1]
    k.note("in the header", _ending(k, talk))


@case
def answers_come_in_request_order(k):
    name = k.create("order", 2)

    def talk(connection):
        wanted = []
        fetch = {"MaxWaitMs": 300, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [
            {"Topic": name, "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}]}]}
        for step in range(60):
            api, version, body = (("Fetch", 11, fetch) if step == 20 else
                                  ("ApiVersions", 0, {}) if step % 3 == 0 else
                                  ("Metadata", 1, {"Topics": [{"Name": name}]}) if step % 3 == 1 else
                                  ("ListOffsets", 1, {"ReplicaId": -1, "Topics": [
                                      {"Name": name, "Partitions": [{"PartitionIndex": step % 2, "Timestamp": -1}]}]}))
            wanted.append((connection.send(api, version, body), api, version))
        return all(connection.receive(api, version)[0] == correlation for correlation, api, version in wanted)
    k.note("60 at once, a waiting fetch among them", _ending(k, talk))


@case
def client_ids(k):
    for label, client_id in (("null", None), ("empty", ""), ("long", "x" * 5000), ("not ASCII", "é漢")):
        def talk(connection, client_id=client_id):
            connection.send("Metadata", 9, {"Topics": []}, client_id)
            return connection.receive("Metadata", 9)[1]
        k.note(label, _ending(k, talk))


@case
def describe_cluster(k):
    for version in k.versions("DescribeCluster"):
        for operations in (False, True):
            k.ask(f"v{version} operations {operations}", "DescribeCluster", version,
                  {"IncludeClusterAuthorizedOperations": operations})
        if version >= 1:
            for kind in (0, 2, 3):
                k.ask(f"v{version} endpoint type {kind}", "DescribeCluster", version, {"EndpointType": kind})
