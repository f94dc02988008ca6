"""Checks the window system by opening an injector for it."""

import asyncio
import os
from collections.abc import Iterator, Mapping

from swictation.config.injectors import BUILT_IN, NEED_DISPLAY
from swictation.config.settings import Settings
from swictation.doctor.finding import Finding, Subject
from swictation.errors import InjectError
from swictation.inject.injector import InjectorCapabilities

_NO_WINDOW = frozenset({"stdout", "none"})
_UNSURE = "\nit cannot tell windows apart: stay in one window while you speak"
_OTHER_SESSION = (
    "log in to an X11 (Xorg) session, or to sway or Hyprland, then type: swictation doctor"
)
_OTHER_WAY = "put an injector that works here into [inject] chain: swictation config check"


def window(subject: Subject) -> Iterator[Finding]:
    """Open the injectors of `[inject] chain` in order, as a dictation does, and close them."""
    system, chain = window_system(), subject.settings.inject.chain
    if not system and NEED_DISPLAY.issuperset(chain):
        found = "neither WAYLAND_DISPLAY nor DISPLAY is set: there is no window to type into"
        remedy = "in a terminal of your desktop: swictation doctor"
        yield Finding("window", "warning", found, remedy)
        return
    name, failures, can = asyncio.run(_try(subject.settings))
    yield judge(system or "no window system", chain, name, failures, can)


def judge(
    system: str,
    chain: tuple[str, ...],
    name: str,
    failures: Mapping[str, InjectError],
    can: InjectorCapabilities,
) -> Finding:
    """Compare the injector that opened, `name`, with the chain. `failures`: of those before it."""
    said = [
        f"{way}: {error.message}".replace("wayland: Wayland: ", "wayland: ")
        for way, error in failures.items()
    ]
    remedy = _remedy(chain, failures)
    reasons = "".join(f"\n{reason}" for reason in said)
    if not name:
        found = f"{system}: no injector of [inject] chain works here{reasons}"
        return Finding("window", "error", found, remedy)
    if name == "clipboard" and chain != ("clipboard",):
        found = f"{system}: text can only be put on the clipboard{reasons}"
        return Finding("window", "warning", found, remedy)
    if system.startswith("Wayland") and name.startswith("x11"):
        # XWayland exists, and opens, in sessions whose own windows it does not know.
        found = f"{system}: text can be typed only into X11 programs{reasons}"
        return Finding("window", "warning", found, _OTHER_SESSION)
    if name in _NO_WINDOW:
        found = f"[inject] chain = {name}: text is typed into no window{reasons}"
        return Finding("window", "ok", found)
    because = f"since not by {', nor by '.join(said)}" if said else "the first of [inject] chain"
    unsure = "" if can.knows_focus else _UNSURE
    return Finding("window", "ok", f"{system}: text goes by {name}, {because}{unsure}")


def _remedy(chain: tuple[str, ...], failures: Mapping[str, InjectError]) -> str:
    """What the plug-ins said; another session, if any way of the chain would work there."""
    plug_ins = [error.remedy for way, error in failures.items() if way not in BUILT_IN]
    sessions = [] if NEED_DISPLAY.isdisjoint(chain) else [_OTHER_SESSION]
    return "; or ".join(filter(None, [*plug_ins, *sessions])) or _OTHER_WAY


def window_system() -> str:
    """The window system by the environment, as "Wayland (wayland-1)"; "" if there is none."""
    named = {"Wayland": "WAYLAND_DISPLAY", "X11": "DISPLAY"}
    found = {kind: os.environ.get(name, "") for kind, name in named.items()}
    return " and ".join(f"{kind} ({value})" for kind, value in found.items() if value)


async def _try(settings: Settings) -> tuple[str, Mapping[str, InjectError], InjectorCapabilities]:
    """The name of the injector that opened, or ""; what failed before it; what it can do."""
    # Imported only when it runs: without a display nothing of this is needed.
    from swictation.inject.desktop import DesktopInjector
    from swictation.inject.registry import openers

    injector = DesktopInjector(openers(settings.inject.chain, settings.inject))
    try:
        await injector.start()
        return injector.name, injector.failures, injector.capabilities
    finally:
        await injector.close()
