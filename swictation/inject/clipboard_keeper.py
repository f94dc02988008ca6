"""Keeps the user's clipboard when the daemon, which served it until then, ends.

`python -m swictation.inject.clipboard_keeper SESSION` is a process of its own. It serves the
clipboard until somebody else copies or the session ends, as xclip does. It only gets what the user
copied, never a dictated text.
"""

import os
import select
import shutil
import subprocess
import sys
import time
from importlib import import_module

import msgspec

from swictation.hardening import hide_memory, keep_private

Kept = dict[str, bytes]
"""A value for each MIME type (X11: target)."""

_SERVERS = {"x11": "swictation.inject.x11.keep", "wayland": "swictation.inject.wayland.keep"}
"""The module of each session: `offer(kept, ready, *arguments)` returns once it is replaced."""

_START_S = 3.0
_BARE_S = 1.0
"""The part of `_START_S` that is left for a start without a scope, in case systemd hangs."""
_SCOPE = ("systemd-run", "--user", "--scope", "--collect", "--quiet", "--")
"""A service's processes end with it; one in a scope of its own does not."""


def leave_behind(session: str, kept: Kept, *arguments: str) -> bool:
    """Start a keeper for `kept`; True once it serves it. Never raises; blocks at most 3 s.

    Call it while the clipboard is still owned, so that it is never empty in between.
    """
    command = (sys.executable, "-m", "swictation.inject.clipboard_keeper", session, *arguments)
    commands: list[tuple[str, ...]] = [command]
    if "INVOCATION_ID" in os.environ and shutil.which(_SCOPE[0]):
        commands.insert(0, (*_SCOPE, *command))
    content = msgspec.msgpack.encode(kept)
    end_s = time.monotonic() + _START_S
    ends_s = (end_s - _BARE_S, end_s)[-len(commands) :]
    return any(_starts(*each, content) for each in zip(commands, ends_s, strict=True))


def _starts(command: tuple[str, ...], end_s: float, content: bytes) -> bool:
    try:
        done = subprocess.run(
            command,
            input=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=max(0.0, end_s - time.monotonic()),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    """Read the content and let a child serve it; 0 as soon as it does, 1 if it cannot.

    The child ends once nobody waits for it any more: another keeper may have been started since.
    """
    keep_private()
    hide_memory()
    session, *others = arguments
    kept = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Kept)
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        return 0 if os.read(read, 1) else 1
    os.close(read)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    try:
        server = import_module(_SERVERS[session])
        if _is_awaited(write):
            server.offer(kept, lambda: _tell(write), *others)
    except Exception:  # noqa: BLE001 - the session has ended: nobody is left to read an error
        return 1
    return 0


def _is_awaited(write: int) -> bool:
    poll = select.poll()
    poll.register(write, 0)
    return not poll.poll(0)


def _tell(write: int) -> None:
    """Report success. Raises `BrokenPipeError` if nobody waits: the clipboard is then released."""
    os.write(write, b"1")
    os.close(write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
