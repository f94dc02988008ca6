"""The port of whatever delivers text."""

import asyncio
from typing import Literal, Protocol

import msgspec

OTHER_WINDOW = "another window has the focus"
"""The reason of a refusal: the window that the text was meant for has it no longer."""

Outcome = Literal["confirmed", "typed", "refused", "partial", "unproven"]


class Injection(msgspec.Struct, frozen=True):
    """What became of a piece of text. What was sent is never sent again.

    "unproven": the window has been told to take `text[confirmed:sent]` and has not taken it. It
    may do so at any time, as long as it lives; `text[sent:]` was not sent. `proof` is done when
    that is decided: True if the window took it, False once it surely never will, cancelled if that
    will never be known. Until then nothing else goes to that window, and nothing else is put where
    it may look for the text.
    """

    outcome: Outcome
    sent: int = 0
    """Characters handed over."""
    confirmed: int = 0
    """Characters that the target is known to have."""
    reason: str = ""
    """Why it was refused or stayed partial or unproven."""
    proof: asyncio.Future[bool] | None = None
    """With "unproven" only."""


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

    @property
    def lost(self) -> str:
        """Why it is of no use any more, so that a new one is needed; "" while it is."""
        ...

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """Deliver `text`. Never raises: a failure is an outcome.

        With `into`, only while that window has the focus, as seen right before sending; else it
        is refused with the reason OTHER_WINDOW.
        """
        ...

    async def offer(self, text: str) -> bool:
        """Put `text` on the clipboard for good; True if it is there now. Never raises.

        It stays, hidden from clipboard histories, until something else is copied or the injector
        closes. What `inject` refuses for its characters is not offered either.
        """
        ...

    async def withdraw(self) -> None:
        """Take back every text that is unproven, so that it can go elsewhere. Never raises.

        The proofs of what could be taken back are done when this returns: True for what its
        window took just before, False for the rest, which that window can no longer get. What
        cannot be taken back (keys in a window's queue) stays unproven.
        """
        ...

    async def flush(self) -> None:
        """Nothing more will come for now: settle."""
        ...

    async def focus(self) -> Target | None:
        """The window that `inject` would write to now, or None. Never raises."""
        ...

    async def close(self) -> None:
        """Give back what was borrowed; `inject` refuses from now on. Never raises.

        Proofs that are still open are done with False: nothing is on offer any more.
        """
        ...
