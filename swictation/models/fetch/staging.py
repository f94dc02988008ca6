"""The folder in which a download grows, and the helper processes that fill it."""

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from swictation.asr.provider import Progress
from swictation.errors import ModelError
from swictation.gpu.nvml import subprocess_query
from swictation.models.intake.door import shown

_POLL_S = 0.2
_WORTH_KEEPING_BYTES = 1 << 20
_MOST_LOG_BYTES = 1 << 16
_MOST_MEMORY_BYTES = 512 << 20
"""Of a helper that fetches: libraries read an error's text into memory, and it may be endless."""
_LONGEST_LINE = 500


class TooMuch(ModelError):
    """A helper has written more than it may."""


class HelperEnd(msgspec.Struct, frozen=True):
    """How a helper ended. `returncode` is negative after a signal."""

    returncode: int
    lines: tuple[str, ...]
    """What it printed on stdout and stderr, without blank lines."""

    @property
    def last_words(self) -> str:
        """The last of these lines, or else how it ended."""
        return self.lines[-1] if self.lines else f"exit status {self.returncode}"


class Helper(msgspec.Struct, frozen=True):
    """A program, `python -m ARGUMENTS`, that fills a folder; the folder's size is its progress."""

    arguments: tuple[str, ...]
    what: str
    """What is being done, for the user."""
    env: Mapping[str, str]
    """On top of this process's environment."""
    total_bytes: int
    """About how much it will write."""
    most_bytes: int
    """How large the folder may become."""
    stall_s: float
    """How long it may write nothing."""
    base_bytes: int = 0
    """What is in the folder already and is not part of `total_bytes`."""
    most_memory_bytes: int = resource.RLIM_INFINITY
    """How much memory it gets; beyond that it raises MemoryError."""

    def run(self, growing: Path, log: Path, progress: Progress, lock_fd: int) -> HelperEnd:
        """Run it to its end, or kill it if it writes nothing for too long, or too much.

        A process can be killed whatever a library waits for; an exception here kills it, too. None
        of its files can become larger than `most_bytes`.

        Args:
            growing: the folder.
            log: gets its output.
            progress: called on this thread several times a second.
            lock_fd: inherited, so that the lock is held for as long as it may still write.

        Raises:
            ModelError: it wrote nothing for too long, or more than it may (`TooMuch`).
            OSError: the disk is full, here or in the helper.
        """
        log.unlink(missing_ok=True)  # a link would be followed
        with (
            log.open("xb") as output,
            subprocess.Popen(
                subprocess_query.command(*self.arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env, "NO_COLOR": "1"},
                pass_fds=(lock_fd,),
            ) as process,
        ):
            try:
                with suppress(ProcessLookupError):  # it has ended already
                    for kind, most in (
                        (resource.RLIMIT_FSIZE, self.most_bytes),
                        (resource.RLIMIT_DATA, self.most_memory_bytes),
                    ):
                        resource.prlimit(process.pid, kind, (most, most))
                self._watch(process, growing, progress)
            finally:
                process.kill()
        text = _end_of(log)
        if process.returncode and os.strerror(errno.ENOSPC) in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(growing))
        lines = (shown(line.strip(), _LONGEST_LINE) for line in text.splitlines() if line.strip())
        return HelperEnd(process.returncode, tuple(lines))

    def _watch(self, process: subprocess.Popen[bytes], growing: Path, progress: Progress) -> None:
        """Wait for the process to end. Raises ModelError if it stalls or writes too much."""
        seen_bytes, still_s = tree_bytes(growing), 0.0
        while still_s < self.stall_s:
            if seen_bytes > self.most_bytes:
                raise TooMuch(f"more than the allowed {self.most_bytes / 1e6:.0f} MB came")
            done_bytes = min(max(0, seen_bytes - self.base_bytes), self.total_bytes)
            progress(done_bytes, self.total_bytes, self.what)
            try:
                process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                now_bytes = tree_bytes(growing)
                still_s = 0.0 if now_bytes != seen_bytes else still_s + _POLL_S
                seen_bytes = now_bytes
            else:
                return
        raise ModelError(f"nothing was written for {self.stall_s:.0f} s")


class Staging(msgspec.Struct, frozen=True):
    """A folder on the disk of the models (never /tmp, which may be memory).

    Every helper inherits `lock_fd`: if this process is killed, the lock is held for as long as its
    helper may still write here.
    """

    path: Path
    lock_fd: int
    progress: Progress

    @property
    def incoming(self) -> Path:
        """The folder that helpers write; its growth is their progress."""
        return self.path / "incoming"

    @property
    def model(self) -> Path:
        """The folder of the model, which will be moved into place."""
        return self.path / "model"

    @property
    def come_bytes(self) -> int:
        """How much has come in so far."""
        return tree_bytes(self.incoming)

    def begin(self, key: str) -> None:
        """Make both folders; what came in earlier stays if it came for the same `key`."""
        key_file = self.path / "key"
        if not key_file.is_file() or key_file.read_text(encoding="utf-8") != key:
            shutil.rmtree(self.path, ignore_errors=True)
        self.incoming.mkdir(parents=True, exist_ok=True)
        key_file.write_text(key, encoding="utf-8")
        self._tidy()
        self.clear_model()

    def clear_model(self) -> None:
        """Empty the model's folder."""
        shutil.rmtree(self.model, ignore_errors=True)
        self.model.mkdir()

    def clear(self) -> None:
        """Empty both folders."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir(parents=True)
        self.clear_model()

    def end(self) -> None:
        """Keep what a later download can resume, if it is much; remove everything else."""
        shutil.rmtree(self.model, ignore_errors=True)
        self._tidy()
        if self.come_bytes < _WORTH_KEEPING_BYTES:
            shutil.rmtree(self.path, ignore_errors=True)

    def _tidy(self) -> None:
        """Remove what cannot be resumed: wheels, the libraries' temporary folders."""
        for path in self.incoming.glob("*/"):
            shutil.rmtree(path, ignore_errors=True)

    def run(self, helper: Helper) -> HelperEnd:
        """Run a helper that writes to `incoming`: see `Helper.run`."""
        helper = msgspec.structs.replace(
            helper,
            env={**helper.env, "TMPDIR": str(self.incoming)},
            most_memory_bytes=_MOST_MEMORY_BYTES,
        )
        try:
            return helper.run(self.incoming, self.path / "helper.log", self.progress, self.lock_fd)
        except TooMuch:
            self.clear()  # resuming would not help
            raise


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_LOG_BYTES))
        return file.read(_MOST_LOG_BYTES).decode(errors="replace")


def tree_bytes(folder: Path) -> int:
    """The size of all files in the tree now; 0 if there is no such folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue  # renamed meanwhile
    return total
