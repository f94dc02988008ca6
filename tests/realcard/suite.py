"""What has to hold on a GPU, real or made up: the same tests for both, so that none rots unrun.

Fixtures wanted: `gpu`, the UUID of the GPU that this process and its children find; `sees_pids`,
whether its driver numbers processes as they are numbered here; `is_closed`, to be called: whether
this process holds the GPU no longer; `figures`, a dict for what was measured, for a person.
"""

import asyncio
import statistics
import threading
import time

import pynvml
import pytest

from contract.vram_probe_suite import VramProbeSuite
from fakes.scripted_engine import program
from realcard.hog import Hog
from realcard.small import SmallCard
from realcard.stage import SETTINGS, WEIGHTS_MIB, WORK_MIB, Stage
from realcard.walk import Walk
from swictation.clock import SimClock
from swictation.config.settings import VramSettings
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import VramPoller
from swictation.gpu.policy.levels import Level

TOTAL_MIB, DESKTOP_MIB = 4096.0, 350.0
BACK_WITHIN_S = 5.0
_NOISE_MIB = 64.0
"""A driver keeps a little for itself, and gives and takes it as it likes."""
_MOST_CONTEXT_MIB = 2000.0
_UNITS = 30
_READINGS = 20
PATH = [
    *((0.60, Level.NORMAL), (0.83, Level.WARNING), (0.90, Level.CRITICAL)),
    *((0.97, Level.EMERGENCY), (0.88, Level.CRITICAL), (0.80, Level.WARNING)),
    (0.60, Level.NORMAL),
]
"""How much of the GPU is used, and the level that this leads to from the one before."""


@pytest.fixture
def raw(gpu):
    """The GPU as it is."""
    probe = NvmlProbe(gpu)
    yield probe
    probe.close()


@pytest.fixture
def small(gpu):
    """The GPU as one of 4096 MiB, on which there is a desktop so far."""
    probe = SmallCard(NvmlProbe(gpu), total_mib=TOTAL_MIB, desktop_mib=DESKTOP_MIB)
    assert probe.read().is_usable
    yield probe
    probe.close()


@pytest.fixture
def stage(small, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(program.HERE))
    return Stage(small, tmp_path)


class SmallCardSuite(VramProbeSuite):
    """A GPU made small is a probe as any other."""

    @pytest.fixture
    def card_mib(self):
        return TOTAL_MIB

    @pytest.fixture
    def probe(self, gpu, is_closed):
        made = SmallCard(NvmlProbe(gpu))
        yield made
        made.close()
        assert is_closed()

    def test_what_others_take_is_missing_and_comes_back(self, probe):
        at_first_mib = probe.read().free_mib
        assert at_first_mib == TOTAL_MIB - DESKTOP_MIB
        with Hog() as hog:
            assert hog.hold(2000)
            assert 2000 < at_first_mib - probe.read().free_mib < 2000 + _MOST_CONTEXT_MIB
            assert hog.hold(TOTAL_MIB)
            assert probe.read().free_mib == 0
        assert _comes_to(probe, at_first_mib)


class RealCardSuite:
    """The daemon's parts on it."""

    def test_a_reading_takes_a_moment(self, gpu, raw, figures):
        figures["open, read, close"] = _median_ms(NvmlProbe(gpu), closes=True)
        figures["a reading of an open GPU"] = _median_ms(raw, closes=False)

    def test_what_a_hog_takes_and_gives_back_is_seen(self, raw, figures):
        at_first_mib = raw.read().free_mib
        with Hog() as hog:
            left_mib = raw.read().free_mib
            assert 50 < at_first_mib - left_mib < _MOST_CONTEXT_MIB
            figures["a CUDA context"] = f"{at_first_mib - left_mib:.0f} MiB"
            for mib in (100, 900, 400):
                assert hog.hold(mib)
                assert _comes_to(raw, left_mib - mib)
            assert not hog.hold(1 << 22)
            assert _comes_to(raw, left_mib - 400)
        assert _comes_to(raw, at_first_mib)

    def test_the_list_of_processes_finds_ours(self, raw, sees_pids):
        if not sees_pids:
            pytest.skip("this driver numbers processes otherwise than they are numbered in here")
        with Hog() as hog, Hog() as other:
            assert hog.hold(700)
            assert other.hold(300)
            assert 700 < raw.read([hog.pid]).ours_mib < 700 + _MOST_CONTEXT_MIB
            assert 300 < raw.read([other.pid]).ours_mib < 300 + _MOST_CONTEXT_MIB
            both_mib = raw.read([hog.pid, other.pid]).ours_mib
            assert 1000 < both_mib < 1000 + 2 * _MOST_CONTEXT_MIB

    def test_up_through_every_level_and_back(self, raw, small):
        filled = Filler(raw)
        with Hog() as hog, Walk(small, SETTINGS, TOTAL_MIB) as walk:
            for used, level in PATH:
                filled.up_to(used, hog)
                walk.until(level)
        assert [move.level for move in walk.moves] == [level for _, level in PATH[1:]]
        for move in walk.moves:
            walk.judge(move)

    def test_an_idle_hour_opens_nothing(self, gpu, is_closed, monkeypatch):
        opened, real = [], pynvml.nvmlInit
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: opened.append(real()))
        clock = SimClock()
        prober = VramPoller(NvmlProbe(gpu), lambda _: None, VramSettings(), clock)
        for _ in range(3600):
            prober.tick()
            clock.advance(1.0)
        assert not opened
        prober.watch("awaited")
        prober.tick()
        assert len(opened) == 1  # so it would have been counted
        assert is_closed()

    def test_emergency_gives_the_card_back_and_the_worker_returns(
        self, raw, stage, sees_pids, is_closed, figures
    ):
        asyncio.run(_squeeze(stage, raw, sees_pids=sees_pids, is_closed=is_closed))
        for at_s, name, fields in stage.seen:
            if name == "gained" and fields["action"] == "trim":
                figures["a trim shows after"] = f"{fields['took_s']:.2f} s"
            if name == "back":
                figures["a worker that ended shows after"] = f"{at_s - fields['since_s']:.2f} s"

    def test_thirty_units_leave_the_card_as_the_second_did(self, raw, stage, figures):
        after = asyncio.run(_work(stage, raw))
        second, free_mib = after[2]
        for unit in (16, 17, 25, 26, _UNITS):
            held, free_now_mib = after[unit]
            assert held.allocated_mib == second.allocated_mib
            assert held.reserved_mib == second.reserved_mib
            assert free_now_mib == pytest.approx(free_mib, abs=_NOISE_MIB)
        assert second.allocated_mib >= WEIGHTS_MIB
        lost_mib = free_mib - after[_UNITS][1]
        figures["free after unit 30, against unit 2"] = f"{-lost_mib:+.1f} MiB"


