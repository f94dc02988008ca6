"""The tiny models, made once and kept between runs: see `KEPT`.

`python -m canary.tiny.store` makes them before there are tests, whose time is limited.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SCRIPT = _HERE.parents[2] / "scripts" / "make-tiny-canary"
_MADE_WITH = ("nemo_toolkit", "torch", "sentencepiece", "soxr")
KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swictation-tests"
"""Asked when this is imported: before any test has folders of its own."""
_PATIENCE_S = 1200


class NotMade(Exception):
    """The model could not be made; says what its maker said last."""


def nemo_file(kind: str) -> Path:
    """The .nemo of that kind (`build.KINDS`): kept, or made now, by one process at a time.

    Raises:
        NotMade: the maker failed.
        FileNotFoundError: espeak-ng is not installed.
    """
    path = KEPT / f"tiny-canary-{kind}-{_key()}.nemo"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_suffix(".lock")):
            if not path.exists():
                _make(kind, path)
    return path


def unpacked(kind: str) -> Path:
    """The same as the folder that an engine takes."""
    path = nemo_file(kind)
    folder = path.with_suffix("")
    if not folder.exists():
        with _alone(path.with_suffix(".lock")):
            if not folder.exists():
                _unpack(path, folder)
    return folder


def _key() -> str:
    """Says what made it: the builder's own text, and the versions of all that it calls."""
    made_by = hashlib.sha256()
    for source in sorted(_HERE.glob("*.py")):
        if source.name != Path(__file__).name:
            made_by.update(source.read_bytes())
    for name in _MADE_WITH:
        made_by.update(f"{name} {metadata.version(name)}\n".encode())
    spoken_by = subprocess.run(["espeak-ng", "--version"], capture_output=True, check=True)
    made_by.update(spoken_by.stdout)
    return made_by.hexdigest()[:16]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(kind: str, path: Path) -> None:
    """In a process of its own: NeMo changes much in the one that trains."""
    command = [sys.executable, str(_SCRIPT), kind, str(path)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode:
        raise NotMade(f"make-tiny-canary {kind}: {done.stderr[-2000:]}")


def _unpack(path: Path, folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    with tarfile.open(path) as archive:
        archive.extractall(unfinished, filter="data")
    unfinished.rename(folder)


def _main() -> int:
    try:
        for kind in ("random", "six"):
            unpacked(kind)
    except FileNotFoundError:
        return 0  # without espeak-ng the tests skip themselves
    except NotMade as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
