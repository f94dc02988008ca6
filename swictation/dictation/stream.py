"""A stream from sound to text: its parts, its utterances, its outcome."""

from collections import deque
from collections.abc import Callable

import msgspec

from swictation.asr.partials import PartialPacer
from swictation.asr.stabilizer import Stabilizer
from swictation.audio.journal import Journal
from swictation.audio.source import Source
from swictation.audio.spool import Spool
from swictation.audio.thread import AudioThread
from swictation.dictation.delivery.delivery import Delivery
from swictation.dictation.speech_thread import SpeechThread
from swictation.errors import SwictationError
from swictation.events import Event
from swictation.facts import UtteranceDelivered
from swictation.types import SpeechEnded, SpeechStarted, to_samples, to_seconds
from swictation.worker.restarts import Blame
from swictation.worker.supervisor import Supervisor

_BEFORE_UNHEARD = to_samples(30.0)
"""No utterance that is open when the detector fails is longer: see its cap."""


class Utterance(msgspec.Struct):
    """What is known of an utterance until it is settled."""

    kept_from_sample: int
    first_sample: int
    last_sample: int = -1
    """-1 while somebody speaks."""
    text: str = ""
    """What was handed to the injector."""
    capture: int = 0
    """The capture to which its text is handed back; 0: it is typed."""
    is_quarantined: bool = False
    kept_at: str = ""
    """Where its sound is, if it is quarantined."""
    engine: str = ""
    """Which one answered last for it, and on which device."""
    device: str = ""
    latency_s: float | None = None
    """From the end of its speech to its last words."""

    def answered_by(self, worker: Supervisor) -> None:
        """Note which engine its text comes from."""
        if worker.ready_spec and worker.capabilities:
            self.engine = worker.ready_spec.engine
            self.device = worker.capabilities.device

    def delivered(
        self, number: int, text: str, outcome: str, target: str, latency_s: float | None
    ) -> UtteranceDelivered:
        """The fact about this utterance, number `number`."""
        return UtteranceDelivered(
            number, text.strip(), target, outcome, self.engine, self.device, latency_s
        )


class Segment(msgspec.Struct, frozen=True):
    """An utterance that brought text, as `transcribe --json` shows it."""

    start_s: float
    end_s: float
    text: str


class Quarantined(msgspec.Struct, frozen=True):
    """A stretch of sound on which the engine died; the sound is kept at `path`."""

    start_s: float
    end_s: float
    path: str


class Outcome(msgspec.Struct):
    """The result of a file run."""

    text: str = ""
    segments: list[Segment] = []
    quarantined: list[Quarantined] = []
    duration_s: float = 0.0
    lost_samples: int = 0
    undelivered: str = ""
    """Why text could not be delivered, if it could not."""
    error: SwictationError | None = None
    """Why the source ended early, if it did."""
    is_interrupted: bool = False


class StoredSound(msgspec.Struct, frozen=True):
    """Where the sound of a stream is: the newest in RAM, what is not settled on disk as well."""

    journal: Journal
    spool: Spool | None

    @property
    def at_the_end(self) -> str:
        """What happens to sound that waits for its text if the program ends now, in words."""
        if self.spool is None:
            return "the sound is lost, because there is no spool"
        if trouble := self.spool.trouble:
            return f"the sound is lost where it is not on disk: {trouble}"
        return "the sound is kept"

    def keep(self, number: int) -> str:
        """Keep an utterance's sound for the user; return its path, "" if it is not on disk."""
        path = self.spool.quarantine(number) if self.spool else None
        return str(path or "")

    def keep_unheard(self, sample: int) -> None:
        """Keep all sound from `sample` on, and an utterance that is open there: see the spool."""
        if self.spool:
            first = max(sample - _BEFORE_UNHEARD, self.journal.ring_start_sample)
            self.spool.keep_unheard(first)

    def forget_unheard(self, sample: int) -> None:
        """All before `sample` is heard: once RAM holds the rest, stop keeping unheard sound."""
        if self.spool and self.journal.is_recent(sample):
            self.spool.settle_unheard()


