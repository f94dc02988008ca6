"""The sound server's (PulseAudio's or PipeWire's) names for its sources, from its `pactl`.

For ALSA, and so for PortAudio, all of them are "default". If pactl is missing, too old for JSON or
does not answer, nothing is known, and nothing else fails.
"""

import os
import subprocess
from typing import Any

import msgspec

_ANSWER_S = 1.0


class ServerSource(msgspec.Struct, frozen=True):
    """A microphone as the sound server knows it."""

    index: int
    name: str
    description: str = ""


class _Stream(msgspec.Struct, frozen=True):
    source: int
    properties: dict[str, str] = {}


def sources() -> list[ServerSource]:
    """All sources; none if the server does not answer. Waits for a second at most."""
    return _list("sources", list[ServerSource])


def recorded_from() -> str:
    """The description of the source that this process records from now, or ""."""
    own = str(os.getpid())
    for stream in _list("source-outputs", list[_Stream]):
        if stream.properties.get("application.process.id") == own:
            found = [source for source in sources() if source.index == stream.source]
            return found[0].description or found[0].name if found else ""
    return ""


def _list(what: str, kind: Any) -> Any:  # noqa: ANN401 - a type, and a list of it
    try:
        done = subprocess.run(
            ["pactl", "-f", "json", "list", what],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_S, check=True,
        )  # fmt: skip
        return msgspec.json.decode(done.stdout, type=kind)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
        return []
