import pytest

from swictation.control.status import Held, Status
from swictation.doctor.bus import judge_status

pytestmark = pytest.mark.unit


def test_text_that_the_daemon_holds_is_named_with_what_to_do():
    found = judge_status(Status(state="idle", pid=7, held=Held(2, "the screen is locked")))
    assert found.level == "warning"
    assert "holds 2 texts (the screen is locked)" in found.found
    assert "swictation paste-last" in found.remedy


def test_a_daemon_that_holds_nothing_is_fine():
    assert judge_status(Status(state="idle", pid=7)).level == "ok"
