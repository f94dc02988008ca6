"""torch and NeMo, imported once and quietly: 7 to 13 s of CPU and 670 MB.

Their types are not checked, because the core is built and checked where neither is installed. This
module also sets the environment variables that they need before their import.
"""

import logging
import os
import warnings
from importlib import import_module
from typing import Any

_ENVIRONMENT = {
    # One thread serves one model; on few cores OpenMP's threads took ten times the CPU time.
    "OMP_NUM_THREADS": "1",
    # Segments that can grow leave no holes. It is read when CUDA starts.
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_MODE": "disabled",
    # onnxruntime, which they import if it is installed, collects telemetry in a database.
    "ORT_DISABLE_TELEMETRY": "1",
}
_TALKATIVE = ("nv_one_logger", "hydra", "torchao", "torch.utils._pytree")
"""Loggers whose warnings do not matter here: disabled telemetry, kernels for other GPUs."""

for _logger in _TALKATIVE:
    logging.getLogger(_logger).setLevel(logging.CRITICAL)

for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch: Any = import_module("torch")
    omegaconf: Any = import_module("omegaconf")
    nemo_logging: Any = import_module("nemo.utils").logging
    nemo_logging.setLevel(nemo_logging.ERROR)  # it writes to stdout
    asr_models: Any = import_module("nemo.collections.asr.models")
    aed_streaming: Any = import_module("nemo.collections.asr.parts.submodules.aed_decoding")
    multitask_decoding: Any = import_module(
        "nemo.collections.asr.parts.submodules.multitask_decoding"
    )
    streaming_utils: Any = import_module("nemo.collections.asr.parts.utils.streaming_utils")
    app_state: Any = import_module("nemo.utils.app_state")
    typecheck: Any = import_module("nemo.core.classes.common").typecheck

typecheck.set_typecheck_enabled(enabled=False)  # NeMo's check of tensor shapes at each call
Tensor = Any
"""A torch.Tensor; its shape and type are in the docstring."""
