"""The port of whatever delivers text."""

from typing import Literal, Protocol

import msgspec

Outcome = Literal["confirmed", "typed", "refused", "partial"]


class Injection(msgspec.Struct, frozen=True, gc=False):
    """What became of a piece of text. What was sent is never sent again."""

    outcome: Outcome
    sent: int = 0
    """Characters handed over."""
    confirmed: int = 0
    """Characters that the target is known to have."""
    reason: str = ""
    """Why it was refused or stayed partial."""


class Target(msgspec.Struct, frozen=True, gc=False):
    """Who would get the text now. Two targets are the same window if their ids are equal."""

    id: str
    app: str
    """The application's own name for itself, or ""."""
    is_password: bool | None = None
    """None where the protocol does not tell."""


class Injector(Protocol):
    """Delivers text somewhere, in order. All methods belong to the run loop."""

    @property
    def name(self) -> str:
        """As in `[inject] chain`."""
        ...

    async def inject(self, text: str) -> Injection:
        """Deliver `text`. Never raises: a failure is an outcome."""
        ...

    async def flush(self) -> None:
        """Nothing more will come for now: settle."""
        ...

    async def focus(self) -> Target | None:
        """The window that `inject` would write to now, or None. Never raises."""
        ...

    async def close(self) -> None:
        """Give back what was borrowed; `inject` refuses from now on. Never raises."""
        ...
