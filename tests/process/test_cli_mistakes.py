"""Typical mistakes on the command line: the answer names a command, which can be pasted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

PROGRAM = Path(sys.executable).with_name("swictation")
_COMMAND = re.compile(r"(?:[^\s:]*/)?swictation [a-z-](?:(?!  #).)*")


@pytest.fixture
def typed(tmp_path):
    """Types a line into a shell at home, where PATH lacks the program: all that it says."""
    if not PROGRAM.exists():
        pytest.skip("the program is not installed beside this Python")
    home = tmp_path / "home"
    home.mkdir()
    env = {
        "HOME": str(home),
        "PATH": os.defpath,
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/nobody",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "COLUMNS": "80",
    }

    def run(line):
        return subprocess.run(
            line,
            shell=True,
            cwd=home,
            env=env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


MISTAKES = {
    "togle": "swictation toggle",
    "models": "swictation model",
    "model downlod base": "swictation model download base",
    "modle list": "swictation model list",
    "model delete base": "swictation model remove base",
    "service restart": "swictation run",
    "install": "swictation service install",
    "--json status": "swictation status --json",
    "--verison": "swictation --version",
    "run --source": "swictation run --help",
    "languages": "swictation model list",
    "'tog\n  -> rm'": "swictation --help",
    "model download tinyen": "swictation model list",
    "model convert tiny.en": "swictation model list",
    "service uninstall": "swictation service remove",
    "status --folow": "swictation status --help",
    "transcribe": "swictation transcribe --help",
    "transcribe --language klingon speech.wav": "swictation model list --json",
    "run --engine whispr": "swictation config check",
    "run --device gpu": "swictation run --help",
    "completion bsh": "swictation completion --help",
    "config check nowhere.toml": "swictation config show --defaults > nowhere.toml",
    "paste-last": "swictation run --listen",
    "model path tiny.en": "swictation model download tiny.en",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_answer_to_a_mistake_names_a_command_that_works_when_it_is_pasted(typed, mistake):
    done = typed(f"{PROGRAM} {mistake}")
    assert done.returncode not in (0, 130), done.stdout
    assert "Traceback" not in done.stderr
    remedy = done.stderr.split("  -> ", 1)[1]
    found = _COMMAND.search(remedy)
    assert found, done.stderr
    command = found[0].strip()
    assert command.replace(str(PROGRAM.parent) + "/", "") == MISTAKES[mistake]
    assert done.stderr.count("\n  -> ") == 1
    helped = typed(f"{command} --help")
    assert helped.returncode == 0, (command, helped.stderr)


def test_a_mistake_costs_no_download(typed):
    done = typed(f"{PROGRAM} transcribe nowhere.wav")
    assert done.returncode == 1
    assert (
        done.stderr
        == "swictation: nowhere.wav does not exist.\n  -> check the name and the folder\n"
    )


@pytest.mark.parametrize("what", ["mkdir it", "echo text > it", "touch it", "rm -f it"])
@pytest.mark.parametrize("command", ["transcribe", "run --source"])
def test_what_is_no_sound_costs_no_download_either(typed, what, command):
    done = typed(f"{what}; {PROGRAM} {command} it")
    assert done.returncode == 1
    assert done.stderr.count("swictation: it ") == 1
    assert "model" not in done.stderr


def test_a_files_text_goes_into_no_window(typed, sample):
    done = typed(f"{PROGRAM} run --source '{sample}' --sink x11")
    assert done.returncode == 2
    assert "not to x11" in done.stderr


@pytest.mark.parametrize("memory_kib", [700_000, 900_000])
def test_too_little_memory_for_a_model_is_no_damaged_model(
    typed, sample, whisper_model, memory_kib
):
    models = Path("~/.local/share/swictation/models/whisper")
    link = f"mkdir -p {models} && ln -s '{whisper_model}' {models}/tiny.en"
    done = typed(f"{link} && ulimit -v {memory_kib} && exec {PROGRAM} transcribe '{sample}'")
    assert "download" not in done.stderr
    if done.returncode:  # where the libraries take less, it works
        assert done.stderr.startswith(
            "swictation: There is too little memory for the model tiny.en"
        )
        assert "  -> end a program that can be spared: ps " in done.stderr


def test_a_name_cannot_forge_a_remedy(typed):
    done = typed(f"{PROGRAM} transcribe 'a\n  -> rm.wav' 'b\n  -> rm'")
    assert done.stderr.splitlines()[0] == "swictation: a\\n  -> rm.wav does not exist."
    assert "\n  -> rm" not in done.stderr


CONFIG = "~/.config/swictation/config.toml"
IN_ITS_PLACE = [
    f"mkdir {CONFIG}",
    f"mkfifo {CONFIG}",
    f"ln -s nowhere {CONFIG}",
    f"touch {CONFIG}; chmod 0 {CONFIG}",
    f"touch {CONFIG}; chmod 0 ~/.config",
]


@pytest.mark.parametrize("trouble", IN_ITS_PLACE)
def test_what_is_told_of_a_configuration_that_cannot_be_read_helps_when_it_is_pasted(
    typed, trouble
):
    if os.geteuid() == 0 and "chmod" in trouble:
        pytest.skip("root reads all files")
    typed(f"mkdir -p {Path(CONFIG).parent}; {trouble}")
    told = typed(f"{PROGRAM} config check")
    assert told.returncode == 2
    remedy = told.stderr.split("  -> ", 1)[1]
    assert typed(remedy.rpartition(": ")[2]).returncode == 0
    assert typed(f"{PROGRAM} config check").returncode == 0


SLIPS = {
    "[vad]\nthreshold = 0,5": "-> write 0.5\n",
    "[asr]\nlanguage = \u201cde\u201d": '-> use plain quotes: language = "de"\n',
    "[ars]\nlanguage = 'de'": "did you mean [asr]?\n",
    "[asr]\nlanguage = 'auto'": "name one, such as en (English), de (German)",
    "[asr]\nlanguage = 'de,en'": "name one, such as en (English), de (German)",
    "[asr]\nlanguage = 'multi'": "name one, such as en (English), de (German)",
    "[asr]\nlanguage = 'germn'": 'did you mean "de"?\n',
}


@pytest.mark.parametrize("text", SLIPS)
def test_a_slip_in_the_configuration_is_told_as_it_is_to_be_written(typed, tmp_path, text):
    (tmp_path / "slip.toml").write_text(text)
    done = typed(f"{PROGRAM} config check {tmp_path}/slip.toml")
    assert SLIPS[text] in done.stderr


def test_a_damaged_model_without_a_network_is_called_damaged(typed, sample, whisper_model):
    models = Path("~/.local/share/swictation/models/whisper")
    copy = f"mkdir -p {models} && cp -rL '{whisper_model}' {models}/tiny.en"
    typed(f"{copy} && truncate -s 1000 {models}/tiny.en/model.bin")
    done = typed(f"{PROGRAM} transcribe '{sample}'")
    assert done.returncode == 1
    assert "is damaged: model.bin" in done.stderr
    assert "  -> " in done.stderr


@pytest.mark.parametrize("memory_kib", [200_000, 250_000, 300_000])
def test_too_little_memory_for_the_program_is_no_bug(typed, sample, memory_kib):
    done = typed(f"ulimit -v {memory_kib} && exec {PROGRAM} transcribe '{sample}'")
    assert "this is a bug" not in done.stderr


def test_a_file_that_begins_with_a_dash_is_named_as_it_can_be(typed, sample):
    told = typed(f"cp '{sample}' ./-dash.flac; {PROGRAM} transcribe -dash.flac")
    assert told.returncode == 2
    assert told.stderr.endswith("swictation transcribe ./-dash.flac\n")


def test_a_model_of_another_language_is_told_with_the_option_that_names_another(typed, sample):
    told = typed(f"{PROGRAM} transcribe '{sample}' --model tiny.en --language de")
    assert "--model base" in told.stderr
