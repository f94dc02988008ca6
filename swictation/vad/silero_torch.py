"""Silero VAD by torch, for a worker that holds a card: the JIT file of the package silero-vad.

Worker only. `import silero_vad` is not done: it calls `torch.set_num_threads(1)`, which counts for
the whole process and so for the engine. No setting of torch's is changed here: inference mode and
the stream hold for the calling thread, and end with each frame.
"""

import contextlib
import warnings
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from swictation.errors import DetectorError
from swictation.types import FRAME_SAMPLES, Samples

_torch: Any = torch
_PACKAGE = "silero-vad"
_FILE = "silero_vad/data/silero_vad.jit"
_FULL_SCALE = np.float32(32768.0)
_MIRRORED = 64
_WARM_UP_FRAMES = 8
"""The JIT watches the first ones and compiles then: half a second that no frame may wait for."""


def load(device: str, model_path: str) -> "SileroTorch":
    """Load it onto `device`, "cpu" or "cuda"; `model_path`, the engine's model, is not needed.

    Raises:
        DetectorError: the package silero-vad is not installed, or not whole.
    """
    del model_path
    detector = SileroTorch(_jit_file(), device)
    for _ in range(_WARM_UP_FRAMES):
        detector.probability(np.zeros(FRAME_SAMPLES, np.int16))
    detector.reset()
    return detector


def _jit_file() -> Path:
    """Asked of the package's own records: its modules are not imported."""
    remedy = f"python -m pip install {_PACKAGE}"
    try:
        path = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        raise DetectorError(f"The package {_PACKAGE} is not installed.", remedy) from None
    if not path.is_file():
        raise DetectorError(f"The package {_PACKAGE} has no {path.name}.", remedy)
    return path


def _read(jit_file: Path) -> Any:  # noqa: ANN401
    """The network for 16 kHz; the file has one for 8 kHz beside it."""
    with warnings.catch_warnings():
        # torch would have every model exported anew; this file is as its authors made it.
        warnings.simplefilter("ignore", DeprecationWarning)
        both = _torch.jit.load(str(jit_file), map_location="cpu")
    return both.eval()._model


class SileroTorch:
    """Silero v6. Not thread-safe: one stream of sound, one thread.

    It hears what the daemon's detector hears, for the two take turns: that one puts 64 samples of
    the frame, mirrored, before it, where Silero's authors put the end of the frame before. Heard
    as they do, one decision in 500 would be another (docs/vram.md).

    On a card it computes in a stream of its own with high priority, so that a frame waits neither
    for the engine's kernels nor in their queue; reading the result waits for that stream alone.
    """

    def __init__(self, jit_file: Path, device: str) -> None:
        self._net: Any = _read(jit_file).to(device)
        is_card = _torch.device(device).type == "cuda"
        self._stream: Any = _torch.cuda.Stream(device, priority=-1) if is_card else None
        if self._stream:  # the weights were copied in the stream that everybody uses
            self._stream.wait_stream(_torch.cuda.current_stream(device))
        # Pinned once: other memory would be copied with a wait for more than this stream.
        self._heard: Any = _torch.zeros(1, _MIRRORED + FRAME_SAMPLES, pin_memory=is_card)
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
        self._state: Any = _torch.zeros(0)  # the network's own word for: nothing yet

    def _in_own_stream(self) -> contextlib.AbstractContextManager[None]:
        return _torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext()
