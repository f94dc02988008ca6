"""Another client that remaps: takes an empty keycode, fills it, empties it, over and over."""

import threading

from Xlib import display

EVERY_S = 0.05


class Storm:
    """As xdotool does for characters that the layout lacks."""

    def __init__(self, name: str) -> None:
        self._display = display.Display(name)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.remaps = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._display.close()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            keycode = self._empty()
            if keycode is None:
                continue
            self._display.change_keyboard_mapping(keycode, [[0x1002190 + self.remaps % 90] * 2])
            self._display.sync()
            self.remaps += 1
            self._over.wait(EVERY_S)
            self._display.change_keyboard_mapping(keycode, [[0, 0]])
            self._display.sync()

    def _empty(self) -> int | None:
        info = self._display.display.info
        first, count = info.min_keycode, info.max_keycode - info.min_keycode + 1
        rows = self._display.get_keyboard_mapping(first, count)
        bound = {keycode for row in self._display.get_modifier_mapping() for keycode in row}
        return next(
            (first + n for n, row in enumerate(rows) if not any(row) and first + n not in bound),
            None,
        )
