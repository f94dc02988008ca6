"""Models of the real shapes on the disk: fp32 as they come, and a converted fp16 copy.

As a program (`python -m tests.bench.canary.models NAME FOLDER`) it makes one.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.canary.apart import ask, tell
from tests.canary.tiny.geometry import REAL

NAMES = tuple(REAL)
_KEPT = "SWICTATION_BENCH_MODELS"


@contextmanager
def real(name: str) -> Iterator[Path]:
    """The folder of the model of that name."""
    if kept := os.environ.get(_KEPT):
        yield _made(name, Path(kept) / name)
        return
    # Not in the folder for temporary files: that may be memory.
    with TemporaryDirectory(dir=Path.home(), prefix=".canary-bench-") as folder:
        yield _made(name, Path(folder) / name)


def warm(folder: Path) -> None:
    """Read all of it once: the file cache then has it, if there is room."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass


def _made(name: str, folder: Path) -> Path:
    if not (folder / "model_weights.fp16.ckpt").is_file():
        ask("tests.bench.canary.models", name, folder)
    return folder


def _main(name: str, folder: str) -> None:
    import torch

    from canary.tiny import build
    from swictation.asr.engines.canary.convert import convert

    build.write_folder(Path(folder), REAL[name], torch.float32)
    convert(Path(folder), "fp16")
    tell(True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
