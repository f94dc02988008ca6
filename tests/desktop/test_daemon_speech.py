"""The daemon with a microphone and a scripted engine: each word that is spoken, once."""

import asyncio
import json
import signal
import subprocess
import sys

import psutil
import pytest

from desktop import sound
from desktop.daemon import Daemon, Desk
from fakes.bus import until
from fakes.client import client
from fakes.logind import DISPLAY, Logind
from fakes.scripted_engine.program import Gate
from fakes.scripted_engine.sound import make_scene, ticking
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(sound.missing()), reason=f"{sound.missing() or '-'} is missing"),
]

ALARMS = ("Traceback", "left running", "this is a bug", "Exception ignored", "never retrieved")


@pytest.fixture
def desk(tmp_path, program, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    program.hear(ticking(make_scene(1, 2)))
    program.set("feedback", notifications=False, sounds=False)
    program.set("worker", hang_min_s=100.0)  # the tests hold it up
    with Desk(tmp_path, program.prepare()) as desk:
        yield desk


@pytest.fixture
def start(desk, program):
    """Starts the daemon, with what the test has ordered of the engine."""
    started = []

    def start(*options, **more):
        program.prepare()
        started.append(Daemon(desk, *(options or ("--sink", "none")), **more))
        return started[-1]

    yield start
    for daemon in started:
        daemon.end()
        assert not [alarm for alarm in ALARMS if alarm in daemon.log_file.read_text()]


def play(desk, program):
    """Speak; wait for the end of it."""
    with desk.microphone.play(program.scene.samples) as player:
        player.wait()


def dictate(desk, daemon, program):
    """All of it, between two presses of the hotkey."""
    assert daemon.tell("toggle") == "listening"
    play(desk, program)
    daemon.tell("toggle")


def places(program, text):
    """Where in the script the words of `text` stand."""
    names = [word.text.strip() for word in program.scene.words]
    return [names.index(word) for word in text.lower().split()]


def spoken_once(program, text):
    """The words of `text` stand in their order, none twice, and there are some."""
    found = places(program, text)
    assert found, "no word arrived"
    assert found == sorted(set(found))
    return found


def test_what_is_spoken_between_two_presses_arrives_once_and_in_order(start, desk, program, spool):
    daemon = start()
    daemon.wait_ready()
    dictate(desk, daemon, program)
    status = daemon.wait_idle()
    assert len(spoken_once(program, daemon.committed)) >= 5
    assert {e["outcome"] for e in daemon.events("injected")} == {"typed"}
    assert status["latency_ms"]["finalisation_p50"] is not None
    assert (status["queue"]["utterances"], status["loss"]) == (0, {"samples": 0})
    assert eventually(lambda: not list(spool.rglob("*.wav")))


def test_a_second_dictation_begins_while_the_first_is_still_decoded(start, desk, program):
    gate = program.gate("gate", utterance=0, times=1)
    daemon = start()
    daemon.wait_ready()
    dictate(desk, daemon, program)
    with Gate(gate):
        assert daemon.status()["state"] == "transcribing"
        assert daemon.tell("toggle") == "listening"
        play(desk, program)
        daemon.wait_event("speech_started", 3)
        assert daemon.tell("toggle") == "transcribing"
        assert daemon.committed == ""
    daemon.wait_idle()
    numbers = [event["utterance"] for event in daemon.events("final")]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 4
    assert len(spoken_once(program, daemon.committed)) >= 10


def test_a_cancelled_dictation_brings_nothing_more_and_the_next_one_all(
    start, desk, program, spool
):
    gate = program.gate("gate", utterance=0, times=1)
    daemon = start()
    daemon.wait_ready()
    dictate(desk, daemon, program)
    with Gate(gate):
        daemon.tell("cancel")
        daemon.wait_idle()
    assert eventually(lambda: not list(spool.rglob("*.wav")))
    dictate(desk, daemon, program)
    daemon.wait_idle()
    finals = [event["utterance"] for event in daemon.events("final")]
    begun = [event["utterance"] for event in daemon.events("speech_started")]
    assert finals == begun[-len(finals) :]
    assert 0 not in finals
    assert spoken_once(program, daemon.committed)


def test_a_cancel_in_mid_sentence_closes_the_microphone(start, desk, program):
    program.confident = False
    daemon = start()
    daemon.wait_ready()
    daemon.tell("start")
    with desk.microphone.play(program.scene.samples) as player:
        daemon.wait_event("speech_started")
        daemon.tell("cancel")
        daemon.wait_until(lambda status: status["audio"]["health"] == "closed", "closed")
        player.wait()
    assert daemon.wait_idle()["queue"]["utterances"] == 0
    assert daemon.committed == ""


def test_what_is_captured_is_printed_and_not_typed(start, desk, program):
    daemon = start()
    daemon.wait_ready()
    capture = subprocess.Popen(
        [sys.executable, "-m", "swictation", "capture"],
        env=desk.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    daemon.wait_until(lambda status: status["state"] == "listening", "listening")
    play(desk, program)
    text, _ = capture.communicate(timeout=60)
    assert capture.returncode == 0
    assert spoken_once(program, text)
    daemon.wait_idle()
    assert {event["outcome"] for event in daemon.events("injected")} == {"captured"}
    assert daemon.swictation("paste-last").returncode == 1


def test_a_signal_in_mid_sentence_still_types_what_can_be_decoded(start, desk, program, spool):
    daemon = start()
    daemon.wait_ready()
    daemon.tell("start")
    with desk.microphone.play(program.scene.samples) as player:
        daemon.wait_event("speech_started", 2)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0
        player.kill()
    assert [event["utterance"] for event in daemon.events("final")] == [0, 1]
    assert spoken_once(program, daemon.committed)
    assert not list(spool.rglob("*.wav"))


def test_what_cannot_be_decoded_in_time_stays_in_the_spool_and_is_counted(
    start, desk, program, spool
):
    gate = program.gate("gate", utterance=0, times=1)
    daemon = start()
    daemon.wait_ready()
    dictate(desk, daemon, program)
    worker = psutil.Process(daemon.status()["worker"]["pid"])
    with Gate(gate):
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0, "the decode that stands was waited for"
    assert not worker.is_running() or worker.status() == "zombie"
    count = len(daemon.events("speech_started"))
    (fault,) = [event for event in daemon.events("fault") if event["kind"] == "stopped"]
    assert fault["message"] == f"{count} utterances are not transcribed; the sound is kept"
    assert len(list(spool.rglob("*.wav"))) == count
    assert daemon.committed == ""
    assert "spool" in daemon.swictation("doctor", "--quick").stdout


def test_the_log_holds_no_spoken_word(start, desk, program, own_folders):
    program.fault("raise", utterance=0, text="walnut harbour")
    daemon = start()
    daemon.wait_ready()
    dictate(desk, daemon, program)
    daemon.process.send_signal(signal.SIGUSR1)
    daemon.wait_idle()
    assert eventually(lambda: "most recent call first" in daemon.log_file.read_text())
    words = set(daemon.committed.lower().split())
    assert words
    log = daemon.log_file.read_text().lower()
    assert not [word for word in words if word in log]
    daemon.end()
    left = [p for top in ("state", "tmp") for p in (own_folders / top).rglob("*") if p.is_file()]
    assert [path.name for path in left] == ["daemon.lock"]


def test_text_that_no_window_takes_is_held_until_it_is_cancelled(start, desk, program, spool):
    daemon = start("--sink", "x11")
    daemon.wait_until(lambda status: status["worker"]["state"] == "ready", "ready")
    assert daemon.status()["degraded"]["mode"] == "no window"
    dictate(desk, daemon, program)
    status = daemon.wait_idle()
    assert status["held"]["texts"] == 2
    assert status["injector"]["last_outcome"] == "refused"
    assert len(list(spool.rglob("*.wav"))) == 2, "the sound of held text is kept"
    refused = daemon.swictation("paste-last")
    assert refused.returncode == 1
    assert "still held" in refused.stderr
    assert "  -> " in refused.stderr
    daemon.tell("start")
    with desk.microphone.play(program.scene.samples) as player:
        daemon.wait_event("commit", len(daemon.events("commit")) + 1)
        daemon.tell("cancel")  # held text of one that is over, and perhaps of one that is not
        player.kill()
    assert daemon.wait_idle()["held"] == {"texts": 0, "reason": "", "pending": 0}
    assert eventually(lambda: not list(spool.rglob("*.wav")))


def test_the_sound_of_held_text_outlives_the_daemon(start, desk, program, spool):
    daemon = start("--sink", "x11")
    daemon.wait_until(lambda status: status["worker"]["state"] == "ready", "ready")
    dictate(desk, daemon, program)
    daemon.wait_idle()
    assert daemon.end() == 0
    assert len(list(spool.rglob("*.wav"))) == 2


def test_a_locked_screen_ends_the_dictation_and_holds_its_text(start, desk, program):
    async def test() -> None:
        logind = Logind()
        logind.user.display = ["2", DISPLAY]
        await logind.start(desk.bus.address)
        try:
            daemon = start("--sink", "stdout", DBUS_SYSTEM_BUS_ADDRESS=desk.bus.address)
            await asyncio.to_thread(daemon.wait_ready)
            await asyncio.to_thread(locked, daemon, asyncio.get_running_loop(), logind)
        finally:
            await logind.stop()

    def locked(daemon, loop, logind) -> None:
        daemon.tell("start")
        with desk.microphone.play(program.scene.samples) as player:
            daemon.wait_event("speech_started")
            loop.call_soon_threadsafe(logind.display.lock, True)
            status = daemon.wait_until(lambda status: status["state"] == "idle", "idle")
            player.kill()
        assert (status["held"]["texts"], status["held"]["reason"]) == (1, "the screen is locked")
        assert daemon.tell("toggle") == "idle"
        assert "locked" in daemon.swictation("paste-last").stderr
        assert "locked" in daemon.swictation("capture").stderr
        text = daemon.committed.strip()
        assert spoken_once(program, text)
        assert text not in daemon.log_file.read_text(), "nothing is typed behind the lock"
        loop.call_soon_threadsafe(logind.display.lock, False)
        assert eventually(lambda: daemon.swictation("paste-last").returncode == 0)
        assert daemon.log_file.read_text().count(text) == 1
        assert daemon.status()["held"] == {"texts": 0, "reason": "", "pending": 0}

    asyncio.run(test())


def test_whoever_subscribed_to_text_gets_it_after_a_reload_too(start, desk, program):
    async def test() -> None:
        daemon = start("--sink", "none", notes=False)
        await asyncio.to_thread(daemon.wait_ready)
        async with client(desk.bus) as peer:
            await peer.ask("Subscribe", "b", True)
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: "is read again" in daemon.log_file.read_text())
            await asyncio.to_thread(dictate, desk, daemon, program)
            await until(lambda: len(peer.heard_of("Committed")) >= 2)
            assert peer.heard_of("Partial")
            text = "".join(text for _, text in peer.heard_of("Committed"))
            assert spoken_once(program, text)
            await asyncio.to_thread(daemon.wait_idle)

    asyncio.run(test())


def test_a_reload_in_mid_sentence_costs_no_word(start, desk, program):
    daemon = start()
    daemon.wait_ready()
    daemon.tell("start")
    with desk.microphone.play(program.scene.samples) as player:
        daemon.wait_event("speech_started")
        program.set("text", final_punctuation=False)
        program.set("asr", partials="off")
        program.set("audio", keep_warm=True)
        program.prepare()
        daemon.process.send_signal(signal.SIGHUP)
        player.wait()
    daemon.tell("stop")
    daemon.wait_idle()
    assert "is read again" in daemon.log_file.read_text()
    assert len(spoken_once(program, daemon.committed)) >= 5
    daemon.wait_until(lambda status: status["audio"]["health"] == "open", "kept warm from now on")


def spool_check(daemon):
    """What `doctor` says of the spool: level and remedy of each line."""
    checks = json.loads(daemon.swictation("doctor", "--quick", "--json").stdout)["checks"]
    return [(one["level"], one["found"], one["remedy"]) for one in checks if one["name"] == "spool"]


def test_what_the_engine_died_on_is_named_everywhere_until_a_retry_brings_it(
    start, desk, program, spool
):
    """Twice, and at each try by itself: utterance 0, which is tried as number -2."""
    for utterance in (0, -2):
        program.fault("signal", times=2, utterance=utterance)
    daemon = start()
    daemon.wait_ready()
    dictate(desk, daemon, program)
    daemon.wait_until(lambda it: it["set_aside"], "set aside")
    daemon.wait_idle()
    dictate(desk, daemon, program)
    status = daemon.wait_until(
        lambda it: [one["state"] for one in it["set_aside"]] == ["waits"], "it waits"
    )
    (aside,) = status["set_aside"]
    (event,) = [e for e in daemon.events("fault") if e["kind"] == "set-aside"]
    assert event["path"] == aside["path"]
    told = daemon.tell("status")
    assert aside["path"] in told
    assert "-> swictation retry" in told
    ((level, found, remedy),) = spool_check(daemon)
    assert (level, remedy) == ("warning", "swictation retry")
    assert aside["path"] in found

    assert daemon.tell("retry").startswith("1 text held")
    status = daemon.status()
    assert (status["set_aside"], status["held"]["texts"]) == ([], 1)
    assert aside["path"] not in daemon.tell("status")
    assert eventually(lambda: spool_check(daemon)[0][0] == "ok")
    before = daemon.committed
    daemon.tell("paste-last")
    assert eventually(lambda: not list(spool.rglob("*.wav")))
    assert daemon.committed == before, "it was typed, not committed again"
    text = daemon.log_file.read_text().lower()
    assert not [word.text for word in program.scene.words if word.text.strip() in text]
