"""docs/engine.md: its plug-in is installed as the page says, and transcribes in the real worker."""

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


def test_one_without_capabilities_is_told_with_the_page(program):
    message, remedy = told(program, ("self.capabilities =", "self.abilities ="))
    assert "The engine echo has no capabilities" in message
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
