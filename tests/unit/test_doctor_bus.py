import pytest

from swictation.control.status import Degraded, Held, Status
from swictation.doctor.bus import judge_status

pytestmark = pytest.mark.unit


def test_text_that_the_daemon_holds_is_named_with_what_to_do():
    found = judge_status(Status(state="idle", pid=7, held=Held(2, "the screen is locked")))
    assert found.level == "warning"
    assert "holds 2 texts (the screen is locked)" in found.found
    assert "swictation paste-last" in found.remedy


def test_a_daemon_that_holds_nothing_is_fine():
    assert judge_status(Status(state="idle", pid=7)).level == "ok"


def test_the_remedy_of_what_is_degraded_comes_first_and_what_to_do_with_held_text_behind_it():
    degraded = Degraded("no-engine", "it keeps dying -> swictation doctor", 3.0)
    found = judge_status(Status(state="idle", pid=7, degraded=degraded, held=Held(1, "no window")))
    assert found.found.startswith("idle (PID 7), no-engine: it keeps dying, holds 1 text")
    command, *notes = found.remedy.split("  # ")
    assert command == "swictation doctor"
    assert notes == ["to type that: swictation paste-last", "or drop it: swictation cancel"]
