"""The microphone of a daemon: which one it is now, its state, its change for another."""

import asyncio
import contextlib

import msgspec

from swictation.audio.microphone.monitor import MicrophoneState
from swictation.audio.microphone.source import Microphone
from swictation.audio.source import BLOCK_SAMPLES, LAST_BLOCK_S
from swictation.config.settings import Settings
from swictation.control.status import AudioStatus
from swictation.daemon import wiring
from swictation.dictation.context import LoopContext
from swictation.dictation.degraded import NO_MICROPHONE
from swictation.events import StateChanged
from swictation.facts import Fact, MicrophoneChanged, MicrophoneFailed

_CHECK_S = 0.4
"""For the first opening, which takes longer than later ones."""


class MicrophoneManager:
    """Opens, changes and reports the microphone. On the run loop; its threads report to it."""

    def __init__(self, context: LoopContext, settings: Settings) -> None:
        self._events = context.events
        self._degradations = context.degradations
        self._loop = asyncio.get_running_loop()
        self._next: Settings | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._dropped_blocks = 0
        self.microphone = self._new(settings)
        """What the next dictation listens to."""

    async def start(self) -> None:
        """Open it once and close it again, unless it is kept warm."""
        self.microphone.start()
        await asyncio.to_thread(self.microphone.check, _CHECK_S)

    async def stop(self) -> None:
        """Close it for good."""
        await asyncio.gather(self._close(self.microphone), *self._closing)

    def change(self, settings: Settings, *, is_listening: bool) -> None:
        """Use the microphone of `settings`; a dictation that is going on keeps its own."""
        self._next = settings
        if not is_listening:
            self._finish_change()

    def on_fact(self, fact: Fact) -> None:
        """A listener: finishes a change once listening has ended."""
        if isinstance(fact, StateChanged) and fact.state != "listening":
            self._finish_change()

    def _finish_change(self) -> None:
        if self._next is None:
            return
        old, self.microphone = self.microphone, self._new(self._next)
        self._next = None
        closing = asyncio.create_task(self._replace(old, self.microphone), name="microphone")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    @property
    def status(self) -> AudioStatus:
        """The microphone in `status`."""
        return AudioStatus(**msgspec.structs.asdict(self.microphone.state))

    @property
    def dropped_samples(self) -> int:
        """Sound that was captured and never taken."""
        return (self._dropped_blocks + self.microphone.dropped_blocks) * BLOCK_SAMPLES

    async def _close(self, microphone: Microphone) -> None:
        """Close it; waits for a last block, and a second for a frozen sound server."""
        await asyncio.to_thread(microphone.close)

    async def _replace(self, old: Microphone, new: Microphone) -> None:
        """Close one, then start the other: PortAudio must not list devices while one is open.

        The block that holds the moment of the key may still be on its way to the old one.
        """
        await asyncio.sleep(LAST_BLOCK_S)
        await self._close(old)
        self._dropped_blocks += old.dropped_blocks
        new.start()

    def _new(self, settings: Settings) -> Microphone:
        def report(state: MicrophoneState) -> None:
            """On the microphone's thread."""
            with contextlib.suppress(RuntimeError):  # the loop is closed: it is over
                self._loop.call_soon_threadsafe(self._note, made, state)

        made = wiring.microphone(settings, report)
        return made

    def _note(self, microphone: Microphone, state: MicrophoneState) -> None:
        if microphone is not self.microphone:
            return  # it is being closed
        is_failing = state.health in {"absent", "silent"}
        was_failing = self._degradations.has(NO_MICROPHONE)
        self._degradations.put(NO_MICROPHONE, state.reason if is_failing else "")
        self._events.emit(MicrophoneChanged(state.health, state.source))
        if is_failing and not was_failing:
            self._events.emit(MicrophoneFailed(f"no sound from the microphone: {state.reason}"))
