"""What this process holds on a GPU, read from a made-up driver by the real nvidia-ml-py."""

import os

import pytest

from fakes.nvml.card import DRIVER_NOT_LOADED, GPU_IS_LOST, UNKNOWN
from fakes.sysfs import Machine
from swictation.gpu.guard.guard import CUDAMemoryGuard
from swictation.gpu.nvml.allocator import NvmlAllocator

pytestmark = pytest.mark.process

OURS = os.getpid()
CONTEXT_MIB, OTHERS_MIB, RESERVED_MIB, TOTAL_MIB = 300, 1200, 170, 4096


@pytest.fixture
def machine(tmp_path):
    made_up = Machine(tmp_path / "machine")
    made_up.add()
    return made_up


@pytest.fixture
def own(card, machine):
    """It has a context; another program is on the GPU too."""
    card.set_process(999_999, OTHERS_MIB, is_lasting=True)
    card.set_process(OURS, CONTEXT_MIB)
    made = NvmlAllocator(root=machine.root)
    made.note_context()
    yield made
    made.close()


def hold(card, mib):
    card.set_process(OURS, CONTEXT_MIB + mib)


def test_our_own_memory_is_seen_without_the_context_and_that_of_others_is_not(card, own):
    hold(card, 500)
    figures = own.figures()
    assert (figures.allocated_mib, figures.reserved_mib, figures.peak_mib) == (500, 500, 500)
    card.set_process(999_999, OTHERS_MIB + 700, is_lasting=True)
    assert own.figures() == figures
    assert own.free_mib() == TOTAL_MIB - RESERVED_MIB - OTHERS_MIB - 700 - CONTEXT_MIB - 500


def test_nothing_beside_the_context_is_nothing(own):
    assert own.figures().reserved_mib == 0


@pytest.mark.parametrize("code", [GPU_IS_LOST, UNKNOWN])
def test_a_card_that_cannot_be_read_is_not_taken_for_an_empty_one(card, own, code):
    hold(card, 500)
    card.fail_queries(code)
    assert own.figures() is None
    assert own.free_mib() is None
    card.fail_queries(0)
    assert own.figures().allocated_mib == 500


def test_a_driver_that_is_not_loaded_is_not_taken_for_an_empty_card(card, machine):
    card.fail_init(DRIVER_NOT_LOADED)
    own = NvmlAllocator(root=machine.root)
    assert own.note_context() is None
    assert own.figures() is None
    assert own.free_mib() is None


def test_use_that_the_driver_hides_is_unknown(card, own):
    card.hide_use()
    assert own.figures() is None
    assert own.free_mib() is not None


def test_a_process_that_is_not_on_the_drivers_list_is_unknown(card, own):
    """As in a container, where the driver numbers processes as the host does."""
    card.drop_process(OURS)
    assert own.figures() is None


def test_without_the_contexts_size_nothing_is_known(card, machine):
    card.set_process(OURS, 800)
    own = NvmlAllocator(root=machine.root)
    assert own.figures() is None
    own.close()


def test_the_card_that_is_named_is_read(card, machine):
    second = card.add_device(uuid="GPU-second")
    card.set_process(OURS, 310, device=second)
    own = NvmlAllocator("GPU-second", machine.root)
    assert own.note_context() == 310
    own.close()


def test_a_peak_that_nobody_saw_is_what_was_expected_of_it(card, own):
    hold(card, 500)
    own.begin_unit()
    own.expect(150)
    assert own.figures().peak_mib == 650
    own.begin_unit()
    assert own.figures().peak_mib == 500


def test_a_peak_that_was_seen_and_is_higher_counts(card, own):
    hold(card, 500)
    own.begin_unit()
    own.expect(50)
    hold(card, 700)
    assert own.figures().peak_mib == 700
    hold(card, 500)
    assert own.figures().peak_mib == 700


def test_under_the_guard_what_stays_is_a_leak_and_nothing_is_worth_collecting(card, own):
    guard = CUDAMemoryGuard(own)
    for unit in range(4):
        with guard.unit(5.0) as running:
            running.point("before-transfer")
            hold(card, 500 + 100 * unit)
            running.point("after-inference")
    assert "each unit keeps about 100 MiB" in guard.report.leak
    assert [count.collected for count in guard.report.points.values()] == [0, 0]


def test_closed_it_lets_go_of_the_card_and_opens_it_again_when_asked(card, own):
    own.figures()
    assert card.open_count == 1
    own.close()
    assert card.open_count == 0
    assert own.figures() is not None
    assert card.open_count == 1
