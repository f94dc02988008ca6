"""The daemon's public state: what `swictation status --json` prints.

It contains no dictated text: for held texts it has only their number.
"""

import html
import re
from typing import Literal, cast

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from swictation.control.gpu import placements
from swictation.gpu.status import VramStatus
from swictation.gpu.status import steady as steady_gpu
from swictation.shown import printable_lines
from swictation.types import State

ModelState = Literal["unloaded", "loading", "loaded", "failed"]


class Degraded(Struct, frozen=True):
    """The program works, but not as configured."""

    mode: str
    """The mode, such as "cpu-engine" or "no microphone"."""
    reason: str
    since_s: float
    """Seconds ago."""


class WorkerStatus(Struct, frozen=True):
    """The process that holds the engine."""

    state: str = "none"
    generation: int = 0
    pid: int | None = None
    restarts: int = 0
    """For any reason."""
    rss_mib: float = 0.0
    deaths: int = 0
    """Of those before it: those that nobody had planned."""


class Queue(Struct, frozen=True):
    """Speech that is not text yet."""

    utterances: int = 0
    audio_s: float = 0.0


class Held(Struct, frozen=True):
    """Text that could not be typed and waits for `paste-last`."""

    texts: int = 0
    """How many; never their text."""
    reason: str = ""
    pending: int = 0
    """How many of them a window has not taken yet and may still take by itself."""

    def __str__(self) -> str:
        """For people."""
        if not self.pending:
            return f"{count(self.texts, 'text')} ({self.reason})"
        which = "it" if self.texts == 1 else f"{self.pending} of them"
        pronoun = "itself" if self.pending == 1 else "themselves"
        return f"{count(self.texts, 'text')} ({self.reason}; {which} may still arrive by {pronoun})"


class QuarantineStatus(Struct, frozen=True):
    """An utterance on which the engine died twice; its sound is kept."""

    path: str
    """Its file; "" while it is in memory only."""
    audio_s: float
    state: Literal["tried", "pending", "waits"] = "pending"
    """It is being tried again, will be automatically, or waits for `swictation retry`."""


class Loss(Struct, frozen=True):
    """Sound that is not in text, held list or spool."""

    samples: int = 0


class Latency(Struct, frozen=True):
    """From the end of speech to its text; None until there was some."""

    finalisation_p50: float | None = None
    finalisation_p95: float | None = None
    utterances: int = 0
    """Of how many; of the last 200 at most."""


class AudioStatus(Struct, frozen=True):
    """The microphone."""

    source: str = ""
    level_dbfs: float | None = None
    last_block_age_s: float | None = None
    health: str = "closed"
    reason: str = ""
    """What is wrong with it, or ""."""


class InjectorStatus(Struct, frozen=True):
    """The way text gets into the window."""

    name: str = ""
    last_outcome: str = ""
    last_reason: str = ""


class Status(Struct, frozen=True, kw_only=True, rename={"quarantined": "set_aside"}):
    """The state at one moment. New keys may come; these keep their names and meanings."""

    state: State
    degraded: Degraded | None = None
    ready: bool = False
    """A word spoken now would become text without waiting for a model."""
    models: dict[str, ModelState] = field(default_factory=dict[str, ModelState])
    fetching: str = ""
    """Which model is being fetched, and its size; "" while none is."""
    engine: str = ""
    model: str = ""
    model_reason: str = ""
    """Why `[asr] model = "auto"` means that one, if a GPU decides it."""
    device: str = ""
    """Where it really runs, not what is configured."""
    precision: str = ""
    """The precision of its loaded model, such as fp16; "" if the engine does not say."""
    worker: WorkerStatus = WorkerStatus()
    queue: Queue = Queue()
    held: Held = Held()
    quarantined: tuple[QuarantineStatus, ...] = ()
    loss: Loss = Loss()
    latency_ms: Latency = Latency()
    audio: AudioStatus = AudioStatus()
    injector: InjectorStatus = InjectorStatus()
    vram: VramStatus | None = None
    """The GPU's memory; None if no engine is configured for one."""
    uptime_s: float = 0.0
    last_error: str | None = None
    last_error_s: float | None = None
    """Seconds since it was told."""
    pid: int | None = None
    version: str = ""


