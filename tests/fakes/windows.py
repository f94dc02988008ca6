"""Windows in memory behind the injector's port: the tests say who has the focus and what fails."""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from swictation.inject.injector import (
    OTHER_WINDOW,
    Focused,
    Injection,
    InjectorCapabilities,
    NoWindow,
    Target,
    Unknown,
)


@dataclasses.dataclass(eq=False)
class Waiting:
    """A text that its window has not taken yet. `is_keys`: it cannot be taken back."""

    window: str
    text: str
    proof: asyncio.Future[bool | None]
    is_keys: bool


class Windows:
    """`fields` holds what each window got; `focused` is the one that gets it now."""

    name = "windows"
    lost = ""

    def __init__(self, *names: str, knows_focus: bool = True, keys: bool = False) -> None:
        self.capabilities = InjectorCapabilities(knows_focus=knows_focus, clipboard=True, keys=keys)
        self.fields = dict.fromkeys(names or ("editor",), "")
        self.focused: str | None = next(iter(self.fields))
        self.log: list[tuple[str, str]] = []
        """Each delivery: into which window, and what."""
        self.clipboard: str | None = None
        self.waiting: list[Waiting] = []
        """What was sent and not taken, in order."""
        self.doubted = ""
        """What nobody knows of whether it was taken; here it was not."""
        self._plans: deque[Injection] = deque()
        self._is_keys: deque[bool] = deque()
        self.is_quick = False
        """Whether a window takes its text just before that is taken back."""
        self._go = asyncio.Event()
        self._go.set()
        self.is_asked = asyncio.Event()
        """Set while somebody waits behind `held_up`."""
        self.is_injecting = False
        """Whether that is an injection."""

    def refuse(self, reason: str = "no field has the focus", times: int = 1) -> None:
        """The next injections."""
        self._plans.extend([Injection("refused", reason=reason)] * times)

    def break_off(self, sent: int, reason: str = "the window hung") -> None:
        """The next injection, after that many characters."""
        self._plans.append(Injection("partial", sent=sent, reason=reason))

    def leave(self, sent: int = 1000, confirmed: int = 0, *, is_keys: bool = False) -> None:
        """The next injection is not taken behind `confirmed`; behind `sent` it is not sent."""
        self._plans.append(Injection("unproven", sent, confirmed, "it does not read"))
        self._is_keys.append(is_keys)

    def take(self, at: int = 0) -> None:
        """The window takes what has waited for it."""
        one = self.waiting.pop(at)
        self._write(one.window, one.text)
        one.proof.set_result(True)

    def die(self, window: str) -> None:
        """It takes nothing any more."""
        for one in [one for one in self.waiting if one.window == window]:
            self.waiting.remove(one)
            one.proof.set_result(False)

    def lose(self) -> None:
        """Nobody will know any more whether what has waited is taken."""
        while self.waiting:
            one = self.waiting.pop(0)
            self.doubted += one.text
            one.proof.set_result(None)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Nothing is answered meanwhile."""
        self._go.clear()
        try:
            yield
        finally:
            self.is_asked.clear()
            self._go.set()

    def answer(self) -> None:
        """Let go on who waits behind `held_up`, and hold up who asks next."""
        self.is_asked.clear()
        self._go.set()
        self._go.clear()

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        self.is_injecting = True
        await self._pass()
        self.is_injecting = False
        if self.focused is None:
            return Injection("refused", reason="no window has the focus")
        assert into is None or self.capabilities.knows_focus, "it cannot know"
        if into is not None and into.id != self.focused:
            return Injection("refused", reason=OTHER_WINDOW)
        assert self.focused not in {one.window for one in self.waiting}, "it takes this first"
        plan = self._plans.popleft() if self._plans else Injection("typed", sent=len(text))
        if plan.outcome == "unproven":
            return self._leave(text, plan)
        sent = text[: plan.sent]
        self._write(self.focused, sent)
        return (
            plan if plan.outcome != "partial" else Injection("partial", len(sent), 0, plan.reason)
        )

    def _leave(self, text: str, plan: Injection) -> Injection:
        is_keys = self._is_keys.popleft()
        sent, confirmed = min(plan.sent, len(text)), min(plan.confirmed, len(text))
        self._write(self.focused, text[:confirmed])
        if confirmed == sent:
            return Injection("partial", sent, confirmed, plan.reason)
        proof: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(self.focused, text[confirmed:sent], proof, is_keys))
        return Injection("unproven", sent, confirmed, plan.reason, proof)

    def _write(self, window: str, text: str) -> None:
        if text:
            self.fields[window] += text
            self.log.append((window, text))

    async def offer(self, text: str) -> bool:
        await self._pass()
        if self.waiting:
            return False
        self.clipboard = text
        return True

    async def focus(self) -> Focused:
        await self._pass()
        if not self.capabilities.knows_focus:
            return Unknown()
        return Target(self.focused, self.focused) if self.focused else NoWindow()

    async def withdraw(self) -> None:
        await self._pass()
        for one in [one for one in self.waiting if not one.is_keys]:
            if self.is_quick:
                self.take(self.waiting.index(one))
            else:
                self.waiting.remove(one)
                one.proof.set_result(False)

    async def flush(self) -> None:
        pass

    async def close(self) -> None:
        for one in [one for one in self.waiting if not one.is_keys]:
            self.waiting.remove(one)
            one.proof.set_result(False)
        self.lose()

    async def _pass(self) -> None:
        if not self._go.is_set():
            self.is_asked.set()
            await self._go.wait()
