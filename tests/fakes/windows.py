"""Windows in memory behind the injector's port: the tests say who has the focus and what fails."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from swictation.inject.injector import OTHER_WINDOW, Injection, Target


class Windows:
    """`fields` holds what each window got; `focused` is the one that gets it now."""

    name = "windows"
    lost = ""

    def __init__(self, *names: str) -> None:
        self.fields = dict.fromkeys(names or ("editor",), "")
        self.focused: str | None = next(iter(self.fields))
        self.log: list[tuple[str, str]] = []
        """Each delivery: into which window, and what."""
        self.clipboard: str | None = None
        self._plans: deque[Injection] = deque()
        self._go = asyncio.Event()
        self._go.set()
        self.is_asked = asyncio.Event()
        """Set while somebody waits behind `held_up`."""

    def refuse(self, reason: str = "no field has the focus", times: int = 1) -> None:
        """The next injections."""
        self._plans.extend([Injection("refused", reason=reason)] * times)

    def break_off(self, sent: int, reason: str = "the window hung") -> None:
        """The next injection, after that many characters."""
        self._plans.append(Injection("partial", sent=sent, reason=reason))

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Nothing is answered meanwhile."""
        self._go.clear()
        try:
            yield
        finally:
            self.is_asked.clear()
            self._go.set()

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        await self._pass()
        if self.focused is None:
            return Injection("refused", reason="no window has the focus")
        if into is not None and into.id != self.focused:
            return Injection("refused", reason=OTHER_WINDOW)
        plan = self._plans.popleft() if self._plans else Injection("typed", sent=len(text))
        sent = text[: plan.sent]
        if sent:
            self.fields[self.focused] += sent
            self.log.append((self.focused, sent))
        return (
            plan if plan.outcome != "partial" else Injection("partial", len(sent), 0, plan.reason)
        )

    async def offer(self, text: str) -> bool:
        await self._pass()
        self.clipboard = text
        return True

    async def focus(self) -> Target | None:
        await self._pass()
        return Target(self.focused, "") if self.focused else None

    async def withdraw(self) -> None:
        pass

    async def flush(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def _pass(self) -> None:
        if not self._go.is_set():
            self.is_asked.set()
            await self._go.wait()