class Stream:
    """The parts that a file, or all dictations of a daemon, need; wired by `daemon.wiring`."""

    def __init__(
        self,
        sound: StoredSound,
        speech: SpeechThread,
        delivery: Delivery,
        partials: PartialPacer,
        new_stabilizer: Callable[[], Stabilizer],
    ) -> None:
        """`new_stabilizer`: makes a new commit rule, now and whenever all is cancelled."""
        self.sound = sound
        self.journal = sound.journal
        self.spool = sound.spool
        self.speech = speech
        self.delivery = delivery
        self.partials = partials
        self._new_stabilizer = new_stabilizer
        self.stabilizer = new_stabilizer()
        self.capture: AudioThread | None = None
        """The last one that was started."""
        self.blame = Blame()
        self._kept: set[int] = set()
        """Utterances whose sound stays, because their text may not have arrived."""
        self.aside: set[int] = set()
        """Quarantined utterances: their sound stays until they are dealt with."""
        self.utterances: dict[int, Utterance] = {}
        self.heard_sample = 0
        """Where the last dictation ended that was heard to its end."""
        self.unheard: deque[int] = deque()
        """Dictations that are not heard to their end yet; each is an `Utterance.capture`."""

    @property
    def is_done(self) -> bool:
        """Whether all that was captured has become text, and all text has arrived."""
        return not self.unheard and self.stabilizer.is_idle and not self.utterances

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is open, or waits for its text."""
        return not self.stabilizer.is_idle

    @property
    def backlog_s(self) -> float:
        """How much sound of speech is not yet text that has arrived."""
        end_sample = self.journal.end_sample
        return to_seconds(
            sum(
                (each.last_sample if each.last_sample >= 0 else end_sample) - each.first_sample
                for each in self.utterances.values()
            )
        )

    def start(self) -> None:
        """Start in order: receivers before senders."""
        if self.spool:
            self.spool.start(self.journal, lambda: self.speech.heard_sample)
        self.delivery.start()
        self.speech.start()

    def listen(self, source: Source, post: Callable[[Event], None], *, capture: int = 0) -> None:
        """Begin a dictation."""
        self.unheard.append(capture)
        self.capture = AudioThread(source, self.journal, post, after=self.capture)
        self.capture.start()

    async def stop(self) -> None:
        """Stop in reverse order; waits for every thread."""
        if self.capture:
            self.capture.cut_off()
            self.capture.join()
        self.journal.close()
        self.speech.join()
        await self.delivery.stop()
        if self.spool:
            self.spool.stop()

    def end_dictation(self, end_sample: int) -> None:
        """The oldest unheard dictation is now heard to its end, `end_sample`."""
        self.heard_sample = end_sample
        self.unheard.popleft()

    def forget_decoding(self) -> None:
        """Forget what is not text yet; a new commit rule decodes what comes now."""
        self.stabilizer = self._new_stabilizer()

    def begin_utterance(self, point: SpeechStarted) -> None:
        """Keep the sound of an utterance until it is settled."""
        kept_from = point.kept_from_sample
        self.utterances[point.utterance] = Utterance(
            kept_from, point.first_sample, capture=self.unheard[0]
        )
        if self.spool:
            self.spool.begin(point.utterance, kept_from)

    def end_utterance(self, point: SpeechEnded) -> None:
        """Note the end of an utterance."""
        self.utterances[point.utterance].last_sample = point.last_sample
        if self.spool:
            self.spool.end(point.utterance, point.last_sample)

    def settle(self, number: int, *, keeps_sound: bool) -> Utterance:
        """Forget an utterance whose text has arrived or is held, or that is quarantined.

        Its sound is deleted with it, unless it is still needed.
        """
        utterance = self.utterances.pop(number)
        if not keeps_sound:
            self.forget_sound(number)
        self.settle_silence(self.speech.heard_sample)
        return utterance

    def forget_sound(self, number: int) -> None:
        """Delete an utterance's sound, unless it is needed or the user was told of its path."""
        needed = self._kept | self.aside | self.delivery.held.utterances
        if self.spool and number not in needed:
            self.spool.settle(number)

    def keep_sound(self, number: int) -> str:
        """Keep the sound of an utterance in doubt; return its path, "" if it is not on disk."""
        self._kept.add(number)
        return self.sound.keep(number)

    def settle_silence(self, sample: int) -> None:
        """Settle all before `sample` that belongs to no unsettled utterance."""
        open_from = [utterance.kept_from_sample for utterance in self.utterances.values()]
        self.journal.settle(min([sample, *open_from]))
