"""Opens the injectors of a desktop by the names of `[inject] chain`.

Those of X11 and of Wayland are imported when one is opened: hardly a session needs both.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from swictation.config.settings import Settings
from swictation.errors import InjectError
from swictation.inject.injector import Injector
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector

if TYPE_CHECKING:
    from swictation.inject.x11.desk import Method

_X11: "dict[str, Method]" = {"x11": "either", "x11-type": "type", "x11-paste": "paste"}


def injector_opener(settings: Settings) -> Callable[[str], Awaitable[Injector]]:
    """What opens the injector of a name, or raises InjectError where that does not work here."""
    newlines = settings.inject.allow_newlines

    async def open_injector(name: str) -> Injector:
        if name in _X11:
            return await _open_x11(newlines, _X11[name])
        if name == "wayland":
            return await _open_wayland(newlines)
        if name == "clipboard":
            return await _open_clipboard(newlines)
        return StdoutInjector() if name == "stdout" else NoneInjector()

    return open_injector


async def _open_x11(newlines: bool, method: "Method" = "either") -> Injector:
    from swictation.inject.x11.injector import X11Injector

    return await X11Injector.open(method=method, allow_newlines=newlines)


async def _open_wayland(newlines: bool, *, offers_only: bool = False) -> Injector:
    if not _may_have_wayland():
        raise InjectError("no $WAYLAND_DISPLAY")
    from swictation.inject.wayland.injector import METHODS, WaylandInjector

    methods = () if offers_only else METHODS
    return await WaylandInjector.open(methods=methods, allow_newlines=newlines)


def _may_have_wayland() -> bool:
    """Whether libwayland could find a display: without a name it tries the first."""
    environment = os.environ
    if environment.get("WAYLAND_DISPLAY") or environment.get("WAYLAND_SOCKET"):
        return True
    return Path(environment.get("XDG_RUNTIME_DIR") or "/nonexistent", "wayland-0").exists()


async def _open_clipboard(newlines: bool) -> Injector:
    """An injector for `offer` alone."""
    try:
        return await _open_wayland(newlines, offers_only=True)
    except InjectError as wayland:
        try:
            return await _open_x11(newlines)
        except InjectError as x11:
            raise InjectError(f"{wayland.message}; {x11.message}", x11.remedy) from x11
