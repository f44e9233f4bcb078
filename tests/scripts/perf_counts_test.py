"""Counting a broker's messages: from its counters, from the Kafka protocol, and from one that tells neither."""

import json
import os
import socket
import struct
import tempfile
import threading
import time
import unittest
from pathlib import Path

import perf_tools_path  # noqa: F401 - finds what follows
import counts
import kafka
import load
import window

METRICS = """# HELP millrace_requests_total Requests answered.
# TYPE millrace_requests_total counter
millrace_requests_total{core="0",api="Produce"} 100
millrace_requests_total{core="1",api="Fetch"} 1.5e1
millrace_http_requests_total 3
millrace_records_in_total{core="0"} 1000
millrace_records_in_total{core="1"} 24
millrace_records_out_total{core="0"} 7
millrace_topic_records_in_total{topic="a b"} 1000
millrace_request_seconds_bucket{le="+Inf"} 115
nonsense
"""


def answer_metadata():
    partition = struct.pack(">hiiiiii", 0, 0, 1, 1, 1, 1, 1)
    topics = b"".join(struct.pack(">h", 0) + kafka.string(name) + struct.pack(">bi", internal, 1) + partition
                      for name, internal in (("a", 0), ("__consumer_offsets", 1)))
    broker = struct.pack(">i", 1) + kafka.string("host") + struct.pack(">ih", 9092, -1)
    return struct.pack(">i", 1) + broker + struct.pack(">ii", 1, 2) + topics


def answer_list_offsets():
    return struct.pack(">i", 1) + kafka.string("a") + struct.pack(">iihqq", 1, 0, 0, -1, 4711)


class Stub:
    """A broker that knows two answers; `cut` leaves bytes of them out."""

    def __init__(self, cut=0):
        self.cut = cut
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                while True:
                    head = peer.recv(4)
                    if len(head) < 4:
                        break
                    request = peer.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
                    api = struct.unpack(">h", request[:2])[0]
                    body = {kafka.METADATA: answer_metadata, kafka.LIST_OFFSETS: answer_list_offsets}[api]()
                    body = struct.pack(">i", 1) + body[:len(body) - self.cut]
                    peer.sendall(struct.pack(">i", len(body)) + body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


class Counting(unittest.TestCase):
    def test_sums_counters_over_their_labels_and_takes_no_others(self):
        self.assertEqual(vars(counts.sums(METRICS)), {"messages": 1024, "requests": 115})
        self.assertEqual(vars(counts.sums('millrace_append_records_total{core="0"} 5\nmillrace_kafka_requests_total{api="Fetch"} 6\n')),
                         {"messages": 5, "requests": 6})
        self.assertEqual(vars(counts.sums("")), {"messages": None, "requests": None})

    def test_asks_for_high_watermarks_of_topics_that_are_not_the_brokers_own(self):
        with Stub() as stub, kafka.Connection("127.0.0.1", stub.port) as connection:
            self.assertEqual(connection.partitions(), {"a": [0]})
            self.assertEqual(connection.ends(), {("a", 0): 4711})

    def test_finds_who_counts_by_the_ports_of_the_process(self):
        with Stub() as stub:
            self.assertIn(stub.port, counts.listening_ports(os.getpid()))
            counter = counts.find(os.getpid())
            self.assertEqual((counter.source, vars(counter.now())), ("high watermarks", {"messages": 4711, "requests": None}))

    def test_of_an_answer_that_is_cut_off_makes_no_number(self):
        for cut in (1, 5, 20):
            with Stub(cut) as stub:
                self.assertEqual(counts.Watermarks(stub.port).now().messages, None)

    def test_takes_messages_from_high_watermarks_where_counters_lack_them(self):
        with Stub() as stub:
            watermarks = counts.Watermarks(stub.port)
            both = counts.Counters(lambda: METRICS, watermarks)
            self.assertEqual((both.source, both.now().messages), ("/metrics", 1024))
            half = counts.Counters(lambda: "millrace_requests_total 5\n", watermarks)
            self.assertEqual((half.source, vars(half.now())), ("high watermarks", {"messages": 4711, "requests": 5}))

    def test_without_anyone_who_tells_is_said(self):
        self.assertEqual(vars(counts.Nobody().now()), {"messages": None, "requests": None})
        self.assertIn("nobody told", window.describe(window.Window(seconds=1, source=counts.Nobody.source)))


class Windows(unittest.TestCase):
    def test_are_read_back_or_empty(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "w"
            self.assertEqual(window.read(path), window.Window())
            path.write_text("{cut", encoding="utf-8")
            self.assertEqual(window.read(path), window.Window())
            path.write_text(json.dumps({"seconds": 2, "messages": 100}), encoding="utf-8")
            self.assertEqual(window.read(path, messages_per_request=10).requests, 10)

    def test_turn_the_events_of_perf_on_and_off_around_what_they_measure(self):
        with tempfile.TemporaryDirectory() as directory:
            control, answer = (os.path.join(directory, name) for name in ("control", "answer"))
            os.mkfifo(control)
            os.mkfifo(answer)
            told = []

            def perf():
                with open(control, encoding="ascii") as words, open(answer, "w", encoding="ascii") as answers:
                    for word in words:
                        told.append(word.strip())
                        answers.write("ack\n")
                        answers.flush()

            thread = threading.Thread(target=perf, daemon=True)
            thread.start()
            switch = window.Switch(control, answer)
            found = window.measure(os.getpid(), 0.01, switch)
            os.close(switch.control)
            thread.join(5)
            self.assertEqual(told, ["enable", "disable"])
            self.assertGreaterEqual(found.seconds, 0.01)

    def test_count_how_often_a_process_had_to_wait(self):
        before = window.process_now(os.getpid())
        for _ in range(3):
            time.sleep(0.001)
        self.assertGreaterEqual(window.process_now(os.getpid()).voluntary, before.voluntary + 3)


class Loads(unittest.TestCase):
    def test_end_before_they_fill_the_disk(self):
        ended = threading.Event()
        with tempfile.TemporaryDirectory() as directory:
            room = load.Room(directory, ended.set)
            self.assertGreater(room.least, 0)
            free = [3 * room.least, room.least, room.least - 1]
            room.free = lambda: free.pop(0)
            room.start()
            room.join(5)
        self.assertEqual((free, room.used_up, ended.is_set()), ([], True, True))

    def test_are_the_rows_of_the_speed_table(self):
        rows, _ = load.measured()
        row, view, seconds = load.choose(["3", "off", "10000p"], rows)
        self.assertEqual((row.name, view, seconds), ("10000p", "off", 3))
        self.assertEqual(load.messages_per_request(row), 1)
        row, view, seconds = load.choose([], rows)
        self.assertEqual((row.name, view, seconds), ("100B", "cpu", 10))
        for words in (["nonsense"], ["0"], ["1.2.3"]):
            with self.assertRaises(SystemExit):
                load.choose(words, rows)


if __name__ == "__main__":
    unittest.main()
