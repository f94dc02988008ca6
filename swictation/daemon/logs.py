"""Logging: to stderr, terse, and never a dictated word."""

import logging
import os
from typing import Any

from swictation.shown import printable, printable_lines

STDERR = 2
_LINE_CHARACTERS = 4000


def set_up(*, verbose: bool) -> None:
    """Warnings and worse; with `verbose` everything worth knowing."""
    handler = logging.StreamHandler(
        os.fdopen(kept_stderr(), "w", buffering=1, errors="backslashreplace")
    )
    handler.setFormatter(Formatter("swictation: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.WARNING)


class Formatter(logging.Formatter):
    """One line a record, but for a traceback; no name in it can start a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record), _LINE_CHARACTERS)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401
        return printable_lines(super().formatException(ei))


def kept_stderr() -> int:
    """A descriptor of our own for where stderr leads now; it stays open as long as the process.

    While sounddevice lists the devices, which it does again and again with a sound server that is
    down, it turns descriptor 2 of the whole process to /dev/null: what any thread says is lost.
    """
    return os.dup(STDERR)
