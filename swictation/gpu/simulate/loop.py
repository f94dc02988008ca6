"""The closed loop: the trace's programs, a simulated worker, and the daemon's own manager."""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from swictation.clock import SimClock
from swictation.config.settings import Settings
from swictation.gpu.effects import Effect
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.nvml.poller import Wish, interval_s
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.simulate.agenda import FOR_EVER_S, Agenda
from swictation.gpu.simulate.daemon import SimDaemon
from swictation.gpu.simulate.device import SimulatedGpu
from swictation.gpu.simulate.trace import GAP_S, LONGEST_UTTERANCE_S, Line
from swictation.gpu.simulate.worker import PRIOR_MIB, PRIOR_MIB_PER_S
from swictation.types import VramSnapshot

_SPEAK_EVERY_S = 30.0
_SPEAK_S = 6.0
_DRAIN_S = 300.0


class Moment(msgspec.Struct, frozen=True, gc=False):
    """The state whenever a line of the trace begins or something was decided."""

    at_s: float
    level: str
    total_mib: float
    others_mib: float
    context_mib: float
    weights_mib: float
    work_mib: float
    """Work in progress, and cache."""
    asr: str
    detector: str
    effects: tuple[Effect, ...] = ()
    notes: tuple[str, ...] = ()
    """What else happened."""
    free_mib: float = 0.0


