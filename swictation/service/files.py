"""The two files of the service: a unit for systemd, and an activation file for D-Bus.

The package has them as a distribution would install them; only program and target are replaced.
"""

from importlib.resources import files
from pathlib import Path

from swictation.paths import dbus_services_dir, units_dir
from swictation.remedies import UNIT

ACTIVATION = "io.github.swictation.Swictation1.service"
DESKTOP_TARGET = "graphical-session.target"
LOGIN_TARGET = "default.target"

_ASSETS = files("swictation") / "assets"
_PROGRAM = "/usr/bin/swictation"
_PLAIN = frozenset("/._-+@:,~")
"""Characters that need no quotes in a path, besides letters and digits."""


def unit_file() -> Path:
    """The path of the unit."""
    return units_dir() / UNIT


def activation_file() -> Path:
    """The path of the file that lets D-Bus start the daemon."""
    return dbus_services_dir() / ACTIVATION


def unit(program: tuple[str, ...], target: str) -> str:
    """The unit that runs `program` and is started with `target`."""
    words = " ".join(map(_for_systemd, program))
    text = (_ASSETS / UNIT).read_text(encoding="utf-8").replace(_PROGRAM, words)
    return text.replace(f"WantedBy={DESKTOP_TARGET}", f"WantedBy={target}")


def activation(program: tuple[str, ...]) -> str:
    """The file for D-Bus; `program` is for a bus that does not ask systemd."""
    text = (_ASSETS / ACTIVATION).read_text(encoding="utf-8")
    return text.replace(_PROGRAM, " ".join(map(_quoted, program)))


def _for_systemd(word: str) -> str:
    return _quoted(word).replace("%", "%%").replace("$", "$$")


def _quoted(word: str) -> str:
    if all(char.isalnum() or char in _PLAIN for char in word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
