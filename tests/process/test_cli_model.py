"""`swictation model` as a program, on the real catalog and without a network."""

import json
import os
import subprocess
import sys

import pytest

from fakes.made_nemo import archive
from patience import PATIENCE_S
from swictation import remedies
from swictation.asr.registry import provider
from swictation.models.catalog.catalog import choose, known_models

pytestmark = pytest.mark.process


@pytest.fixture
def swictation(tmp_path):
    env = {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }

    def run(*args):
        command = [sys.executable, "-m", "swictation", "model", *args]
        now = {**os.environ, **env}
        return subprocess.run(command, env=now, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def hollow(tmp_path):
    """The files of tiny.en in the right sizes, full of nothing (and taking no room on disk)."""
    folder = tmp_path / "data/swictation/models/whisper/tiny.en"
    folder.mkdir(parents=True)
    for file in choose("tiny.en", "en").files:
        with (folder / file.name).open("wb") as stream:
            stream.truncate(file.size_bytes)
    return folder


def use(card, monkeypatch):
    for name, value in card.env().items():
        monkeypatch.setenv(name, value)


def test_list_shows_every_known_model_by_engine(swictation):
    done = swictation("list")
    assert done.returncode == 0
    heading, *rows = done.stdout.splitlines()
    assert heading.split()[0] == "NAME"
    table = rows[: rows.index("")]
    names = [row.split()[0].rstrip("*") for row in table if not row.startswith("[")]
    assert names == [spec.name for spec in known_models()]
    assert [row.strip() for row in table if row.startswith("[")] == ["[whisper]", "[canary]"]


def test_list_tells_accuracy_memory_and_which_is_in_use_without_a_card(swictation, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = swictation("list").stdout
    assert "FP16" not in text
    assert "GPU:" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert rows["tiny.en*"] == ["tiny.en*", "en", "5.6", "373", "MB", "78", "MB", "no"]
    assert "*: the configuration asks for it." in text
    assert "LibriSpeech test-clean" in " ".join(text.split())


def test_every_published_error_rate_names_its_source():
    rates = [spec.error_rate for spec in known_models() if spec.error_rate]
    assert rates
    assert all(rate.source for rate in rates)


def test_list_as_json_has_one_object_a_line(swictation, hollow):
    (hollow / "model.bin").unlink()
    rows = [json.loads(line) for line in swictation("list", "--json").stdout.splitlines()]
    assert [(row["name"], row["installed"]) for row in rows][:2] == [
        ("tiny.en", "damaged"),
        ("base", "no"),
    ]
    assert len(rows) == len(known_models())
    assert set(rows[0]) == {
        *("name", "engine", "languages", "parameters", "size_mb", "installed", "is_pinned"),
        *("licence", "vram", "best", "card", "wer_percent", "wer_source", "ram_mib", "in_use"),
    }


@pytest.mark.parametrize("width", [80, 120])
def test_list_says_what_fits_a_card_of_4_gb_at_which_precision_and_why_not(
    swictation, card, monkeypatch, width
):
    use(card, monkeypatch)
    monkeypatch.setenv("COLUMNS", str(width))
    text = swictation("list").stdout
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert rows["canary-1b-flash"][-4:] == ["1696", "957", "3385", "fp16"]
    assert "canary-1b-flash: no room for fp32 (4327 MiB needed)." in text
    assert "GPU: 4096 MiB, 3926 of them free." in text


def test_list_tells_what_fits_but_not_now_and_what_does_not_fit_at_all(
    swictation, card, monkeypatch
):
    use(card, monkeypatch)
    card.set_total(1536)
    card.set_hidden(1000)
    rows = [json.loads(line) for line in swictation("list", "--json").stdout.splitlines()]
    by_name = {row["name"]: row for row in rows}
    assert by_name["canary-1b-flash"]["best"] is None
    assert by_name["canary-180m-flash"]["best"] == "fp16"
    way = by_name["canary-180m-flash"]["vram"][0]
    assert (way["fits"], way["fits_now"], way["needed_mib"]) == (True, False, 1077.0)
    assert by_name["canary-1b-flash"]["vram"][0]["why_not"].startswith("fp16 needs 2415 of 1536")
    text = swictation("list").stdout
    assert "fp16 later" in text
    assert "no room" in text


def test_list_without_a_card_says_so_and_still_tells_what_each_takes(swictation):
    rows = [json.loads(line) for line in swictation("list", "--json").stdout.splitlines()]
    flash = next(row for row in rows if row["name"] == "canary-1b-flash")
    assert flash["vram"][0]["resident_mib"] == 1696.0
    assert (flash["best"], flash["vram"][0]["fits"]) == (None, None)
    assert flash["card"]


def test_list_gives_up_on_a_driver_that_dies_under_it(swictation, monkeypatch, tmp_path):
    source = "__attribute__((constructor)) static void die(void) { __builtin_trap(); }"
    command = ["cc", "-xc", "-shared", "-fPIC", "-o", tmp_path / "libnvidia-ml.so.1", "-"]
    subprocess.run(command, input=source, text=True, check=True, timeout=PATIENCE_S)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    done = swictation("list")
    assert done.returncode == 0
    assert "GPU: the process that asked it died" in done.stdout


def test_convert_without_the_engine_says_how_to_install_it(swictation, tmp_path):
    (tmp_path / "mine.nemo").write_bytes(archive())
    if provider("canary").unavailable() is None:
        pytest.skip("the engine is installed")
    done = swictation("convert", str(tmp_path / "mine.nemo"))
    assert done.returncode == 1
    error, remedy = done.stderr.splitlines()[-2:]
    assert "needs the libraries of the engine canary" in error
    assert remedies.install_command("canary") in remedy


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("convert", "canary-1b-flash"), "is not on this machine yet"),
        (("convert", "tiny.en"), "needs no conversion"),
        (("remove", "canary-1b-flash"), "nothing to remove"),
        (("remove", "canary-2b"), "there is no model 'canary-2b'"),
        (("verify", "canary-1b-v2", "--language", "zh"), "understands other languages, not 'zh'"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(swictation, arguments, words):
    done = swictation(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["path", "verify"])
def test_a_missing_model_is_told_with_its_remedy(swictation, command):
    done = swictation(command, "tiny.en")
    assert (done.returncode, done.stdout) == (1, "")
    assert "  -> swictation model download tiny.en\n" in done.stderr


def test_path_prints_the_folder_alone(swictation, hollow):
    done = swictation("path")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{hollow}\n", "")


def test_a_download_of_what_is_there_says_so_unless_told_to_be_quiet(swictation, hollow):
    assert swictation("download", "auto").stdout == f"tiny.en is already there: {hollow}\n"
    quiet = swictation("download", "--quiet", "tiny.en")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_verify_names_the_files_whose_bytes_are_wrong(swictation, hollow):
    done = swictation("verify")
    assert done.returncode == 1
    for file in choose("tiny.en", "en").files:
        assert f"{file.name} has a wrong sha256" in done.stderr
    assert "  -> swictation model download --force tiny.en\n" in done.stderr


def test_a_download_without_a_network_fails_with_two_lines_and_no_traceback(swictation):
    done = swictation("download", "--quiet", "--language", "de")
    assert (done.returncode, done.stdout) == (1, "")
    error, remedy = done.stderr.splitlines()
    assert "the model base could not be fetched" in error
    assert "Systran/faster-whisper-base" in remedy


def test_an_english_model_for_another_language_is_refused(swictation):
    done = swictation("download", "tiny.en", "--language", "de")
    assert done.returncode == 1
    assert "[asr] model" in done.stderr
