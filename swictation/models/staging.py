"""The folder a download grows in, and the helper processes that fill it."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

Progress = Callable[[int, int | None, str], None]
"""Called on the downloading thread with (bytes done, bytes in all or None, what is being done)."""

_POLL_S = 0.2


class HelperEnd(msgspec.Struct, frozen=True):
    """How a helper ended. `returncode` is negative after a signal."""

    returncode: int
    stalled: bool
    lines: tuple[str, ...]
    """What it said on stdout and stderr, blank lines left out."""


class Staging(msgspec.Struct, frozen=True):
    """A folder on the disk of the models (never /tmp, which may be memory).

    `lock_fd` is handed to every helper: should this process be killed, the lock is held for as
    long as its helper may still write here.
    """

    path: Path
    lock_fd: int
    progress: Progress

    @property
    def incoming(self) -> Path:
        """What helpers write: its growth is their progress."""
        return self.path / "incoming"

    @property
    def model(self) -> Path:
        """The model as it will be moved into place."""
        return self.path / "model"

    def clear(self) -> None:
        """Begin with two empty folders."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.incoming.mkdir(parents=True)
        self.model.mkdir()

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        what: str,
        total_bytes: int,
        stall_s: float,
    ) -> HelperEnd:
        """Run `python -m ARGUMENTS`, kill it when nothing has arrived for `stall_s` seconds.

        A process can be killed whatever a library waits for; an exception here kills it too.

        Raises:
            OSError: the disk is full, here or in the helper.
        """
        log = self.path / "helper.log"
        # -P: a pip.py in the working directory is not pip.
        command = [sys.executable, "-P", "-m", "swictation.models.helper", *arguments]
        variables = {**os.environ, **env, "TMPDIR": str(self.incoming), "NO_COLOR": "1"}
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=variables,
                pass_fds=(self.lock_fd,),
            ) as process,
        ):
            try:
                stalled = self._watch(process, what, total_bytes, stall_s)
            finally:
                process.kill()
        text = log.read_text(encoding="utf-8", errors="replace")
        if process.returncode and os.strerror(errno.ENOSPC) in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        lines = tuple(line.strip() for line in text.splitlines() if line.strip())
        return HelperEnd(process.returncode, stalled, lines)

    def _watch(
        self, process: subprocess.Popen[bytes], what: str, total_bytes: int, stall_s: float
    ) -> bool:
        seen_bytes, still_s = 0, 0.0
        while still_s < stall_s:
            self.progress(min(seen_bytes, total_bytes), total_bytes, what)
            try:
                process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                now_bytes = _tree_bytes(self.incoming)
                still_s = 0.0 if now_bytes != seen_bytes else still_s + _POLL_S
                seen_bytes = now_bytes
            else:
                return False
        return True


def _tree_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue  # renamed between the two looks
    return total
