"""The memory manager and its breaker in any order of events; start and end of a call are two."""

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from msgspec.structs import replace

from swictation.config.settings import Settings
from swictation.gpu.effects import (
    LoadGpu,
    Order,
    PlaceAsr,
    PlaceDetector,
    StopGpu,
    Validate,
)
from swictation.gpu.manager.manager import LEAST_PIECE_S, AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.levels import Level
from swictation.types import AllocatorFigures, Tier, VramSnapshot

pytestmark = pytest.mark.unit

TOTAL_MIB = 4096.0
TIERS = (Tier("1b", 1700.0), Tier("180m", 400.0))
KINDS = st.sampled_from(["fatal", "crash", "hang", "lost", "other", "oom"])
TROUBLES = st.sampled_from(["asleep", "lost", "no-driver", "mismatch", "stuck", "unknown"])


class World(RuleBasedStateMachine):
    """The daemon, the GPU and the user, each as nasty as it likes."""

    def __init__(self):
        super().__init__()
        self.now_s = 100.0
        self.reading = None
        self.seen_s = self.now_s
        self.worker = "none"
        self.begun_s = 0.0
        self.proofs, self.proofs_needed = 0, 1
        self.is_validating = False
        self.at_work = False
        self.is_busy = self.is_listening = self.is_suspended = False
        self.orders = []
        self.move = None
        self.detector = self.placement = "cpu"

    @initialize(
        on_critical=st.sampled_from(["cpu-engine", "vad-only"]),
        placement=st.sampled_from(["auto", "cpu", "gpu"]),
        cpu_engine=st.sampled_from(["whisper", ""]),
    )
    def begin(self, on_critical, placement, cpu_engine):
        plain = Settings()
        settings = replace(
            plain,
            vram=replace(plain.vram, on_critical=on_critical),
            vad=replace(plain.vad, placement=placement),
            asr=replace(plain.asr, cpu_engine=cpu_engine),
        )
        self.placement = placement
        self.breaker = Breaker()
        self.manager = AdaptiveMemoryManager(
            settings, self.breaker, Admission(200.0, 12.0), is_wanted=True
        )
        self.placement = self.manager.asr_placement

    # What the manager asks for.

    def carry_out(self, effects):
        for effect in effects:
            match effect:
                case LoadGpu():
                    assert self.worker == "none", "a second worker"
                    assert self.is_listening or self.is_busy, "loaded for nobody"
                    assert not self.is_suspended
                    self.worker, self.begun_s, self.proofs = "loading", self.now_s, 0
                case StopGpu():
                    assert self.worker != "none"
                    assert self.worker == "ending" or self.may_stop(), effect
                    self.worker = "ending"
                case Validate():
                    assert self.worker == "ready"
                    assert not self.is_validating, "two probes at once"
                    self.is_validating = True
                case Order():
                    assert self.worker == "ready"
                    self.orders.append(effect.what)
                case PlaceDetector():
                    assert effect.placement == "cpu" or self.is_trustworthy()
                    assert effect.placement == "cpu" or self.placement != "cpu"
                    self.move = effect.placement
                case PlaceAsr():
                    assert effect.placement != self.placement
                    assert effect.placement != "gpu" or self.is_trustworthy()
                    self.placement = effect.placement
        assert self.manager.tick(self.now_s) == [], "not settled by its own effects"

    def may_stop(self):
        """Not in an utterance, unless the GPU or the worker leaves no choice."""
        is_blind = self.now_s - max(self.seen_s, self.begun_s) >= 10.0
        is_bad = self.reading is not None and self.reading.trouble in (
            "lost",
            "no-driver",
            "mismatch",
        )
        must = self.manager.level == Level.EMERGENCY or self.breaker.state == "dead"
        is_squeezed = self.worker == "loading"
        return self.is_suspended or not self.is_busy or is_blind or is_bad or must or is_squeezed

    def is_trustworthy(self):
        """No success is reported after a fault until recovery has been validated."""
        reading = self.reading
        return (
            self.worker == "ready"
            and self.proofs >= self.proofs_needed
            and self.breaker.state == "closed"
            and reading is not None
            and reading.is_usable
            and self.now_s - reading.at_s <= 3.0
        )

    # The GPU.

    @rule(free_mib=st.floats(0.0, TOTAL_MIB), step_s=st.sampled_from([0.2, 1.0, 15.0]))
    def reads(self, free_mib, step_s):
        self.now_s += step_s
        ours_mib = min(2100.0, TOTAL_MIB - free_mib) if self.worker == "ready" else 0.0
        self.reading = VramSnapshot(self.now_s, TOTAL_MIB, free_mib, ours_mib)
        self.seen_s = self.now_s
        self.carry_out(self.manager.on_snapshot(self.reading))

    @rule(free_mib=st.sampled_from([3900.0, 3500.0, 1200.0, 700.0, 400.0]))
    def holds_for_two_minutes(self, free_mib):
        for _ in range(120):
            self.reads(free_mib, 1.0)

    @rule(trouble=TROUBLES, step_s=st.sampled_from([0.2, 1.0, 15.0]))
    def cannot_be_read(self, trouble, step_s):
        self.now_s += step_s
        self.reading = VramSnapshot(self.now_s, trouble=trouble)
        if trouble == "asleep" and self.worker != "ready":
            self.seen_s = self.now_s
        self.carry_out(self.manager.on_snapshot(self.reading))

    @rule(back_s=st.floats(0.1, 1000.0))
    def is_read_out_of_order(self, back_s):
        self.carry_out(self.manager.on_snapshot(VramSnapshot(self.now_s - back_s, 1.0, 0.0, 0.0)))

    @rule(step_s=st.sampled_from([0.1, 1.0, 10.0, 60.0, 400.0]))
    def time_passes(self, step_s):
        end_s = self.now_s + step_s
        for _ in range(2000):
            next_s = self.manager.next_tick_s
            assert next_s is None or next_s > self.now_s
            if next_s is None or next_s >= end_s:
                break
            self.now_s = next_s
            self.carry_out(self.manager.tick(self.now_s))
        self.now_s = end_s
        self.carry_out(self.manager.tick(self.now_s))

    # The user.

    def tell(self, backlog_s=0.0):
        self.carry_out(
            self.manager.on_activity(
                self.now_s,
                is_listening=self.is_listening,
                is_busy=self.is_busy,
                backlog_s=backlog_s,
            )
        )

    @rule(is_listening=st.booleans())
    def listens(self, is_listening):
        self.is_listening = is_listening
        self.tell()

    @rule(backlog_s=st.sampled_from([0.0, 5.0, 61.0]))
    def speaks(self, backlog_s):
        self.is_listening = self.is_busy = True
        self.tell(backlog_s)

    @precondition(lambda self: self.is_busy and not self.at_work)
    @rule()
    def is_answered_elsewhere(self):
        self.is_busy = False
        self.tell()

    @rule(is_resumed=st.booleans())
    def resets(self, is_resumed):
        if is_resumed:
            self.reading, self.is_suspended = None, False
        call = self.manager.resumed if is_resumed else self.manager.reset
        self.carry_out(call(self.now_s))

    @rule()
    def suspends(self):
        self.is_suspended = True
        self.carry_out(self.manager.suspend(self.now_s))

    # A unit of work begins, and ends in one of many ways.

    @precondition(lambda self: not self.at_work)
    @rule(audio_s=st.floats(0.5, 30.0), deaths=st.integers(0, 3))
    def asks(self, audio_s, deaths):
        verdict = self.manager.admit(self.now_s, audio_s, deaths_on_gpu=deaths)
        if verdict.placement != "gpu":
            return
        assert deaths < 2
        assert self.placement == "gpu"
        assert self.is_trustworthy(), verdict
        assert self.manager.level < Level.EMERGENCY
        assert not verdict.piece_s or LEAST_PIECE_S <= verdict.piece_s < audio_s
        self.at_work = self.is_busy = True
        self.tell()

    @precondition(lambda self: self.at_work and self.worker == "ready")
    @rule(split_mib=st.sampled_from([0.0, 900.0]), retries=st.integers(0, 5))
    def answers(self, split_mib, retries):
        self.at_work = self.is_busy = False
        figures = AllocatorFigures(1700.0, 2000.0, split_mib, 1900.0, retries)
        self.carry_out(self.manager.on_gpu_answer(self.now_s, 6.0, figures))
        self.tell()

    @precondition(lambda self: self.at_work and self.worker == "ready")
    @rule(kind=KINDS)
    def fails(self, kind):
        self.at_work = False
        self.doubt()
        self.carry_out(self.manager.on_gpu_failed(self.now_s, kind))

    def doubt(self):
        """Whatever was proved before counts no more once the breaker has opened."""
        self.is_validating = False

    @precondition(lambda self: self.worker not in ("none",))
    @rule(kind=KINDS)
    def dies(self, kind):
        self.worker, self.at_work, self.is_validating, self.orders = "none", False, False, []
        self.proofs = 0
        self.proofs_needed = 2 if kind != "oom" else 1
        self.carry_out(self.manager.on_gpu_gone(self.now_s, kind, "it died"))

    @precondition(lambda self: self.worker == "ending")
    @rule()
    def ends(self):
        self.worker, self.at_work, self.is_validating, self.orders = "none", False, False, []
        self.proofs = 0
        self.carry_out(self.manager.on_gpu_gone(self.now_s, None, ""))

    @precondition(lambda self: self.worker == "loading")
    @rule(tier=st.integers(0, 1))
    def is_ready(self, tier):
        self.worker = "ready"
        figures = AllocatorFigures(1700.0, 1700.0)
        self.carry_out(self.manager.on_gpu_ready(self.now_s, TIERS, tier, figures))

    @precondition(lambda self: self.is_validating and self.worker == "ready")
    @rule(is_good=st.booleans())
    def is_validated(self, is_good):
        self.is_validating = False
        self.proofs += is_good
        if self.proofs >= 2:
            self.proofs_needed = 1
        if not is_good:
            self.proofs, self.proofs_needed = 0, 2
        self.carry_out(self.manager.on_validated(self.now_s, is_good=is_good))

    # What else the daemon has to say.

    @precondition(lambda self: self.orders and self.worker == "ready")
    @rule(is_done=st.booleans())
    def obeys(self, is_done):
        what = self.orders.pop(0)
        figures = AllocatorFigures(1700.0, 1700.0)
        self.carry_out(
            self.manager.on_order_done(self.now_s, what, is_done=is_done, figures=figures)
        )

    @precondition(lambda self: self.move is not None)
    @rule(is_fault=st.booleans())
    def moves(self, is_fault):
        self.detector = "cpu" if is_fault else self.move
        self.move = None
        self.carry_out(self.manager.on_detector(self.now_s, self.detector, "", is_fault=is_fault))

    @rule(state=st.sampled_from(["none", "loading", "ready", "failed"]))
    def has_a_cpu_engine(self, state):
        self.carry_out(self.manager.on_cpu(self.now_s, state))

    # What always holds.

    @invariant()
    def nothing_stays_on_a_full_card(self):
        if hasattr(self, "manager") and self.manager.level == Level.EMERGENCY:
            assert self.worker in ("none", "ending")

    @invariant()
    def the_detector_is_on_the_card_only_while_its_worker_serves(self):
        if hasattr(self, "manager") and self.detector == "gpu" and not self.is_trustworthy():
            # Time may have passed since the manager was asked; then it says so at once.
            self.carry_out(self.manager.tick(self.now_s))
            assert self.move == "cpu" or self.detector == "cpu"

    @invariant()
    def the_card_is_read_while_anything_is_on_it(self):
        if hasattr(self, "manager") and self.worker != "none":
            assert self.manager.need == "held"

    def teardown(self):
        """Whatever happened: once all is well, the GPU serves again."""
        if not hasattr(self, "manager"):
            return
        self.is_listening, self.is_busy, self.at_work = True, False, False
        self.tell()
        self.resets(is_resumed=True)
        for _ in range(2000):
            self.reads(2000.0 if self.worker == "ready" else 3800.0, 1.0)
            if self.worker == "loading":
                self.is_ready(0)
            elif self.worker == "ending":
                self.ends()
            elif self.is_validating:
                self.is_validated(is_good=True)
            elif self.orders:
                self.obeys(is_done=True)
            if self.move:
                self.moves(is_fault=False)
            if self.placement == "gpu" and self.manager.level == Level.NORMAL:
                break
        assert self.placement == "gpu"
        assert self.manager.mode == ""
        assert not self.manager.needs_cpu


TestWorld = World.TestCase
TestWorld.settings = hypothesis_settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a day of shrinking says little more
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
