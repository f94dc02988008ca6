"""The real program on speech that does not end, watched from outside."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from endurance.speech import Speaker, Speech
from endurance.watch import Course, Watch, of_process
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.hardening import INSPECT

_PATIENCE_S = 120.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Heard:
    """What came of it."""

    courses: dict[str, Course]
    text: str
    rounds: int
    speed: float
    """How many times as fast as speech it was."""


def has_card() -> bool:
    """Whether both NVML and torch see a GPU; torch is asked in a process of its own."""
    probe = NvmlProbe()
    is_usable = probe.read().is_usable
    probe.close()
    if not is_usable:
        return False
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.is_available())"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return told.strip() == "True"


def configure(speech: Speech, device: str) -> None:
    """Write the configuration of this test's own folders."""
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "swictation" / "config.toml"
    config.parent.mkdir(parents=True)
    asr = {"engine": speech.engine, "model": speech.model, "device": device}
    lines = [f"{key} = {json.dumps(value)}" for key, value in asr.items()]
    # Nothing is to hide a leak by starting afresh.
    config.write_text("\n".join(["[asr]", *lines, "[worker]", "max_rss_mib = 100000", ""]))


def listen(speech: Speech, minutes: float, folder: Path, *, on_card: bool = False) -> Heard:
    """Have it hear `speech` again and again for so long, then end in order."""
    command = [sys.executable, "-m", "swictation", "run", "--source", "-", "--sink", "stdout"]
    written = folder / "text"
    with ExitStack() as stack:
        out = stack.enter_context(written.open("wb"))
        env = {**os.environ, INSPECT: "1"}  # else the worker's PSS and files are root's to read
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, env=env)
        stack.callback(child.wait)
        stack.callback(child.kill)
        assert child.stdin is not None
        speaker = Speaker(speech, child.stdin)
        probe = NvmlProbe() if on_card else None
        speaker.start()
        try:
            while _lives_on(child, _LOOK_EVERY_S) and not written.stat().st_size:
                pass  # it loads its model: what it takes for that is no leak
            with Watch(lambda: _holdings(child.pid, probe)) as watch:
                _lives_on(child, minutes * 60)
        finally:
            speaker.finish()
        code = child.wait(_PATIENCE_S)
        if probe:
            probe.close()
    assert code == 0, f"it ended with {code}"
    text = " ".join(written.read_text().split())
    speed = speaker.said_s / max(watch.seconds, 1.0)
    return Heard(watch.courses(), text, speaker.rounds, speed)


def _lives_on(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it is still there after so long."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _holdings(pid: int, probe: NvmlProbe | None) -> dict[str, float]:
    """Of the program and its worker, once it has one."""
    try:
        children = psutil.Process(pid).children()
    except psutil.Error:
        return {}
    if not children:
        return {}
    worker = children[0].pid
    figures = of_process("daemon", pid) | of_process("worker", worker)
    ours_mib = probe.read((worker,)).ours_mib if probe else None
    return figures if ours_mib is None else figures | {"card": ours_mib}
