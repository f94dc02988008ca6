"""The focus moves while text is typed: `python -m tests.desktop.focusstorm --trials 200`.

Nothing may stand in the other window, and no word may be cut, wherever the text ends.
"""

import argparse
import asyncio
import random
import sys
import threading

from Xlib import X, display

from swictation.inject.injector import Target
from swictation.inject.x11.injector import X11Injector

from .cells import eventually
from .field import KINDS, Field, why_not
from .x11 import Screen

RATES_HZ = (2, 5, 10, 20, 50)
WAYS = ("client", "manager")
"""A client sets the focus itself, or asks the window manager to."""
_TEXT = "The quick brown fox jumps over the lazy dog, naïve café — and back again. "


class FocusStorm:
    """Moves the focus to and fro between two windows."""

    def __init__(self, screen: Screen, windows: tuple[int, int], rate_hz: float, way: str) -> None:
        self._display = display.Display(screen.name)
        self._windows = [self._display.create_resource_object("window", w) for w in windows]
        self._rate_hz = rate_hz
        self._way = way
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._move(0)
        self._display.close()

    def _run(self) -> None:
        turn = 0
        while not self._over.wait(1 / self._rate_hz):
            turn += 1
            self._move(turn % 2)

    def _move(self, to: int) -> None:
        window = self._windows[to]
        if self._way == "client":
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
        else:
            from Xlib.protocol import event

            active = self._display.intern_atom("_NET_ACTIVE_WINDOW")
            message = event.ClientMessage(
                window=window, client_type=active, data=(32, [2, X.CurrentTime, 0, 0, 0])
            )
            mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask
            self._display.screen().root.send_event(message, event_mask=mask)
        self._display.sync()


class Pair:
    """A window to write to and another one, of different programs."""

    def __init__(self, first: str, second: str) -> None:
        self.screen = Screen()
        self.screen.layout("us")
        self.injector = asyncio.run(X11Injector.open(self.screen.name))
        self.second = Field(second, self.screen.environment)
        self.second.wait_focused()
        other = self._window()
        self.first = Field(first, self.screen.environment)
        self.first.wait_focused()
        self.windows = (self._window(), other)

    def run(self, rate_hz: float, way: str, route: str, characters: int) -> str:
        """What is wrong with one text, or ""."""
        self.first.clear()
        self.second.clear()
        text = (_TEXT * 40)[:characters].rsplit(" ", 1)[0]
        injector = X11Injector(self.injector._display, route)  # type: ignore[arg-type]
        self._focus_first()

        async def deliver():
            target = await injector.focus()
            assert isinstance(target, Target)
            with FocusStorm(self.screen, self.windows, rate_hz, way):
                return await injector.inject(text, target)

        injection = asyncio.run(deliver())
        self._focus_first()
        wanted = text[: injection.sent]
        held = self.first.settles_on(wanted)
        astray = self.second.settles_on("")
        rest = text[injection.sent :]
        is_cut = bool(wanted and rest) and wanted[-1:] != " " and rest[:1] != " "
        if held == wanted and not astray and not is_cut and injection.outcome != "unproven":
            return ""
        return f"{injection}: {held[-40:]!r} for {wanted[-40:]!r}, astray {astray!r}, cut {is_cut}"

    def close(self) -> None:
        self.first.stop()
        self.second.stop()
        asyncio.run(self.injector.close())
        self.screen.close()

    def _window(self) -> int:
        target = asyncio.run(self.injector.focus())
        assert isinstance(target, Target)
        return int(target.id.removeprefix("x11:"), 16)

    def _focus_first(self) -> None:
        client = display.Display(self.screen.name)
        window = client.create_resource_object("window", self.windows[0])

        def focused() -> str:
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
            client.sync()
            target = asyncio.run(self.injector.focus())
            return target.id if isinstance(target, Target) else ""

        wanted = f"x11:{self.windows[0]:#x}"
        assert eventually(focused, wanted) == wanted
        client.close()


def main() -> int:
    """Run; 1 if a character went astray or a word was cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    dice = random.Random(options.seed)
    kinds = [kind for kind in KINDS if not why_not(kind)]
    each = -(-options.trials // len(kinds))
    wrong = done = 0
    for first in kinds:
        pair = Pair(first, dice.choice([kind for kind in kinds if kind != first]))
        try:
            for _ in range(each):
                rate_hz, way = dice.choice(RATES_HZ), dice.choice(WAYS)
                route = dice.choice(("either", "type", "type"))
                fault = pair.run(rate_hz, way, route, dice.randint(100, 1500))
                wrong, done = wrong + bool(fault), done + 1
                if fault:
                    storm = f"{first}, {pair.second.kind}, {rate_hz}/s by {way}, {route}"
                    sys.stdout.write(f"WRONG {storm}: {fault}\n")
                    sys.stdout.flush()
        finally:
            pair.close()
        sys.stdout.write(f"{first}: {wrong} wrong of {done} so far\n")
        sys.stdout.flush()
    sys.stdout.write(f"seed {options.seed}: {wrong} wrong of {done}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
