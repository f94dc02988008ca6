"""Where every thread is: function names and lines, never a variable, so never a dictated word."""

import faulthandler
import signal

_STDERR = 2


def on_signal() -> None:
    """Dump all stacks to stderr at SIGUSR1, and before a fatal signal ends the process.

    Not on an event loop: it works while the run loop hangs.
    """
    faulthandler.enable(_STDERR)
    faulthandler.register(signal.SIGUSR1, _STDERR)


def dump() -> None:
    """Dump all stacks to stderr now."""
    faulthandler.dump_traceback(_STDERR)
