"""The running daemon on a made-up GPU: others squeeze it, its worker dies, its driver hangs.

What is spoken meanwhile arrives, all of it, in order, once.
"""

import itertools
import json
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from desktop import field, sound, x11
from desktop.daemon import Daemon, Desk
from desktop.field import Field
from desktop.notified import Notified
from desktop.x11 import Screen
from fakes.scripted_engine.program import Gate
from fakes.scripted_engine.sound import make_scene, ticking
from fakes.signals import eventually
from patience import PATIENCE_S
from swictation.types import to_samples

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(sound.missing()), reason=f"{sound.missing() or '-'} is missing"),
]

ALARMS = ("Traceback", "left running", "this is a bug", "Exception ignored", "never retrieved")
SPEECH_S = 120.0
"""More than a test takes: somebody speaks until it has seen enough."""

# MiB that others hold, and the level that makes with a worker of 1970 MiB on the GPU.
NORMAL, WARNING, CRITICAL, EMERGENCY = 400, 1250, 1550, 1900
MODEL_MIB = 1900


@pytest.fixture
def program(program, monkeypatch):
    """An engine on the GPU, and the same on the processor; all pauses are short."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    program.hear(ticking(make_scene(1)))
    program.gpu = {}
    model = str(program.manifest)
    program.set("asr", device="cuda", cpu_engine="scripted", cpu_model=model)
    program.set("worker", hang_min_s=100.0, warm_min_available_mib=0)
    program.set("vad", move_dwell_s=1.0)
    program.set(
        "vram",
        read_every_s=0.1,
        read_every_near_s=0.1,
        read_every_absent_s=0.2,
        dwell_up_s=0.2,
        dwell_down_s=0.4,
        cool_down_s=0.5,
    )
    return program


@pytest.fixture
def desk(tmp_path, program, card):
    card.set_hidden(NORMAL)
    with Desk(tmp_path, program.prepare() | card.env()) as desk:
        yield desk


@pytest.fixture
def start(desk, program):
    """Starts the daemon, with what the test has set; it listens, and somebody speaks."""
    begun = []

    def start(*options, **more):
        program.prepare()
        daemon = Daemon(desk, *(options or ("--sink", "none")), **more)
        begun.append(daemon)
        daemon.wait_until(lambda status: status["state"] == "idle", "there")
        return daemon

    yield start
    for daemon in begun:
        daemon.end()
        assert not [alarm for alarm in ALARMS if alarm in daemon.log_file.read_text()]


@pytest.fixture
def speak(desk, program):
    """Somebody speaks until `hush`: utterances of so many breaths."""
    players = []

    def speak(daemon, breaths=1):
        assert daemon.tell("start") == "listening"
        said = make_scene(breaths).samples
        players.append(desk.microphone.play(np.tile(said, int(to_samples(SPEECH_S) / len(said)))))

    def hush(daemon):
        while players:
            player = players.pop()
            player.kill()
            player.wait()
        daemon.tell("stop")
        return daemon.wait_idle()

    speak.hush = hush
    yield speak
    for player in players:
        player.kill()
        player.wait()


def on_gpu(status):
    return status["vram"]["asr_placement"] == "gpu"


def detector(status):
    return status["vram"]["vad_placement"]["effective"]


def is_mode(mode):
    return lambda status: status["vram"]["mode"] == mode


def wait_served(daemon, count=2):
    """So many more pieces of text."""
    daemon.wait_event("commit", len(daemon.events("commit")) + count)


def arrived_whole(program, daemon):
    """Of each utterance every word, in order, none twice; the numbers of all of them."""
    names = {word.text.strip(): n for n, word in enumerate(program.scene.words)}
    begun = [event["utterance"] for event in daemon.events("speech_started")]
    finals = daemon.events("final")
    assert [event["utterance"] for event in finals] == begun
    found = []
    for final in finals:
        words = [names[word.lower()] for word in final["text"].split()]
        assert words == list(range(words[0], words[-1] + 1)), f"a hole, or twice: {final}"
        middles = [to_samples(0.5) * n + to_samples(0.25) for n in words]
        assert middles[0] - to_samples(0.5) < to_samples(final["start_s"]), "its beginning"
        assert middles[-1] + to_samples(0.5) >= to_samples(final["end_s"]), "its end"
        found += words
    assert found == sorted(set(found))
    assert daemon.committed.lower().split() == [program.scene.words[n].text.strip() for n in found]
    assert daemon.status().get("loss", {"samples": 0}) == {"samples": 0}
    return found


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def levels(daemon):
    """As they were told, the first one first."""
    return [event["level"] for event in daemon.events("level")]


@pytest.fixture
def window(desk, monkeypatch):
    """A text field on a screen of its own; the daemon types into it."""
    if program := x11.missing():
        pytest.skip(f"{program} is not installed")
    kind = next((kind for kind in ("gtk3", "tk", "gtk4") if not field.why_not(kind)), "")
    if not kind:
        pytest.skip(field.why_not("tk"))
    screen = Screen(x11.own_name())
    desk.environment["DISPLAY"] = screen.name
    window = Field(kind, desk.environment | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"})
    window.wait_focused()
    yield window
    window.stop()
    screen.close()


@pytest.fixture
def followed(desk, tmp_path):
    """`status --follow`, all the while: what it printed so far."""
    path = tmp_path / "followed"
    with path.open("wb") as out:
        command = [sys.executable, "-m", "swictation", "status", "--follow"]
        process = subprocess.Popen(command, env=desk.environment, stdout=out)
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    process.terminate()
    assert process.wait(PATIENCE_S) == 0


def test_memory_squeezed_through_every_level_and_back_costs_no_word(
    start, desk, program, card, window, followed, speak, record_property
):
    with Notified(desk.bus.address) as notified:
        daemon = start("-v")  # into the window
        speak(daemon)
        status = daemon.wait_until(lambda s: detector(s) == "gpu" and on_gpu(s), "on the GPU")
        assert (status["vram"]["level"], status["device"]) == ("NORMAL", "cuda")
        worker = psutil.Process(status["worker"]["pid"])
        wait_served(daemon)

        card.set_hidden(WARNING)
        daemon.wait_until(lambda s: s["vram"]["level"] == "WARNING", "WARNING")
        status = daemon.wait_until(lambda s: detector(s) == "cpu", "the detector's move")
        assert on_gpu(status)
        card.set_hidden(CRITICAL)
        daemon.wait_until(lambda s: s["vram"]["level"] == "CRITICAL", "CRITICAL")
        wait_served(daemon)
        assert on_gpu(daemon.status())

        card.set_hidden(EMERGENCY)
        free_mib, squeezed_s = card.free_mib(), time.monotonic()
        assert eventually(lambda: has_ended(worker))
        assert card.free_mib() > free_mib + MODEL_MIB
        record_property("given_back_s", round(time.monotonic() - squeezed_s, 2))
        status = daemon.wait_until(is_mode("cpu-engine"), "told")
        assert status["degraded"]["mode"] == "cpu-engine"
        assert (status["device"], status["ready"]) == ("paper", True)
        wait_served(daemon)

        card.set_hidden(NORMAL)
        status = daemon.wait_until(lambda s: detector(s) == "gpu" and on_gpu(s), "back again")
        assert (status["vram"]["level"], status["degraded"]) == ("NORMAL", None)
        wait_served(daemon)
        speak.hush(daemon)
        told = [summary for summary in notified.summaries if "cpu-engine" in summary]
    arrived_whole(program, daemon)
    assert window.settles_on(daemon.committed) == daemon.committed
    seen = levels(daemon)
    up, down = seen[: seen.index("EMERGENCY") + 1], seen[seen.index("EMERGENCY") + 1 :]
    assert up == ["WARNING", "CRITICAL", "EMERGENCY"]
    assert down[-1] == "NORMAL"
    assert len(told) == 1
    validated_first(program, generation=2, times=1)
    seen_degraded(followed())


def validated_first(program, generation, times):
    """The known sound comes before anybody's words."""
    asked = [r for r in program.asked() if (r["device"], r["generation"]) == ("cuda", generation)]
    assert [request["utterance"] for request in asked[: times + 1]][:times] == [-1] * times
    assert asked[times]["utterance"] >= 0