class Simulation:
    """Plays a trace: iterate once over `moments`, then read `tally`."""

    def __init__(self, settings: Settings, lines: Iterable[Line]) -> None:
        self._settings = settings.vram
        self._lines = iter(lines)
        self._ahead: deque[Line] = deque()
        self._line = next(self._lines)
        self._is_own_speech = self._line.listening is None
        self._clock = SimClock(self._line.t_s)
        self._gpu = SimulatedGpu(self._line.total_mib)
        self._agenda = Agenda()
        self.manager = AdaptiveMemoryManager(
            settings, Breaker(), Admission(PRIOR_MIB, PRIOR_MIB_PER_S), is_wanted=True
        )
        self._daemon = SimDaemon(settings, self.manager, self._gpu, self._agenda, self._clock)
        self.tally = self._daemon.tally
        self._read_s = -FOR_EVER_S
        self._due_s = -FOR_EVER_S
        """When something happens next, unless a line begins earlier."""

    @property
    def total_mib(self) -> float:
        """The memory of the trace's GPU."""
        return self._gpu.total_mib

    def moments(self) -> Iterator[Moment]:
        """Play the trace; yields each line and each decision, in order."""
        yield from self._begin(self._line)
        if self._is_own_speech:
            self._speak_in_turn(self._line.t_s)
        while line := self._next_line():
            yield from self._until(line.t_s)
            yield from self._begin(line)
        end_s = self._clock.now_s()
        self._daemon.speech.is_listening = False
        self._is_own_speech = False
        while self._daemon.is_at_work and self._clock.now_s() < end_s + _DRAIN_S:
            yield from self._until(self._clock.now_s() + 1.0, is_counted=False)
        waiting_s = self._daemon.speech.backlog_s
        missing_s = self.tally.said_s - waiting_s - self._daemon.answered_s
        lost_s = max(0.0, round(missing_s - self._daemon.open_s, 6))
        self.tally.add(waiting_s=waiting_s, lost_s=lost_s)

    def _next_line(self) -> Line | None:
        """Return the next line, having read ahead far enough to plan its utterances."""
        while not self._ahead or self._ahead[-1].t_s < self._ahead[0].t_s + LONGEST_UTTERANCE_S:
            line = next(self._lines, None)
            if line is None:
                break
            self._ahead.append(line)
            if line.utterance_s:
                self._plan_utterance(line.t_s - line.utterance_s, line.t_s)
        return self._ahead.popleft() if self._ahead else None

    def _plan_utterance(self, begin_s: float, end_s: float) -> None:
        begin_s = max(begin_s, self._clock.now_s())
        self._due_s = min(self._due_s, begin_s)
        self._agenda.put(begin_s, self._daemon.speech_begins)
        self._agenda.put(end_s, lambda: self._daemon.speech_ends(end_s - begin_s))

    def _speak_in_turn(self, now_s: float) -> None:
        """Plan an utterance now and then, if the trace has none."""
        if self._is_own_speech:
            end_s = now_s + _SPEAK_EVERY_S
            self._plan_utterance(end_s - _SPEAK_S, end_s)
            self._agenda.put(end_s, lambda: self._speak_in_turn(end_s))

    def _begin(self, line: Line) -> Iterator[Moment]:
        """Let the other programs do what this line says."""
        self._line = line
        self._gpu.others_mib = line.others_mib
        is_listening = True if self._is_own_speech else line.listening
        if is_listening is not None and is_listening != self._daemon.speech.is_listening:
            self._daemon.listen(is_listening=is_listening)
            self._due_s = self._next_s()
        yield self._moment()

    def _until(self, end_s: float, *, is_counted: bool = True) -> Iterator[Moment]:
        """Do everything that happens before the next line."""
        while self._due_s <= end_s:
            now_s = self._pass_to(max(self._due_s, self._clock.now_s()), is_counted)
            self._gpu.settle(now_s)
            self._agenda.do_due(now_s)
            if self._reading_s() <= now_s:
                self._read_s = now_s
                self._daemon.do(self.manager.on_snapshot(self._reading(now_s)))
            else:
                self._daemon.do(self.manager.tick(now_s))
            self._due_s = self._next_s()
            if self._daemon.effects or self._daemon.notes:
                yield self._moment()
        self._pass_to(end_s, is_counted)

    def _next_s(self) -> float:
        tick_s = self.manager.next_tick_s
        due_s = min(self._agenda.next_s, self._reading_s(), self._gpu.next_s)
        return due_s if tick_s is None else min(due_s, tick_s)

    def _pass_to(self, at_s: float, is_counted: bool) -> float:
        passed_s = at_s - self._clock.now_s()
        if passed_s > 0.0:
            self._clock.advance(passed_s)
            if is_counted:
                is_on = self._daemon.speech.is_listening
                is_short = self._gpu.short_mib > 0.0
                placement = self.manager.asr_placement
                self.tally.passed(passed_s, placement, is_short=is_short, is_on=is_on)
        return at_s

    def _reading_s(self) -> float:
        """When the GPU is read next, by the daemon's rule."""
        wish = Wish(self.manager.need, near=self.manager.is_near)
        every_s = interval_s(wish, self._settings, is_ill=False)
        return FOR_EVER_S if every_s is None else self._read_s + every_s

    def _reading(self, now_s: float) -> VramSnapshot:
        line, gpu = self._line, self._gpu
        if line.trouble:
            return VramSnapshot(now_s, trouble=line.trouble, reason=f"the trace: {line.trouble}")
        if now_s - line.t_s > GAP_S:
            return VramSnapshot(now_s, trouble="stuck", reason="a gap in the trace")
        return VramSnapshot(now_s, gpu.total_mib, gpu.free_mib, gpu.ours_mib)

    def _moment(self) -> Moment:
        daemon, gpu = self._daemon, self._gpu
        held = daemon.held
        effects, notes = tuple(daemon.effects), tuple(daemon.notes)
        daemon.effects.clear()
        daemon.notes.clear()
        return Moment(
            self._clock.now_s(),
            self.manager.level.name,
            gpu.total_mib,
            min(gpu.others_mib, gpu.total_mib - gpu.ours_mib),
            held.context_mib if held else 0.0,
            held.weights_mib if held else 0.0,
            held.work_mib + held.cache_mib if held else 0.0,
            self.manager.asr_placement or "",
            daemon.detector,
            effects,
            notes,
            gpu.free_mib,
        )
