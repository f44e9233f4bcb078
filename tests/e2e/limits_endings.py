"""How Millrace ends: idle, by signals, and by starts that must be refused. Each takes a function that makes a broker over a
fresh data directory, and returns what is wrong, or None."""

import contextlib
import ctypes
import errno
import os
import platform
import signal
import socket
import struct
import subprocess
import time

import broker as brokers
import protocol
from limits_bystander import Bystander
from limits_rude import connect, create, fetch_of, fill


def idle_cpu(make):
    with make("idle") as broker:
        broker.start()
        broker.wait_until_touched()
        time.sleep(1)
        cpu, start = broker.cpu_seconds(), time.monotonic()
        time.sleep(10)
        busy = (broker.cpu_seconds() - cpu) / (time.monotonic() - start)
        print(f"    idle: {busy:.2%} of a core, {broker.rss() >> 20} MiB resident")
        return f"an idle broker takes {busy:.1%} of a core" if busy > 0.01 else None


def every_signal_stops(make):
    for number in brokers.SIGNALS:
        with make("signals") as broker:
            broker.start()
            create(broker.address, "bystander")
            bystander = Bystander(broker.address)
            bystander.start()
            with protocol.Connection(broker.address) as parked:
                parked.send("Fetch", 11, fetch_of("bystander", 1 << 40, 1, 60_000))
                parked.send("Fetch", 11, fetch_of("bystander", 0, 1 << 30, 60_000))
                time.sleep(0.5)
                start = time.monotonic()
                broker.signal(number)
                try:
                    status = broker.process.wait(12)
                except subprocess.TimeoutExpired:
                    return f"{number.name} does not stop it within 10 s"
                took = time.monotonic() - start
                broker.process = None
                try:
                    parked.receive("Fetch", 11)
                    parked.receive("Fetch", 11)
                except protocol.ProtocolError:
                    return f"{number.name}: a parked fetch is not answered"
            bystander.finish()
            if status != 0 or took > 10:
                return f"{number.name}: status {status} after {took:.1f} s"


def second_signal_ends_at_once(make):
    with make("second") as broker:
        broker.start()
        create(broker.address, "bulk")
        fill(broker.address, "bulk", 20)
        with connect(broker.address, 4096) as stuck:        # something that a graceful stop waits for
            frame = protocol.encode_request("Fetch", 11, fetch_of("bulk", 0, 1, 0, 20 << 20))
            stuck.sendall(struct.pack(">i", len(frame)) + frame)
            stuck.recv(1, socket.MSG_PEEK)                  # the answer is on its way, and not taken
            time.sleep(0.5)
            broker.signal(signal.SIGTERM)
            time.sleep(0.1)
            if broker.process.poll() is not None:
                status, broker.process = broker.process.returncode, None
                return f"it stopped with {status} before the second signal came, beside a client that takes no answer"
            broker.signal(signal.SIGTERM)
            start = time.monotonic()
            status = broker.process.wait(12)
            took = time.monotonic() - start
            broker.process = None
            return f"status {status} after {took:.1f} s" if status != 1 or took > 1 else None


def stop_while_topics_are_removed(make):
    """A process that was killed left many directories of deleted topics: the next one may stop before all of them are gone."""
    with make("removing") as broker:
        broker.start()
        broker.stop()
        for i in range(2000):
            directory = broker.data_dir / f"gone-{i}.4217d20d15b238d3-delete"
            directory.mkdir()
            for base in range(10):
                (directory / f"{base:020d}.log").write_bytes(b"x")
        broker.start()
        status = broker.stop()
        left = len(list(broker.data_dir.glob("*-delete")))
        if left == 0:
            return "they were all gone before the stop"
        return f"status {status} with {left} directories left" if status != 0 else None


