"""What the daemon tells systemd, by ten lines of sd_notify(3), and what systemd tells it."""

import contextlib
import os
import socket

from swictation.remedies import restart
from swictation.shown import printable

_SEND_S = 1.0
"""The manager reads its socket all the time; one that does not must not hold us up."""


def notify(state: str) -> None:
    """Send one message, such as "READY=1"; without systemd this does nothing.

    Never raises: the socket can vanish with its manager. On any thread.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # the abstract namespace
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(_SEND_S)
        sender.sendto(state.encode(), address)


def status(text: str) -> None:
    """Set what `systemctl --user status` shows; never a dictated word."""
    notify(f"STATUS={printable(' '.join(text.split()))}")


def watchdog_interval_s() -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None: it wants none."""
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    limit_us = os.environ.get("WATCHDOG_USEC", "")
    if meant_for != str(os.getpid()) or not limit_us.isdecimal() or int(limit_us) == 0:
        return None
    return int(limit_us) / 2_000_000


def is_unit() -> bool:
    """Whether systemd started this process, whose stderr then usually leads to its journal.

    Programs in a terminal inherit the variables of the terminal's unit. So they are compared with
    the process number (systemd 248 and later), or with where stderr leads.
    """
    if os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()):
        return True
    try:
        stderr = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"


def how_to_restart() -> str:
    """How to restart this daemon.

    It may run in a terminal although the service is installed: restarting that would start a
    second one.
    """
    return restart() if is_unit() else "end it with Ctrl-C and start it again"
