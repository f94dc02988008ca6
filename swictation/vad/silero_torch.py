"""Silero VAD with torch, for a worker on a GPU: the JIT file of the package silero-vad.

Worker only. `silero_vad` is not imported: it calls `torch.set_num_threads(1)`, which affects the
whole process and so the engine. No setting of torch is changed here: inference mode and the stream
apply to the calling thread, and end with each frame.
"""

import contextlib
import warnings
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from swictation.errors import DetectorError
from swictation.remedies import install_command_for
from swictation.types import FRAME_SAMPLES, Samples

_torch: Any = torch
_PACKAGE = "silero-vad"
_FILE = "silero_vad/data/silero_vad.jit"
_FULL_SCALE = np.float32(32768.0)
_MIRRORED = 64
_WARM_UP_FRAMES = 8
"""The JIT profiles the first ones and then compiles: half a second that no frame may wait."""


def load(device: str, model_path: str) -> "SileroTorch":
    """Load it onto `device`, "cpu" or "cuda"; `model_path`, the engine's model, is not needed.

    Raises:
        DetectorError: the package silero-vad is not installed, or not complete.
    """
    del model_path
    detector = SileroTorch(_jit_file(), device)
    for _ in range(_WARM_UP_FRAMES):
        detector.probability(np.zeros(FRAME_SAMPLES, np.int16))
    detector.reset()
    return detector


def _jit_file() -> Path:
    """Asked of the package's own records: its modules are not imported."""
    remedy = install_command_for(_PACKAGE)
    try:
        path = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        raise DetectorError(f"The package {_PACKAGE} is not installed.", remedy) from None
    if not path.is_file():
        raise DetectorError(f"The package {_PACKAGE} has no {path.name}.", remedy)
    return path


def _read(jit_file: Path) -> Any:  # noqa: ANN401
    """The network for 16 kHz; the file also has one for 8 kHz."""
    with warnings.catch_warnings():
        # torch asks for every model to be exported again; this file is as its authors made it.
        warnings.simplefilter("ignore", DeprecationWarning)
        both = _torch.jit.load(str(jit_file), map_location="cpu")
    return both.eval()._model


class SileroTorch:
    """Silero v6. Not thread-safe: one stream of sound, one thread.

    It gets the same input as the daemon's detector, because the two take turns: 64 samples of the
    frame, mirrored, come before it, while Silero's authors use the end of the previous frame.
    With their way, one decision in 500 would differ (docs/vram-tests.md).

    On a GPU it computes in a stream of its own with high priority, so that a frame waits neither
    for the engine's kernels nor in their queue; reading the result waits for that stream alone.
    """

    def __init__(self, jit_file: Path, device: str) -> None:
        self._net: Any = _read(jit_file).to(device)
        is_gpu = _torch.device(device).type == "cuda"
        self._stream: Any = _torch.cuda.Stream(device, priority=-1) if is_gpu else None
        if self._stream:  # the weights were copied in the default stream
            self._stream.wait_stream(_torch.cuda.current_stream(device))
        # Pinned once: a copy of other memory would wait for more than this stream.
        self._heard: Any = _torch.zeros(1, _MIRRORED + FRAME_SAMPLES, pin_memory=is_gpu)
        self._samples = self._heard.numpy()[0]
        self._device = device
        self.reset()

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`."""
        heard = self._samples
        np.divide(samples, _FULL_SCALE, out=heard[_MIRRORED:])
        heard[:_MIRRORED] = heard[2 * _MIRRORED : _MIRRORED : -1]
        with _torch.inference_mode(), self._in_own_stream():
            frame = self._heard.to(self._device, non_blocking=True)
            found, self._state = self._net(frame, self._state)
            return float(found.item())

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._state: Any = _torch.zeros(0)  # the network's value for: nothing yet

    def _in_own_stream(self) -> contextlib.AbstractContextManager[None]:
        return _torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext()
