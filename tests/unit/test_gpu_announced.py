"""A degraded mode is announced once: not while the engine is only late, nor again on its return."""

import pytest

from swictation.config.settings import AsrSettings, Settings
from swictation.gpu.effects import LoadGpu, StopGpu, Validate
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.types import Tier, VramSnapshot

pytestmark = pytest.mark.unit

TOTAL_MIB, MODEL_MIB, CONTEXT_MIB = 4096.0, 1670.0, 300.0
TIERS = (Tier("1b fp16", MODEL_MIB),)


class Played:
    """A GPU, its worker and a user who speaks; each second a reading."""

    def __init__(self, cpu_engine="whisper"):
        settings = Settings(asr=AsrSettings(cpu_engine=cpu_engine))
        self.manager = AdaptiveMemoryManager(
            settings, Breaker(), Admission(10.0, 12.0), is_wanted=True, tiers=TIERS
        )
        self.now_s = 0.0
        self.others_mib = 500.0
        self.ours_mib = 0.0
        self.is_busy = False
        self.due = set()
        self.modes = []
        """The mode each time that it changed."""
        self.take(self.manager.on_cpu(0.0, "ready" if cpu_engine else "failed"))

    def take(self, effects):
        self.due |= {type(effect) for effect in effects}
        if StopGpu in self.due:
            self.due.discard(StopGpu)
            self.ours_mib = 0.0
            self.take(self.manager.on_gpu_gone(self.now_s, None, ""))
        if self.manager.mode != (self.modes or [""])[-1]:
            self.modes.append(self.manager.mode)

    def pass_s(self, seconds):
        for _ in range(seconds):
            self.now_s += 1.0
            free_mib = TOTAL_MIB - self.others_mib - self.ours_mib
            self.take(
                self.manager.on_activity(
                    self.now_s, is_listening=True, is_busy=self.is_busy, backlog_s=0.0
                )
            )
            snapshot = VramSnapshot(self.now_s, TOTAL_MIB, max(0.0, free_mib), self.ours_mib)
            self.take(self.manager.on_snapshot(snapshot))

    def load(self):
        """The worker that was asked for comes, loads, and proves itself."""
        assert LoadGpu in self.due
        self.due.clear()
        self.ours_mib = CONTEXT_MIB + MODEL_MIB
        self.pass_s(2)
        self.take(self.manager.on_gpu_ready(self.now_s, TIERS, 0, None))
        self.pass_s(1)
        assert Validate in self.due
        self.due.clear()
        self.take(self.manager.on_validated(self.now_s, is_good=True))


@pytest.fixture
def played():
    return Played()


def test_who_speaks_while_the_first_worker_loads_is_told_nothing(played):
    played.pass_s(1)
    played.is_busy = True
    played.load()
    played.pass_s(5)
    assert played.manager.asr_placement == "cpu", "the utterance ends where it began"
    played.is_busy = False
    played.pass_s(1)
    assert played.manager.asr_placement == "gpu"
    assert played.modes == []


def test_without_an_engine_on_the_processor_a_first_load_is_no_trouble_either():
    played = Played(cpu_engine="")
    played.is_busy = True
    played.pass_s(1)
    played.load()
    played.pass_s(1)
    assert played.manager.asr_placement == "gpu", "nobody else began the utterance"
    assert played.modes == []
    played.others_mib = 2200.0
    played.pass_s(2)
    assert played.modes == ["vad-only"]


def test_from_an_eviction_to_the_return_it_is_told_once_and_lasts_until_the_card_serves(played):
    played.pass_s(1)
    played.load()
    played.others_mib = 2200.0
    played.is_busy = True
    played.pass_s(2)
    assert played.modes == ["cpu-engine"]
    played.others_mib = 500.0
    while LoadGpu not in played.due:
        played.pass_s(1)
    played.load()
    played.pass_s(5)
    assert played.modes == ["cpu-engine"]
    assert played.manager.mode_reason == "an utterance that began on the CPU ends there"
    played.is_busy = False
    played.pass_s(1)
    assert played.manager.asr_placement == "gpu"
    assert played.modes == ["cpu-engine", ""]
