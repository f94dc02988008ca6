"""The daemon's own detector fails: in a real program whose detector library is a broken one."""

import pytest

from fakes import broken_detector
from fakes.scripted_engine.sound import make_scene

pytestmark = pytest.mark.process


@pytest.fixture
def break_detector(program, tmp_path):
    program.hear(make_scene(1, 1))

    def break_detector(frames):
        fails = f"next(_numbers) in {frames}"
        program.env["PYTHONPATH"] = broken_detector.python_path(tmp_path / "shadow", fails)

    return break_detector


@pytest.mark.slow
def test_one_that_never_works_is_told_in_one_line_and_a_file_is_given_up(program, break_detector):
    break_detector("range(10**9)")
    done = program.play()
    assert done.code == 1
    assert done.is_calm, done.err
    message, remedy = done.err.splitlines()[-2:]
    assert "The speech detector does not work (RuntimeError('broken'))" in message
    assert remedy == "  -> swictation doctor"
    assert len(done.named("fault", kind="detector")) == 1


def test_one_that_fails_now_and_then_costs_nothing(program, break_detector):
    """Each failure costs one frame of this count, and a warm-up."""
    break_detector("range(40, 2000, 150)")
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n"), done.err
    assert not done.named("fault", kind="detector")


@pytest.mark.slow
def test_one_that_fails_for_a_while_is_waited_for_by_nobody_who_has_a_file(program, break_detector):
    break_detector("range(40, 60)")
    done = program.play()
    assert done.code == 1
    assert "The speech detector does not work" in done.err
    assert done.is_calm, done.err
