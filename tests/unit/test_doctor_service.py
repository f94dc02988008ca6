import msgspec
import pytest

from swictation.doctor.service import judge
from swictation.service.state import ServiceState

pytestmark = pytest.mark.unit

WELL = ServiceState(
    load="loaded",
    enabled="enabled",
    active="active",
    sub="running",
    since="Sat 2026-11-21 20:00:00 UTC",
    pid=4711,
    path="/home/u/.config/systemd/user/swictation.service",
    target="graphical-session.target",
    result="success",
    status_text="",
    restarts=0,
)


def judged(*, is_current=True, other="", **changes):
    now = msgspec.structs.replace(WELL, **changes)
    return judge(now, is_current=is_current, other=other)


def test_a_service_that_runs_is_fine_and_says_what_starts_it():
    found = judged()
    assert (found.level, found.found) == ("ok", "active, starts with graphical-session.target")


def test_to_have_none_is_no_fault():
    assert judged(load="not-found", enabled="", active="inactive").level == "ok"


@pytest.mark.parametrize(("active", "sub"), [("failed", "failed"), ("activating", "auto-restart")])
def test_a_daemon_that_ends_by_itself_is_an_error_that_leads_to_the_journal(active, sub):
    found = judged(active=active, sub=sub, result="watchdog")
    assert (found.level, found.found) == ("error", "the daemon ends by itself: watchdog")
    assert found.remedy.startswith("to see why: journalctl --user -u swictation")


def test_a_unit_that_is_not_enabled_or_not_ours_any_more_is_to_be_installed_again():
    for found in (judged(enabled="disabled"), judged(is_current=False)):
        assert (found.level, found.remedy) == ("warning", "swictation service install")


def test_a_service_kept_from_starting_by_another_daemon_names_it_and_starts_by_the_remedy():
    found = judged(active="failed", sub="failed", result="exit-code", other="4711")
    assert (found.level, "process 4711" in found.found) == ("error", True)
    assert "kill 4711" in found.remedy
    assert found.remedy.endswith("reset-failed swictation && systemctl --user restart swictation")
