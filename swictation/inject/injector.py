"""The port for delivering text. How to write an injector: docs/injector.md."""

import asyncio
from typing import Literal, Protocol, runtime_checkable

import msgspec

OTHER_WINDOW = "another window has the focus"
"""A reason for refusal: the window that the text was meant for no longer has the focus."""

Outcome = Literal["confirmed", "typed", "refused", "partial", "unproven"]


class Injection(msgspec.Struct, frozen=True):
    """What became of a piece of text. What was sent is never sent again.

    "unproven": the window has been told to take `text[confirmed:sent]` and has not taken it. It
    may do so at any time, as long as it lives; `text[sent:]` was not sent. `proof` is done when
    that is decided: True if the window took it, False once it certainly never will, None if
    nobody can know (keys were unread when our connection ended, for example). Until then
    nothing else goes to that window, and nothing else is put where it may look for the text.
    """

    outcome: Outcome
    sent: int = 0
    """Characters handed over."""
    confirmed: int = 0
    """Characters that the target is known to have."""
    reason: str = ""
    """Why it was refused or stayed partial or unproven."""
    proof: asyncio.Future[bool | None] | None = None
    """With "unproven" only."""


class Target(msgspec.Struct, frozen=True, gc=False):
    """Who would get the text now. Two targets are the same window if their ids are equal."""

    id: str
    app: str
    """The application's own name for itself, or ""."""
    is_password: bool | None = None
    """None if unknown."""


class NoWindow(msgspec.Struct, frozen=True, gc=False):
    """No window has the focus: nobody would get the text now."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """The injector cannot tell who would get the text now: the text goes on where it was."""


Focused = Target | NoWindow | Unknown


class InjectorCapabilities(msgspec.Struct, frozen=True, gc=False):
    """What an injector can do; callers check this, never its class."""

    knows_focus: bool = False
    """`focus` tells windows apart. Without it `focus` is always `Unknown`, and `inject` is never
    given `into`."""
    confirms: bool = False
    """It can know that a text has arrived: the outcome "confirmed"."""
    knows_password: bool = False
    """It can tell a password field: `Target.is_password`."""
    clipboard: bool = False
    """`offer` can work."""
    keys: bool = False
    """It takes line breaks and tabs in a text; if not, a blank is sent in their place."""


@runtime_checkable
class Injector(Protocol):
    """Delivers text somewhere, in order. All methods belong to the run loop."""

    @property
    def name(self) -> str:
        """As in `[inject] chain`."""
        ...

    @property
    def lost(self) -> str:
        """Why it no longer works, so that a new one is needed; "" while it works."""
        ...

    @property
    def capabilities(self) -> InjectorCapabilities:
        """What it can do. It does not change."""
        ...

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """Deliver `text`. Never raises: a failure is an outcome.

        With `into`, only while that window has the focus, as checked right before sending;
        otherwise it is refused with the reason OTHER_WINDOW.
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
        """Settle: no more text will come for now."""
        ...

    async def focus(self) -> Focused:
        """The window that `inject` would write to now. Never raises."""
        ...

    async def close(self) -> None:
        """Restore clipboard and keyboard; `inject` refuses from now on. Never raises.

        Every proof that is still open is done: False for what was on offer and not fetched, since
        nothing is on offer any more; None for what the window may still have (keys, a commit).
        """
        ...


class BasicInjector:
    """A base for injectors without clipboard or proofs: the methods that do nothing there."""

    async def offer(self, text: str) -> bool:
        """It has no clipboard."""
        return False

    async def withdraw(self) -> None:
        """Nothing is ever unproven here."""

    async def flush(self) -> None:
        """Nothing to settle."""

    async def close(self) -> None:
        """Nothing has to be restored."""
