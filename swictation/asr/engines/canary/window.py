"""The window that a step of the stream hears: left context, chunk, and look-ahead."""

import math
from typing import Any

import msgspec

from swictation.errors import EngineError
from swictation.types import SAMPLE_RATE_HZ, Chunking

CHUNK_S = 1.0
RIGHT_S = 0.5
"""A word waits for chunk + right at most. If they are below 1.0 s together, NeMo's AlignAtt brings
one token a step."""


class Window(msgspec.Struct, frozen=True):
    """A window in the encoder's frames, of `frame_samples` samples each (80 ms)."""

    left_frames: int
    chunk_frames: int
    right_frames: int
    frame_samples: int

    @property
    def chunking(self) -> Chunking:
        """The lengths of an utterance at which there is a step that is not the last.

        One sample more than the step takes, so that the last step has something left to hear.
        """
        chunk = self.chunk_frames * self.frame_samples
        return Chunking(chunk + self.right_frames * self.frame_samples + 1, chunk)

    @property
    def samples(self) -> int:
        """The most that one step hears."""
        frames = self.left_frames + self.chunk_frames + self.right_frames
        return frames * self.frame_samples


def window_for(model: Any, buffer_s: float) -> Window:
    """Make the window of length `buffer_s`, in whole frames of the model's encoder.

    Raises:
        EngineError: the model needs sound at another rate.
    """
    mel = model.cfg.preprocessor
    hop = round(mel.window_stride * mel.sample_rate)
    frame_samples = hop * model.encoder.subsampling_factor
    if mel.sample_rate != SAMPLE_RATE_HZ:
        raise EngineError(
            f"The model needs sound at {mel.sample_rate} Hz, not at {SAMPLE_RATE_HZ}.",
            "set [asr] model to a name from: swictation model list",
        )

    def frames(seconds: float) -> int:
        return math.floor(seconds * SAMPLE_RATE_HZ / frame_samples + 1e-6)

    return Window(
        left_frames=frames(buffer_s - CHUNK_S - RIGHT_S),
        chunk_frames=frames(CHUNK_S),
        right_frames=frames(RIGHT_S),
        frame_samples=frame_samples,
    )
