"""The cues through a real sound server."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from desktop.sound import VirtualMicrophone
from fakes.bus import within
from swictation.control.desktop.cues import Cues

pytestmark = pytest.mark.desktop


@pytest.fixture
def server(own_folders: Path, monkeypatch: pytest.MonkeyPatch):
    for program in ("pulseaudio", "pactl", "paplay", "parec"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing (packages pulseaudio, pulseaudio-utils)")
    server = VirtualMicrophone(own_folders / "sound")
    server.start()
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    yield server
    server.kill()


def test_a_cue_can_be_heard(server: VirtualMicrophone):
    async def loudest() -> int:
        recorder = await asyncio.create_subprocess_exec(
            "parec", "--device=out.monitor", "--rate=22050", "--channels=1", "--format=s16le",
            "--latency-msec=20", stdout=subprocess.PIPE,
        )  # fmt: skip
        assert recorder.stdout
        cues = Cues()
        try:
            await recorder.stdout.readexactly(2)  # it records
            cues.play("start")
            peak = 0
            while peak < 1000:
                samples = np.frombuffer(await recorder.stdout.readexactly(2048), np.int16)
                peak = max(peak, int(np.abs(samples.astype(np.int32)).max()))
            return peak
        finally:
            await cues.stop()
            recorder.kill()
            await recorder.communicate()

    async def limited() -> int:
        async with within():
            return await loudest()

    assert 1000 <= asyncio.run(limited()) < 8000
