"""The memory manager: what a reading costs, and what three days at a desk would have been."""

import random
import time
from typing import Any

import msgspec

from swictation.config.settings import Settings, VramSettings
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.levels import LevelState, Limits, decide
from swictation.gpu.simulate.loop import Simulation
from swictation.types import AllocatorFigures, VramSnapshot
from tests.bench.context import Context
from tests.fakes.desk import TOTAL_MIB, desk

_READINGS = 50_000
_DAY_S = 86_400


def run(_context: Context) -> dict[str, Any]:
    """Figures of decisions, of three days, and of a neighbour that breathes."""
    return {
        "decide_us": _decide_us(),
        "reading_us": _reading_us(),
        "request_us": _request_us(),
        "days": _days(),
        "breathing": _breathing(),
    }


def _per_us(begun_s: float, count: int) -> float:
    return round((time.process_time() - begun_s) / count * 1e6, 2)


def _readings() -> list[VramSnapshot]:
    rng = random.Random(1)
    return [
        VramSnapshot(float(at_s), TOTAL_MIB, rng.uniform(850.0, 1900.0), 2130.0)
        for at_s in range(2, _READINGS)
    ]


def _decide_us() -> float:
    """The ladder alone."""
    ladder, limits, readings = LevelState(), Limits.of(VramSettings(), TOTAL_MIB), _readings()
    begun_s = time.process_time()
    for reading in readings:
        ladder = decide(ladder, reading, limits)
    return _per_us(begun_s, len(readings))


def _serving() -> AdaptiveMemoryManager:
    manager = AdaptiveMemoryManager(Settings(), Breaker(), Admission(200.0, 12.0), is_wanted=True)
    manager.on_activity(0.0, is_listening=True, is_busy=False, backlog_s=0.0)
    manager.on_snapshot(VramSnapshot(0.5, TOTAL_MIB, 3500.0, 0.0))
    manager.on_gpu_ready(1.0, (), 0, AllocatorFigures(1700.0, 1700.0))
    manager.on_snapshot(VramSnapshot(1.5, TOTAL_MIB, 1500.0, 2130.0))
    manager.on_validated(1.6, is_good=True)
    return manager


def _reading_us() -> float:
    """All that a reading sets off while a worker serves, and when to be asked again."""
    manager, readings = _serving(), _readings()
    begun_s = time.process_time()
    for reading in readings:
        manager.on_snapshot(reading)
        _ = manager.next_tick_s
    return _per_us(begun_s, len(readings))


def _request_us() -> float:
    """A request admitted, answered and learnt from."""
    manager, figures = _serving(), AllocatorFigures(1700.0, 1700.0, 0.0, 1910.0)
    begun_s = time.process_time()
    for number in range(2000):
        audio_s = 2.0 + number % 13
        manager.admit(1.7, audio_s, deaths_on_gpu=0)
        manager.on_gpu_answer(1.7, audio_s, figures)
    return _per_us(begun_s, 2000)


def _days() -> dict[str, Any]:
    """Three days, each with its own seed."""
    begun_s = time.process_time()
    tallies = []
    for seed in range(3):
        simulation = Simulation(Settings(), desk(seed))
        for _ in simulation.moments():
            pass
        tallies.append(msgspec.structs.asdict(simulation.tally))
    cpu_s = time.process_time() - begun_s
    mean = {key: round(sum(t[key] for t in tallies) / 3, 1) for key in tallies[0]}
    return {"cpu_s_of_three": round(cpu_s, 2), "mean_of_a_day": mean}


def _breathing() -> dict[str, int]:
    """Level changes in a day of 1.2 % of noise round each threshold; the ladder alone."""
    changes = {}
    for threshold in VramSettings().thresholds:
        rng, base, count = random.Random(3), threshold, 0
        ladder, limits = LevelState(), Limits.of(VramSettings(), TOTAL_MIB)
        for second in range(_DAY_S):
            base += rng.gauss(0, 0.0004) + (threshold + 0.005 - base) * 0.0005
            used = min(1.0, max(0.0, base + rng.gauss(0, 0.012)))
            reading = VramSnapshot(float(second), TOTAL_MIB, TOTAL_MIB * (1.0 - used), 0.0)
            was, ladder = ladder.level, decide(ladder, reading, limits)
            count += ladder.level != was
        changes[f"{threshold:g}"] = count
    return changes
