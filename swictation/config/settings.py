"""Every setting, with its default, unit and meaning: the one place that knows them.

`config/swictation.toml` is rendered from here (`swictation config show --defaults`).
"""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from swictation.types import Language

DEFAULT_ENGINE = "whisper"
"""Every installation has it, and it needs no GPU."""

_Table = TypeVar("_Table", bound=Struct)


class AudioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sound comes from."""

    device: Annotated[str, Meta(min_length=1, description="microphone by name, or default")] = (
        "default"
    )
    keep_warm: Annotated[bool, Meta(description="keep the microphone open between dictations")] = (
        False
    )


class VadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When speech begins and ends."""

    threshold: Annotated[
        float, Meta(gt=0.0, lt=1.0, description="speech probability that begins an utterance")
    ] = 0.5
    release_threshold: Annotated[
        float, Meta(gt=0.0, lt=1.0, description="below it a frame is silence; <= threshold")
    ] = 0.35
    min_speech_frames: Annotated[
        int, Meta(ge=1, le=32, description="frames of 32 ms in a row that begin an utterance")
    ] = 4
    pre_roll_s: Annotated[
        float, Meta(ge=0.3, le=2.0, description="seconds kept from before the first speech frame")
    ] = 0.5
    decode_pre_roll_s: Annotated[
        float, Meta(ge=0.0, le=2.0, description="seconds of the pre-roll to decode; <= pre_roll_s")
    ] = 0.3
    tail_s: Annotated[
        float, Meta(ge=0.0, le=0.2, description="seconds decoded after the last speech frame")
    ] = 0.2
    decode_after_s: Annotated[
        float, Meta(ge=0.1, le=1.0, description="seconds of silence after which to decode")
    ] = 0.2
    commit_after_s: Annotated[
        float, Meta(ge=0.1, le=2.0, description="seconds of silence that commit what is sure")
    ] = 0.3
    hang_over_s: Annotated[
        float, Meta(ge=0.3, le=3.0, description="seconds of silence that end an utterance")
    ] = 0.8
    max_utterance_s: Annotated[
        float, Meta(ge=5.0, le=25.0, description="seconds after which an utterance is cut")
    ] = 20.0
    cut_search_s: Annotated[
        float, Meta(ge=1.0, le=20.0, description="last seconds searched for the quietest cut")
    ] = 8.0
    energy_gate: Annotated[
        bool, Meta(description="skip the detector while nothing rises above the room's noise")
    ] = True
    raise_quiet: Annotated[
        bool, Meta(description="raise very quiet speech before the detector hears it")
    ] = True
    placement: Annotated[
        Literal["auto", "cpu", "gpu"],
        Meta(description="where the detector computes while a GPU worker serves anyway"),
    ] = "auto"
    cpu_above: Annotated[
        float, Meta(ge=0.0, lt=1.0, description="device use above which it is the CPU; 0: WARNING")
    ] = 0.0
    move_dwell_s: Annotated[
        float, Meta(ge=1.0, le=3600.0, description="least seconds between two moves of it")
    ] = 30.0


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
        Meta(description="where the engine computes; auto: on a card if it is made for one"),
    ] = "auto"
    cpu_engine: Annotated[
        str, Meta(description='takes over from an engine on a card; "": nobody does')
    ] = DEFAULT_ENGINE
    cpu_model: Annotated[str, Meta(min_length=1, description="that engine's model, as model")] = (
        "auto"
    )
    language: Annotated[Language, Meta(description="ISO 639-1 code of the spoken language")] = "en"
    left_context_s: Annotated[
        float, Meta(ge=0.0, le=30.0, description="seconds of sound that a decode takes at least")
    ] = 4.0
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
            description="ways to deliver text, the first that works here is used: wayland, x11, "
            "x11-type, x11-paste, clipboard, stdout, none, or the name of a plug-in",
        ),
    ] = ("wayland", "x11", "clipboard")
    allow_newlines: Annotated[
        bool, Meta(description="type line breaks, which in a shell run the command")
    ] = False
    max_age_s: Annotated[
        float, Meta(ge=1.0, le=3600.0, description="seconds after which text is held, not typed")
    ] = 30.0


class FeedbackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one knows that it listens."""

    notifications: Annotated[bool, Meta(description="a notification, without the text")] = True
    sounds: Annotated[bool, Meta(description="a short sound at start and stop")] = False


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Audio on disk until its text has arrived."""

    enabled: Annotated[bool, Meta(description="write audio behind to disk")] = True
    max_minutes: Annotated[
        float, Meta(gt=0.0, le=1440.0, description="minutes of audio kept; the oldest go first")
    ] = 60.0


class VramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a card's memory is shared with the user's other programs (docs/vram.md)."""

    gpu: Annotated[
        str,
        Meta(
            pattern=r"^(auto|\d{1,2}|(GPU|MIG)-[0-9A-Za-z/-]+)$",
            description="index, UUID, or auto: the one with most room",
        ),
    ] = "auto"
    thresholds: Annotated[
        tuple[float, float, float],
        Meta(description="device use at which WARNING, CRITICAL, EMERGENCY begin"),
    ] = (0.80, 0.875, 0.95)
    ceiling_mib: Annotated[
        tuple[int, int, int],
        Meta(description="... and MiB free below which: a big card's last percents are many"),
    ] = (2048, 1024, 512)
    gap: Annotated[
        float, Meta(gt=0.0, le=0.2, description="a level ends so far below where it began")
    ] = 0.05
    dwell_up_s: Annotated[
        float, Meta(ge=0.0, le=60.0, description="seconds above before a level begins")
    ] = 1.0
    dwell_down_s: Annotated[
        float, Meta(ge=0.0, le=3600.0, description="seconds below before it ends")
    ] = 30.0
    on_critical: Annotated[
        Literal["cpu-engine", "vad-only"],
        Meta(description="without the card: transcribe on the CPU, or keep the sound for later"),
    ] = "cpu-engine"
    idle_ttl_s: Annotated[
        float, Meta(ge=0.0, le=86400.0, description="idle seconds until the card is given back")
    ] = 300.0
    idle_ttl_warning_s: Annotated[
        float, Meta(ge=0.0, le=86400.0, description="the same in WARNING; at CRITICAL it is 0")
    ] = 60.0
    slack_mib: Annotated[
        int, Meta(ge=0, le=65536, description="MiB that must stay free when a model is loaded")
    ] = 256
    model_mib: Annotated[
        int, Meta(ge=0, le=65536, description="MiB that the model takes, until it is seen loaded")
    ] = 1700
    context_mib: Annotated[
        int, Meta(ge=0, le=4096, description="MiB that a CUDA context takes, until it is seen")
    ] = 430
    cool_down_s: Annotated[
        float, Meta(ge=0.0, le=3600.0, description="least seconds from an eviction to a reload")
    ] = 60.0
    cool_down_max_s: Annotated[
        float, Meta(ge=0.0, le=86400.0, description="most: it doubles with each eviction")
    ] = 900.0
    read_every_s: Annotated[
        float, Meta(ge=0.05, le=2.0, description="seconds between readings of a card in use")
    ] = 1.0
    read_every_near_s: Annotated[
        float, Meta(ge=0.05, le=2.0, description="the same near a threshold")
    ] = 0.2
    read_every_absent_s: Annotated[
        float, Meta(ge=0.05, le=20.0, description="the same while a reload is waited for")
    ] = 15.0


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The disposable process that holds the engine."""

    max_rss_mib: Annotated[
        int, Meta(ge=100, description="MiB above which it is replaced at the next silence")
    ] = 1500
    warm_min_available_mib: Annotated[
        int, Meta(ge=0, description="MiB of host memory free below which no spare worker is kept")
    ] = 2048
    nursery_min_available_mib: Annotated[
        int,
        Meta(ge=0, description="... below which no nursery is kept: what a card's engine imports"),
    ] = 4096
    start_timeout_s: Annotated[
        float, Meta(ge=1.0, le=600.0, description="seconds it may take to load its model")
    ] = 120.0
    hang_min_s: Annotated[
        float, Meta(ge=0.1, le=600.0, description="least seconds before a decode counts as hung")
    ] = 5.0
    hang_factor: Annotated[
        float,
        Meta(ge=2.0, le=100.0, description="... and least multiple of the predicted decode time"),
    ] = 10.0
    ping_interval_s: Annotated[
        float, Meta(ge=0.1, le=600.0, description="seconds between pings of an idle worker")
    ] = 10.0
    ping_timeout_s: Annotated[
        float, Meta(ge=0.1, le=60.0, description="seconds for its answer, and for its good-bye")
    ] = 5.0


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
    """By the engine's name, its own table, where that is not as by default."""

    def engine_table(self, name: str, kind: type[_Table]) -> _Table:
        """The table of the engine `name`, whose settings are of `kind`."""
        found = self.engines.get(name)
        return found if isinstance(found, kind) else kind()


TABLES: dict[str, type[Struct]] = {
    table.name: table.type for table in msgspec.structs.fields(Settings) if table.name != "engines"
}
"""Those that every configuration has, by name."""
