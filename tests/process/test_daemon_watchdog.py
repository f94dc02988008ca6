"""The watchdog over a real event loop and a real thread, in simulated time where it judges."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from fakes.signals import eventually
from patience import PATIENCE_S
from swictation.clock import SimClock
from swictation.daemon.watchdog import Watchdog
from swictation.inject.none import NoneInjector
from swictation.inject.plugin import GuardedInjector

pytestmark = pytest.mark.process

INTERVAL_S = 10.0


class Loop:
    """A run loop on a thread of its own that can be made to hang."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._let_go = threading.Event()
        self._hangs = threading.Event()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def hang(self):
        self._let_go.clear()
        self._hangs.clear()
        self.loop.call_soon_threadsafe(self._wait)
        assert self._hangs.wait(PATIENCE_S)

    def _wait(self):
        self._hangs.set()
        self._let_go.wait()

    def go_on(self):
        self._let_go.set()
        self.catch_up()

    def catch_up(self):
        """Until it has done all that it was asked for up to now."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(done.set)
        assert done.wait(PATIENCE_S)

    def stop(self):
        self._let_go.set()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Watch:
    """A watchdog whose looks are made by hand, at moments of a simulated clock."""

    def __init__(self, loop):
        self.loop, self.clock = loop, SimClock()
        self.beats = 0
        self.moves = {"speech": True, "spool": True}
        checks = {name: lambda name=name: self.moves[name] for name in self.moves}
        self.dog = Watchdog(loop.loop, checks, self._beat, INTERVAL_S, self.clock)

    def _beat(self):
        self.beats += 1

    def look(self, after_s=INTERVAL_S):
        """Whether the look gave a sign of life."""
        self.clock.advance(after_s)
        before = self.beats
        self.dog.look()
        return self.beats > before


@pytest.fixture
def watch():
    loop = Loop()
    yield Watch(loop)
    loop.stop()


def test_while_all_move_each_look_is_a_sign_of_life(watch, caplog):
    for _ in range(5):
        assert watch.look()
        watch.loop.catch_up()
    assert caplog.records == []


def test_a_loop_that_hangs_ends_the_signs_of_life_and_is_named_once_with_the_stacks(
    watch, caplog, capfd
):
    assert watch.look()
    watch.loop.catch_up()
    watch.loop.hang()
    assert watch.look()  # it is asked only now
    for _ in range(3):
        assert not watch.look()
    assert [record.getMessage() for record in caplog.records] == [
        "watchdog: stuck: run loop; the stacks of all threads follow"
    ]
    stacks = capfd.readouterr().err
    assert stacks.count("Thread 0x") >= 1
    assert "in _wait" in stacks


class Blocking(NoneInjector):
    """Keeps the run loop until it may go on."""

    def __init__(self):
        super().__init__()
        self.is_in, self.may_go = threading.Event(), threading.Event()

    async def inject(self, text, into=None):
        self.is_in.set()
        assert self.may_go.wait(PATIENCE_S)
        return await super().inject(text, into)


def test_a_plug_in_that_keeps_the_loop_is_named(caplog):
    injector, clock = Blocking(), SimClock()

    def look(dog):
        injector.is_in.wait(PATIENCE_S)
        for _ in range(2):
            clock.advance(INTERVAL_S)
            dog.look()
        injector.may_go.set()

    async def use():
        dog = Watchdog(asyncio.get_running_loop(), {}, lambda: None, INTERVAL_S, clock)
        looking = threading.Thread(target=look, args=(dog,))
        looking.start()
        await GuardedInjector("diary", injector).inject("x")
        looking.join()

    asyncio.run(use())
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("watchdog: stuck: run loop (in the plug-in diary: inject); the stacks")


def test_what_moves_again_is_told_and_the_signs_of_life_go_on(watch, caplog):
    watch.loop.hang()
    watch.look()
    assert not watch.look()
    watch.loop.go_on()
    assert watch.look()
    assert caplog.records[-1].getMessage() == "watchdog: moves again: run loop"


def test_a_thread_that_does_not_get_on_is_named_once_even_beside_another(watch, caplog):
    watch.loop.catch_up()
    watch.moves["speech"] = False
    assert not watch.look()
    watch.loop.catch_up()
    watch.moves["spool"] = False
    assert not watch.look()
    told = [record.getMessage() for record in caplog.records]
    assert [text.split(";")[0] for text in told] == [
        "watchdog: stuck: speech",
        "watchdog: stuck: spool",
    ]


def test_a_look_that_fails_counts_as_stuck_and_does_not_end_the_watch(watch, caplog):
    del watch.moves["speech"]
    assert not watch.look()
    assert "looking at speech failed" in caplog.text
    watch.moves["speech"] = True
    watch.loop.catch_up()
    assert watch.look()


@pytest.mark.parametrize("away_s", [16.0, 3600.0, 86_400.0])
def test_after_the_process_was_stopped_all_get_one_more_interval(watch, caplog, away_s):
    watch.look()
    watch.loop.hang()
    watch.look()  # the loop now owes an answer, as it does when all is stopped in mid-work
    watch.moves["speech"] = False
    assert watch.look(after_s=away_s)
    assert caplog.records == []
    watch.loop.go_on()
    watch.moves["speech"] = True
    assert watch.look()


def test_what_is_still_stuck_an_interval_after_the_wake_up_is_stuck(watch):
    watch.loop.hang()
    watch.look()
    assert watch.look(after_s=100.0)
    assert not watch.look()


def test_the_thread_beats_at_once_and_each_interval_and_ends_when_told():
    loop, beats = Loop(), []
    dog = Watchdog(loop.loop, {}, lambda: beats.append(threading.current_thread().name), 0.05)
    dog.start()
    assert eventually(lambda: len(beats) >= 3)
    dog.stop()
    assert set(beats) == {"watchdog"}
    loop.stop()
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())


def test_a_loop_that_is_closed_is_no_trouble():
    loop = Loop()
    watch = Watch(loop)
    loop.stop()
    watch.look()


STUCK = """
import threading
from swictation.daemon import diagnostics
def recite(secret):
    print("ready", flush=True)
    threading.Event().wait()
diagnostics.on_signal()
recite("marigold")
"""


def test_at_sigusr1_a_process_that_hangs_tells_its_stacks_and_no_text():
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGUSR1)
    told = ""
    while "in <module>" not in told:
        told += process.stderr.readline()
    process.terminate()
    told += process.communicate()[1]
    assert "in recite" in told
    assert "marigold" not in told
