"""A delivery on windows in memory: what is said into it arrives, or is held."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any

from fakes.windows import Windows
from patience import PATIENCE_S
from swictation.clock import SimClock
from swictation.config.settings import TextSettings
from swictation.dictation.context import LoopContext
from swictation.dictation.degraded import Degradations
from swictation.dictation.delivery.delivery import Delivery, DeliveryRules
from swictation.dispatcher import Dispatcher
from swictation.events import Composed, Event, HeldSettled, Injected, TextHeld
from swictation.inject.injector import Injector
from swictation.text.compose import Composer
from swictation.text.pipeline import TextPipeline
from swictation.text.stage import TextStage
from swictation.types import Commit


class Typist:
    """`say` commits, `settle` waits until all that was said has been dealt with."""

    def __init__(
        self,
        *windows: str,
        spool=None,
        patience_s=60.0,
        knows_focus=True,
        keys=False,
        stages: Sequence[TextStage] = (),
        injector: Injector | None = None,
        **options: Any,
    ) -> None:
        self.windows = Windows(*windows, knows_focus=knows_focus, keys=keys)
        self.clock = SimClock(1000.0)
        self.events: list[Event] = []
        degradations = Degradations(self.clock)
        self.delivery = Delivery(
            LoopContext(self.clock, self.events.append, Dispatcher(), degradations, count(1)),
            injector or self.windows,
            TextPipeline(Composer(TextSettings(), "en"), stages),
            spool,
            DeliveryRules(**{"max_age_s": 30.0, "patience_s": patience_s, **options}),
        )
        self.delivery.start()

    def say(self, utterance: int, *pieces: str, final: bool = True) -> None:
        """Commit the pieces; the last one ends the utterance if `final`."""
        now_s = self.clock.now_s()
        for number, piece in enumerate(pieces, 1):
            ends = final and number == len(pieces)
            self.delivery.put(Commit(utterance, piece, final=ends), now_s, now_s)

    async def settle(self) -> None:
        """What would wait for a window is held."""
        await self.delivery.stop()
        self.delivery.start()

    async def hear(self, utterance: int, *pieces: str, final: bool = True) -> None:
        """Say it, and wait for what comes of it."""
        self.say(utterance, *pieces, final=final)
        await self.settle()

    async def until(self, kind: type, count: int = 1) -> Any:
        """The `count`th event of that kind, when it comes."""
        while len(found := self.named(kind)) < count:
            await asyncio.sleep(0)
        return found[count - 1]

    async def until_waiting(self, count: int = 1) -> None:
        """Until all is done that needs no window: so many texts are composed, and wait for one."""
        await self.until(Composed, count)
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def field(self) -> str:
        """What the first window got."""
        return next(iter(self.windows.fields.values()))

    @property
    def held(self) -> str:
        return self.delivery.held.whole

    @property
    def composed(self) -> str:
        return "".join(event.text for event in self.named(Composed))

    @property
    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.named(Injected)]

    @property
    def held_counts(self) -> list[int]:
        return [event.count for event in self.named(TextHeld)]

    @property
    def released(self) -> list[tuple[int, ...]]:
        """The utterances of which nothing is held any more, as they were told."""
        events = self.named(HeldSettled)
        return [event.utterances for event in events if event.utterances]

    def named(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def typing(
    test: Callable[[Typist], Coroutine[Any, Any, None]], *windows: str, **options: Any
) -> Typist:
    """Run `test` on a fresh typist, with an end to it."""

    async def limited() -> Typist:
        typist = Typist(*windows, **options)
        async with asyncio.timeout(PATIENCE_S):
            try:
                await test(typist)
            finally:
                await typist.delivery.stop()
        return typist

    return asyncio.run(limited())
