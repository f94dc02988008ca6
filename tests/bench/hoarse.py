"""Speech without a voice: whispered versions of recordings, and a synthesiser's hoarse voices."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from swictation.types import SAMPLE_RATE_HZ, Samples
from tests.bench.corpus import read

VOICES = ("en-us+whisper", "en-us+croak")
_WINDOW = 512
_HOP = 128
_ENVELOPE = 28
"""Cepstral coefficients that are kept: the vocal tract's resonances, not the voice's harmonics."""
_VOICE_BELOW_HZ = 350.0
_WHISPER_LEVEL = 0.25


def whispered(samples: Samples) -> Samples:
    """The same words breathed: each moment's spectral envelope, filled with noise.

    The harmonics go (cepstral smoothing, random phases), the chest's low frequencies fade, and it
    is 12 dB softer, roughly what whispering does.
    """
    window = np.hanning(_WINDOW + 1)[:-1]
    rng = np.random.default_rng(3)
    fading = 1 / (1 + (_VOICE_BELOW_HZ / np.maximum(_bins_hz(), 1)) ** 4)
    out = np.zeros(len(samples) + _WINDOW)
    for at in range(0, len(samples) - _WINDOW, _HOP):
        spectrum = np.fft.rfft(samples[at : at + _WINDOW] * window)
        cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1.0))
        cepstrum[_ENVELOPE:-_ENVELOPE] = 0
        envelope = np.exp(np.fft.rfft(cepstrum).real) * fading
        phases = np.exp(2j * np.pi * rng.random(len(envelope)))
        out[at : at + _WINDOW] += np.fft.irfft(envelope * phases) * window
    loudness = np.sqrt(np.mean(samples.astype(np.float64) ** 2) / max(np.mean(out**2), 1e-9))
    whole = out[: len(samples)] * loudness * _WHISPER_LEVEL
    return np.clip(np.round(whole), -32768, 32767).astype(np.int16)


def _bins_hz() -> np.ndarray:
    return np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)


def can_synthesise() -> bool:
    """Whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


def spoken(text: str, voice: str) -> Samples:
    """`text` in one of espeak-ng's voices."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, text], check=True)
        return read(path)
