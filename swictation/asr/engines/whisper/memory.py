"""What a Whisper model takes of a device's memory, told by the head of its file, without loading.

`model.bin` is a list of variables, each with its name, shape and bytes: the shapes say how wide and
deep the network is. (The format is CTranslate2's, version 6.) No library of a model's is needed, so
that the daemon can foretell it too.
"""

import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.asr.memory_plan import MemoryPlan
from swictation.gpu.effects import MemoryForecast
from swictation.types import MIB, Tier

TYPES = ("float16", "int8_float16")
"""How it is computed on a GPU, the best first; GPUs before Volta have ways of their own."""
SHORTEST_S, LONGEST_S = 10.0, 30.0
"""What is encoded of the shortest and of the longest request: `WhisperSettings`' defaults."""
_LONGEST_SPEECH_S = 28.0
_PARAMETER_BYTES = {"fp16": 2.0, "int8": 1.1, "fp32": 4.0}
"""int8: some layers stay as they are."""
_WORK_MIB, _WORK_PART = 100.0, 0.22
"""One decode, and its part of the weights: so that large-v3-turbo comes to the 2537 MB in fp16, a
context included, that were seen elsewhere."""
_HEAD = 64
"""Whisper's heads are so wide, in every size."""
_MOST_VARIABLES = 10_000
_MOST_DIMENSIONS, _LONGEST_NAME = 8, 256
_ITEM_BYTES = (4, 1, 2, 4, 2, 2)
"""Of CTranslate2's types by their numbers: float32, int8, int16, int32, float16, bfloat16."""
_MOST_CACHED_MIB = 200.0
"""CTranslate2 keeps so much for later, whatever was taken."""
_FRAMES_PER_S = 50
_MOST_TOKENS = 448
_OF_FLOATS = {"float32": 4, "float16": 2, "int8_float16": 2, "int8": 4}
_LAYER = re.compile(r"decoder/layer_(\d+)/")
_QUANTISED = ("int8_float16", "int8")


