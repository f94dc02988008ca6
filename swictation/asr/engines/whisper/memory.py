"""Computes the device memory of a Whisper model from the shapes in its file, without loading it.

`model.bin` is a list of variables, each with its name, shape and bytes: the shapes say how wide and
deep the network is. (The format is CTranslate2's, version 6.) No library of the engine is needed,
so the daemon can compute it, too.
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
"""The compute types on a GPU, the best first; GPUs before Volta have others."""
SHORTEST_S, LONGEST_S = 10.0, 30.0
"""The seconds encoded for the shortest and the longest request: `WhisperSettings`' defaults."""
_LONGEST_SPEECH_S = 28.0
_PARAMETER_BYTES = {"fp16": 2.0, "int8": 1.1, "fp32": 4.0}
"""int8: some layers are not converted."""
_WORK_MIB, _WORK_PART = 100.0, 0.22
"""A decode takes this, plus this part of the weights. large-v3-turbo in fp16 then comes to the
2537 MB, with a context, that were measured elsewhere."""
_HEAD = 64
"""The width of a head of attention in every size of Whisper."""
_MOST_VARIABLES = 10_000
_MOST_DIMENSIONS, _LONGEST_NAME = 8, 256
_ITEM_BYTES = (4, 1, 2, 4, 2, 2)
"""By the numbers of CTranslate2's types: float32, int8, int16, int32, float16, bfloat16."""
_MOST_CACHED_MIB = 200.0
"""The most that CTranslate2 keeps cached, whatever it has allocated."""
_FRAMES_PER_S = 50
_MOST_TOKENS = 448
_OF_FLOATS = {"float32": 4, "float16": 2, "int8_float16": 2, "int8": 4}
_LAYER = re.compile(r"decoder/layer_(\d+)/")
_QUANTISED = ("int8_float16", "int8")


class Shape(msgspec.Struct, frozen=True):
    """How wide and deep a network is, and how many numbers it has."""

    width: int
    layers: int
    vocabulary: int
    matrices: int
    """Numbers in matrices that can be quantised."""
    rows: int
    """Rows of these matrices, each of which then has a float32 scale."""
    others: int
    """All other numbers: biases, convolutions."""

    def weights_mib(self, compute_type: str) -> float:
        """The size of the weights in that type."""
        size = _OF_FLOATS[compute_type]
        if compute_type in _QUANTISED:
            return (self.matrices + 4 * self.rows + size * self.others) / MIB
        return size * (self.matrices + self.others) / MIB

    def work_mib(self, compute_type: str, context_s: float, beam: int) -> float:
        """The most that a decode takes besides the weights: counted by hand, not measured.

        The encoder: attention scores, twice, and sixteen vectors a frame. The decoder: its caches
        of the sound and of the tokens, for each hypothesis, and the vocabulary's scores.
        """
        size, frames = _OF_FLOATS[compute_type], round(_FRAMES_PER_S * context_s)
        heads = max(1, self.width // _HEAD)
        encoder = size * frames * (2 * heads * frames + 16 * self.width)
        kept = size * 2 * self.layers * self.width * (frames + 2 * _MOST_TOKENS)
        return (encoder + beam * (kept + 12 * self.vocabulary)) / MIB

    def resident_mib(self, compute_type: str, context_s: float, beam: int) -> float:
        """The weights, and what CTranslate2 keeps cached after its longest decode."""
        cached_mib = min(_MOST_CACHED_MIB, self.work_mib(compute_type, context_s, beam))
        return self.weights_mib(compute_type) + cached_mib


def tiers(model: str, shape: Shape, beam: int, types: tuple[str, ...] = TYPES) -> tuple[Tier, ...]:
    """The tiers of a model: what each compute type takes after a decode."""
    return tuple(Tier(f"{model} {one}", shape.resident_mib(one, LONGEST_S, beam)) for one in types)


def estimated_plans(parameters: int) -> tuple[MemoryPlan, ...]:
    """Estimate the ways to load a model from its number of parameters, the best first."""
    weights = {name: parameters * each / MIB for name, each in _PARAMETER_BYTES.items()}
    work_mib = _WORK_MIB + _WORK_PART * weights["fp16"]
    return tuple(MemoryPlan(name, mib, 0.0, work_mib) for name, mib in weights.items())


def forecast(spec: EngineSpec) -> MemoryForecast | None:
    """The GPU memory that the model of `spec` will take, from its file; None if unreadable."""
    try:
        shape = read_shape(Path(spec.model_path) / "model.bin")
    except (OSError, ValueError):
        return None  # the worker reports it, with the remedy
    return forecast_of(
        spec.model, shape, beam_for(spec.options.get("beam", 0), spec.model, spec.model_path)
    )


def forecast_of(model: str, shape: Shape, beam: int) -> MemoryForecast:
    """Make the forecast; a line bounds the work, which grows with the square of the length."""
    least_mib, most_mib = (shape.work_mib(TYPES[0], at, beam) for at in (SHORTEST_S, LONGEST_S))
    per_s_mib = (most_mib - least_mib) / _LONGEST_SPEECH_S
    return MemoryForecast(tiers(model, shape, beam), least_mib, per_s_mib)


def beam_for(wished: int, model: str, model_path: str) -> int:
    """How many hypotheses are followed: as configured, or for 0: five by tiny models, else one."""
    is_tiny = Path(model_path).name.startswith("tiny") or model.startswith("tiny")
    return wished or (5 if is_tiny else 1)


def read_shape(model_bin: Path) -> Shape:
    """Read the shape of a model.

    Raises:
        ValueError: the file is no Whisper model that CTranslate2 can read.
        OSError: it cannot be read.
    """
    with model_bin.open("rb") as file:
        try:
            return _shape(dict(_variables(file)))
        except (struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(f"{model_bin} is not a Whisper model for CTranslate2") from error


def _shape(shapes: dict[str, tuple[int, ...]]) -> Shape:
    sizes = {name: math.prod(dims) for name, dims in shapes.items() if dims}
    matrices = {
        name for name in sizes if name.endswith("/weight") and "conv" not in name
    }  # convolutions and norms are not converted
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
    """Yield names and shapes; the data between them is skipped.

    The file has each variable's size twice, as its shape and in bytes. CTranslate2 allocates by one
    and reads by the other, so they have to agree.
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
