"""Injectors by the names of `[inject] chain`: this program's own, and those of other packages.

The X11 and Wayland injectors are imported when they are opened: few sessions need both.
"""

import os
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from swictation.config.injectors import GROUP, chain_fault
from swictation.config.settings import InjectSettings
from swictation.errors import ConfigError, InjectError
from swictation.inject.injector import Injector
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector

if TYPE_CHECKING:
    from swictation.inject.x11.session import Method

Open = Callable[[InjectSettings], Awaitable[Injector]]
"""Opens an injector, or raises InjectError if it does not work here. An entry point of the group
`swictation.injectors` is one of these."""


def openers(
    chain: Iterable[str], settings: InjectSettings
) -> dict[str, Callable[[], Awaitable[Injector]]]:
    """The opener of each injector in `chain`, in that order.

    Raises:
        ConfigError: a name has no injector.
    """
    names = tuple(chain)
    if fault := chain_fault(names):
        raise ConfigError(
            f"[inject] chain: {fault}",
            "correct it, or install the plug-in: swictation config check",
        )
    return {name: partial(_BUILT_IN.get(name) or _plug_in(name), settings) for name in names}


def _plug_in(name: str) -> Open:
    from importlib.metadata import entry_points

    from swictation.inject.plugin import opener

    return opener(entry_points(group=GROUP, name=name)[name])


async def _open_none(_: InjectSettings) -> Injector:
    return NoneInjector()


async def _open_stdout(_: InjectSettings) -> Injector:
    return StdoutInjector()


async def _open_x11(settings: InjectSettings, *, method: "Method" = "either") -> Injector:
    from swictation.inject.x11.injector import X11Injector

    return await X11Injector.open(method=method, allow_newlines=settings.allow_newlines)


async def _open_wayland(settings: InjectSettings, *, offers_only: bool = False) -> Injector:
    if not _may_have_wayland():
        raise InjectError("no $WAYLAND_DISPLAY")
    from swictation.inject.wayland.injector import METHODS, WaylandInjector

    methods = () if offers_only else METHODS
    return await WaylandInjector.open(methods=methods, allow_newlines=settings.allow_newlines)


def _may_have_wayland() -> bool:
    """Whether libwayland could find a display: without a name it tries the first."""
    environment = os.environ
    if environment.get("WAYLAND_DISPLAY") or environment.get("WAYLAND_SOCKET"):
        return True
    # Not Path.exists, which raises if we may not enter the folder (after `su`, for example).
    return os.path.exists(
        os.path.join(environment.get("XDG_RUNTIME_DIR") or "/nonexistent", "wayland-0")
    )


async def _open_clipboard(settings: InjectSettings) -> Injector:
    """Open an injector that is only used for `offer`."""
    try:
        return await _open_wayland(settings, offers_only=True)
    except InjectError as wayland:
        try:
            return await _open_x11(settings)
        except InjectError as x11:
            raise InjectError(f"{wayland.message}; {x11.message}", x11.remedy) from x11


_BUILT_IN: dict[str, Open] = {
    "wayland": _open_wayland,
    "x11": _open_x11,
    "x11-type": partial(_open_x11, method="type"),
    "x11-paste": partial(_open_x11, method="paste"),
    "clipboard": _open_clipboard,
    "stdout": _open_stdout,
    "none": _open_none,
}
