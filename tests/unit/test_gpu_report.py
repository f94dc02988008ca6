"""What the manager says of the GPU, which it reads now and then and lists more seldom."""

import pytest

from swictation.config.settings import Settings
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.types import AllocatorFigures, Tier, VramSnapshot

pytestmark = pytest.mark.unit

TIERS = (Tier("1b fp16", 1670.0),)


@pytest.fixture
def manager():
    """A worker that has just loaded, while somebody dictates."""
    manager = AdaptiveMemoryManager(
        Settings(), Breaker(), Admission(10.0, 12.0), is_wanted=True, tiers=TIERS
    )
    manager.on_activity(1.0, is_listening=True, is_busy=False, backlog_s=0.0)
    manager.on_snapshot(VramSnapshot(1.0, 4096.0, 3500.0, 0.0))
    manager.on_gpu_ready(2.0, TIERS, 0, AllocatorFigures(1670.0, 1680.0))
    return manager


def owners(manager, now_s):
    status = manager.status(now_s)
    return status.ours_mib, status.others_mib


def test_a_model_that_the_list_does_not_have_yet_is_not_shown_as_others(manager):
    manager.on_snapshot(VramSnapshot(2.5, 4096.0, 1390.0, 0.0, is_ours_fresh=False))
    assert owners(manager, 2.6) == (2110.0, 596.0), "what the worker says, and a context"
    manager.on_snapshot(VramSnapshot(3.5, 4096.0, 1390.0, 1980.0))
    assert owners(manager, 3.6) == (1980.0, 726.0)


def test_what_it_holds_is_never_more_than_what_is_used(manager):
    manager.on_snapshot(VramSnapshot(2.5, 4096.0, 3000.0, 0.0, is_ours_fresh=False))
    assert owners(manager, 2.6) == (1096.0, 0.0)


def test_what_the_driver_does_not_tell_is_unknown(manager):
    manager.on_snapshot(VramSnapshot(2.5, 4096.0, 1390.0, None))
    assert owners(manager, 2.6) == (None, None)


def test_it_tells_how_old_its_figures_are_and_whether_anybody_looks(manager):
    status = manager.status(42.0)
    assert (status.read_ago_s, status.need) == (41.0, "held")
    assert "41 s ago" in status.trouble
