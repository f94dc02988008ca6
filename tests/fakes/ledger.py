"""A GPU's memory in books: a process's context, its caching allocator, other programs, poison.

The allocator follows PyTorch's CUDACachingAllocator: sizes are rounded, small and large blocks live
in segments of their own, blocks are split and joined, and the cache is emptied before it refuses.
"""

import itertools
import os
from dataclasses import dataclass, field
from typing import Protocol

from fakes.nvml.card import FakeCard
from swictation.types import AllocatorFigures

MIB = 1 << 20
_ROUND = 512
_SMALL_UP_TO = MIB
_SMALL_SEGMENT = 2 * MIB
_LARGE_SEGMENT = 20 * MIB
_OWN_SEGMENT_FROM = 10 * MIB
_ROUND_LARGE = 2 * MIB

STICKY = {
    46: "all CUDA-capable devices are busy or unavailable",
    214: "uncorrectable ECC error encountered",
    700: "an illegal memory access was encountered",
    702: "the launch timed out and was terminated",
    709: "context is destroyed",
    710: "device-side assert triggered",
    719: "unspecified launch failure",
    999: "unknown error",
}


class OutOfMemoryError(RuntimeError):
    """As torch's; its text is torch's too."""


class AcceleratorError(RuntimeError):
    """As torch's: no subclass of the other, and with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CUDA error: {STICKY.get(code, 'unspecified')}")
        self.error_code = code


class Card(Protocol):
    """The device, as one process sees it."""

    def free_bytes(self) -> int: ...

    def hold(self, count: int) -> None:
        """This process holds so much from now on."""
        ...


class PaperCard:
    """A GPU in this process's memory; `others_mib` is what other programs hold."""

    def __init__(self, total_mib: float = 4096, reserved_mib: float = 170) -> None:
        self._usable = int((total_mib - reserved_mib) * MIB)
        self._held = 0
        self.others_mib = 0.0

    def free_bytes(self) -> int:
        return self._usable - self._held - int(self.others_mib * MIB)

    def hold(self, count: int) -> None:
        self._held = count


class SharedCard:
    """The made-up GPU that NVML shows: what this process holds, every process sees there."""

    def __init__(self, card: FakeCard) -> None:
        self._card = card

    def free_bytes(self) -> int:
        return int(self._card.free_mib() * MIB)

    def hold(self, count: int) -> None:
        self._card.set_process(os.getpid(), count / MIB)

    def close(self) -> None:
        self._card.drop_process(os.getpid())
        self._card.close()


@dataclass(eq=False)
class Block:
    """A piece of a segment."""

    size: int
    is_free: bool = True


@dataclass(eq=False)
class Segment:
    """What was asked of the driver at once; its blocks lie in order and fill it."""

    size: int
    is_small: bool
    blocks: list[Block] = field(default_factory=list)

    @property
    def is_unused(self) -> bool:
        return all(block.is_free for block in self.blocks)

    def take(self, block: Block, size: int) -> None:
        """Use the free `block` for `size`, and split off the rest if it is worth it."""
        rest = block.size - size
        if rest >= (_ROUND if self.is_small else _SMALL_UP_TO + 1):
            block.size = size
            self.blocks.insert(self.blocks.index(block) + 1, Block(rest))
        block.is_free = False

    def give_back(self, block: Block) -> None:
        """Free it, and join it with free neighbours."""
        block.is_free = True
        for one, after in itertools.pairwise(list(self.blocks)):
            if one.is_free and after.is_free:
                after.size += one.size
                self.blocks.remove(one)


