"""A worker that cannot be started: once costs time, always ends in one clear line."""

import json

import pytest

from fakes.scripted_engine.sound import make_scene
from patience import starts

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def short(program):
    program.hear(make_scene(1, 1))


def told(done):
    """What is told on stderr: (message, remedy) of the end, and what was said before."""
    lines = done.err.splitlines()
    assert done.is_calm, done.err
    assert lines, "nothing is told"
    assert lines[-1].startswith("  -> "), done.err
    return lines[-2].removeprefix("swictation: "), lines[-1].removeprefix("  -> "), lines[:-2]


@pytest.mark.parametrize(
    "kind",
    [
        "exit",
        "ready-and-hang",
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ("raise", "ready-and-die", "wrong-version", "close-channel")
        ),
    ],
)
def test_a_worker_that_fails_its_first_start_is_replaced(program, spool, kind):
    program.fault(kind, on="load")
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n"), done.err
    assert len(done.problems) == 1
    assert done.generations[-1] == 2
    assert not list(spool.rglob("*"))


@pytest.mark.slow
def test_a_worker_that_takes_too_long_to_load_is_replaced(program):
    program.set("worker", start_timeout_s=max(1.0, starts(10)))
    program.fault("hang", on="load")
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n"), done.err
    assert done.problems == [
        "the speech engine is replaced (worker 1: it did not load its engine in time)"
    ]


@pytest.mark.slow
def test_a_worker_that_loads_slowly_is_waited_for(program):
    program.fault("wait", on="load", seconds=0.7)
    done = program.play()
    assert (done.code, done.out, done.err) == (0, program.scene.text + "\n", "")
    (ready,) = done.named("worker", state="ready")
    assert ready["load_s"] >= 0.7


def test_a_worker_that_dies_at_every_start_is_given_up_and_the_sound_is_kept(program, spool):
    program.fault("exit", on="load", times=0)
    done = program.play()
    assert (done.code, done.out.strip()) == (1, "")
    message, remedy, before = told(done)
    assert message.startswith("The speech engine keeps dying")
    assert remedy == "swictation doctor"
    assert len(before) == len(done.problems) == 4
    waited_s = done.events[-1]["t_s"]
    assert 1.0 < waited_s < 15.0 + starts(40), "it backs off, but not for long"
    assert len(list(spool.rglob("*.wav"))) == 2


@pytest.mark.slow
def test_a_worker_that_dies_of_every_utterance_is_given_up_after_a_few(program, spool):
    program.hear(make_scene(1, 1, 1, 1, 1))
    program.fault("ready-and-die", on="load", times=0)
    done = program.play()
    assert (done.code, done.out.strip()) == (1, "")
    assert told(done)[0].startswith("The speech engine keeps dying")
    assert len(done.named("fault", kind="set-aside")) == 4
    assert len(list(spool.rglob("*.wav"))) == 5, "all of it is kept"


def test_an_engine_that_says_why_it_cannot_load_is_not_tried_again(program):
    program.fault("load-error", on="load", times=0, message="The oracle is mute.", remedy="feed it")
    done = program.play()
    assert done.code == 1
    assert told(done) == ("The oracle is mute.", "feed it", [])
    assert len(done.problems) == 1


def test_an_unknown_engine_is_told_with_those_that_are_there(program):
    program.set("asr", engine="canry")
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (1, "")
    message, remedy, before = told(done)
    assert "no engine called 'canry'" in message
    assert "scripted, whisper" in message
    assert message.endswith("Did you mean canary?")
    assert remedy.endswith("swictation config check")
    assert not before


def test_an_engine_without_its_model_says_so(program):
    program.set("asr", model="/nowhere/manifest.json")
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (1, "")
    assert told(done) == ("There is no manifest /nowhere/manifest.json.", "write one", [])


@pytest.fixture
def broken_model(program, whisper_model, tmp_path):
    """A folder that looks like a whisper model; what is in it is up to the test."""
    folder = tmp_path / "wee"
    folder.mkdir()
    for file in whisper_model.iterdir():
        if file.is_file():
            (folder / file.name).symlink_to(file)
    program.set("asr", engine="whisper", model=str(folder))
    return folder


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "keep"),
    [
        ("model.bin", 100),
        ("model.bin", 30_000_000),
        ("config.json", 20),
        ("tokenizer.json", 5000),
    ],
)
def test_a_damaged_whisper_model_is_told_in_one_line(program, broken_model, name, keep):
    replace(broken_model / name, (broken_model / name).read_bytes()[:keep])
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (1, ""), done.err
    message, remedy, before = told(done)
    assert str(broken_model) in message
    assert not before
    assert "download --force wee" not in remedy, "there is no such model to download"


def test_a_model_folder_with_next_to_nothing_in_it_names_what_is_missing(program, tmp_path):
    folder = tmp_path / "hollow"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({}))
    program.set("asr", engine="whisper", model=str(folder))
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (1, "")
    assert "model.bin" in told(done)[0]
