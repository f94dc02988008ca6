"""Speech for as long as one likes: memory, open files and threads stay what they are.

    python3 tests/test_memory_leaks.py --duration 30   # minutes; any Python will do
    make test-canary                                   # 60 s of it, among others

The real program hears without a pause as fast as it can, through a real worker: what leaks, leaks
with the work done. On a card its memory is watched through NVML; without one the ledger's is.
"""

import os
import sys

if __name__ == "__main__":
    from endurance.restart import run_tests

    arguments = sys.argv[1:]
    if "--duration" in arguments:
        at = arguments.index("--duration")
        os.environ["SWICTATION_LEAK_MINUTES"] = arguments[at + 1]
        del arguments[at : at + 2]
    sys.exit(run_tests(__file__, ["-s", "--timeout=0", *arguments]))

import asyncio
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from endurance.speech import Speaker, speech
from endurance.watch import Watch, of_process, table
from fakes.scripted_engine.program import HERE
from swictation.asr.engine import EngineSpec
from swictation.types import DecodeRequest, to_samples
from swictation.vram.nvml import NvmlProbe
from swictation.worker.messages import PROTOCOL_VERSION, Decode, Load
from swictation.worker.process import WorkerProcess
from tests.bench.corpus import MissingCorpus

pytestmark = pytest.mark.canary
NEEDS_NEMO = False
"""Without it the embedded engine is watched, on recordings."""

MINUTES = float(os.environ.get("SWICTATION_LEAK_MINUTES", "1"))
_LONG_MINUTES = 10
_MOST_AN_HOUR_MIB = 0.5
"""Of sound, where it went on for so long that a slope says something ..."""
_MOST_MIB = {"daemon": 6.0, "worker": 12.0}
"""... else from the end of the first fifth to the end, in all."""
_CARD_MIB = 8.0
_DECODES = 400
_PATIENCE_S = 120.0


@pytest.fixture
def said():
    try:
        return speech()
    except (FileNotFoundError, MissingCorpus) as error:
        pytest.skip(str(error))


@pytest.fixture
def device():
    """Where the engine computes: on a card if torch and NVML both see one."""
    probe = NvmlProbe()
    has_card = probe.read().is_usable
    probe.close()
    if not has_card:
        return "cpu"
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.is_available())"]
    can = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return "cuda" if can.strip() == "True" else "cpu"


@pytest.mark.timeout(MINUTES * 60 + 600)
def test_nothing_grows_while_speech_goes_on(said, device, own_folders, tmp_path):
    config = own_folders / "config" / "swictation" / "config.toml"
    config.parent.mkdir(parents=True)
    asr = {"engine": said.engine, "model": said.model, "device": device}
    lines = [f"{key} = {json.dumps(value)}" for key, value in asr.items()]
    config.write_text("\n".join(["[asr]", *lines, "[worker]", "max_rss_mib = 100000", ""]))
    courses, speed, text, rounds = _listen(said, device, tmp_path / "text")
    print(f"\n{said.engine} on {device}, {MINUTES:g} min, {speed:.1f} times as fast as speech")
    print(table(courses, speed))
    if said.text is not None:
        assert text == " ".join([said.text] * rounds), "what was heard is not what was said"
    assert _grown(courses, speed) == []


def test_a_cards_memory_stays_what_it_is_in_the_ledgers_books(card, tmp_path, monkeypatch):
    """A worker on the made-up card, 400 decodes of all lengths: the allocator's own figures."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(msgspec.json.encode({"card": {}}))
    spec = EngineSpec("scripted", "", str(manifest), "en", device="cuda")
    figures = asyncio.run(_decode_often(spec))
    held = np.array([(each.allocated_mib, each.reserved_mib) for each in figures])
    settled = held[len(held) // 5 :]
    assert np.ptp(settled[:, 0]) == 0.0
    assert settled[-1, 1] <= settled[0, 1]
    assert {(each.ooms, each.retries) for each in figures} == {(0, 0)}


def _listen(said, device, heard: Path):
    """The courses of what it holds, how many times as fast as speech, its text, the rounds."""
    command = [sys.executable, "-m", "swictation", "run", "--source", "-", "--sink", "stdout"]
    with ExitStack() as stack:
        out = stack.enter_context(heard.open("wb"))
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out)
        stack.callback(child.kill)
        speaker = Speaker(said, child.stdin)
        probe = NvmlProbe() if device == "cuda" else None
        with Watch(lambda: _holdings(child.pid, probe)) as watch:
            speaker.start()
            try:
                child.wait(MINUTES * 60)
            except subprocess.TimeoutExpired:
                speaker.finish()
        assert child.wait(_PATIENCE_S) == 0, "it ended before its time"
        if probe:
            probe.close()
    courses = watch.courses()
    seconds = max(course.seconds for course in courses.values()) / 0.8
    text = " ".join(heard.read_text().split())
    return courses, speaker.said_s / seconds, text, speaker.rounds


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


def _grown(courses, speed: float) -> list[str]:
    """What grew by more than it may."""
    grown: list[str] = []
    for name, course in courses.items():
        who, _, what = name.partition(" ")
        if what in ("files", "threads"):
            most, by = 0.0, course.growth
        elif name == "card":
            most, by = _CARD_MIB, course.growth
        elif MINUTES < _LONG_MINUTES:
            most, by = _MOST_MIB[who], course.growth
        else:
            most, by = _MOST_AN_HOUR_MIB, course.slope_an_hour / speed
        if by > most:
            grown.append(f"{name} grew by {by:.2f}, more than {most}")
    return grown


async def _decode_often(spec: EngineSpec):
    """The figures of each answer."""
    worker = WorkerProcess(1)
    await worker.start()
    figures = []
    try:
        worker.send(Load(PROTOCOL_VERSION, 1, spec))
        await asyncio.wait_for(worker.receive(), _PATIENCE_S)
        for number in range(1, _DECODES + 1):
            length = to_samples(1 + number % 20)
            request = DecodeRequest(number, number, 0, length)
            worker.send(Decode(request, np.zeros(length, np.int16).tobytes()))
            answer = await asyncio.wait_for(worker.receive(), _PATIENCE_S)
            figures.append(answer.figures)
    finally:
        worker.kill("the test is over")
        await worker.close()
    return figures
