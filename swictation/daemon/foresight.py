"""What a model will take of the card, as far as the daemon can tell before it is loaded."""

from pathlib import Path

from swictation.asr.engine import EngineSpec
from swictation.asr.memory_plan import AUTO_ON_GPU, MemoryPlan
from swictation.asr.whisper_memory import (
    LONGEST_S,
    SHORTEST_S,
    TYPES,
    Shape,
    beam_for,
    read_shape,
    tiers,
)
from swictation.models import plans
from swictation.types import Tier
from swictation.vram.effects import Foreseen

_LONGEST_SPEECH_S = 28.0
_CANARY_MIB_PER_S = 0.2
"""A step hears no more than its window, however long the utterance; its sound is held twice."""


def foreseen(spec: EngineSpec) -> Foreseen | None:
    """Of Whisper by the head of its file, of Canary by its plan; None where nobody knows."""
    if spec.device != "cuda":
        return None
    if spec.engine == "canary":
        buffer_s = float(spec.options["buffer_s"])
        told = plans.best_known(Path(spec.model_path), buffer_s, spec.model)
        return canary(told, str(spec.options["precision"]))
    if spec.engine != "whisper":
        return None
    try:
        shape = read_shape(Path(spec.model_path) / "model.bin")
    except (OSError, ValueError):
        return None  # the worker says so, with a mend
    beam = beam_for(spec.options.get("beam", 0), spec.model, spec.model_path)
    return whisper(spec.model, shape, beam)


def canary(known: tuple[MemoryPlan, ...], precision: str) -> Foreseen | None:
    """The ways in which the engine will load it; None where not all of them are known."""
    wanted = AUTO_ON_GPU if precision == "auto" else (precision,)
    by_name = {plan.precision: plan for plan in known}
    if not all(name in by_name for name in wanted):
        return None
    chosen = [by_name[name] for name in wanted]
    return Foreseen(
        tuple(Tier(plan.precision, plan.resident_mib) for plan in chosen),
        max(plan.activation_mib for plan in chosen),
        _CANARY_MIB_PER_S,
    )


def whisper(model: str, shape: Shape, beam: int) -> Foreseen:
    """A line above the curve: its work grows with the square of what is encoded."""
    least_mib, most_mib = (shape.work_mib(TYPES[0], at, beam) for at in (SHORTEST_S, LONGEST_S))
    per_s_mib = (most_mib - least_mib) / _LONGEST_SPEECH_S
    return Foreseen(tiers(model, shape, beam), least_mib, per_s_mib)
