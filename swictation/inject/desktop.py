"""The injector of a session: the first of a chain that opens, and another when that is lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from swictation.clock import Clock, MonotonicClock
from swictation.errors import InjectError
from swictation.inject.injector import (
    OTHER_WINDOW,
    Focused,
    Injection,
    Injector,
    InjectorCapabilities,
    NoWindow,
    Target,
)

CLIPBOARD = "clipboard"
"""In a chain: text that cannot be typed may go to the clipboard. Nothing is typed this way."""

_NOWHERE = "nowhere to deliver text"


class DesktopInjector:
    """Opens the chain's injectors in order, keeps the first that opens, replaces it when lost.

    `openers` are the chain: each raises InjectError where its injector does not work here. While
    there is none, all text is refused and another try is made every `retry_s`, in the background
    and before an injection. All methods belong to the run loop.
    """

    def __init__(
        self,
        openers: Mapping[str, Callable[[], Awaitable[Injector]]],
        retry_s: float = 5.0,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._openers = openers
        self._retry_s = retry_s
        self._on_change = on_change
        self._clock = clock or MonotonicClock()
        self._ways = sorted(openers, key=CLIPBOARD.__eq__)  # it comes last
        self._current: Injector | None = None
        self._way = ""
        self._failures: dict[str, InjectError] = {}
        self._reported = ""
        self._tried_s = float("-inf")
        self._trying = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the first injector that works, and replace it when it is lost, until `close`."""
        await self._renew()
        self._task = asyncio.create_task(self._look_after())

    @property
    def name(self) -> str:
        """The name of the injector in use, as in `[inject] chain`; "" while there is none."""
        return self._way if self._current else ""

    @property
    def lost(self) -> str:
        """Why no text can be delivered now; "" while it can."""
        if self._current is None:
            return self.why or _NOWHERE
        return self._current.lost

    @property
    def capabilities(self) -> InjectorCapabilities:
        """What the injector in use can do; nothing while there is none."""
        return self._current.capabilities if self._current else InjectorCapabilities()

    @property
    def why(self) -> str:
        """What `failures` say, as "name: reason -> remedy; ..."."""
        return "; ".join(f"{name}: {_reason(error)}" for name, error in self.failures.items())

    @property
    def failures(self) -> Mapping[str, InjectError]:
        """Of the chain's injectors that did not open; the clipboard's only if it is alone."""
        others = {name: error for name, error in self._failures.items() if name != CLIPBOARD}
        return others or self._failures

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`."""
        injector = await self._alive()
        if injector is None:
            return Injection("refused", reason=self.lost)
        is_unknown = into is not None and not injector.capabilities.knows_focus
        if self._way != CLIPBOARD and is_unknown:  # it has replaced one that knew the focus
            injection = Injection("refused", reason=OTHER_WINDOW)
        elif self._way != CLIPBOARD:
            injection = await injector.inject(text, into)
        elif self._ways != [CLIPBOARD]:
            injection = Injection("refused", reason=self.why)
        elif await injector.offer(text):
            injection = Injection("typed", sent=len(text), reason="on the clipboard")
        else:
            injection = Injection("refused", reason="the clipboard cannot be owned")
        self._report_change()
        return injection

    async def offer(self, text: str) -> bool:
        """See `Injector.offer`; False where the chain does not name the clipboard."""
        if CLIPBOARD not in self._openers:
            return False
        injector = await self._alive()
        if injector is None or not injector.capabilities.clipboard:
            return False
        return await injector.offer(text)

    async def withdraw(self) -> None:
        """See `Injector.withdraw`."""
        if self._current:
            await self._current.withdraw()

    async def flush(self) -> None:
        """See `Injector.flush`."""
        if self._current:
            await self._current.flush()

    async def focus(self) -> Focused:
        """See `Injector.focus`."""
        injector = await self._alive()
        return await injector.focus() if injector else NoWindow()

    async def close(self) -> None:
        """See `Injector.close`."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._tried_s = float("inf")  # no further try
        async with self._trying:
            await self._let_go()

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(self._retry_s)
            if self._is_lost():
                await self._renew()

    async def _alive(self) -> Injector | None:
        """The injector in use, after a new try if it is lost and the last try is old enough."""
        if self._is_lost() and self._clock.now_s() - self._tried_s >= self._retry_s:
            await self._renew()
        return None if self._is_lost() else self._current

    def _is_lost(self) -> bool:
        return self._current is None or bool(self._current.lost)

    async def _renew(self) -> None:
        async with self._trying:
            if not self._is_lost():
                return  # somebody else was quicker
            await self._let_go()
            failures: dict[str, InjectError] = {}
            for way in self._ways:
                try:
                    self._current = await self._openers[way]()
                except InjectError as error:
                    failures[way] = error
                except OSError as error:
                    failures[way] = InjectError(error.strerror or str(error))
                else:
                    self._way = way
                    break
            self._failures = failures
            self._tried_s = self._clock.now_s()
        self._report_change()

    async def _let_go(self) -> None:
        injector, self._current = self._current, None
        if injector:
            await injector.close()

    def _report_change(self) -> None:
        """Call `on_change` if `name` or `lost` has changed since the last call."""
        now = f"{self.name}: {self.lost}"
        if now != self._reported:
            self._reported = now
            self._on_change()


def _reason(error: InjectError) -> str:
    return f"{error.message} -> {error.remedy}" if error.remedy else error.message
