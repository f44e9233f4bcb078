"""What goes wrong: one run fails and the others go on; a signal ends a program as an exception does."""

import signal
import sys


class Failed(Exception):
    """Its words are whole, and for the reader of the table."""


class LoadFailed(Failed):
    """A load of ours gave no result."""


def attempted(what, work, *arguments):
    """work(*arguments), or None where it failed, which a line says: the hours before and after are not lost with it."""
    try:
        return work(*arguments)
    except Exception as error:  # whatever a foreign tool does or says
        print(f"{what}: {reason(error)}", file=sys.stderr, flush=True)
        return None


def reason(error):
    """The last line of what an exception says, with its kind where that is half of it."""
    if isinstance(error, Failed):
        return str(error)
    words = (str(error).strip().splitlines() or ["failed"])[-1][:300]
    return words if isinstance(error, (RuntimeError, OSError)) else f"{type(error).__name__}: {words}"


def exit_status(main):
    """Runs main(); its exit status, or that of Ctrl-C. SIGTERM and SIGHUP end it by an exception, as Ctrl-C does, so that what
    was started is stopped and what was written is removed. One that is ignored (nohup) stays so."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        return main()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _end(number, _):
    """The first signal counts: another one would interrupt what the first has stopped."""
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, lambda *_: None)
    sys.exit(128 + number)
