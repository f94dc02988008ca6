"""docs/engine.md: its plug-in is installed as the page says, and transcribes in the real worker."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from fakes.scripted_engine.sound import make_scene

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
MOST_LINES = 45


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def install(folder, module, metadata):
    """What pip makes of it: the module, and a folder with the entry points."""
    (folder / "echo_engine.py").write_text(module)
    project = tomllib.loads(metadata)["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    rows = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(rows))


@pytest.fixture
def program(program, tmp_path, monkeypatch):
    """The real program, with the page's engine installed, hearing two utterances."""
    site = tmp_path / "site"
    site.mkdir()
    (module,), (metadata, _) = blocks("python"), blocks("toml")
    assert len(module.splitlines()) <= MOST_LINES, "about 30 lines of code"
    install(site, module, metadata)
    monkeypatch.setenv("PYTHONPATH", str(site))
    program.hear(make_scene(1, 1))
    program.set("asr", engine="echo", model="auto")
    program.site = site
    return program


def test_the_engine_of_the_page_transcribes(program):
    done = program.run("transcribe", "--engine", "echo", program.sound)
    assert (done.code, done.out, done.err) == (0, "Hello. Hello.\n", "")


def test_its_table_is_checked_and_used_like_any_other(program):
    _, configuration = blocks("toml")
    for table, keys in tomllib.loads(configuration).items():
        program.set(table, **keys)
    assert program.run("config", "check").out.endswith(": ok\n")
    done = program.run("transcribe", program.sound)
    assert (done.code, done.out) == (0, "Good morning. Good morning.\n"), done.err
    assert (
        '[echo]\ntext = "Good morning."  # default: "Hello."' in program.run("config", "show").out
    )
    assert '# what it says\ntext = "Hello."' in program.run("config", "show", "--defaults").out


def test_mistakes_in_its_table_are_told_with_their_line(program):
    program.set("echo", text=7, loud=True)
    done = program.run("config", "check")
    assert done.code == 2
    assert "[echo] text = 7: must be text in quotes" in done.err
    assert "unknown key [echo] loud" in done.err


def told(program, *changes):
    """What is told of the page's engine with these changes: message and remedy."""
    path = program.site / "echo_engine.py"
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    done = program.run("transcribe", program.sound)
    assert done.code == 1
    message, remedy = done.err.splitlines()[-2:]
    return message, remedy


def test_an_exception_while_it_loads_is_told_by_its_last_line_with_the_page(program):
    deed = 'raise RuntimeError("no licence for this machine")'
    message, remedy = told(program, ("return Echo(spec", f"{deed}; return Echo(spec"))
    assert "it exited with 1" in message
    assert "RuntimeError: no licence for this machine" in message
    assert "docs/engine.md" in remedy


def test_an_engine_that_ends_the_worker_is_told_by_what_it_printed_last(program):
    deed = 'raise SystemExit("the dongle is missing")'
    message, remedy = told(program, ("return Echo(spec", f"{deed}; return Echo(spec"))
    assert "the dongle is missing" in message
    assert "docs/engine.md" in remedy


def test_one_made_for_an_older_version_is_told_with_the_page(program):
    message, remedy = told(program, ("(EngineProvider)", ""))
    assert "The engine echo is not made for this version" in message
    assert "echo-engine" in remedy
    assert "docs/engine.md" in remedy


def test_a_broken_one_is_told_and_hinders_no_other(program):
    message, remedy = told(program, ("import msgspec", "import msgspec\nimport nothing_so_named"))
    assert "The engine echo cannot be used" in message
    assert "nothing_so_named" in message
    assert "pip uninstall echo-engine" in remedy
    assert "tiny.en" in program.run("model", "list").out


def test_nothing_that_it_prints_once_it_is_ready_is_told(program):
    """What an engine prints while it decodes may be dictated text."""
    deed = 'print("a secret", flush=True); raise SystemExit(1)'
    message, _ = told(
        program, ("        return Hypothesis", f"        {deed}\n        return Hypothesis")
    )
    assert "a secret" not in message


DECODE = "        return Hypothesis"
"""Where the page's engine answers."""
ANSWER = 'Hypothesis(new_text=f" {self.text}", confident=True)'


def line_of(program, text):
    """Where it is in the engine, as messages name it."""
    path = program.site / "echo_engine.py"
    rows = path.read_text().splitlines()
    return f"{path}:{next(n for n, row in enumerate(rows, 1) if text in row)}"


def deaths_of(program, *changes):
    """What the log says of the workers that died of an engine with these changes."""
    told(program, *changes)
    played = program.play()
    faults = played.problems
    assert len(faults) == 4, "two utterances, each of which is tried twice"
    assert len({re.sub(r"worker \d+", "worker", fault) for fault in faults}) == 1
    aside, *_ = played.named("fault", kind="set-aside")
    assert faults[0].partition("worker 1: ")[2] in aside["message"], "what `status` shows last"
    return faults[0]