def seen_degraded(lines):
    """It is told while it lasts, and that it is over; the GPU's level in each line."""
    told = [line for line in lines if "EMERGENCY" in line["tooltip"]]
    marks = ["degraded" in line["class"] for line in lines]
    changes = [now for was, now in itertools.pairwise(marks) if was != now]
    assert changes == [True, False]
    assert any("cpu-engine" in line["tooltip"] for line in told)


@pytest.mark.parametrize("why", ["on_critical", "no CPU engine", "a CPU engine that cannot load"])
def test_what_is_said_while_there_is_no_room_is_kept_and_becomes_text_later(
    start, program, card, spool, speak, why
):
    if why == "on_critical":
        program.set("vram", on_critical="vad-only")
    elif why == "no CPU engine":
        program.set("asr", cpu_engine="")
    else:
        program.fault("load-error", on="load", device="cpu", times=0, message="broken")
    daemon = start()
    speak(daemon)
    daemon.wait_until(on_gpu, "on the GPU")
    wait_served(daemon, 1)
    card.set_hidden(EMERGENCY)
    status = daemon.wait_until(is_mode("vad-only"), "told")
    assert status["degraded"]["mode"] == "vad-only"
    assert not status["ready"]
    before = daemon.committed
    status = daemon.wait_until(lambda s: s["queue"]["utterances"] >= 3, "kept")
    assert status["vram"]["asr_placement"] is None
    assert daemon.committed == before
    assert len(list(spool.rglob("*.wav"))) >= 2
    card.set_hidden(NORMAL)
    daemon.wait_until(lambda s: on_gpu(s) and not s["degraded"], "back again")
    speak.hush(daemon)
    assert len(arrived_whole(program, daemon)) >= 10
    assert eventually(lambda: not list(spool.rglob("*.wav")))
    kinds = [event["kind"] for event in daemon.events("fault")]
    assert kinds.count("placement") == 1
    assert "engine" not in kinds, "speech was never without one for good"


