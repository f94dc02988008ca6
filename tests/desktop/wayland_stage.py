"""A sway, its fields as they are needed, and one injector for all of them."""

import asyncio
import subprocess
import time
from contextlib import nullcontext

import msgspec

from swictation.inject.injector import Injection
from swictation.inject.wayland.chain import Method
from swictation.inject.wayland.client.connection import Connection
from swictation.inject.wayland.injector import WaylandInjector
from swictation.inject.wayland.keyboard import Keyboard

from .cells import TEXTS, Cell, Run, cleared, frozen, held
from .sway import Sway, WaylandField

KINDS = ("gtk3", "gtk4", "qt6", "foot", "chromium")
METHODS: dict[str, tuple[Method, ...]] = {
    "commit": ("commit",),
    "paste": ("paste",),
    "type": ("type",),
    "any": ("commit", "paste", "type"),
}


class WaylandStage:
    """As `cells.Stage`, under Wayland."""

    def __init__(self, route: str = "any") -> None:
        self.sway = Sway()
        self.injector = asyncio.run(WaylandInjector.open(self.sway.display, METHODS[route]))
        self._field: WaylandField | None = None

    def field(self, kind: str) -> WaylandField:
        """The only field of the output, focused."""
        if self._field is None or self._field.kind != kind:
            self.leave()
            self._field = WaylandField(kind, self.sway)
        self._field.wait_focused()
        return self._field

    def run(self, cell: Cell) -> Run:
        """Inject the cell's text into its cleared field; the stage has the cell's route."""
        field, text = cleared(self, cell.field), TEXTS[cell.text]
        with frozen(field) if cell.disturbance == "frozen" else nullcontext():
            began_s = time.monotonic()
            injection = asyncio.run(self._inject(text))
            took_s = time.monotonic() - began_s
        return Run(cell, injection, held(field, text, injection), took_s)

    async def _inject(self, text: str) -> Injection:
        injection = await self.injector.inject(text)
        if injection.proof is None:
            return injection
        outcome = "typed" if await injection.proof else "refused"
        return msgspec.structs.replace(injection, outcome=outcome, proof=None)

    def clipboard(self) -> str:
        """What another program would paste."""
        try:
            return self.sway.output("wl-paste", "-n").decode()
        except subprocess.CalledProcessError:
            return ""

    def leave(self) -> None:
        """Close the field."""
        if self._field:
            self._field.stop()
            self._field = None

    def close(self) -> None:
        asyncio.run(self.injector.close())
        self.leave()
        self.sway.stop()


class Plugged:
    """A sway whose seat has a keyboard of its own, as a real one has."""

    def __init__(self, sway: Sway) -> None:
        self._sway = sway
        self._keyboard = Connection(sway.display)

    def __enter__(self) -> Sway:
        async def plug_in() -> None:
            await self._keyboard.open(5)
            await self._keyboard.call(self._press_nothing, 5)

        asyncio.run(plug_in())
        return self._sway

    def _press_nothing(self) -> None:
        self._device = Keyboard.on(self._keyboard, self._keyboard.display.bind_seat())
        self._keyboard.barrier()

    def press(self) -> None:
        """As the user does on it: all windows get its keymap."""
        asyncio.run(self._keyboard.call(self._device.come_forward, 5))

    def __exit__(self, *_: object) -> None:
        asyncio.run(self._keyboard.close())
        self._sway.stop()
