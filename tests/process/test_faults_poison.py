"""An utterance on which the engine always dies is set aside: named, kept, the others arrive."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fakes.scripted_engine.sound import make_scene, read_wav

pytestmark = pytest.mark.process

SET_ASIDE = re.compile(
    r"^swictation: (?P<file>\S+) at (?P<start>[\d.]+)-(?P<end>[\d.]+) s: .*twice.*\n"
    r"  -> .*swictation transcribe (?P<kept>\S+)$",
    re.MULTILINE,
)


def within(scene, utterance):
    """A sample that every request of this utterance contains."""
    return scene.heard[utterance].first + 8000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "utterance"), [("signal", 0), ("raise", 1), ("hang", 1), ("exit", 2)]
)
def test_a_poison_utterance_is_set_aside_and_the_others_arrive(program, spool, kind, utterance):
    program.hear(make_scene(1, 1, 1))
    program.fault(kind, times=0, covers=within(program.scene, utterance))
    done = program.run("transcribe", program.sound)
    assert done.code == 1
    assert done.out == program.scene.without(utterance) + "\n"
    assert done.is_calm, done.err
    (told,) = SET_ASIDE.finditer(done.err)
    heard = program.scene.heard[utterance]
    assert told["file"] == str(program.sound)
    assert float(told["start"]) == pytest.approx(heard.first / 16_000, abs=0.06)
    assert float(told["end"]) == pytest.approx(heard.last / 16_000, abs=0.06)
    kept = Path(told["kept"])
    assert [path.name for path in spool.rglob("*.wav")] == [kept.name]
    assert np.array_equal(read_wav(kept), program.scene.samples[heard.kept_from : heard.last])


def test_what_was_set_aside_can_be_transcribed_by_an_engine_that_behaves(program):
    program.fault("signal", times=0, covers=within(program.scene, 1))
    first = program.run("transcribe", program.sound)
    kept = SET_ASIDE.search(first.err)["kept"]
    program.set("asr", engine="whisper", model="auto")
    second = program.run("transcribe", kept)
    assert second.code == 0, second.err
    assert second.out.strip(), "the real engine hears something"


def test_it_is_set_aside_at_the_second_death_with_an_event_for_each(program):
    program.fault("signal", times=0, covers=within(program.scene, 1))
    done = program.play()
    assert done.code == 1
    assert len(done.problems) == 2
    (fault,) = done.named("fault", kind="set-aside")
    assert fault["utterance"] == 1
    assert Path(fault["path"]).exists()
    assert fault["path"] in fault["message"]
    assert done.generations == [1, 2, 3]
    finals = {f["utterance"]: f["text"] for f in done.named("final")}
    assert finals == {0: program.scene.said(0), 1: "", 2: program.scene.said(2)}


@pytest.mark.slow
def test_words_typed_before_the_engine_died_on_the_rest_stay_and_are_not_repeated(program):
    program.fault("signal", times=0, utterance=1, forced=True)
    done = program.play()
    first_burst = "".join(word.text for word in program.scene.words[3:6]).strip(" .")
    assert done.code == 1
    assert done.out == f"{program.scene.said(0)} {first_burst} {program.scene.said(2)}\n"
    assert SET_ASIDE.search(done.err)


@pytest.mark.slow
def test_two_poison_utterances_in_a_row_do_not_stop_the_rest(program, spool):
    program.hear(make_scene(1, 1, 1, 1))
    for utterance in (1, 2):
        program.fault("signal", times=0, covers=within(program.scene, utterance))
    done = program.run("transcribe", program.sound)
    assert done.code == 1
    assert done.out == program.scene.without(1, 2) + "\n"
    assert len(list(SET_ASIDE.finditer(done.err))) == len(list(spool.rglob("*.wav"))) == 2


@pytest.mark.slow
def test_a_poison_file_does_not_stop_the_next_file(program, tmp_path):
    program.fault("signal", times=2, utterance=0)
    copy = program.scene.write(tmp_path / "copy.wav")
    done = program.run("transcribe", program.sound, copy)
    assert done.code == 1
    assert done.out == f"{program.scene.without(0)}\n{program.scene.text}\n"
    assert [told["file"] for told in SET_ASIDE.finditer(done.err)] == [str(program.sound)]


@pytest.mark.slow
def test_the_json_names_what_was_left_out(program):
    program.fault("signal", times=0, covers=within(program.scene, 1))
    done = program.run("transcribe", "--json", program.sound)
    assert done.code == 1
    record = json.loads(done.out)
    (left_out,) = record["left_out"]
    heard = program.scene.heard[1]
    assert left_out["start_s"] == pytest.approx(heard.first / 16_000, abs=0.06)
    assert left_out["end_s"] == pytest.approx(heard.last / 16_000, abs=0.06)
    assert Path(left_out["path"]).exists()
    assert program.scene.said(1) not in record["text"]


@pytest.mark.slow
def test_without_a_spool_the_range_is_still_named(program, spool):
    program.set("spool", enabled=False)
    program.fault("raise", times=0, covers=within(program.scene, 0))
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (1, program.scene.without(0) + "\n")
    assert re.search(r"scene\.wav at [\d.]+-[\d.]+ s: ", done.err)
    assert "  -> " not in done.err
    assert not spool.exists()
