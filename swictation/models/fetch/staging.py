"""The folder a download grows in, and the helper processes that fill it."""

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from swictation.errors import ModelError
from swictation.gpu.nvml import subprocess_query
from swictation.models.intake.door import shown

Progress = Callable[[int, int | None, str], None]
"""Called on the downloading thread with (bytes done, bytes in all or None, what is being done)."""

_POLL_S = 0.2
_WORTH_KEEPING_BYTES = 1 << 20
_MOST_LOG_BYTES = 1 << 16
_MOST_MEMORY_BYTES = 512 << 20
"""Of a helper that fetches: libraries read the text of an error into memory, and it may not end."""
_LONGEST_LINE = 500


class TooMuch(ModelError):
    """A helper has written more than it may."""


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

    @property
    def come_bytes(self) -> int:
        """What has come in so far."""
        return tree_bytes(self.incoming)

    def begin(self, key: str) -> None:
        """Have both folders; what came in before stays, if it came for the same `key`."""
        told = self.path / "key"
        if not told.is_file() or told.read_text(encoding="utf-8") != key:
            shutil.rmtree(self.path, ignore_errors=True)
        self.incoming.mkdir(parents=True, exist_ok=True)
        told.write_text(key, encoding="utf-8")
        self._tidy()
        self.clear_model()

    def clear_model(self) -> None:
        """Have the model's folder empty."""
        shutil.rmtree(self.model, ignore_errors=True)
        self.model.mkdir()

    def clear(self) -> None:
        """Have both folders empty."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir(parents=True)
        self.clear_model()

    def end(self) -> None:
        """Keep what a later download can go on with, if it is much; remove all else."""
        shutil.rmtree(self.model, ignore_errors=True)
        self._tidy()
        if self.come_bytes < _WORTH_KEEPING_BYTES:
            shutil.rmtree(self.path, ignore_errors=True)

    def _tidy(self) -> None:
        """Remove what nothing goes on with: wheels, the libraries' temporary folders."""
        for path in self.incoming.glob("*/"):
            shutil.rmtree(path, ignore_errors=True)

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        what: str,
        total_bytes: int,
        most_bytes: int,
        stall_s: float,
    ) -> HelperEnd:
        """Run `python -m ARGUMENTS`, which writes to `incoming`: see `run_helper`."""
        try:
            return run_helper(
                arguments,
                growing=self.incoming,
                log=self.path / "helper.log",
                env={**env, "TMPDIR": str(self.incoming)},
                what=what,
                total_bytes=total_bytes,
                most_bytes=most_bytes,
                most_memory_bytes=_MOST_MEMORY_BYTES,
                stall_s=stall_s,
                progress=self.progress,
                lock_fd=self.lock_fd,
            )
        except TooMuch:
            self.clear()  # to go on with it is of no use
            raise


def run_helper(
    arguments: Sequence[str],
    *,
    growing: Path,
    log: Path,
    env: Mapping[str, str],
    what: str,
    total_bytes: int,
    most_bytes: int,
    stall_s: float,
    progress: Progress,
    lock_fd: int,
    base_bytes: int = 0,
    most_memory_bytes: int = resource.RLIM_INFINITY,
) -> HelperEnd:
    """Run `python -m ARGUMENTS`, kill it when nothing has been written for `stall_s` seconds.

    It is killed, too, when it has written too much; and no file of its can become so large.

    A process can be killed whatever a library waits for; an exception here kills it too.

    Args:
        arguments: a module, and what it is told.
        growing: the folder whose growth is the progress.
        log: gets what it says.
        env: on top of this process's environment.
        what: what is being done, for a person.
        total_bytes: what will have been written in the end, about.
        most_bytes: how large `growing` may become.
        stall_s: how long it may write nothing.
        progress: called on this thread several times a second.
        lock_fd: inherited, so that the lock is held for as long as it may still write.
        base_bytes: what is in `growing` already and is not part of `total_bytes`.
        most_memory_bytes: how much memory it gets; asked for more it raises MemoryError.

    Raises:
        TooMuch: it wrote more than `most_bytes`.
        OSError: the disk is full, here or in the helper.
    """

    def told(seen_bytes: int) -> None:
        progress(min(max(0, seen_bytes - base_bytes), total_bytes), total_bytes, what)

    log.unlink(missing_ok=True)  # a link would be followed
    with (
        log.open("xb") as output,
        subprocess.Popen(
            subprocess_query.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env, "NO_COLOR": "1"},
            pass_fds=(lock_fd,),
        ) as process,
    ):
        try:
            with suppress(ProcessLookupError):  # it has ended already
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
                memory = (most_memory_bytes, most_memory_bytes)
                resource.prlimit(process.pid, resource.RLIMIT_DATA, memory)
            stalled = _watch(process, growing, stall_s, most_bytes, told)
        finally:
            process.kill()
    text = _end_of(log)
    if process.returncode and os.strerror(errno.ENOSPC) in text:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(growing))
    lines = tuple(shown(line.strip(), _LONGEST_LINE) for line in text.splitlines() if line.strip())
    return HelperEnd(process.returncode, stalled, lines)


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_LOG_BYTES))
        return file.read(_MOST_LOG_BYTES).decode(errors="replace")


def _watch(
    process: subprocess.Popen[bytes],
    growing: Path,
    stall_s: float,
    most_bytes: int,
    told: Callable[[int], None],
) -> bool:
    """Whether it was given up. Raises TooMuch."""
    seen_bytes, still_s = tree_bytes(growing), 0.0
    while still_s < stall_s:
        if seen_bytes > most_bytes:
            raise TooMuch(f"more came than the {most_bytes / 1e6:.0f} MB that it may be")
        told(seen_bytes)
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            now_bytes = tree_bytes(growing)
            still_s = 0.0 if now_bytes != seen_bytes else still_s + _POLL_S
            seen_bytes = now_bytes
        else:
            return False
    return True


def tree_bytes(folder: Path) -> int:
    """The sizes of all files below, as they are now; 0 where there is no such folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue  # renamed between the two looks
    return total
