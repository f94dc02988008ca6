"""What is concluded from our own part of the GPU, which the driver lists every few seconds."""

import pytest

from swictation.config.settings import VramSettings
from swictation.gpu.policy.gpu_worker_state import GpuWorkerState
from swictation.types import AllocatorFigures, Tier, VramSnapshot

pytestmark = pytest.mark.unit

TIERS = (Tier("1b fp16", 1670.0),)


@pytest.fixture
def worker():
    """Asked for at 0 s; it takes 430 + 1670 MiB."""
    worker = GpuWorkerState(VramSettings(), TIERS)
    worker.ask(0.0, 0)
    return worker


def test_a_worker_that_loads_is_not_ended_for_what_it_took_itself(worker):
    listed = VramSnapshot(2.0, 4096.0, 3500.0, 0.0)
    later = VramSnapshot(6.0, 4096.0, 1800.0, 0.0, is_ours_fresh=False)
    assert not worker.is_room_gone(listed)
    assert not worker.is_room_gone(later)


def test_it_is_ended_when_others_took_the_room(worker):
    assert worker.is_room_gone(VramSnapshot(7.0, 4096.0, 1800.0, 0.0))
    assert not worker.is_room_gone(VramSnapshot(7.0, 4096.0, 1800.0, 400.0))


def test_what_a_context_takes_is_learnt_from_a_list_made_after_the_model_was_there(worker):
    figures = AllocatorFigures(allocated_mib=1670.0, reserved_mib=1670.0)
    worker.ready(5.0, TIERS, 0, figures)
    worker.learn_context(VramSnapshot(8.0, 4096.0, 1500.0, 1700.0, is_ours_fresh=False))
    assert worker.context_mib == 430.0
    worker.learn_context(VramSnapshot(9.0, 4096.0, 1500.0, 1985.0))
    assert worker.context_mib == 315.0
