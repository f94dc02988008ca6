"""The parts of the program that are installed on demand, and how."""

import importlib.util
import sys
from importlib import metadata
from urllib.parse import unquote, urlparse

import msgspec


class _Folder(msgspec.Struct):
    editable: bool = False


class _Origin(msgspec.Struct):
    """`direct_url.json`, as pip writes it."""

    url: str
    dir_info: _Folder = msgspec.field(default_factory=_Folder)


def has_canary() -> bool:
    """Whether the libraries of the engine `canary` are installed. None of them is imported."""
    return all(importlib.util.find_spec(name) for name in ("torch", "nemo"))


def install_command(extra: str) -> str:
    """What to type to have the extra; from a checkout, that checkout's."""
    folder = _checkout()
    what = f"-e '{folder}[{extra}]'" if folder else f"'swictation[{extra}]'"
    return f"{sys.executable} -m pip install {what}"


def _checkout() -> str:
    """The folder that the program is installed from, editably; "" where it is not."""
    try:
        told = metadata.distribution("swictation").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return ""
    origin = msgspec.json.decode(told, type=_Origin) if told else None
    return unquote(urlparse(origin.url).path) if origin and origin.dir_info.editable else ""
