"""`swictation transcribe FILE...`: text and JSON, files of all kinds, and files that are none."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fakes.made_nemo import archive
from fakes.scripted_engine import formats
from fakes.scripted_engine.sound import make_scene, write_wav

pytestmark = pytest.mark.process

KEYS = ["file", "text", "language", "duration_s", "engine", "segments", "left_out"]


@pytest.fixture(autouse=True)
def short(program):
    program.hear(make_scene(1, 1))


def objects(done):
    return [json.loads(line) for line in done.out.splitlines()]


def test_it_writes_what_run_writes(program, spool):
    plain, run = program.run("transcribe", program.sound), program.play()
    assert (plain.code, plain.err) == (0, "")
    assert plain.out == run.out == program.scene.text + "\n"
    assert not list(spool.rglob("*"))


def test_files_follow_each_other_line_by_line_and_know_nothing_of_each_other(program, tmp_path):
    copy = program.scene.write(tmp_path / "a copy, with a comma.wav")
    done = program.run("transcribe", program.sound, copy, program.sound)
    assert (done.code, done.out) == (0, (program.scene.text + "\n") * 3)
    assert {r["generation"] for r in program.asked()} == {1}, "one worker for all"


def test_json_is_one_object_a_line_with_exactly_these_keys(program):
    done = program.run("transcribe", "--json", program.sound, program.sound)
    assert (done.code, done.err) == (0, "")
    first, second = objects(done)
    assert first == second
    assert list(first) == KEYS
    assert first["file"] == str(program.sound)
    assert first["text"] == program.scene.text
    assert first["language"] == "en"
    assert first["duration_s"] == round(len(program.scene.samples) / 16_000, 3)
    assert first["engine"] == {
        "name": "scripted",
        "model": str(program.manifest),
        "device": "paper",
    }
    spans = [(s["start_s"], s["end_s"], s["text"]) for s in first["segments"]]
    assert spans == [
        (round(heard.first / 16_000, 3), round(heard.last / 16_000, 3), program.scene.said(n))
        for n, heard in enumerate(program.scene.heard)
    ]


def test_a_language_that_ones_own_canary_lacks_is_told_before_anything_is_loaded(program, tmp_path):
    mine = tmp_path / "mine.nemo"
    mine.write_bytes(archive(tokenizer={"langs": {"spl_tokens": {}, "en": {}, "de": {}}}))
    wishes = ("--engine", "canary", "--model", mine, "--language", "xx", "--device", "cpu")
    done = program.run("transcribe", *wishes, program.sound)
    assert (done.code, done.out) == (1, "")
    message, remedy = done.err.splitlines()[-2:]
    assert message == f"swictation: the model {mine} understands de, en, not 'xx'"
    assert remedy.startswith("  -> give --language de")
    assert "loading" not in done.err


@pytest.mark.slow
def test_silence_is_no_error_and_has_an_empty_text(program, tmp_path):
    paths = [
        write_wav(tmp_path / f"{seconds}.wav", np.zeros(round(seconds * 16_000), np.int16))
        for seconds in (0.01, 3.0)
    ]
    done = program.run("transcribe", "--json", *paths)
    assert (done.code, done.err) == (0, "")
    for found in objects(done):
        assert list(found) == KEYS
        assert (found["text"], found["segments"]) == ("", [])
        assert found["engine"]["device"] == "paper", "known although nothing was decoded"
    plain = program.run("transcribe", *paths)
    assert (plain.code, plain.out.strip(), plain.err) == (0, "", "")


def test_the_language_is_that_of_the_command_line(program):
    done = program.run("transcribe", "--json", "--language", "de", program.sound)
    assert objects(done)[0]["language"] == "de"


FORMATS = {
    "cd.wav": {"codec": "pcm_s16le", "rate_hz": 44_100, "layout": "stereo"},
    "telephone.wav": {"codec": "pcm_s16le", "rate_hz": 8000},
    "float.wav": {"codec": "pcm_f32le", "rate_hz": 48_000},
    "archive.flac": {"codec": "flac", "rate_hz": 96_000, "layout": "stereo"},
    "music.mp3": {"codec": "libmp3lame", "rate_hz": 44_100, "layout": "stereo"},
    "message.ogg": {"codec": "libopus", "rate_hz": 48_000},
    "memo.m4a": {"codec": "aac", "rate_hz": 22_050},
    "cinema.mkv": {"codec": "ac3", "rate_hz": 48_000, "layout": "5.1", "with_picture": True},
}


@pytest.mark.slow
def test_files_of_any_format_rate_and_layout_say_the_same(program, tmp_path):
    paths = [
        formats.write(tmp_path / name, program.scene.samples, **options)
        for name, options in FORMATS.items()
    ]
    done = program.run("transcribe", "--json", *paths)
    assert (done.code, done.err) == (0, "")
    found = {Path(one["file"]).name: one for one in objects(done)}
    assert {name: one["text"] for name, one in found.items()} == dict.fromkeys(
        FORMATS, program.scene.text
    )
    length_s = len(program.scene.samples) / 16_000
    assert [one["duration_s"] for one in found.values()] == pytest.approx(
        [length_s] * len(FORMATS), abs=0.1
    )


def make_bad_files(folder, scene):
    (folder / "folder.wav").mkdir()
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This is a letter.\n" * 100)
    (folder / "bytes.mp3").write_bytes(bytes(range(256)) * 100)
    header = write_wav(folder / "header.wav", scene.samples)
    header.write_bytes(header.read_bytes()[:44])
    formats.write_silent_film(folder / "film.mkv")
    names = ["missing", "folder", "empty", "text", "header"]
    return [folder / f"{n}.wav" for n in names] + [folder / "bytes.mp3", folder / "film.mkv"]


def test_what_is_no_sound_is_told_in_one_line_each_and_the_others_are_done(program, tmp_path):
    bad = make_bad_files(tmp_path, program.scene)
    done = program.run("transcribe", program.sound, *bad, program.sound)
    assert done.code == 1
    assert [line for line in done.out.splitlines() if line] == [program.scene.text] * 2
    told = [line for line in done.err.splitlines() if not line.startswith("  -> ")]
    assert len(told) == len(bad)
    for path, line in zip(bad, told, strict=True):
        assert line.startswith(f"swictation: {path} ")
        assert "Error" not in line


def test_a_name_that_cannot_be_looked_at_is_told_and_the_others_are_done(program):
    long = "n" * 256 + ".wav"
    done = program.run("transcribe", long, program.sound)
    assert (done.code, done.out) == (1, program.scene.text + "\n")
    assert done.err.splitlines() == [
        f"swictation: {long} cannot be read: file name too long.",
        f"  -> ls -l {long}",
    ]


def test_bad_files_have_no_json(program, tmp_path):
    missing = tmp_path / "missing.wav"
    done = program.run("transcribe", "--json", missing, program.sound)
    assert done.code == 1
    assert [found["file"] for found in objects(done)] == [str(program.sound)]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["flac", "mkv"])
def test_a_file_that_is_broken_in_the_middle_gives_what_it_has_and_is_named(
    program, tmp_path, ending
):
    codec = {"flac": "flac", "mkv": "aac"}[ending]
    whole = formats.write(tmp_path / f"whole.{ending}", program.scene.samples, codec=codec)
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes(data)
    done = program.run("transcribe", broken, program.sound)
    assert done.code == 1
    first, second = done.out.splitlines()
    assert first == program.scene.said(0)
    assert second == program.scene.text
    assert done.err.splitlines()[0].startswith(f"swictation: {broken} ")


@pytest.mark.slow
def test_a_name_that_is_no_utf_8_is_a_name_like_any_other(program, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    program.scene.write(tmp_path / "cafe.wav").rename(path)
    done = program.run("transcribe", path, tmp_path / os.fsdecode(b"th\xe9.wav"))
    assert (done.code, done.out.strip()) == (1, program.scene.text)
    assert done.err.endswith("  -> check the name and the folder\n")
    as_json = program.run("transcribe", "--json", path)
    assert (as_json.code, as_json.err) == (0, "")
    assert objects(as_json)[0]["text"] == program.scene.text


@pytest.mark.slow
def test_a_name_that_looks_like_an_address_is_a_file(program):
    done = program.run("transcribe", "http://localhost:1/a.wav")
    assert done.code == 1
    assert "http:/" in done.err.splitlines()[0]
    assert "does not exist" in done.err


@pytest.mark.slow
def test_json_to_a_reader_that_left_ends_without_a_traceback(program):
    gone = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    gone.wait()
    done = program.start("transcribe", "--json", program.sound, stdout=gone.stdin).finish()
    gone.stdin.close()
    assert done.code == 1
    assert done.is_calm
    assert len(done.err.splitlines()) <= 1


@pytest.mark.slow
def test_a_fault_is_no_business_of_the_reader(program):
    program.fault("signal", utterance=0)
    program.fault("raise", utterance=1)
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    said = "swictation: the speech engine is replaced "
    assert all(line.startswith(said) for line in done.err.splitlines())


def test_no_file_is_a_usage_error(program):
    done = program.run("transcribe")
    assert (done.code, done.out) == (2, "")
    assert "FILE" in done.err


def test_the_real_engine_writes_the_sample_down_letter_by_letter(program, sample, whisper_model):
    program.set("asr", engine="whisper", model="tiny.en")
    done = program.run("transcribe", sample)
    assert (done.code, done.out) == (0, sample.with_name("sample.txt").read_text())
