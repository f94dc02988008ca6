"""What a worker or a fork server does before anything else."""

import faulthandler
import logging
import signal

from swictation.hardening import die_with_parent, hide_memory, keep_private


def begin(parent_pid: int) -> None:
    """End with the daemon, protect the memory from other processes, log warnings to stderr."""
    keep_private()
    hide_memory()
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon handles Ctrl-C
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
