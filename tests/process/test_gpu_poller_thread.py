"""The thread itself, under a driver that may hang."""

import os
import subprocess
import sys
import threading
import time

import pynvml
import pytest

from fakes.nvml.card import GPU_IS_LOST
from fakes.sysfs import Machine
from patience import PATIENCE_S
from swictation.config.settings import VramSettings
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import VramPoller

pytestmark = pytest.mark.process

_FAST = VramSettings(read_every_s=0.05, read_every_near_s=0.05, read_every_absent_s=0.05)


class Reader:
    """Takes what is posted."""

    def __init__(self, probe, settings=_FAST):
        self.snapshots = []
        self._some = threading.Condition()
        self.poller = VramPoller(probe, self._take, settings)

    def _take(self, snapshot):
        with self._some:
            self.snapshots.append(snapshot)
            self._some.notify_all()
        self.poller.ack()

    def wait_for(self, condition):
        """The first snapshot from now on that is so."""
        with self._some:
            seen = len(self.snapshots)

            def found():
                return next((one for one in self.snapshots[seen:] if condition(one)), None)

            assert self._some.wait_for(found, PATIENCE_S), self.snapshots[-3:]
            return found()


def until(condition):
    waiting = threading.Event()
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        waiting.wait(0.01)


@pytest.fixture
def machine(tmp_path):
    made_up = Machine(tmp_path / "machine")
    made_up.add()
    return made_up


@pytest.fixture
def reader(card, machine):
    made = Reader(NvmlProbe("auto", machine.root))
    made.poller.start()
    yield made
    card.release()
    made.poller.stop()


def test_it_follows_the_memory_of_another_process(card, reader):
    reader.poller.watch("held", [os.getpid()])
    reader.wait_for(lambda now: now.free_mib == 4096 - 170)
    card.set_hidden(1000)
    reader.wait_for(lambda now: now.free_mib == 4096 - 170 - 1000)
    reader.poller.watch("none")
    until(lambda: not card.open_count)
    known = card.calls
    threading.Event().wait(0.3)
    assert card.calls == known


def test_a_lost_card_and_its_return_are_both_told(card, reader):
    reader.poller.watch("held")
    reader.wait_for(lambda now: now.is_usable)
    card.fail_queries(GPU_IS_LOST)
    reader.wait_for(lambda now: now.trouble == "lost")
    card.fail_queries(0)
    reader.wait_for(lambda now: now.is_usable)


def test_a_driver_that_hangs_holds_up_nobody(card, reader):
    reader.poller.watch("held")
    reader.wait_for(lambda now: now.is_usable)
    card.block()
    until(lambda: card.waiting)
    for need in ("awaited", "none", "held"):
        reader.poller.watch(need, [1])
        reader.poller.ack()
    known = len(reader.snapshots)
    threading.Event().wait(0.2)
    assert len(reader.snapshots) == known  # nothing is made up in the meantime
    card.release()
    reader.wait_for(lambda now: now.is_usable)


def test_it_ends_although_the_driver_hangs_and_says_so(card, reader, caplog):
    reader.poller.watch("held")
    reader.wait_for(lambda now: now.is_usable)
    card.block()
    until(lambda: card.waiting)
    start_s = time.monotonic()
    reader.poller.stop()
    assert time.monotonic() - start_s > 0.9, "it is given a moment"
    assert "does not respond" in caplog.text
    known = len(reader.snapshots)
    card.release()
    until(lambda: not card.open_count)
    assert len(reader.snapshots) == known


def test_one_that_was_never_started_can_be_stopped(card):
    VramPoller(NvmlProbe(), lambda _: None, _FAST).stop()
    assert not card.calls


def test_nothing_is_left_open_at_the_end(card, reader):
    reader.poller.watch("held")
    reader.wait_for(lambda now: now.is_usable)
    reader.poller.stop()
    assert card.open_count == 0
    assert "vram-probe" not in {thread.name for thread in threading.enumerate()}


def test_idle_it_touches_nothing(card, reader):
    threading.Event().wait(0.5)
    reader.poller.watch("none")
    threading.Event().wait(0.5)
    assert (card.inits, card.calls) == (0, 0)


_PROGRAM = """
import sys
from threading import Event
from swictation.config.settings import VramSettings
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import VramPoller
poller = VramPoller(NvmlProbe(), print, VramSettings())
poller.start()
poller.watch("held")
sys.stdin.readline()
poller.stop()
print("ended", flush=True)
"""


@pytest.mark.parametrize("what", ["queries", "init"])
def test_a_process_ends_although_the_driver_hangs(card, what):
    card.block(what)
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, **card.env()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: card.waiting)
    told, _ = child.communicate("\n", timeout=PATIENCE_S)
    assert (told, child.returncode) == ("ended\n", 0)


def test_a_fault_that_nobody_foresaw_is_a_reading_too_and_told_once(
    card, reader, caplog, monkeypatch
):
    def fail():
        raise AttributeError("of an older package")

    with monkeypatch.context() as broken:
        broken.setattr("pynvml.nvmlInit", fail)
        reader.poller.watch("held")
        for _ in range(3):
            now = reader.wait_for(lambda now: now.trouble == "unknown")
            assert "AttributeError" in now.reason
    reader.wait_for(lambda now: now.is_usable)
    assert caplog.text.count("of an older package") == 1


def test_a_driver_that_cannot_be_closed_ends_nothing_either(card, reader, monkeypatch):
    def fail():
        raise AttributeError("of an older package")

    reader.poller.watch("held")
    reader.wait_for(lambda now: now.is_usable)
    with monkeypatch.context() as broken:
        broken.setattr("pynvml.nvmlShutdown", fail)
        reader.poller.watch("awaited")
        reader.wait_for(lambda now: now.is_usable)
    reader.wait_for(lambda now: now.is_usable)
    while card.open_count:  # those that could not be closed
        pynvml.nvmlShutdown()
