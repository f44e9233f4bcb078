#!/usr/bin/env python3
"""Captures request frames of stock clients: what tests/vectors/kafka holds.

Starts a broker for each of the programs in PROGRAMS, which names a proxy of ours as its address, and runs the program
against the proxy. A frame that is not longer than --bytes is kept, without its length field, as API-vN-CLIENT.bin, while
there are fewer than --each of its API and version; so a run into a folder that has frames adds what is missing.

    tests/e2e/capture.py              # all that can be had, about 5 min; only what is new is added
    tests/e2e/capture.py --into DIR   # from nothing, to compare"""

import argparse
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading

import broker as brokers
import cache

PROGRAMS = (("clients.py", "--quick"), ("groups.py",), ("group_tools.py",), ("older_clients.py",))
OURS = "e2e"            # protocol.py, which asks for the programs themselves


class Proxy:
    """Passes bytes between clients and the broker, and looks at the frames that clients send."""

    def __init__(self, port, target, keep):
        self.target, self.keep = target, keep
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            broker = socket.create_connection(self.target)
            threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
            threading.Thread(target=self._pass, args=(broker, client), daemon=True).start()

    @staticmethod
    def _end(*sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _pass(self, source, target):
        try:
            while chunk := source.recv(1 << 16):
                target.sendall(chunk)
        except OSError:
            pass
        self._end(source, target)

    def _requests(self, client, broker):
        pending = b""
        try:
            while chunk := client.recv(1 << 16):
                broker.sendall(chunk)
                pending += chunk
                while len(pending) >= 4 and len(pending) >= 4 + struct.unpack(">i", pending[:4])[0]:
                    size = struct.unpack(">i", pending[:4])[0]
                    self.keep(pending[4:4 + size])
                    pending = pending[4 + size:]
        except OSError:
            pass
        self._end(client, broker)


class Frames:
    """The first frames of each API and version, one of a client."""

    def __init__(self, folder, bytes_max, each):
        self.folder, self.bytes_max, self.each, self.lock = folder, bytes_max, each, threading.Lock()

    def keep(self, frame):
        if len(frame) > self.bytes_max:
            return
        key, version, _, length = struct.unpack(">hhih", frame[:10])
        client = frame[10:10 + max(length, 0)].decode(errors="replace")
        if client == OURS:
            return
        client = re.sub(r"[^a-z]+", "-", client.lower()).strip("-") or "nobody"
        kind = f"{key:02}-v{version}-"
        path = self.folder / f"{kind}{client[:24]}.bin"
        with self.lock:
            if not path.exists() and len(list(self.folder.glob(f"{kind}*"))) < self.each:
                path.write_bytes(frame)


def capture(arguments, words, keep):
    """Runs one program against a fresh broker behind a proxy; its exit status."""
    port = brokers.free_port()
    settings = {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}", "group.initial.rebalance.delay.ms": "0"}
    with brokers.from_arguments(arguments, "capture", settings=settings) as broker:
        broker.start()
        Proxy(port, ("127.0.0.1", broker.port), keep)
        print(f"--- {' '.join(words)}", flush=True)
        script = pathlib.Path(__file__).with_name(words[0])
        done = subprocess.run([sys.executable, str(script), *words[1:], "--broker", f"127.0.0.1:{port}"])
    return done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--into", default=str(cache.REPO / "tests" / "vectors" / "kafka"), metavar="DIR")
    parser.add_argument("--bytes", type=int, default=3000, metavar="N", help="a longer frame is not kept")
    parser.add_argument("--each", type=int, default=2, metavar="N", help="frames of an API and version")
    arguments = parser.parse_args()
    cache.in_venv()

    folder = pathlib.Path(arguments.into)
    folder.mkdir(parents=True, exist_ok=True)
    frames = Frames(folder, arguments.bytes, arguments.each)
    failed = [words[0] for words in PROGRAMS if capture(arguments, words, frames.keep) != 0]
    for name in failed:
        print(f"{name} failed")
    kept = list(folder.glob("*.bin"))
    print(f"{len(kept)} frames, {sum(path.stat().st_size for path in kept)} bytes, in {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
