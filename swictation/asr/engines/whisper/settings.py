"""The engine's own table of the configuration, `[whisper]`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class WhisperSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The embedded engine's own parameters (docs/adr/0003)."""

    cpu_threads: Annotated[int, Meta(ge=1, le=64, description="threads of the decoder")] = 2
    beam: Annotated[
        int, Meta(ge=0, le=10, description="beams; 0: 5 for tiny.en, 1 for larger models")
    ] = 0
    context_extra_s: Annotated[
        float, Meta(ge=0.0, le=28.0, description="seconds of silence added to the speech")
    ] = 2.0
    context_min_s: Annotated[
        float, Meta(ge=1.0, le=30.0, description="least seconds of context in all")
    ] = 10.0
    commit_score: Annotated[
        float, Meta(le=0.0, description="mean log-probability above which a pause commits")
    ] = -0.4
    noise_no_speech_prob: Annotated[
        float, Meta(ge=0.0, le=1.0, description="no-speech probability above which text is noise")
    ] = 0.7
    noise_score: Annotated[
        float, Meta(le=0.0, description="... if its mean log-probability is below this")
    ] = -0.7
    loop_zlib_ratio: Annotated[
        float, Meta(ge=1.0, description="compression above which text is taken for a loop")
    ] = 2.2
    loop_chars_per_s: Annotated[
        float, Meta(ge=5.0, description="characters a second above which, likewise")
    ] = 30.0
    tokens_per_s: Annotated[
        int, Meta(ge=4, le=50, description="tokens a second of speech that a decode may bring")
    ] = 9
