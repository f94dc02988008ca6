"""Checks the files of a Whisper model before a C++ library reads them. Needs no such library."""

import json
import os
from pathlib import Path
from typing import Any, cast

from swictation.asr.engines.whisper.memory import read_shape

WEIGHTS = "model.bin"
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
_PREPROCESSOR = "preprocessor_config.json"
_NEEDED = ("config.json", WEIGHTS, "tokenizer.json")
"""Without the tokenizer's file faster-whisper would fetch one from the hub, unchecked."""
OWN_FOLDER = (
    "put a whole CTranslate2 conversion of Whisper there, or set [asr] model to a name"
    " from: swictation model list"
)
_MOST_BYTES = {
    "config.json": 1 << 20,
    _PREPROCESSOR: 1 << 20,
    **dict.fromkeys(("tokenizer.json", *VOCABULARIES), 32 << 20),
}
_MOST_NUMBERS = {
    "feature_size": 256,
    "n_fft": 4096,
    "hop_length": 4096,
    "chunk_length": 60,
    "sampling_rate": 48_000,
}
"""Limits for the preprocessor's settings, which are the sizes of tables."""


def missing(folder: Path) -> list[str]:
    """The names of files that a whole model has and this folder lacks."""
    found = [name for name in _NEEDED if not os.path.isfile(folder / name)]
    if not any(os.path.isfile(folder / name) for name in VOCABULARIES):
        found.append(" or ".join(reversed(VOCABULARIES)))
    return found


def read_files(folder: Path) -> list[str]:
    """The names of the files in the folder that the libraries would read."""
    names = (*_NEEDED, *VOCABULARIES, _PREPROCESSOR)
    return [name for name in names if os.path.lexists(folder / name)]


def check(folder: Path) -> None:
    """Raise ValueError, in one line, unless the folder is safe to load.

    Raises:
        ValueError: a file is missing, or is not what it should be.
        OSError: a file cannot be read.
    """
    if lacks := missing(folder):
        raise ValueError(f"{', '.join(lacks)} is missing")
    for name, most_bytes in _MOST_BYTES.items():
        if os.path.isfile(folder / name) and (folder / name).stat().st_size > most_bytes:
            raise ValueError(f"{name} is too large to be one")
    read_shape(folder / WEIGHTS)
    if os.path.isfile(folder / _PREPROCESSOR):
        _check_numbers(folder / _PREPROCESSOR)


def _check_numbers(path: Path) -> None:
    try:
        config: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise ValueError(f"{path.name} is no table of settings")
    settings = cast("dict[str, object]", config)
    for name, most in _MOST_NUMBERS.items():
        value = settings.get(name, 1)
        if not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"{name} in {path.name} is no plausible number for a Whisper")
