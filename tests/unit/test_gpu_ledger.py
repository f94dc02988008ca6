"""The books of a GPU's memory balance, whatever is asked of them."""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.ledger import MIB, AcceleratorError, Ledger, OutOfMemoryError, PaperCard
from swictation.types import Allocator

pytestmark = pytest.mark.unit


def test_it_rounds_as_the_real_one_does():
    ledger: Allocator = Ledger(PaperCard(), context_mib=300)
    for mib, reserved_mib in ((0.1, 2), (1.0, 2), (1.5, 22), (9.0, 22), (11.0, 34)):
        ledger.malloc(mib)
        assert ledger.figures().reserved_mib == reserved_mib


def test_what_is_freed_is_cached_and_used_again():
    card = PaperCard()
    ledger = Ledger(card)
    free = card.free_bytes()
    ledger.free(ledger.malloc(100))
    assert card.free_bytes() == free - 100 * MIB
    ledger.free(ledger.malloc(90))
    assert ledger.figures().reserved_mib == 100
    ledger.collect()
    assert card.free_bytes() == free


def test_it_empties_its_cache_before_it_refuses():
    card = PaperCard(total_mib=1000, reserved_mib=0)
    ledger = Ledger(card, context_mib=300)
    ledger.free(ledger.malloc(400))
    ledger.free(ledger.malloc(500))
    assert (ledger.figures().retries, ledger.figures().ooms) == (1, 0)
    card.others_mib = 300
    with pytest.raises(OutOfMemoryError, match="CUDA out of memory"):
        ledger.malloc(600)
    assert (ledger.figures().retries, ledger.figures().ooms) == (2, 1)


def test_no_room_for_a_context_is_an_oom():
    with pytest.raises(OutOfMemoryError):
        Ledger(PaperCard(total_mib=400), context_mib=300)


def test_a_piece_in_use_keeps_its_segment():
    ledger = Ledger(PaperCard())
    kept = ledger.malloc(2)
    ledger.free(ledger.malloc(8))
    ledger.collect()
    figures = ledger.figures()
    assert (figures.allocated_mib, figures.inactive_split_mib) == (2, 18)
    ledger.free(kept)
    ledger.collect()
    assert ledger.figures().reserved_mib == 0


def test_poison_stays():
    ledger = Ledger(PaperCard())
    block = ledger.malloc(1)
    ledger.poison(719)
    for touch in (ledger.collect, ledger.launch, ledger.free_mib, lambda: ledger.malloc(1)):
        for _ in range(2):
            with pytest.raises(AcceleratorError, match="unspecified launch failure"):
                touch()
    ledger.free(block)
    assert ledger.figures().allocated_mib == 0


class Books(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.gpu = PaperCard(total_mib=528, reserved_mib=16)
        self.ledger = Ledger(self.gpu, context_mib=64)
        self.blocks = []

    @rule(mib=st.floats(0.001, 200.0))
    def allocate(self, mib):
        ooms = self.ledger.figures().ooms
        try:
            self.blocks.append(self.ledger.malloc(mib))
        except OutOfMemoryError:
            assert self.ledger.figures().ooms == ooms + 1

    @precondition(lambda self: self.blocks)
    @rule(which=st.integers(0, 50))
    def release(self, which):
        self.ledger.free(self.blocks.pop(which % len(self.blocks)))

    @rule()
    def empty(self):
        self.ledger.collect()
        assert all(not segment.is_unused for segment in self.ledger.segments)

    @rule(part=st.floats(0.0, 1.0))
    def others_take(self, part):
        room = self.gpu.free_bytes() / MIB + self.gpu.others_mib
        self.gpu.others_mib = part * room

    @invariant()
    def it_balances(self):
        ledger = self.ledger
        assert ledger.allocated == sum(block.size for block in self.blocks) <= ledger.reserved
        assert ledger.inactive_split <= ledger.reserved - ledger.allocated
        assert self.gpu.free_bytes() >= -1
        held = 512 * MIB - self.gpu.free_bytes() - int(self.gpu.others_mib * MIB)
        assert held == ledger.reserved + 64 * MIB
        for segment in ledger.segments:
            sizes = [block.size for block in segment.blocks]
            frees = [block.is_free for block in segment.blocks]
            assert sum(sizes) == segment.size
            assert (True, True) not in itertools.pairwise(frees), "not joined"


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60)
