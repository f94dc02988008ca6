"""The parts of the program that are installed on demand, and how."""

import re
import shlex
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import msgspec

from swictation.remedies import pip


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
    if folder and Path(sys.prefix) == Path(folder, ".venv") and _is_made(folder, extra):
        return f"make -C {shlex.quote(folder)} {extra}"
    what = f"-e '{folder}[{extra}]'" if folder else f"'swictation[{extra}]'"
    return pip(f"install {what}")


def install_command_for(package: str) -> str:
    """What to type to have a package: by the extra that brings it, with all that belongs to it."""
    from importlib import metadata

    brings = re.compile(rf"{re.escape(package)}(?![\w-]).*; *extra == ['\"]([\w-]+)['\"]")
    found = map(brings.match, metadata.requires("swictation") or ())
    extra = next((it[1] for it in found if it), "")
    return install_command(extra) if extra else pip(f"install {package}")


def _is_made(folder: str, extra: str) -> bool:
    """Whether the Makefile installs it."""
    try:
        return f"\n{extra}:" in Path(folder, "Makefile").read_text(encoding="utf-8")
    except OSError:
        return False


def _checkout() -> str:
    """The folder that the program is installed from, editably; "" where it is not."""
    from importlib import metadata  # 20 ms, for what is hardly ever asked

    # Not only the first: in the checkout itself there is one more, of the build.
    for found in metadata.distributions(name="swictation"):
        if told := found.read_text("direct_url.json"):
            origin = msgspec.json.decode(told, type=_Origin)
            return unquote(urlparse(origin.url).path) if origin.dir_info.editable else ""
    return ""
