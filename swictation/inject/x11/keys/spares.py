"""Which foreign character is on which spare keycode. Pure; the least recently used goes first.

Every remapping makes all clients read the keymap again and the window manager bind its keys again.
So characters stay where they are for as long as possible, and changes need as few contiguous
requests as the free keycodes allow.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from swictation.inject.x11.keys.keymap import Key
from swictation.inject.x11.keys.keysyms import keysym_of

_LEVELS = 2


class Change(msgspec.Struct, frozen=True):
    """One ChangeKeyboardMapping request: rows for neighbouring keycodes."""

    first_keycode: int
    rows: tuple[tuple[int, int], ...]


class SpareKeycodes:
    """The spare keycodes and their tenants, two characters on each."""

    def __init__(self) -> None:
        self._keycodes: list[int] = []
        self._tenants: dict[int, list[str]] = {}
        self._used: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._ever: set[int] = set()
        self._pins: dict[int, set[str]] = {}
        self._now = 0

    @property
    def capacity(self) -> int:
        """Different characters that can be mapped at once."""
        return _LEVELS * (len(self._keycodes) - len(self._reserved))

    def fits(self, characters: Collection[str]) -> bool:
        """Whether all of these can be mapped at once, besides those that have to stay."""
        return len(self._pinned | set(characters)) <= self.capacity

    def pin(self, owner: int, characters: Collection[str]) -> None:
        """Keep the places of these: `owner` may still have to look up their keys."""
        there = self.where()
        self._pins.setdefault(owner, set()).update(c for c in characters if c in there)

    def unpin(self, owner: int) -> None:
        """Release its characters: it has handled them, or never will."""
        self._pins.pop(owner, None)

    @property
    def lent(self) -> dict[int, tuple[int, int]]:
        """The row of each keycode that has a tenant."""
        return {keycode: self._row(keycode) for keycode in self._tenants}

    def adopt(self, rows: Mapping[int, Sequence[int]]) -> None:
        """Take the spare keycodes and their content from the server.

        Another client may have emptied or filled some: their characters are evicted.
        """
        self._keycodes = sorted(rows)
        self._tenants = {
            keycode: tenants
            for keycode, tenants in self._tenants.items()
            if tuple(rows.get(keycode, ())[:2]) == self._row(keycode)
        }
        self._reserved = {c: k for c, k in self._reserved.items() if k in self._tenants}
        settled = set(self.where())
        self._used = {c: n for c, n in self._used.items() if c in settled}

    def where(self) -> dict[str, Key]:
        """The key of each character that has one here."""
        reserved = set(self._reserved.values())
        return {
            character: Key(keycode, level)
            for keycode, tenants in self._tenants.items()
            if keycode not in reserved
            for level, character in enumerate(tenants)
        }

    def place(self, wanted: Collection[str]) -> list[Change]:
        """Give each of `wanted` (at most `capacity`) a slot; the requests that make it so."""
        self._now += 1
        where = self.where()
        newcomers = [c for c in dict.fromkeys(wanted) if c not in where]
        if not self.fits(wanted):
            raise ValueError("more characters than spare keycodes")
        self._used |= dict.fromkeys(wanted, self._now)
        changed: set[int] = set()
        while newcomers:
            keycode = self._cheapest(changed, self._candidates())
            tenants = self._tenants.get(keycode, [])
            stay = [c for c in tenants if self._stays(c)]
            take = newcomers[: _LEVELS - len(stay)]
            del newcomers[: len(take)]
            if not stay and len(take) < _LEVELS:
                # Half a keycode is wanted: the more recent of its two characters may stay.
                stay = sorted(tenants, key=lambda c: self._used[c])[-1:]
            if stay == tenants[1:] and stay and stay[0] in self._pinned:
                self._settle(keycode, [*take, *stay])  # it stays on its level
            else:
                self._settle(keycode, [*stay, *take])
            changed.add(keycode)
        return self._requests(changed)

    def reserved(self, character: str) -> int | None:
        """The keycode that is kept for a shortcut's letter, if there is one."""
        return self._reserved.get(character)

    def reserve(self, character: str) -> list[Change]:
        """Keep a keycode for a shortcut's letter, on both levels; for good."""
        if character in self._reserved:
            return []
        self._now += 1
        free = [k for k in self._candidates() if self._pinned.isdisjoint(self._tenants.get(k, []))]
        if not free:
            raise ValueError("no spare keycode")
        keycode = self._cheapest(set(), free)
        for gone in self._tenants.pop(keycode, []):
            self._used.pop(gone, None)
        self._reserved[character] = keycode
        self._settle(keycode, [character])
        return self._requests({keycode})

    def vacate(self) -> list[Change]:
        """The requests that empty every keycode that we used and still own.

        Except those that a window may still have to look up.
        """
        pinned = {key.keycode for c, key in self.where().items() if c in self._pinned}
        mine = (self._ever & set(self._keycodes)) - pinned
        self._tenants.clear()
        self._used.clear()
        self._reserved.clear()
        return self._requests(mine)

    @property
    def _pinned(self) -> set[str]:
        return set[str]().union(*self._pins.values())

    def _stays(self, character: str) -> bool:
        return self._used[character] == self._now or character in self._pinned

    def _candidates(self) -> list[int]:
        reserved = set(self._reserved.values())
        return [k for k in self._keycodes if k not in reserved and self._room(k)]

    def _cheapest(self, changed: set[int], candidates: Sequence[int]) -> int:
        """The keycode to fill next: room first, then age, then next to one that changes anyway.

        If all are equal, from the top: xdotool and similar tools borrow from the bottom.
        """

        def cost(keycode: int) -> tuple[int, bool, int, int]:
            latest = max((self._used[c] for c in self._tenants.get(keycode, [])), default=0)
            beside = keycode in changed or keycode - 1 in changed or keycode + 1 in changed
            return (latest, not beside, -self._run_length(keycode), -keycode)

        return min(candidates, key=cost)

    def _room(self, keycode: int) -> int:
        return _LEVELS - sum(1 for c in self._tenants.get(keycode, []) if self._stays(c))

    def _run_length(self, keycode: int) -> int:
        return next(len(run) for run in _runs(self._keycodes) if keycode in run)

    def _settle(self, keycode: int, tenants: list[str]) -> None:
        for gone in set(self._tenants.get(keycode, [])) - set(tenants):
            self._used.pop(gone, None)
        self._tenants[keycode] = tenants
        self._ever.add(keycode)

    def _row(self, keycode: int) -> tuple[int, int]:
        tenants = self._tenants.get(keycode, [])
        if not tenants:
            return (0, 0)
        return (keysym_of(tenants[0]), keysym_of(tenants[-1]))

    def _requests(self, keycodes: set[int]) -> list[Change]:
        return [
            Change(run[0], tuple(self._row(keycode) for keycode in run))
            for run in _runs(sorted(keycodes))
        ]


def _runs(keycodes: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for keycode in keycodes:
        if runs and runs[-1][-1] == keycode - 1:
            runs[-1].append(keycode)
        else:
            runs.append([keycode])
    return runs
