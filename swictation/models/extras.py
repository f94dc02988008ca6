"""The parts of the program that are installed on demand, and how."""

import shlex
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import msgspec


class _Folder(msgspec.Struct):
    editable: bool = False


class _Origin(msgspec.Struct):
    """`direct_url.json`, as pip writes it."""

    url: str
    dir_info: _Folder = msgspec.field(default_factory=_Folder)


def install_command(extra: str) -> str:
    """What to type to have the extra; from a checkout, that checkout's.

    In the checkout's own environment by its Makefile, which keeps pip from choosing another torch.
    """
    folder = _checkout()
    if folder and Path(sys.prefix) == Path(folder, ".venv"):
        return f"make -C {shlex.quote(folder)} {extra}"
    what = f"-e '{folder}[{extra}]'" if folder else f"'swictation[{extra}]'"
    return f"{sys.executable} -m pip install {what}"


def _checkout() -> str:
    """The folder that the program is installed from, editably; "" where it is not."""
    from importlib import metadata  # 20 ms, for what is hardly ever asked

    # Not only the first: in the checkout itself there is one more, of the build.
    for found in metadata.distributions(name="swictation"):
        if told := found.read_text("direct_url.json"):
            origin = msgspec.json.decode(told, type=_Origin)
            return unquote(urlparse(origin.url).path) if origin.dir_info.editable else ""
    return ""
