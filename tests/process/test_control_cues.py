import asyncio
import os
import stat
import wave
from pathlib import Path

import pytest

from fakes.bus import until, within
from swictation.control.desktop.cues import Cues

pytestmark = pytest.mark.process

ASSETS = Path(__file__).resolve().parents[2] / "swictation" / "assets"


@pytest.fixture
def players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH beside the shell's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/nowhere")
    return folder


def install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("cue", ["start", "stop", "degraded"])
def test_a_cue_is_short_and_quiet(cue: str):
    with wave.open(str(ASSETS / f"{cue}.wav")) as file:
        assert file.getnframes() / file.getframerate() <= 0.3
        frames = memoryview(file.readframes(file.getnframes())).cast("h")
    assert 1000 < max(abs(frame) for frame in frames) < 8000


def test_the_first_player_that_is_installed_plays(players: Path, tmp_path: Path):
    install(players, "aplay", "")
    install(players, "paplay", f'echo "$@" > {tmp_path}/played')

    async def test() -> None:
        async with within():
            cues = Cues()
            cues.play("start")
            await until(
                lambda: (tmp_path / "played").exists() and (tmp_path / "played").read_text()
            )
            await cues.stop()

    asyncio.run(test())
    assert (tmp_path / "played").read_text().strip().endswith("assets/start.wav")


def test_a_newer_cue_cuts_an_older_one_off(players: Path, tmp_path: Path):
    log = tmp_path / "log"
    install(
        players, "aplay", f'echo "$2" >> {log}; case "$2" in *start*) exec /bin/sleep 600;; esac'
    )

    async def test() -> None:
        async with within():
            cues = Cues()
            cues.play("start")
            await until(log.exists)
            cues.play("stop")
            await until(lambda: "stop.wav" in log.read_text())
            await cues.stop()

    asyncio.run(test())


def test_a_player_that_hangs_is_not_left_behind(players: Path, tmp_path: Path):
    install(players, "pw-play", f"echo $$ > {tmp_path}/pid; exec /bin/sleep 600")

    async def test() -> None:
        async with within():
            cues = Cues()
            cues.play("start")
            await until(lambda: content(tmp_path / "pid"))
            await cues.stop()

    asyncio.run(test())
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("script", ["exit 1", None])
def test_a_player_that_fails_or_is_missing_does_no_harm(players: Path, script: str | None):
    if script is not None:
        install(players, "aplay", script)

    async def test() -> None:
        async with within():
            cues = Cues()
            for cue in ("start", "stop", "degraded"):
                cues.play(cue)
            await cues.stop()

    asyncio.run(test())
