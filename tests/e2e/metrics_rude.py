"""Clients of HTTP that are rude, slow or many. Each takes the broker, and returns what is wrong, or None."""

import contextlib
import http.client
import random
import socket
import time

from scrape import connect, healthy, kcat, scrape


def garbage(broker, seed):
    """Noise, and requests with a byte changed, in many connections; then all is as before."""
    chooser = random.Random(seed)
    good = b"GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nAccept: */*\r\n\r\nabc"
    for _ in range(300):
        noise = bytearray(chooser.randbytes(chooser.randrange(1, 3000)) if chooser.random() < 0.5 else good * 3)
        noise[chooser.randrange(len(noise))] = chooser.randrange(256)
        with contextlib.suppress(OSError), connect(broker.http) as link:
            link.sendall(noise)
            if chooser.random() < 0.3:
                link.settimeout(0.05)
                link.recv(1000)
    with connect(broker.http) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: " + b"y" * 10000)
        if b" 431 " not in link.recv(1000).splitlines()[0]:
            return "a head of 10 KB is not refused"
    if scrape(broker).sum("millrace_http_connection_events_total", event="refused") < 10:
        return "hardly anything was counted as refused"
    return healthy(broker)


def many(broker):
    """500 silent connections, and as many that never finish asking: others are served, and little memory is taken."""
    before = broker.rss()
    with contextlib.ExitStack() as open_links:
        for number in range(1000):
            with contextlib.suppress(OSError):
                link = open_links.enter_context(connect(broker.http))
                if number % 2:
                    link.sendall(b"GET /healthz HTTP/1.1\r\n")
        # Who has had its place for longest gives way.
        end = time.monotonic() + 5
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if healthy(broker) is None:
                    break
            if time.monotonic() > end:
                return "no connection is served any more"
            time.sleep(0.2)
        open_now = scrape(broker).sum("millrace_http_connections")
    grown = broker.rss() - before
    if open_now > 128 or grown > 16 << 20:
        return f"{open_now:.0f} connections open, {grown / 2**20:.0f} MiB taken"
    return None


def unread(broker):
    """Who asks and takes no answer is closed; meanwhile Kafka's clients and other scrapes go on."""
    before = scrape(broker).sum("millrace_http_connection_events_total", event="timed_out")
    with connect(broker.http) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(1)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                link.sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        end = time.monotonic() + 30
        while scrape(broker).sum("millrace_http_connection_events_total", event="timed_out") == before:
            kcat(broker, "-P", "-t", "counted", text="beside\n")
            if time.monotonic() > end:
                return "it was not closed within 30 s"
            time.sleep(0.5)
    return healthy(broker)