class Ledger:
    """One process on the GPU: an `Allocator` whose figures are true by construction."""

    def __init__(self, card: Card, context_mib: float = 300.0) -> None:
        """Create the context, which is given back by the process's end alone."""
        self._card = card
        self._context = int(context_mib * MIB)
        self._segments: list[Segment] = []
        self._home: dict[Block, Segment] = {}
        self._peak = 0
        self._retries = self._ooms = 0
        self._poison = 0
        self.collections = 0
        self.touches = 0
        """Calls that reached the device."""
        if card.free_bytes() < self._context:
            raise self.refusal(self._context)
        card.hold(self._context)

    # --- as an engine's library uses it

    def malloc(self, mib: float) -> Block:
        self._touch()
        size = max(_ROUND, -(-int(mib * MIB) // _ROUND) * _ROUND)
        segment, block = self._best_fit(size) or self._grow(size)
        segment.take(block, size)
        self._home[block] = segment
        self._peak = max(self._peak, self.reserved)
        return block

    def free(self, block: Block) -> None:
        """To free is to write in the books: it never reaches the device, poisoned or not."""
        self._home.pop(block).give_back(block)

    def launch(self) -> None:
        """Compute something."""
        self._touch()

    def poison(self, code: int) -> None:
        """From now on every call fails so, for as long as the process lives."""
        self._poison = code

    def exit(self) -> None:
        """The process ends."""
        self._segments, self._home = [], {}
        self._card.hold(0)

    # --- swictation.types.Allocator

    def figures(self) -> AllocatorFigures | None:
        """The allocator's own books: readable on a poisoned device too, as torch's are."""
        return AllocatorFigures(
            allocated_mib=self.allocated / MIB,
            reserved_mib=self.reserved / MIB,
            inactive_split_mib=self.inactive_split / MIB,
            peak_mib=self._peak / MIB,
            retries=self._retries,
            ooms=self._ooms,
        )

    def free_mib(self) -> float | None:
        self._touch()
        return max(0, self._card.free_bytes()) / MIB

    def collect(self) -> None:
        self._touch()
        self.collections += 1
        self._empty_cache()

    def begin_unit(self) -> None:
        self._peak = self.reserved

    # --- the books

    @property
    def allocated(self) -> int:
        return sum(block.size for block in self._home)

    @property
    def reserved(self) -> int:
        return sum(segment.size for segment in self._segments)

    @property
    def inactive_split(self) -> int:
        """Free pieces that `empty_cache` cannot return: something in their segment is in use."""
        used = (segment for segment in self._segments if not segment.is_unused)
        return sum(b.size for segment in used for b in segment.blocks if b.is_free)

    @property
    def segments(self) -> list[Segment]:
        return self._segments

    def _touch(self) -> None:
        self.touches += 1
        if self._poison:
            raise AcceleratorError(self._poison)

    def _best_fit(self, size: int) -> tuple[Segment, Block] | None:
        """The smallest free block that is large enough, among those of its kind."""
        is_small = size <= _SMALL_UP_TO
        fitting = (
            (segment, block)
            for segment in self._segments
            if segment.is_small == is_small
            for block in segment.blocks
            if block.is_free and block.size >= size
        )
        return min(fitting, key=lambda pair: pair[1].size, default=None)

    def _grow(self, size: int) -> tuple[Segment, Block]:
        wanted = _segment_size(size)
        if self._card.free_bytes() < wanted:
            self._retries += 1
            self._empty_cache()
            if self._card.free_bytes() < wanted:
                self._ooms += 1
                raise self.refusal(size)
        block = Block(wanted)
        segment = Segment(wanted, size <= _SMALL_UP_TO, [block])
        self._segments.append(segment)
        self._tell()
        return segment, block

    def _empty_cache(self) -> None:
        self._segments = [segment for segment in self._segments if not segment.is_unused]
        self._tell()

    def _tell(self) -> None:
        self._card.hold(self._context + self.reserved)

    def refusal(self, size: int) -> OutOfMemoryError:
        """What is raised where `size` bytes do not fit."""
        free = max(0, self._card.free_bytes()) / MIB
        return OutOfMemoryError(
            f"CUDA out of memory. Tried to allocate {size / MIB:.2f} MiB. GPU 0 has {free:.2f} MiB"
            " free."
        )


def _segment_size(size: int) -> int:
    if size <= _SMALL_UP_TO:
        return _SMALL_SEGMENT
    if size < _OWN_SEGMENT_FROM:
        return _LARGE_SEGMENT
    return -(-size // _ROUND_LARGE) * _ROUND_LARGE
