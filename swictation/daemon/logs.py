"""Logging: to stderr, terse, and never a dictated word."""

import logging
import os

STDERR = 2


def set_up(*, verbose: bool) -> None:
    """Warnings and worse; with `verbose` everything worth knowing."""
    logging.basicConfig(
        stream=os.fdopen(kept_stderr(), "w", buffering=1, errors="backslashreplace"),
        level=logging.INFO if verbose else logging.WARNING,
        format="swictation: %(message)s",
    )


def kept_stderr() -> int:
    """A descriptor of our own for where stderr leads now; it stays open as long as the process.

    While sounddevice lists the devices, which it does again and again with a sound server that is
    down, it turns descriptor 2 of the whole process to /dev/null: what any thread says is lost.
    """
    return os.dup(STDERR)
