"""A dictation whose key comes with the first sound: what of it is captured, and what then is heard.

`lost_ms`: noise is played into a virtual microphone and recorded all the time by another program;
how much of what that one had at the key's moment, or got from then on, the dictation lacks at its
beginning. `first_words`: recordings cut behind their onset, as if the microphone had opened so
much too late, through `transcribe`: how many first words are still right.
"""

import os
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from desktop.sound import VirtualMicrophone
from swictation.types import SAMPLE_RATE_HZ, Samples, to_samples
from tests.bench import offsets, product, score
from tests.bench.context import Context
from tests.bench.corpus import TEXT_KINDS, clips, quiet, write_wav

_KEYS = 20
_LATE_S = (-0.5, 0.0, 0.01, 0.03, 0.06, 0.1, 0.15)
_HEARD_S = 6.0
_BLOCKS = 6


def run(context: Context) -> dict[str, Any]:
    lost = {kind: _lost(is_warm=kind == "warm") for kind in ("cold", "warm")}
    return {"lost_ms": lost, "first_words": _first_words(context.model)}


def _lost(*, is_warm: bool) -> dict[str, float]:
    """Milliseconds. PortAudio finds the server by the environment."""
    with TemporaryDirectory(dir=Path.home()) as folder:
        server = VirtualMicrophone(Path(folder))
        server.start()
        noise = np.random.default_rng(7).normal(0, 3000, to_samples(120.0)).astype(np.int16)
        player = server.play(noise)
        try:
            os.environ.update(server.env)
            return _press(is_warm)
        finally:
            player.kill()
            player.wait()
            server.kill()


def _press(is_warm: bool) -> dict[str, float]:
    from swictation.audio.microphone.source import Microphone
    from swictation.audio.source import Stop

    microphone = Microphone("default", keep_warm=is_warm)
    microphone.start()
    microphone.check(10.0)
    found: list[float] = []
    with _Reference() as reference:
        for _ in range(_KEYS):
            threading.Event().wait(0.7)
            blocks: list[Samples] = []
            enough, stop = threading.Event(), Stop()

            def take(block: Samples, blocks=blocks, enough=enough) -> None:
                blocks.append(block)
                if len(blocks) >= _BLOCKS:
                    enough.set()

            key = reference.count
            audio = threading.Thread(target=microphone.run, args=(take, stop))
            audio.start()
            assert enough.wait(30.0)
            stop.set()
            audio.join()
            threading.Event().wait(0.3)  # for the reference to have it as well
            first = reference.find(np.concatenate(blocks)[: to_samples(0.4)])
            found.append(1000 * (first - key) / SAMPLE_RATE_HZ)
    microphone.close()
    found.sort()
    return {
        "p50": round(statistics.median(found), 1),
        "p90": round(found[int(0.9 * len(found))], 1),
        "max": round(found[-1], 1),
    }


class _Reference:
    """A program that records all the time."""

    def __enter__(self) -> "_Reference":
        command = ["parec", "--device=virtmic.monitor", "--rate=16000", "--channels=1"]
        self._program = subprocess.Popen(
            [*command, "--format=s16le", "--latency-msec=10"], stdout=subprocess.PIPE
        )
        self._heard = bytearray()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._program.kill()
        self._thread.join()
        self._program.wait()

    def _read(self) -> None:
        assert self._program.stdout
        while piece := self._program.stdout.read1(4096):
            self._heard += piece

    @property
    def count(self) -> int:
        """The number of samples until now."""
        return len(self._heard) // 2

    def find(self, part: Samples) -> int:
        """Where `part` stands in what was heard."""
        heard = np.frombuffer(bytes(self._heard[: 2 * self.count]), np.int16)[-to_samples(4.0) :]
        wanted = part.astype(np.float64)
        size = 1 << (len(heard) + len(wanted)).bit_length()
        product_ = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
        return self.count - len(heard) + int(np.argmax(np.fft.irfft(product_, size)[: len(heard)]))


def _first_words(model: str) -> dict[str, str]:
    table = offsets.table()
    chosen = [clip for clip in clips(*TEXT_KINDS) if clip.text and clip.name in table]
    with TemporaryDirectory() as folder:
        paths: list[Path] = []
        for late_s in _LATE_S:
            for clip in chosen:
                sound = np.concatenate([quiet(1.0), clip.samples()])
                onset = to_samples(1.0 + table[clip.name][0][0])
                part = sound[onset + to_samples(late_s) : onset + to_samples(_HEARD_S)]
                paths.append(Path(folder) / f"{len(paths)}.wav")
                write_wav(paths[-1], np.concatenate([part, quiet(1.2)]))
        texts = product.transcribe(model, paths)
    right = {
        late_s: [
            score.words(text)[:1] == score.words(clip.text)[:1]
            for clip, text in zip(chosen, texts[at * len(chosen) :], strict=False)
        ]
        for at, late_s in enumerate(_LATE_S)
    }
    return {
        f"{1000 * late_s:g} ms late": f"{sum(each)}/{len(each)}" for late_s, each in right.items()
    }
