"""Computes the memory that a model will take from its configuration, without reading weights.

As a program (`python -m swictation.asr.engines.canary.memory.plan FOLDER BUFFER_S`) it prints a
JSON list of `MemoryPlan`, the best first, for the daemon, which must not import torch.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from swictation.asr.engines.canary.building import skeleton
from swictation.asr.engines.canary.libraries import torch
from swictation.asr.engines.canary.memory.counting import PeakCounter
from swictation.asr.engines.canary.memory.sizes import buffer_bytes
from swictation.asr.engines.canary.precision import (
    dtype_of,
    is_kept_fp32,
    quantised_modules,
    weights_bytes,
)
from swictation.asr.engines.canary.window import Window, window_for
from swictation.asr.memory_plan import PRECISIONS, MemoryPlan
from swictation.errors import SwictationError
from swictation.types import MIB

WORKSPACE_MIB = 9.0
"""cuBLAS takes 8.1 MiB for each stream on GPUs before Hopper (PyTorch's CUDA notes)."""


def memory_plan(folder: Path, precision: str, buffer_s: float) -> MemoryPlan:
    """Compute the plan of the model in `folder`, with a buffer of `buffer_s` seconds.

    Raises:
        EngineError: the folder holds no known Canary, or the buffer is too short.
    """
    model = skeleton(folder)
    window = window_for(model, buffer_s)
    weights = weights_bytes(model, precision)  # before its parameters are replaced
    activation = step_bytes(model, window, precision)
    return MemoryPlan(
        precision=precision,
        weights_mib=round(weights / MIB, 1),
        buffer_mib=round(buffer_bytes(model, window, precision) / MIB, 1),
        activation_mib=round(activation / MIB + WORKSPACE_MIB, 1),
    )


def step_bytes(model: Any, window: Window, precision: str) -> int:
    """The most that one step takes besides weights and stream.

    It runs the encoder over a whole window of tensors without memory; the decoder's steps take
    less. `model` is a skeleton; its buffers have no memory afterwards either.
    """
    widest = 0
    if precision == "int8":  # a layer's weights are widened while it computes
        widest = max(
            module.weight.numel() * dtype_of(precision).itemsize
            for part in quantised_modules(model)
            for module in part.modules()
            if isinstance(module, torch.nn.Linear)
        )
    model.preprocessor.featurizer.dither = 0.0
    model.preprocessor.featurizer.pad_to = 0
    fake: Any = torch._subclasses.fake_tensor.FakeTensorMode
    with fake():
        _make_fake(model, dtype_of(precision))
        sound = torch.zeros(1, window.samples)
        length = torch.tensor([window.samples])
        counter = PeakCounter()
        with torch.inference_mode(), counter:
            model(input_signal=sound, input_signal_length=length)
    return counter.peak_bytes + widest


def _make_fake(model: Any, dtype: Any) -> None:
    """Replace all parameters and buffers by tensors without memory."""
    for path, module in model.named_modules():
        for key, parameter in module._parameters.items():
            if parameter is not None:
                fake = torch.empty(parameter.shape, dtype=dtype)
                module._parameters[key] = torch.nn.Parameter(fake, requires_grad=False)
        for key, buffer in module._buffers.items():
            if buffer is not None:
                is_cast = buffer.is_floating_point() and not is_kept_fp32(f"{path}.{key}")
                kept = dtype if is_cast else buffer.dtype
                module._buffers[key] = torch.empty(buffer.shape, dtype=kept)


def main(arguments: list[str]) -> int:
    """Run the program: see the module. On failure one line on stderr, and status 1."""
    folder, buffer_s = arguments
    try:
        plans = [memory_plan(Path(folder), name, float(buffer_s)) for name in PRECISIONS]
    except SwictationError as error:
        sys.stderr.write(f"{error.message} {error.remedy}\n")
        return 1
    sys.stdout.write(msgspec.json.encode(plans).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
