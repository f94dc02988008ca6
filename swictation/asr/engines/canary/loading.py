"""Loads weights into a skeleton: read in place, cast on the CPU, then moved to the device.

NeMo's own loader holds two FP32 copies, on the GPU if there is one, and unpacks into a folder that
may be in RAM. Here one tensor at a time is read from the mapped file and cast, and its pages are
released: the host holds the result and one tensor, the device never more than the result.
"""

import ctypes
import mmap
from importlib import import_module
from pathlib import Path
from typing import Any

from swictation.asr.engines.canary.building import skeleton
from swictation.asr.engines.canary.files import checkpoint
from swictation.asr.engines.canary.files.folder import WEIGHTS, best_weights
from swictation.asr.engines.canary.libraries import multitask_decoding, torch
from swictation.asr.engines.canary.precision import dtype_of, is_kept_fp32, quantised_modules
from swictation.errors import EngineError
from swictation.models.intake.door import shown
from swictation.remedies import noted

_MADV_DONTNEED = 4
_MOST_TOKENS_BEYOND = 50
"""In addition to a token for each frame. With NeMo's own limit noise was decoded for minutes."""
_AGAIN = noted("swictation model verify", "what is damaged: swictation model download --force")
_LONGEST_REASON = 120


def load_model(folder: Path, precision: str, device: str) -> Any:
    """Load the model in `folder`, ready to compute on `device` ("cpu" or "cuda").

    Raises:
        EngineError: it cannot be read or built.
        Exception: any error of the device.
    """
    model = skeleton(folder)
    _fill(model, read_weights(best_weights(folder, precision)), dtype_of(precision), folder)
    _make_positions(model)
    if precision == "int8":
        _quantise(model)
    model.to(torch.device(device))
    _settle(model)
    return model


def read_weights(path: Path) -> dict[str, Any]:
    """Map the tensors of a checkpoint: what is not touched takes no memory.

    Nothing in the file is executed: torch's unpickler makes tensors and nothing else.

    Raises:
        EngineError: the file is damaged, or holds anything but plain tensors.
    """
    again = _AGAIN if path.name == WEIGHTS else "swictation model convert"
    try:
        checkpoint.check(path)
        weights: Any = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # a forged pickle may raise anything in torch's reader
        raise EngineError(f"The weights in {path} are damaged: {_line(error)}.", again) from error
    if not isinstance(weights, dict):
        raise EngineError(f"The file {path} holds no weights: it is no table of tensors.", again)
    for name, tensor in weights.items():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str) or not _is_plain(tensor):
            raise EngineError(f"The weights in {path} are not all plain tensors.", again)
    return weights  # pyright: ignore[reportUnknownVariableType]


def _is_plain(tensor: Any) -> bool:
    """Whether all its numbers are in the file: a plain tensor, and no view that repeats some."""
    return bool(
        tensor.__class__ in (torch.Tensor, torch.nn.Parameter)
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and tensor.nbytes <= tensor.untyped_storage().nbytes()
    )


def _line(error: Exception) -> str:
    """The first line of torch's message, without its advice to trust the file."""
    first = next(iter(str(error).strip().splitlines()), "")
    line = first.partition(". ")[0].partition(" file in `torch.load`")[0].rstrip(".")
    return shown(line, _LONGEST_REASON) or type(error).__name__


def cast(tensor: Any, dtype: Any) -> Any:
    """Copy `tensor` as `dtype`; integers keep their type."""
    return tensor.to(dtype if tensor.is_floating_point() else tensor.dtype, copy=True)


def let_go(tensor: Any) -> None:
    """Release the pages of a mapped tensor; they are read again if needed."""
    first = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    length = tensor.data_ptr() + tensor.nbytes - first
    if length > 0:
        libc = ctypes.CDLL(None)
        libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _MADV_DONTNEED)


def _fill(model: Any, weights: dict[str, Any], dtype: Any, folder: Path) -> None:
    """Set each parameter and buffer, as `dtype`. One that modules share stays shared."""
    made: dict[int, Any] = {}
    missing: list[str] = []
    for path, module in model.named_modules():
        for key, parameter in module._parameters.items():
            if parameter is None:
                continue
            name = f"{path}.{key}" if path else key
            if id(parameter) not in made:
                if name not in weights or weights[name].shape != parameter.shape:
                    missing.append(name)
                    continue
                # The old one is kept too, so that its id is not reused.
                made[id(parameter)] = (_parameter(weights[name], dtype), parameter)
            module._parameters[key] = made[id(parameter)][0]
        for key, buffer in module._buffers.items():
            name = f"{path}.{key}" if path else key
            if buffer is not None and not buffer.is_meta:
                kept = torch.float32 if is_kept_fp32(name) else dtype
                found = weights.get(name, buffer)
                module._buffers[key] = cast(found, kept)
    if missing:
        raise EngineError(
            f"The weights in {folder} do not fit its configuration: {missing[0]} and"
            f" {len(missing) - 1} more are missing.",
            _AGAIN,
        )


def _make_positions(model: Any) -> None:
    """Make the encoder's table of positions again: it was made on the meta device."""
    encoder = model.encoder
    del encoder.pos_enc.pe
    encoder.set_max_audio_length(encoder.max_audio_length)


def _parameter(tensor: Any, dtype: Any) -> Any:
    copy = cast(tensor, dtype)
    let_go(tensor)
    return torch.nn.Parameter(copy, requires_grad=False)


def _quantise(model: Any) -> None:
    """Make the Linear layers' weights int8 with a scale for each row; use widens them."""
    quantization: Any = import_module("torchao.quantization")

    def is_linear(module: object, _name: str) -> bool:
        return isinstance(module, torch.nn.Linear)

    for part in quantised_modules(model):
        quantization.quantize_(part, quantization.Int8WeightOnlyConfig(), filter_fn=is_linear)


def _settle(model: Any) -> None:
    """Configure decoding: no dither, no padding, greedy."""
    model.preprocessor.featurizer.dither = 0.0
    model.preprocessor.featurizer.pad_to = 0
    decoding = multitask_decoding.MultiTaskDecodingConfig()
    decoding.strategy = "greedy"
    decoding.greedy.max_generation_delta = _MOST_TOKENS_BEYOND
    model.change_decoding_strategy(decoding)
    model.eval()