class Filler:
    """Fills the GPU that looks small to a part, counted from now on."""

    def __init__(self, raw):
        self._raw = raw
        self._at_first_mib = raw.read().free_mib

    @property
    def taken_mib(self):
        """On top of the desktop."""
        return self._at_first_mib - self._raw.read().free_mib

    def up_to(self, used, hog):
        mib = used * TOTAL_MIB - DESKTOP_MIB - self.taken_mib
        assert hog.hold(hog.held_mib + mib)


async def _squeeze(stage, raw, *, sees_pids, is_closed):
    """A hog fills the GPU while a worker is on it, goes again, and dictation ends."""
    filled = Filler(raw)
    async with stage:
        at = await stage.until("card", action="asr", to="gpu")
        assert filled.taken_mib > WEIGHTS_MIB
        if sees_pids:
            assert raw.read([stage.pool.gpu.pid]).ours_mib > WEIGHTS_MIB
        with Hog() as hog:
            await stage.decode(5.0)
            await _warn(stage, filled, hog)
            at = await _evict(stage, raw, filled, hog, at=at, sees_pids=sees_pids)
        at = await stage.until("card", after=at, action="asr", to="gpu")
        assert filled.taken_mib > WEIGHTS_MIB
        stage.fall_silent()
        at = await stage.until("gone", after=at)
        assert not stage.seen[at - 1][2]["is_fault"]
        raw.close()
        assert await asyncio.to_thread(_becomes, is_closed)


async def _warn(stage, filled, hog):
    """At WARNING what is cached is given back."""
    filled.up_to(0.83, hog)
    before_mib = filled.taken_mib
    at = await stage.until("level", level="WARNING")
    await stage.until("gained", after=at, action="trim")
    assert before_mib - filled.taken_mib >= 0.75 * WORK_MIB


async def _evict(stage, raw, filled, hog, *, at, sees_pids):
    """At EMERGENCY the worker goes, and its memory comes back."""
    filled.up_to(0.97, hog)
    full_mib = raw.read().free_mib
    at = await stage.until("level", after=at, level="EMERGENCY")
    at = await stage.until("gone", after=at)
    gone_s, _, fields = stage.seen[at - 1]
    assert not fields["is_fault"]
    assert await asyncio.to_thread(_becomes, lambda: raw.read().free_mib - full_mib >= WEIGHTS_MIB)
    stage.seen.append((time.monotonic(), "back", {"since_s": gone_s}))
    assert time.monotonic() - gone_s < BACK_WITHIN_S
    at = await stage.until("gained", after=at, action="stop")
    if sees_pids:
        assert stage.seen[at - 1][2]["freed_mib"] >= WEIGHTS_MIB
    return at


async def _work(stage, raw):
    """By number of the unit: the allocator's figures after it, and what is free on the GPU."""
    after = {}
    async with stage:
        await stage.until("card", action="asr", to="gpu")
        for unit in range(1, _UNITS + 1):
            figures = await stage.decode(2.0 + unit % 7)
            after[unit] = figures, raw.read().free_mib
    return after


def _median_ms(probe, *, closes):
    probe.read()
    times_s = []
    for _ in range(_READINGS):
        begun_s = time.perf_counter()
        assert probe.read().is_usable
        if closes:
            probe.close()
        times_s.append(time.perf_counter() - begun_s)
    probe.close()
    return f"{1000.0 * statistics.median(times_s):.2f} ms"


def _comes_to(probe, free_mib):
    return _becomes(lambda: abs(probe.read().free_mib - free_mib) <= _NOISE_MIB)


def _becomes(is_so):
    """Whether it is so at the latest when freed memory has had time to show."""
    end_s = time.monotonic() + BACK_WITHIN_S
    while not is_so():
        if time.monotonic() > end_s:
            return False
        threading.Event().wait(0.05)
    return True
