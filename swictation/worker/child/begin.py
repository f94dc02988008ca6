"""What a worker, or a process that forks them, does before anything else."""

import faulthandler
import logging
import signal

from swictation.hardening import die_with_parent, hide_memory, keep_private


def begin(parent_pid: int) -> None:
    """End with the daemon, let nobody read its memory, and log warnings to what it prints."""
    keep_private()
    hide_memory()
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's to answer
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