def test_an_exception_in_decode_is_told_with_its_place_but_not_its_words(program):
    deed = "        raise KeyError(f'a secret {self.text}')\n"
    fault = deaths_of(program, (DECODE, f"{deed}{DECODE}"))
    assert f"its engine raised KeyError at {line_of(program, 'a secret')}" in fault
    assert "secret" not in fault
    done = program.run("transcribe", "-v", program.sound)
    assert f"KeyError at {line_of(program, 'a secret')}" in done.err
    assert f"{line_of(program, 'a secret')} in decode" in done.err, "-v has the stack"
    assert "decoder.py:" in done.err
    assert "Hello" not in done.err


@pytest.mark.slow
def test_one_in_another_library_is_told_where_the_engine_called_it(program):
    fault = deaths_of(program, (DECODE, f"        import json; json.loads('{{')\n{DECODE}"))
    assert f"its engine raised JSONDecodeError at {line_of(program, 'json.loads')}" in fault


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("self.text", "str, not a Hypothesis"),
        slow("None", "NoneType, not a Hypothesis"),
        slow("Hypothesis(new_text=2, confident=True)", "Hypothesis whose new_text is int, not str"),
        slow('Hypothesis(" a", waveform.any())', "whose confident is numpy.bool, not bool"),
        slow('Hypothesis(" \\udc80", True)', "a Hypothesis whose new_text cannot be written"),
    ],
)
def test_a_wrong_answer_is_named(program, answer, wrong):
    fault = deaths_of(program, (ANSWER, answer))
    assert "its engine's decode returned " in fault
    assert wrong in fault
    assert "Hello" not in fault


@pytest.mark.parametrize(
    ("change", "lack"),
    [
        (("self.capabilities =", "self.abilities ="), "returned Echo, which has no capabilities"),
        (("def decode", "def recognise"), "returned Echo, which has no decode"),
        (("def close", "def end"), "returned Echo, which has no close"),
        (("return Echo(", "Echo("), "returned NoneType, which has no capabilities, decode, close"),
        ((", waveform: Waveform", ""), "decode cannot be called with (request, waveform)"),
        (('Capabilities(device="cpu", languages=())', "{}"), "capabilities are dict, not"),
        (('device="cpu"', "device=None"), "Capabilities whose device is NoneType, not str"),
    ],
)
def test_what_an_engine_lacks_is_told_when_it_is_loaded(program, change, lack):
    message, remedy = told(program, change)
    assert "The engine echo is not made for this version: " in message
    assert lack in message
    assert "docs/engine.md" in remedy


@pytest.mark.slow
def test_what_an_engine_says_to_the_user_from_decode_is_shown(program):
    words = 'EngineError("The licence has ended.", "renew it: echo renew")'
    imported = ("import msgspec\n", "import msgspec\nfrom swictation.errors import EngineError\n")
    changes = (DECODE, f"        raise {words}\n{DECODE}"), imported
    assert "The licence has ended. -> renew it: echo renew" in deaths_of(program, *changes)
    found = finding(program, "self-test")
    assert (found["found"], found["remedy"]) == ("The licence has ended.", "renew it: echo renew")


def finding(program, name):
    """What doctor found of that; None: nothing."""
    checks = json.loads(program.run("doctor", "--json").out)["checks"]
    return next((check for check in checks if check["name"] == name), None)


def test_an_engine_that_works_is_no_error_whatever_it_understands(program):
    found = finding(program, "self-test")
    assert found["level"] == "warning"
    assert "0 of 14 words right, of an English sample" in found["found"]
    assert "[asr] model" not in found["remedy"]
    assert "swictation transcribe" in found["remedy"]
    assert finding(program, "model files") is None


def test_one_that_does_not_speak_english_is_no_error_either(program):
    told_of = program.site / "echo_engine.py"
    told_of.write_text(told_of.read_text().replace("languages=()", 'languages=("de",)'))
    program.set("asr", language="de")
    assert finding(program, "self-test")["level"] == "warning"


def test_that_it_has_no_models_by_name_is_told(program):
    for command in ("download", "verify", "path"):
        done = program.run("model", command, "--engine", "echo")
        assert done.code == 1
        assert "the engine echo has no models that are known by name" in done.err
    assert "The engine echo has no models by name" in program.run("model", "list").out


def test_a_broken_one_is_told_only_where_that_matters(program):
    path = program.site / "echo_engine.py"
    path.write_text("import nothing_so_named")
    program.set("asr", engine="scripted", model=str(program.manifest))
    for command in (("config", "show"), ("config", "show", "--defaults"), ("status",)):
        assert "echo" not in program.run(*command).err, command
    done = program.run("transcribe", program.sound)
    assert (done.code, done.err) == (0, "")
    for command in (("config", "check"), ("model", "list")):
        assert program.run(*command).err.count("The engine echo cannot be used") == 1, command
    done = program.run("doctor")
    assert done.err == ""
    assert done.out.count("The engine echo cannot be used") == 1
    program.set("asr", engine="echo", model="auto")
    done = program.run("doctor")
    assert done.err == ""
    assert done.out.count("The engine echo cannot be used") == 1
    assert "ok       model " not in done.out
    assert "skipped: no engine" in done.out