class Shape(msgspec.Struct, frozen=True):
    """How wide and deep a network is, and of how many numbers it is made."""

    width: int
    layers: int
    vocabulary: int
    matrices: int
    """Numbers in what can be quantised ..."""
    rows: int
    """... whose rows have a float32 scale each."""
    others: int
    """All other numbers: biases, convolutions."""

    def weights_mib(self, compute_type: str) -> float:
        """What is loaded of it in that type."""
        size = _OF_FLOATS[compute_type]
        if compute_type in _QUANTISED:
            return (self.matrices + 4 * self.rows + size * self.others) / MIB
        return size * (self.matrices + self.others) / MIB

    def work_mib(self, compute_type: str, context_s: float, beam: int) -> float:
        """What a decode takes beside the weights, at most: counted by hand, not measured.

        The encoder: scores of attention, twice, and sixteen vectors a frame. The decoder: what it
        keeps of the sound and of the tokens, for each hypothesis, and the vocabulary's scores.
        """
        size, frames = _OF_FLOATS[compute_type], round(_FRAMES_PER_S * context_s)
        heads = max(1, self.width // _HEAD)
        encoder = size * frames * (2 * heads * frames + 16 * self.width)
        kept = size * 2 * self.layers * self.width * (frames + 2 * _MOST_TOKENS)
        return (encoder + beam * (kept + 12 * self.vocabulary)) / MIB

    def resident_mib(self, compute_type: str, context_s: float, beam: int) -> float:
        """Weights, and what CTranslate2 does not give back of its longest decode."""
        cached_mib = min(_MOST_CACHED_MIB, self.work_mib(compute_type, context_s, beam))
        return self.weights_mib(compute_type) + cached_mib


def tiers(model: str, shape: Shape, beam: int, types: tuple[str, ...] = TYPES) -> tuple[Tier, ...]:
    """What each way to load it takes once it has decoded."""
    return tuple(Tier(f"{model} {one}", shape.resident_mib(one, LONGEST_S, beam)) for one in types)


def estimated_plans(parameters: int) -> tuple[MemoryPlan, ...]:
    """The ways to load a model of so many parameters, the best first: no file is needed."""
    weights = {name: parameters * each / MIB for name, each in _PARAMETER_BYTES.items()}
    work_mib = _WORK_MIB + _WORK_PART * weights["fp16"]
    return tuple(MemoryPlan(name, mib, 0.0, work_mib) for name, mib in weights.items())


def forecast(spec: EngineSpec) -> MemoryForecast | None:
    """What the model of `spec` will take of a GPU, by the head of its file; None: it has none."""
    try:
        shape = read_shape(Path(spec.model_path) / "model.bin")
    except (OSError, ValueError):
        return None  # the worker says so, and how to fix it
    return forecast_of(
        spec.model, shape, beam_for(spec.options.get("beam", 0), spec.model, spec.model_path)
    )


def forecast_of(model: str, shape: Shape, beam: int) -> MemoryForecast:
    """A line above the curve: its work grows with the square of what is encoded."""
    least_mib, most_mib = (shape.work_mib(TYPES[0], at, beam) for at in (SHORTEST_S, LONGEST_S))
    per_s_mib = (most_mib - least_mib) / _LONGEST_SPEECH_S
    return MemoryForecast(tiers(model, shape, beam), least_mib, per_s_mib)


def beam_for(wished: int, model: str, model_path: str) -> int:
    """How many hypotheses are followed: as wished, or, for 0, five by the tiny ones alone."""
    is_tiny = Path(model_path).name.startswith("tiny") or model.startswith("tiny")
    return wished or (5 if is_tiny else 1)


def read_shape(model_bin: Path) -> Shape:
    """The shape of that model.

    Raises:
        ValueError: it is no Whisper model that CTranslate2 could read.
        OSError: it cannot be read.
    """
    with model_bin.open("rb") as file:
        try:
            return _shape(dict(_variables(file)))
        except (struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(f"{model_bin} is not a Whisper model of CTranslate2's") from error


def _shape(shapes: dict[str, tuple[int, ...]]) -> Shape:
    sizes = {name: math.prod(dims) for name, dims in shapes.items() if dims}
    matrices = {
        name for name in sizes if name.endswith("/weight") and "conv" not in name
    }  # convolutions and norms stay as they are
    layers = {found[1] for name in shapes if (found := _LAYER.match(name))}
    vocabulary, width = shapes["decoder/embeddings/weight"]
    in_matrices = sum(sizes[name] for name in matrices)
    return Shape(
        width=width,
        layers=len(layers),
        vocabulary=vocabulary,
        matrices=in_matrices,
        rows=sum(shapes[name][0] for name in matrices),
        others=sum(sizes.values()) - in_matrices,
    )


def _variables(file: BinaryIO) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes; what lies between them is skipped.

    Each says twice how large it is, by its shape and in bytes. CTranslate2 makes room for the one
    and reads the other, so they have to be the same.
    """
    file_bytes = file.seek(0, 2)
    file.seek(0)
    _numbers(file, "<I")
    _text(file)
    _, count = _numbers(file, "<II")
    if count > _MOST_VARIABLES:
        raise ValueError("too many variables")
    for _ in range(count):
        name = _text(file)
        (rank,) = _numbers(file, "<B")
        if rank > _MOST_DIMENSIONS:
            raise ValueError("too many dimensions")
        dims = _numbers(file, f"<{rank}I")
        kind, size = _numbers(file, "<BI")
        if size != math.prod(dims) * _ITEM_BYTES[kind] or file.seek(size, 1) > file_bytes:
            raise ValueError(f"{name} is not as large as it says")
        yield name, dims


def _text(file: BinaryIO) -> str:
    (length,) = _numbers(file, "<H")
    if length > _LONGEST_NAME:
        raise ValueError("too long a name")
    return file.read(length).rstrip(b"\0").decode()


def _numbers(file: BinaryIO, kind: str) -> tuple[int, ...]:
    return struct.unpack(kind, file.read(struct.calcsize(kind)))
