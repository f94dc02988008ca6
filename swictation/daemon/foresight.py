"""What a model will take of the card, as far as the daemon can tell before it is loaded."""

from pathlib import Path

from swictation.asr.engine import EngineSpec
from swictation.asr.whisper_memory import (
    LONGEST_S,
    SHORTEST_S,
    TYPES,
    Shape,
    beam_for,
    read_shape,
    tiers,
)
from swictation.vram.effects import Foreseen

_LONGEST_SPEECH_S = 28.0


def foreseen(spec: EngineSpec) -> Foreseen | None:
    """Of Whisper by the head of its file; None where nobody knows, or the file is none."""
    if spec.engine != "whisper" or spec.device != "cuda":
        return None
    try:
        shape = read_shape(Path(spec.model_path) / "model.bin")
    except (OSError, ValueError):
        return None  # the worker says so, with a mend
    beam = beam_for(spec.options.get("beam", 0), spec.model, spec.model_path)
    return whisper(spec.model, shape, beam)


def whisper(model: str, shape: Shape, beam: int) -> Foreseen:
    """A line above the curve: its work grows with the square of what is encoded."""
    least_mib, most_mib = (shape.work_mib(TYPES[0], at, beam) for at in (SHORTEST_S, LONGEST_S))
    per_s_mib = (most_mib - least_mib) / _LONGEST_SPEECH_S
    return Foreseen(tiers(model, shape, beam), least_mib, per_s_mib)