STOPPED = Status(state="stopped")
"""The status if no daemon runs."""


def encode(status: Status) -> str:
    """One JSON object on one line."""
    return msgspec.json.encode(status).decode()


def decode(text: str) -> Status:
    """The status that `encode` wrote, by a daemon of this version or another; its text printable.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.convert(_printable(msgspec.json.decode(text)), Status)


def _printable(value: object) -> object:
    """Devices, processes and windows choose their names: none of them may control a terminal."""
    match value:
        case str():
            return printable_lines(value)
        case list():
            return [_printable(item) for item in cast(list[object], value)]
        case dict():
            items = cast(dict[str, object], value).items()
            return {name: _printable(item) for name, item in items}
        case _:
            return value


_FIGURE = re.compile(r"\d+")


def steady(status: Status) -> Status:
    """The same without what changes all the time: the rest shows whether anything happened."""
    degraded = status.degraded
    if degraded:  # a reason may count seconds
        degraded = replace(degraded, since_s=0.0, reason=_FIGURE.sub("#", degraded.reason))
    return replace(
        status,
        degraded=degraded,
        uptime_s=0.0,
        last_error_s=None,
        worker=replace(status.worker, rss_mib=0.0),
        queue=replace(status.queue, audio_s=0.0),
        audio=replace(status.audio, level_dbfs=None, last_block_age_s=None),
        vram=status.vram and steady_gpu(status.vram),
    )


_PLACES = {"cuda": "on the GPU", "cpu": "on the CPU"}


def serving(status: Status) -> str:
    """Engine, model, precision and place, as far as they are known."""
    parts = [f"{status.engine} {status.model}".strip(), status.precision]
    if status.device:
        parts.append(_PLACES.get(status.device, f"on {status.device}"))
    return ", ".join(filter(None, parts))


_MARKS: dict[State, str] = {"idle": "○", "listening": "●", "transcribing": "◐", "stopped": "×"}


def bar_line(status: Status) -> dict[str, object]:
    """JSON for waybar's custom module; other bars read the same keys.

    `percentage` is 100 if speech becomes text at once, else 0. `text` and `tooltip` are escaped,
    because waybar takes them as Pango markup.
    """
    classes: list[str] = [status.state]
    text = f"{_MARKS[status.state]} {status.state}"
    if status.degraded:
        classes.append("degraded")
        text += " !"
    return {
        "text": text,
        "alt": status.state,
        "tooltip": html.escape("\n".join(_tooltip(status)), quote=False),
        "class": classes,
        "percentage": 100 if status.ready else 0,
    }


def _tooltip(status: Status) -> list[str]:
    if status.state == "stopped":
        return ["swictation is not running"]
    lines = [f"swictation: {status.state}"]
    if status.model and status.device:
        lines.append(serving(status))
    elif not status.ready:
        fetching = f"fetching the model {status.fetching}"
        lines.append(fetching if status.fetching else "the model is not loaded yet")
    if status.audio.source:
        lines.append(f"microphone: {status.audio.source}")
    if status.audio.reason:
        lines.append(f"microphone: {status.audio.reason}")
    if status.vram:
        lines.append(f"GPU: {status.vram.level}; {placements(status.vram)}")
    if status.degraded:
        lines.append(f"degraded ({status.degraded.mode}): {status.degraded.reason}")
    if status.held.texts:
        lines.append(f"held: {status.held}")
    if status.quarantined:
        lines.append(f"set aside: {count(len(status.quarantined), 'utterance')}")
    if status.last_error:
        lines.append(f"last error: {status.last_error}")
    return lines


def count(number: int, thing: str) -> str:
    """Such as "1 text", "2 texts"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
