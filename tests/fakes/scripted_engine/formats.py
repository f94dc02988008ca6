"""Samples in other clothes: files of any format, rate and layout, written by FFmpeg."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from swictation.types import SAMPLE_RATE_HZ


def write(
    path: Path,
    samples: NDArray[np.int16],
    *,
    codec: str,
    rate_hz: int = SAMPLE_RATE_HZ,
    layout: str = "mono",
    with_picture: bool = False,
) -> Path:
    """`samples` (16 kHz, mono) encoded; the format follows from the name's ending."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        if with_picture:
            _draw(container)
        resampler = av.AudioResampler(stream.format.name, layout, rate_hz, stream.frame_size or 0)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], "s16", "mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return path


def write_silent_film(path: Path) -> Path:
    """A picture and no sound track."""
    with av.open(str(path), "w") as container:
        _draw(container)
    return path


def _draw(container: av.container.OutputContainer) -> None:
    stream = container.add_stream("mpeg4", rate=5)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    picture = np.zeros((64, 64, 3), np.uint8)
    for _ in range(5):
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
