"""`swictation vram simulate` as a person meets it."""

import json
import subprocess
import sys

import pytest

from patience import PATIENCE_S

pytestmark = pytest.mark.process


def simulate(*args, env=None):
    command = [sys.executable, "-m", "swictation", "vram", "simulate", *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=env
    )


def test_a_shipped_trace_is_told_decision_by_decision_with_its_sums():
    done = simulate("browser-and-game")
    assert (done.returncode, done.stderr) == (0, "")
    assert "load: dictation is on and there is room" in done.stdout
    assert "level: WARNING -> CRITICAL" in done.stdout
    assert "stop: the GPU is at EMERGENCY" in done.stdout
    assert "out of memory           0" in done.stdout
    assert "lost, still waiting     0.0 s, 0.0 s" in done.stdout


@pytest.mark.slow
def test_json_is_one_object_a_line_the_sums_last():
    done = simulate("quiet-desktop", "--json")
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert rows[-1]["summary"]["ooms"] == 0
    assert {"at_s", "level", "used_mib", "asr", "detector", "decision", "reason"} <= rows[2].keys()


@pytest.mark.slow
def test_the_picture_is_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    file = tmp_path / "plot.png"
    assert simulate("breathing-neighbour", "--plot", file).returncode == 0
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_is_one_clear_error(tmp_path):
    pytest.importorskip("matplotlib")
    done = simulate("quiet-desktop", "--plot", tmp_path / "nowhere" / "plot.png")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_configuration_decides(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[vram]\non_critical = "vad-only"\n')
    assert "requests wait" in simulate("browser-and-game", "--config", file).stdout
    file.write_text("[vram]\nthresholds = [0.9, 0.8, 0.95]\n")
    done = simulate("browser-and-game", "--config", file)
    assert done.returncode == 2
    assert "thresholds must rise" in done.stderr


@pytest.mark.slow
def test_a_bad_trace_is_one_error_with_its_line_and_ends_with_2(tmp_path):
    file = tmp_path / "trace"
    file.write_text('{"t_s":0,"total_mib":4096,"free_mib":3000,"ours_mib":0}\nnonsense\n')
    done = simulate(file)
    assert done.returncode == 2
    assert "trace:2: not a line of a trace" in done.stderr
    assert "Traceback" not in done.stderr
