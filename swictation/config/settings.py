"""Every setting, with its default, unit and meaning, defined only here.

A field with a description is the user's: `config/swictation.toml` is rendered from these
(`swictation config show --defaults`). A field marked `FIXED` is a constant with its reason; it
stands here, and not in the module that reads it, so that a test can give a part another one.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, field

from swictation.types import Language

DEFAULT_ENGINE = "whisper"
"""Every installation has it, and it needs no GPU."""
FIXED = Meta(extra={"fixed": True})
"""Marks a constant: no configuration file changes it."""

_Table = TypeVar("_Table", bound=Struct)


class AudioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sound comes from."""

    device: Annotated[str, Meta(min_length=1, description="microphone by name, or default")] = (
        "default"
    )
    keep_warm: Annotated[
        bool, Meta(description="keep the microphone open between dictations: no first word is cut")
    ] = False


class VadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When speech begins and ends."""

    threshold: Annotated[
        float,
        Meta(
            gt=0.0,
            lt=1.0,
            description="speech probability that begins an utterance; lower for quiet speech",
        ),
    ] = 0.5
    min_speech_frames: Annotated[int, FIXED] = 4
    """Frames of 32 ms in a row that begin an utterance: a click or a cough is shorter."""
    pre_roll_s: Annotated[
        float, Meta(ge=0.3, le=2.0, description="seconds kept from before the first speech frame")
    ] = 0.5
    decode_pre_roll_s: Annotated[float, FIXED] = 0.3
    """The part of it that is decoded: a word begins before its first frame of speech."""
    tail_s: Annotated[float, FIXED] = 0.2
    """Decoded after the last speech frame; at most `decode_after_s`, which has been heard."""
    decode_after_s: Annotated[float, FIXED] = 0.2
    """Silence after which to decode: the answer is there when the pause commits."""
    commit_after_s: Annotated[float, FIXED] = 0.3
    """Silence that commits what is certain: the shortest `hang_over_s`."""
    hang_over_s: Annotated[
        float, Meta(ge=0.3, le=3.0, description="seconds of silence that end an utterance")
    ] = 0.8
    max_utterance_s: Annotated[float, FIXED] = 20.0
    """Length at which an utterance is cut: with its silence an engine hears 30 s at most."""
    cut_search_s: Annotated[float, FIXED] = 8.0
    """The last seconds of it that are searched for the quietest place to cut."""
    energy_gate: Annotated[
        bool,
        Meta(description="skip the detector while nothing rises above the room's noise"),
    ] = True
    placement: Annotated[
        Literal["auto", "cpu", "gpu"],
        Meta(description="where the detector computes while a GPU worker serves anyway"),
    ] = "auto"
    move_dwell_s: Annotated[float, FIXED] = 30.0
    """Between two moves of the detector: each costs a load, and frees about 2 MiB."""


class AsrSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which engine turns speech into text."""

    engine: Annotated[
        str, Meta(min_length=1, description="an entry point of the group swictation.engines")
    ] = DEFAULT_ENGINE
    model: Annotated[
        str,
        Meta(min_length=1, description="auto, a name from `swictation model list`, or a folder"),
    ] = "auto"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Meta(description="where the engine computes; auto: on a GPU if it is made for one"),
    ] = "auto"
    cpu_engine: Annotated[
        str, Meta(description='takes over from an engine on a GPU; "": no engine does')
    ] = DEFAULT_ENGINE
    cpu_model: Annotated[
        str, Meta(min_length=1, description="model of that engine; the same choices as model")
    ] = "auto"
    language: Annotated[Language, Meta(description="ISO 639-1 code of the spoken language")] = "en"
    left_context_s: Annotated[float, FIXED] = 4.0
    """Sound from before it that a decode takes at least (docs/adr/0008)."""
    partials: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="tentative text for display; auto: only while somebody reads it"),
    ] = "auto"


class TextSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the pieces are joined."""

    capitalise: Annotated[
        bool, Meta(description="a capital after a full stop, none in mid-sentence")
    ] = True
    final_punctuation: Annotated[
        bool, Meta(description="type the punctuation that ends an utterance")
    ] = True


class InjectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the text goes."""

    chain: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="ways to deliver text; the first that works here is used: wayland, x11, "
            "x11-type, x11-paste, clipboard, stdout, none, or the name of a plug-in",
        ),
    ] = ("wayland", "x11", "clipboard")
    allow_newlines: Annotated[
        bool, Meta(description="type line breaks, which run the command in a shell")
    ] = False
    max_age_s: Annotated[
        float, Meta(ge=1.0, le=3600.0, description="seconds after which text is held, not typed")
    ] = 30.0


class FeedbackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How you notice that it listens."""

    notifications: Annotated[bool, Meta(description="a notification, without the text")] = True
    sounds: Annotated[bool, Meta(description="a short sound at start and stop")] = False


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Audio on disk until its text has arrived."""

    enabled: Annotated[
        bool,
        Meta(description="write audio to disk; false: it is not on disk, and a crash loses it"),
    ] = True
    max_minutes: Annotated[
        float, Meta(gt=0.0, le=1440.0, description="minutes of audio kept; the oldest go first")
    ] = 60.0


class VramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a GPU's memory is shared with the user's other programs (docs/vram.md)."""

    gpu: Annotated[
        str,
        Meta(
            pattern=r"^(auto|\d{1,2}|(GPU|MIG)-[0-9A-Za-z/-]+)$",
            description="index, UUID, or auto: the one with the most free memory",
        ),
    ] = "auto"
    thresholds: Annotated[
        tuple[float, float, float],
        Meta(
            description="fractions of use at which WARNING, CRITICAL, EMERGENCY begin; lower: more "
            "room for others"
        ),
    ] = (0.80, 0.875, 0.95)
    ceiling_mib: Annotated[tuple[int, int, int], FIXED] = (2048, 1024, 512)
    """... and MiB free below which they begin: a few percent of a big GPU are much memory."""
    gap: Annotated[float, FIXED] = 0.05
    """A level ends this far below where it began, so that it does not begin again at once."""
    dwell_up_s: Annotated[float, FIXED] = 1.0
    """Time above before a level begins: a program that starts takes more than it keeps."""
    dwell_down_s: Annotated[float, FIXED] = 30.0
    """Time below before a level ends: a load takes seconds, and is wasted if it is evicted."""
    on_critical: Annotated[
        Literal["cpu-engine", "vad-only"],
        Meta(description="without the GPU: transcribe on the CPU, or keep the sound for later"),
    ] = "cpu-engine"
    idle_ttl_s: Annotated[
        float,
        Meta(
            ge=0.0,
            le=86400.0,
            description="idle seconds until the GPU is given back; higher: text comes sooner",
        ),
    ] = 300.0
    idle_ttl_warning_s: Annotated[float, FIXED] = 60.0
    """The same in WARNING, where others need it sooner; at CRITICAL it is 0."""
    slack_mib: Annotated[
        int,
        Meta(
            ge=0,
            le=65536,
            description="MiB that must stay free when a model is loaded; higher: more room for "
            "others",
        ),
    ] = 256
    model_mib: Annotated[int, FIXED] = 1700
    """What a model takes until it has been measured, if its engine cannot say."""
    context_mib: Annotated[int, FIXED] = 430
    """What a CUDA context takes until it has been measured."""
    cool_down_s: Annotated[float, FIXED] = 60.0
    """From an eviction to a reload: the program that needed the GPU still runs."""
    cool_down_max_s: Annotated[float, FIXED] = 900.0
    """It doubles with each eviction, up to this."""
    read_every_s: Annotated[float, FIXED] = 1.0
    """Between readings of a GPU in use: at least one falls into `dwell_up_s`."""
    read_every_near_s: Annotated[float, FIXED] = 0.2
    """Near a threshold, where an allocation of the next second may not fit."""
    read_every_absent_s: Annotated[float, FIXED] = 15.0
    """While only a reload waits: that is not urgent."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The disposable process that holds the engine."""

    max_rss_mib: Annotated[
        int,
        Meta(
            ge=100,
            description="MiB above which it is replaced in a pause; higher for a large model",
        ),
    ] = 1500
    warm_min_available_mib: Annotated[int, FIXED] = 2048
    """MiB of host memory free below which no standby is kept."""
    nursery_min_available_mib: Annotated[int, FIXED] = 4096
    """... below which no fork server is kept; it has what a GPU engine imports (docs/adr/0016)."""
    start_timeout_s: Annotated[
        float,
        Meta(
            ge=1.0,
            le=600.0,
            description="seconds it may take to load its model; higher for a slow disk",
        ),
    ] = 120.0
    hang_min_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=600.0,
            description="minimum seconds before a decode counts as hung; higher on a busy machine",
        ),
    ] = 5.0
    hang_factor: Annotated[float, FIXED] = 10.0
    """... and this multiple of the predicted decode time: a busy machine takes longer."""
    ping_interval_s: Annotated[float, FIXED] = 10.0
    """Between pings of an idle worker, which might hang unnoticed."""
    ping_timeout_s: Annotated[float, FIXED] = 5.0
    """For its answer to a ping, and for its last message."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration."""

    audio: AudioSettings = field(default_factory=AudioSettings)
    vad: VadSettings = field(default_factory=VadSettings)
    asr: AsrSettings = field(default_factory=AsrSettings)
    text: TextSettings = field(default_factory=TextSettings)
    inject: InjectSettings = field(default_factory=InjectSettings)
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    vram: VramSettings = field(default_factory=VramSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    engines: dict[str, Struct] = field(default_factory=dict[str, Struct])
    """Each engine's own table by the engine's name, if it differs from the defaults."""

    def engine_table(self, name: str, kind: type[_Table]) -> _Table:
        """The table of the engine `name`, whose settings are of `kind`."""
        found = self.engines.get(name)
        return found if isinstance(found, kind) else kind()


TABLES: dict[str, type[Struct]] = {
    table.name: table.type for table in msgspec.structs.fields(Settings) if table.name != "engines"
}
"""The tables that every configuration has, by name."""


def is_fixed(annotation: object) -> bool:
    """Whether a field of this type is a constant."""
    return FIXED in get_args(annotation)


GONE: Mapping[tuple[str, str], str] = {
    ("vad", "release_threshold"): "speech ends below 0.7 x threshold",
    ("vad", "raise_quiet"): "quiet speech is always raised",
    ("vad", "cpu_above"): "the detector leaves the GPU at WARNING",
}
"""Keys of earlier versions that are not even constants now, with what holds instead."""
