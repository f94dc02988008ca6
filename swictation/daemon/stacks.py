"""Where every thread is: function names and lines, never a variable, so never a dictated word."""

import faulthandler
import signal

from swictation.daemon.logs import STDERR, kept_stderr


def on_signal() -> None:
    """Dump all stacks to stderr at SIGUSR1, and before a fatal signal ends the process.

    Not on an event loop: it works while the run loop hangs.
    """
    stderr = kept_stderr()
    faulthandler.enable(stderr)
    faulthandler.register(signal.SIGUSR1, stderr)


def dump() -> None:
    """Dump all stacks to stderr now."""
    faulthandler.dump_traceback(STDERR)
