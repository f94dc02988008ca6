"""The engine as one whose model lies on a GPU: its memory is the ledger's, and NVML shows it.

Without a made-up GPU in the environment (`fakes.nvml`) it has one of its own, which nobody sees.
With `is_real` it takes what its books say from the driver, real or made up (`realcard`).
"""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from scripted import faults
from scripted.engine import ScriptedEngine
from scripted.script import CardScript, Fault, Script
from swictation.asr.engine import EngineSpec, Waveform
from swictation.errors import EngineError
from swictation.types import AllocatorFigures, Capabilities, DecodeRequest, Hypothesis, Tier

sys.path.append(str(Path(__file__).parents[3]))  # a worker's path has this package alone

from fakes.ledger import Block, Ledger, PaperCard, SharedCard
from fakes.nvml.card import FakeCard
from realcard.driver import DriverCard

_GREEDY_PART = 0.7
"""Greedy needs so much of what a beam needs."""


def load(spec: EngineSpec, script: Script) -> "CardEngine":
    """Create a context, load the tier's weights, and do what is ordered for loading."""
    card = script.manifest.card
    if card is None or spec.tier >= len(card.tiers):
        raise EngineError(f"The manifest has no tier {spec.tier} for a GPU.", "write one")
    ledger = _ledger(card)
    if fault := script.due("load"):
        faults.commit(fault, script.generation, ledger=ledger)
    return CardEngine(script, card, spec.tier, ledger)


def _ledger(card: CardScript) -> Ledger:
    if card.is_real:
        return Ledger(DriverCard(), 0.0)  # the context is the driver's, and in nobody's books
    made_up = FakeCard.attach()
    return Ledger(SharedCard(made_up) if made_up else PaperCard(), card.context_mib)


class ScriptedAllocator:
    """The ledger, of which a test may order that collecting fails or takes time."""

    def __init__(self, script: Script, ledger: Ledger) -> None:
        self._script = script
        self._ledger = ledger

    def figures(self) -> AllocatorFigures | None:
        return self._ledger.figures()

    def free_mib(self) -> float | None:
        return self._ledger.free_mib()

    def collect(self) -> None:
        if fault := self._script.due("collect"):
            faults.commit(fault, self._script.generation, ledger=self._ledger)
        self._ledger.collect()

    def begin_unit(self) -> None:
        self._ledger.begin_unit()


class CardEngine(ScriptedEngine):
    """Each decode takes `base_mib + mib_per_s * seconds`, and gives it back."""

    def __init__(self, script: Script, card: CardScript, tier: int, ledger: Ledger) -> None:
        super().__init__(script)
        self._ledger = ledger
        self._tier = card.tiers[tier]
        self._card = card
        self._weights = ledger.malloc(self._tier.weights_mib)
        self._buffer = ledger.malloc(card.buffer_mib)
        self._work_part = 1.0
        threading.Event().wait(self._tier.load_s)
        self.allocator = ScriptedAllocator(script, ledger)
        self.capabilities = Capabilities(
            device="cuda",
            languages=(),
            forced_prefix=True,
            partials=script.manifest.partials,
            tiers=tuple(Tier(one.name, one.weights_mib + card.buffer_mib) for one in card.tiers),
            tier=tier,
        )

    def decode(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        with self._work(request.duration_s):
            return super().decode(request, waveform)

    def apply(self, order: str) -> bool:
        if fault := self._script.due("order"):
            faults.commit(fault, self._script.generation, ledger=self._ledger)
        match order:
            case "greedy":
                self._work_part = _GREEDY_PART
            case "beam":
                self._work_part = 1.0
            case "half-buffer":
                self._buffer_of(self._card.buffer_mib / 2)
            case "full-buffer":
                self._buffer_of(self._card.buffer_mib)
            case _:
                return False
        return True

    def close(self) -> None:
        super().close()
        self._ledger.exit()

    @contextmanager
    def _work(self, seconds: float) -> Generator[None]:
        tier = self._tier
        mib = self._work_part * (tier.base_mib + tier.mib_per_s * seconds)
        blocks: list[Block] = []
        try:
            blocks.extend(self._ledger.malloc(part * mib) for part in (0.6, 0.4))
            self._ledger.launch()
            yield
        finally:
            for block in blocks:
                self._ledger.free(block)

    def _buffer_of(self, mib: float) -> None:
        self._ledger.free(self._buffer)
        self._buffer = self._ledger.malloc(mib)

    def _commit(self, fault: Fault, number: int) -> None:
        faults.commit(fault, self._script.generation, number, self._ledger)
