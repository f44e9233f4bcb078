#!/usr/bin/env python3
"""Captures request frames of stock clients: what tests/vectors/kafka holds.

Starts a broker that names a proxy of ours as its address, runs clients.py --quick against it, and keeps the first frame
of each (API, version, client id) that is not longer than --bytes, without its length field, as API-vN-CLIENT.bin."""

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
    """The first frame of each kind."""

    def __init__(self, folder, bytes_max):
        self.folder, self.bytes_max, self.lock = folder, bytes_max, threading.Lock()

    def keep(self, frame):
        if len(frame) > self.bytes_max:
            return
        key, version, _, length = struct.unpack(">hhih", frame[:10])
        client = frame[10:10 + max(length, 0)].decode(errors="replace")
        client = re.sub(r"[^a-z]+", "-", client.lower()).strip("-") or "nobody"
        path = self.folder / f"{key:02}-v{version}-{client[:24]}.bin"
        with self.lock:
            if not path.exists():
                path.write_bytes(frame)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    brokers.add_arguments(parser)
    parser.add_argument("--into", default=str(cache.REPO / "tests" / "vectors" / "kafka"), metavar="DIR")
    parser.add_argument("--bytes", type=int, default=3000, metavar="N")
    arguments = parser.parse_args()
    cache.in_venv()

    folder = pathlib.Path(arguments.into)
    folder.mkdir(parents=True, exist_ok=True)
    port = brokers.free_port()
    arguments.settings.append(f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}")
    with brokers.from_arguments(arguments, "capture") as broker:
        broker.start()
        Proxy(port, ("127.0.0.1", broker.port), Frames(folder, arguments.bytes).keep)
        script = pathlib.Path(__file__).with_name("clients.py")
        done = subprocess.run([sys.executable, str(script), "--quick", "--broker", f"127.0.0.1:{port}"])
    print(f"{len(list(folder.glob('*.bin')))} frames in {folder}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