def without_io_uring():
    """Run in the child before the program: io_uring_setup answers ENOSYS, as an old kernel or a container's profile has it."""
    pr_set_no_new_privs, pr_set_seccomp, seccomp_mode_filter = 38, 22, 2
    load, jump_if_equal, answer = 0x20, 0x15, 0x06      # BPF: the word at an offset; compare; return
    allow, fail_with = 0x7FFF0000, 0x00050000
    io_uring_setup = 425
    filter_ = b"".join(struct.pack("=HBBI", *line) for line in (
        (load, 0, 0, 0), (jump_if_equal, 0, 1, io_uring_setup), (answer, 0, 0, fail_with | errno.ENOSYS),
        (answer, 0, 0, allow)))
    libc = ctypes.CDLL(None, use_errno=True)
    lines = ctypes.create_string_buffer(filter_, len(filter_))
    program = struct.pack("@HxxxxxxP", len(filter_) // 8, ctypes.addressof(lines))
    if libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) or libc.prctl(pr_set_seccomp, seccomp_mode_filter, program, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def mounted(kind, at, megabytes=None):
    """A file system of its own below `at`, on an image of so many MB where that is said; None where we may not mount."""
    at.mkdir(parents=True, exist_ok=True)
    image, source, options = at.with_suffix(".image"), "none", []
    if megabytes:
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        source, options = str(image), ["-o", "loop"]
    made = [f"mkfs.{kind}", "-q", "-F", source] if megabytes else ["true"]
    mount = ["mount", "-t", kind, *options, source, str(at)]
    try:
        if os.geteuid() != 0 or any(subprocess.run(command, capture_output=True).returncode != 0 for command in (made, mount)):
            yield None
            return
        try:
            yield at
        finally:
            subprocess.run(["umount", str(at)], check=True)
    finally:
        image.unlink(missing_ok=True)


def refused_disks(make, refused):
    """A kernel without io_uring, a file system without O_DIRECT, a full one."""
    if platform.machine() in ("x86_64", "aarch64"):
        refused("a kernel without io_uring", make("no-uring"), "io_uring is refused", before=without_io_uring, most=3)
    for kind, megabytes, needle in (("ramfs", None, "refuses O_DIRECT"), ("ext4", 16, "the disk is full")):
        disk = make(f"disk-{kind}")
        place = disk.data_dir.with_name(f"{disk.data_dir.name}-mount")
        with mounted(kind, place, megabytes) as there:
            if there is None:
                print(f"    {kind}: we may not mount, left out")
                continue
            disk.data_dir = there / "data"
            refused(f"{kind} as the disk", disk, needle, most=5, path=disk.data_dir)


def refusals(make):
    """Starts that must fail with one clear line and a status other than 0."""
    wrong = []

    def refused(label, broker, needle, change=None, before=None, most=12, path=None):
        command = broker.command()
        command = change(command) if change else command
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, preexec_fn=before)
        except subprocess.TimeoutExpired:
            wrong.append(f"{label}: it runs")
            return
        words = done.stdout + done.stderr
        lines = [line for line in words.splitlines() if line.strip()]
        errors = [line for line in lines if " ERROR " in line]
        clear = needle.lower() in words.lower() and len(lines) <= most and len(errors) <= 1 and str(path or "") in words
        if done.returncode <= 0 or not clear:
            wrong.append(f"{label}: status {done.returncode}, {len(lines)} lines: {' / '.join(lines)[-300:]}")
        else:
            print(f"    {label}: status {done.returncode}: {lines[-1][:150]}")

    with make("holder") as holder:
        holder.start()
        port = make("busy-port")
        port.port, port.address = holder.port, holder.address
        refused("busy port", port, str(holder.port))
        locked = make("locked")
        locked.data_dir = holder.data_dir
        refused("locked data directory", locked, "lock")
        holder.stop()
    refused("unknown flag", make("flag"), "--no-such-flag", lambda command: [*command, "--no-such-flag"])
    for setting in ("no.such.key=1", "num.partitions=many", "num.partitions", "num.partitions=-1"):
        refused(f"--set {setting}", make("set"), setting.split("=")[0], lambda command, s=setting: [*command, "--set", s])
    refused("bad cores", make("cores"), "cores", lambda command: [*command, "--cores", "x"])
    refused("a core that is not there", make("cores"), "core", lambda command: [*command, "--cores", "4000"])
    refused("bad memory", make("memory"), "memory", lambda command: [*command, "--memory", "lots"])
    refused("too little memory", make("memory"), "memory", lambda command: [*command, "--memory", "1M"])
    refused("no such configuration", make("config"), "nowhere.toml", lambda command: [*command, "--config", "/nowhere.toml"])
    refused("address without a port", make("address"), "127.0.0.1",
            lambda command: [*command, "--kafka", "127.0.0.1"])
    refused("address of everybody", make("address"), "0.0.0.0",
            lambda command: [*command, "--kafka", f"0.0.0.0:{brokers.free_port()}"])
    taken = make("not-a-directory")
    taken.data_dir.parent.mkdir(parents=True, exist_ok=True)
    taken.data_dir.write_text("a file")
    refused("data directory is a file", taken, str(taken.data_dir))
    taken.data_dir.unlink()
    refused_disks(make, refused)
    foreign = make("foreign")
    foreign.data_dir.mkdir(parents=True)
    (foreign.data_dir / "version").write_text("garbage")
    (foreign.data_dir / "meta.properties").write_text("version=1\n")
    refused("directory with files of others", foreign, "version file is not one of ours", path=foreign.data_dir)
    return "; ".join(wrong) or None


ENDINGS = (idle_cpu, every_signal_stops, second_signal_ends_at_once, stop_while_topics_are_removed, refusals)
