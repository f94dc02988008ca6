"""A small disk of its own that can be full, or read-only: a tmpfs, which takes root to mount."""

import contextlib
import itertools
import shutil
import subprocess
from pathlib import Path

import pytest


class Disk:
    """Mounted at `path` as a context."""

    def __init__(self, path: Path, mib: int = 4) -> None:
        self.path = path
        self._mib = mib
        self._ballast = path / "ballast"

    def __enter__(self) -> "Disk":
        self.path.mkdir(parents=True, exist_ok=True)
        options = f"size={self._mib}m,nr_inodes=200,mode=700"
        done = _run("mount", "-t", "tmpfs", "-o", options, "swictation-test", str(self.path))
        if done.returncode:
            pytest.skip(f"no disk of its own can be mounted: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        done = _run("umount", "--lazy", str(self.path))
        assert done.returncode == 0, done.stderr

    def fill(self) -> None:
        """There is no room for another byte, nor for another file or folder."""
        self._ballast.mkdir()
        with contextlib.suppress(OSError), (self._ballast / "big").open("ab", 0) as file:
            while file.write(bytes(4096)):
                pass
        with contextlib.suppress(OSError):
            for number in itertools.count():
                (self._ballast / str(number)).touch()

    def free(self) -> None:
        shutil.rmtree(self._ballast)

    def read_only(self, is_so: bool = True) -> None:
        done = _run("mount", "-o", f"remount,{'ro' if is_so else 'rw'}", str(self.path))
        assert done.returncode == 0, done.stderr


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)
