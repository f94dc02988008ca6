"""The precisions in which a model computes, and the size of its weights in each."""

from typing import Any

from swictation.asr.engines.canary.libraries import torch

CPU_AUTO = "fp32"

_DTYPES = {
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "int8": torch.float16,
    "fp32": torch.float32,
}
_QUANTISED = ("encoder", "transf_decoder")
"""The parts where int8 weights pay. Not the classifier: its weight is also the embedding's."""
_KEPT = ("preprocessor.featurizer.window", "preprocessor.featurizer.fb")
"""Mel filters and window stay fp32: rounded, the mel is wrong by 0.05 instead of 0.001."""


def dtype_of(precision: str) -> Any:
    """The type in which a precision computes; int8 applies to weights only."""
    return _DTYPES[precision]


def is_kept_fp32(name: str) -> bool:
    """Whether the buffer `name` must not be rounded."""
    return name in _KEPT


def quantised_modules(model: Any) -> list[Any]:
    """The parts whose Linear layers hold int8 weights, if that is the precision."""
    return [getattr(model, name) for name in _QUANTISED]


def weights_bytes(model: Any, precision: str) -> int:
    """Count the bytes that the parameters and buffers of a skeleton will take."""
    size = dtype_of(precision).itemsize
    linear = _linear_weights(model) if precision == "int8" else {}
    total = 0
    for parameter in model.parameters():  # a tied parameter counts once
        total += parameter.numel() * (1 if id(parameter) in linear else size)
        total += linear.get(id(parameter), 0) * size  # a scale for each row
    for name, buffer in model.named_buffers():
        is_cast = buffer.is_floating_point() and not is_kept_fp32(name)
        total += buffer.numel() * (size if is_cast else buffer.element_size())
    return total


def _linear_weights(model: Any) -> dict[int, int]:
    """The number of rows of each weight that becomes int8, by the parameter's id."""
    return {
        id(module.weight): module.weight.shape[0]
        for part in quantised_modules(model)
        for module in part.modules()
        if isinstance(module, torch.nn.Linear)
    }
