"""A sway, its fields as they are needed, and one injector for all of them."""

import asyncio
import subprocess

from swictation.inject.wayland.injector import WaylandInjector

from .sway import Sway, WaylandField


class WaylandStage:
    """As `cells.Stage`, under Wayland."""

    def __init__(self) -> None:
        self.sway = Sway()
        self.injector = asyncio.run(WaylandInjector.open(self.sway.display))
        self._field: WaylandField | None = None

    def field(self, kind: str) -> WaylandField:
        """The only field of the output, focused."""
        if self._field is None or self._field.kind != kind:
            self.leave()
            self._field = WaylandField(kind, self.sway)
        self._field.wait_focused()
        return self._field

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
