"""`python -m swictation.asr.engines.canary.ask`: whether a GPU can be used, as one JSON object.

For `swictation doctor`, in its own process, so that CUDA ends with it. NeMo is not imported.
"""

import sys
from importlib import import_module
from typing import Any

import msgspec

from swictation.asr.provider import GpuAnswer


def ask() -> GpuAnswer:
    """Check that torch is installed, is built for CUDA, and finds a GPU. Creates no context."""
    try:
        torch: Any = import_module("torch")
    except ImportError:
        return GpuAnswer(0, reason="torch is not installed.", remedy="make canary")
    if not torch.version.cuda:
        version = torch.__version__
        reason = f"The installed torch ({version}) is a build for CPUs."
        return GpuAnswer(0, reason=reason, remedy="install a torch with CUDA (docs/canary.md)")
    count: int = torch.cuda.device_count()
    if not count:
        return GpuAnswer(0, reason="CUDA finds no GPU.", remedy="nvidia-smi -L")
    return GpuAnswer(count, f"fp16, by CUDA {torch.version.cuda}")


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(ask()).decode())
