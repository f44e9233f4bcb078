"""Other brokers and their loads, fetched once into one cache below the build directory; nothing is installed.

Debian's packages are downloaded with what they need and is missing here, and unpacked beside each other: no service is
started, and no root is needed. What cannot be had raises Missing, with the reason in a line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure.failures import Failed, reason

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests" / "e2e"))
import cache  # noqa: E402 (the tests' own cache: Kafka's jars and Go are there already where they have run)

HERE = Path(__file__).resolve().parent
PEERS = Path(os.environ.get("BENCH_CACHE", TOP / "build" / "bench-cache"))


class Missing(Failed):
    pass


def made(name, text, make):
    """Runs make(folder) unless `folder` was made from the same text before; the folder."""
    folder, stamp = PEERS / name, PEERS / f"{name}.stamp"
    if stamp.exists() and stamp.read_text() == text:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"preparing {name} ...", file=sys.stderr, flush=True)
    try:
        make(folder)
    except (RuntimeError, OSError) as error:
        raise Missing(f"{name}: {reason(error)}") from None
    stamp.write_text(text)
    return folder


def run(command, **options):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {done.stdout[-2000:]}")
    return done.stdout


def debian(*names):
    """Where the files of Debian packages and of all that they need beyond this system are unpacked."""

    def download(archives):
        run(["apt-get", "install", "--download-only", "--no-install-recommends", "-q", "-y",
             "-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1", *names])
        # Of those that are installed only their own files are wanted.
        there = [name for name in names if not any(archives.glob(f"{name}_*.deb"))]
        if there:
            run(["apt-get", "download", "-q", *there], cwd=archives)

    def make(folder):
        archives = folder / "archives"
        (archives / "partial").mkdir(parents=True)
        try:
            download(archives)
        except RuntimeError:
            # The lists of packages are missing or too old.
            run(["apt-get", "update", "-q"])
            download(archives)
        for package in sorted(archives.glob("*.deb")):
            run(["dpkg-deb", "-x", package, folder])
        shutil.rmtree(archives)

    return made(names[0], " ".join(names), make)


def libraries(folder):
    """An environment in which programs of `folder` find their libraries there."""
    paths = [str(path) for path in (folder / "usr" / "lib").glob("*-linux-gnu")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths)}


def go_programs(name, *modules):
    """Where the programs of these modules (path@version) are, made from the Go module proxy."""

    def make(folder):
        go = cache.go_command()
        if go is None:
            raise RuntimeError("no Go that is new enough")
        for module in modules:
            run([go, "install", module], env={**os.environ, "GOBIN": str(folder)})

    return made(name, " ".join(modules), make)


def maven_jars(name, pom):
    """The folder with the jars that a pom.xml names."""

    def make(folder):
        if shutil.which("mvn") is None:
            raise RuntimeError("Maven is not installed")
        run(["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={folder}"])

    return made(name, pom.read_text(), make)


def kafka_classpath():
    try:
        found = cache.kafka_classpath()
    except RuntimeError as error:
        raise Missing(f"Kafka's jars: {reason(error)}") from None
    return _there(found, "Kafka's jars: Maven or Java is not installed")


def java():
    return _there(cache.java_command(), "Java 17 or newer is not installed")


def javac():
    return _there(cache.javac_command(), "a Java compiler, 17 or newer, is not installed")


def _there(found, otherwise):
    if found is None:
        raise Missing(otherwise)
    return found
