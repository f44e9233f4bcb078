"""scripts/perf: looks at a running broker, one view a command.

    scripts/perf [VIEW] [PID] [SECONDS]         of the only broker that runs, unless PID; for 10 s
    scripts/perf load [ROW] [VIEW] [SECONDS]    starts a broker on one core and a load on another, and looks at it
    scripts/perf diff [BEFORE AFTER]            what changed between two recordings; the last two of cpu
"""

import argparse
import importlib
import os
import signal
import sys
import time
from pathlib import Path

import target
import tools
import views


def parse(words):
    listed = "\n".join(f"  {name:<6} {explanation}" for name, explanation in views.VIEWS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/perf", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"views:\n{listed}\n  all    each of them, one after the other\n\nResults are left in build/perf.")
    parser.add_argument("words", nargs="*", metavar="WORD", help=argparse.SUPPRESS)
    parser.add_argument("--dwarf", dest="unwind", action="store_const", const="dwarf",
                        help="follow stacks by debug information: whole below liburing and mimalloc, and dearer")
    parser.add_argument("--fp", dest="unwind", action="store_const", const="fp", help="follow stacks by frame pointers")
    parser.add_argument("--templates", action="store_true", help="keep the template arguments of functions")
    parser.add_argument("--out", type=Path, default=tools.HERE.parent.parent / "build/perf", help="where results go")
    parser.add_argument("--build", type=Path, default=tools.HERE.parent.parent / "build",
                        help="of load: a directory with millraced and bench/raw_load")
    return parser.parse_intermixed_args(words)


def look(view, job):
    """One view; what the machine refuses ends it with one line. Gives whether it was refused."""
    print(f"== {view}: {views.VIEWS[view]}", flush=True)
    try:
        importlib.import_module(f"view_{view}").run(job)
        return False
    except tools.Refused as refusal:
        print(f"refused: {refusal}")
        return True


def look_at(names, options, pid, seconds, messages_per_request=None):
    stamp = time.strftime("%Y%m%d-%H%M%S")
    options.out.mkdir(parents=True, exist_ok=True)
    refused = 0
    for name in names:
        refused += look(name, tools.Job(name, pid, seconds, options.out, stamp, options.unwind, options.templates,
                                        messages_per_request))
        print(flush=True)
    return 3 if refused == len(names) else 0


def main():
    options = parse(sys.argv[1:])
    words = list(options.words)
    if words[:1] == ["diff"]:
        import view_diff
        return view_diff.run(words[1:], options.out)
    if words[:1] == ["load"]:
        import load
        return load.run(words[1:], options, look_at)
    view = words.pop(0) if words and words[0] in {*views.VIEWS, "all"} else "cpu"
    if len(words) > 2:
        sys.exit(f"scripts/perf: what is {words[2]}? (--help)")
    if words and not words[0].isdigit() and words[0] != options.words[0]:
        sys.exit(f"scripts/perf: {words[0]} is no process")
    if words and not words[0].isdigit():
        sys.exit(f"scripts/perf: no such view: {words[0]} ({' '.join(views.VIEWS)} all load diff)")
    pid = target.find(int(words[0]) if words else None)
    seconds = views.number(words[1], "number of seconds") if len(words) > 1 else 10
    return look_at(views.of(view), options, pid, seconds)


def end(number, _):
    """A signal ends this as an exception does: what was started is stopped, and probes are taken out."""
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever reads has stopped reading; nor may the last flush complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