def test_a_poisoned_worker_reports_no_success_and_the_third_is_the_last_until_a_reset(
    start, program, card, speak
):
    program.fault("cuda", code=719, device="cuda", forced=True, times=3)
    daemon = start()
    speak(daemon, breaths=2)
    status = daemon.wait_until(lambda s: "3 workers" in s["vram"]["breaker"]["why"], "banned")
    assert "3 workers died in ten minutes" in status["degraded"]["reason"]
    told = daemon.tell("status")
    assert "3 workers died in ten minutes" in told
    assert "swictation vram reset" in told
    wait_served(daemon)
    assert not on_gpu(daemon.status())
    daemon.tell("vram", "reset")
    status = daemon.wait_until(lambda s: on_gpu(s) and not s["degraded"], "back again")
    wait_served(daemon)
    speak.hush(daemon)
    arrived_whole(program, daemon)
    for generation in (2, 3, 4):
        validated_first(program, generation, times=2)
    for generation in (1, 2, 3):
        nothing_after_the_fault(program, daemon, generation)


def nothing_after_the_fault(program, daemon, generation):
    """What was asked last killed it; the same words were asked of another at once."""
    asked = program.finals()
    (last,) = [
        n for n, r in enumerate(asked)
        if (r["device"], r["generation"]) == ("cuda", generation) and r["forced_text"]
    ]  # fmt: skip
    rest = asked[last + 1 :]
    assert not [r for r in rest if (r["device"], r["generation"]) == ("cuda", generation)]
    again = next(r for r in rest if r["utterance"] == asked[last]["utterance"])
    assert again["device"] == "cpu"


def test_idle_it_leaves_card_and_driver_alone_and_the_next_dictation_loses_no_word(
    start, program, card, speak
):
    program.set("vram", idle_ttl_s=0.5)
    gate = program.gate("gate", on="load", device="cuda", generation=2)
    daemon = start()
    speak(daemon)
    daemon.wait_until(on_gpu, "on the GPU")
    wait_served(daemon, 1)
    speak.hush(daemon)
    family = psutil.Process(daemon.pid)
    assert eventually(lambda: not family.children(recursive=True)), "its workers end"
    assert eventually(lambda: not card.open_count), "and the driver is closed"
    calls = card.calls
    assert not eventually(lambda: card.calls != calls, 1.0), "ten readings would be due"
    status = daemon.status()
    assert (status["vram"]["worker"], status["degraded"]) == ("absent", None)
    speak(daemon)
    with Gate(gate):
        wait_served(daemon, 1)
        assert not on_gpu(daemon.status())
    daemon.wait_until(on_gpu, "on the GPU again")
    wait_served(daemon, 1)

    card.block()  # the driver hangs: nothing waits for it
    status = daemon.wait_until(is_mode("cpu-engine"), "told")
    assert "the GPU was last read" in status["degraded"]["reason"]
    wait_served(daemon)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE_S) == 0
    arrived_whole(program, daemon)
