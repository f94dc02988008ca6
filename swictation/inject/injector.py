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


class Injector(Protocol):
    """Delivers text somewhere, in order."""

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
