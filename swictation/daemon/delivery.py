"""Hands committed text to the injector, in order, with a line in the spool before and after."""

import asyncio
from collections.abc import Callable

import msgspec

from swictation.audio.spool import Spool
from swictation.events import Event, Injected, ThreadFailed
from swictation.inject.injector import Injection, Injector


class _Piece(msgspec.Struct, frozen=True):
    utterance: int
    number: int
    text: str
    is_last: bool


class Delivery:
    """A task that injects one piece after the other; nothing is dropped, nothing sent twice.

    Its queue holds text, not sound: it is bounded by what is spoken while an injection lasts.
    """

    def __init__(
        self, injector: Injector, spool: Spool | None, post: Callable[[Event], None]
    ) -> None:
        self._injector = injector
        self._spool = spool
        self._post = post
        self._queue: asyncio.Queue[_Piece | None] = asyncio.Queue()
        self._next_number = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Deliver what is queued, then end."""
        self._queue.put_nowait(None)
        if self._task:
            await self._task

    def put(self, utterance: int, text: str, *, is_last: bool) -> int:
        """Queue a piece of an utterance; its number comes back in `Injected`."""
        self._next_number += 1
        self._queue.put_nowait(_Piece(utterance, self._next_number, text, is_last))
        return self._next_number

    async def _run(self) -> None:
        try:
            await self._deliver()
        except Exception as failure:  # noqa: BLE001 - the run loop must hear what ends it
            self._post(ThreadFailed("delivery", repr(failure)))

    async def _deliver(self) -> None:
        while piece := await self._queue.get():
            injection = await self._inject(piece) if piece.text else Injection("typed")
            self._post(
                Injected(
                    piece.utterance,
                    piece.number,
                    piece.is_last,
                    injection.outcome,
                    injection.reason,
                )
            )

    async def _inject(self, piece: _Piece) -> Injection:
        if self._spool:
            intent = self._spool.note(piece.utterance, "intent", n=piece.number, text=piece.text)
            await asyncio.wrap_future(intent)
        injection = await self._injector.inject(piece.text)
        if self._spool:
            self._spool.note(piece.utterance, "done", n=piece.number, outcome=injection.outcome)
        return injection
