"""Opens the injectors of a desktop by the names of `[inject] chain`."""

from collections.abc import Awaitable, Callable

from swictation.config.settings import Settings
from swictation.errors import InjectError
from swictation.inject.injector import Injector
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector
from swictation.inject.wayland.injector import WaylandInjector
from swictation.inject.x11.desk import Method
from swictation.inject.x11.injector import X11Injector

_X11: dict[str, Method] = {"x11": "either", "x11-type": "type", "x11-paste": "paste"}


def injector_opener(settings: Settings) -> Callable[[str], Awaitable[Injector]]:
    """What opens the injector of a name, or raises InjectError where that does not work here."""
    newlines = settings.inject.allow_newlines

    async def open_injector(name: str) -> Injector:
        if name in _X11:
            return await X11Injector.open(method=_X11[name], allow_newlines=newlines)
        if name == "wayland":
            return await WaylandInjector.open(allow_newlines=newlines)
        if name == "clipboard":
            return await _open_clipboard(newlines)
        return StdoutInjector() if name == "stdout" else NoneInjector()

    return open_injector


async def _open_clipboard(newlines: bool) -> Injector:
    """An injector for `offer` alone."""
    try:
        return await WaylandInjector.open(methods=(), allow_newlines=newlines)
    except InjectError as wayland:
        try:
            return await X11Injector.open(allow_newlines=newlines)
        except InjectError as x11:
            raise InjectError(f"{wayland.message}; {x11.message}", x11.remedy) from x11
