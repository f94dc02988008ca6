"""Real downloads of a made-up `.nemo`: from a hub on this machine, killed, resumed, put by hand."""

import json
import os
import subprocess
import sys
import threading

import msgspec
import pytest
from click.testing import CliRunner

from fakes.made_model import COMMIT, Hub, Steps, make_known
from fakes.made_nemo import KEPT, WEIGHTS, archive, make_spec
from fakes.signals import eventually
from patience import PATIENCE_S
from swictation.cli.model.group import model as model_command
from swictation.errors import ModelError
from swictation.models.fetch.fetch import download
from swictation.models.store import record
from swictation.models.store.locking import exclusive_lock
from swictation.models.store.nemo_cache import lock_of, unpack_once
from swictation.models.store.store import beside, folder_of, locate, quick_problems, state, verify

pytestmark = pytest.mark.process

WHOLE = archive()
HALF = len(WHOLE) // 2
CHILD = """
import sys, msgspec
from swictation.models.fetch.fetch import download
from swictation.asr.model_spec import ModelSpec
download(msgspec.json.decode(sys.argv[1], type=ModelSpec), lambda done, total, what: None)
"""


@pytest.fixture(params=[True, False], ids=["pinned", "not pinned"])
def spec(request, monkeypatch):
    made = make_spec(WHOLE, is_pinned=request.param)
    make_known(monkeypatch, made)
    return made


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """No hub but the one of the test."""
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def hub(monkeypatch):
    with Hub({"wee.nemo": WHOLE}, "wee.nemo", HALF) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        yield server
        server.go.set()
        server.shutdown()
        thread.join()


def put(spec, data=WHOLE):
    folder_of(spec).mkdir(parents=True)
    (folder_of(spec) / "wee.nemo").write_bytes(data)


def is_whole(spec):
    """The folder holds the contents, the archive is gone, and nothing is left beside."""
    assert quick_problems(spec) == verify(spec) == []
    assert {path.name for path in folder_of(spec).iterdir()} == {*KEPT, "record.json"}
    beside_it = {path.name for path in folder_of(spec).parent.iterdir()}
    return beside_it - {".wee.hashes"} == {"wee", ".wee.lock"}


def kill_halfway(spec, hub):
    """A download that is killed when half of the archive is on the disk; what it has by then."""
    hub.go.clear()
    arguments = [sys.executable, "-c", CHILD, msgspec.json.encode(spec).decode()]
    with subprocess.Popen(arguments) as process:
        assert hub.model_asked.wait(PATIENCE_S)
        assert eventually(lambda: parts(spec))
        process.kill()
    hub.go.set()
    with exclusive_lock(beside(spec, "lock"), lambda: None):  # its helper has died, too
        return parts(spec)[0].stat().st_size


def parts(spec):
    """What is on the disk: it grows by whole megabytes, here one, of 1.5 that were sent."""
    found = beside(spec, "partial").glob("incoming/*.part")
    return [part for part in found if part.stat().st_size >= 1 << 20]


def test_an_archive_is_fetched_and_unpacked_and_goes(spec, hub):
    steps = Steps()
    found = download(spec, steps)
    assert is_whole(spec)
    assert found == locate("wee", "de", "canary")
    assert steps == ["fetching wee from the hub", "unpacking wee.nemo"]


def test_what_arrived_is_written_down(spec, hub):
    download(spec, Steps())
    told = record.read(folder_of(spec))
    assert (told.source, told.revision) == ("org/wee", COMMIT)
    assert [(it.name, it.size_bytes) for it in told.fetched] == [("wee.nemo", len(WHOLE))]
    assert {it.name for it in told.files} == KEPT
    assert state(spec) == ("yes" if spec.is_pinned else "not pinned")


def test_verify_finds_what_has_changed_since(spec, hub):
    download(spec, Steps())
    weights = folder_of(spec) / "model_weights.ckpt"
    weights.write_bytes(WEIGHTS[::-1])
    assert verify(spec) == ["model_weights.ckpt has a wrong sha256"]
    weights.write_bytes(b"short")
    assert "model_weights.ckpt has 5 bytes" in quick_problems(spec)[0]
    assert state(spec) == "damaged"


def test_a_download_that_was_killed_goes_on_where_it_was(spec, hub):
    had_bytes = kill_halfway(spec, hub)
    assert state(spec) == "partly"
    hub.served_bytes = 0
    download(spec, Steps())
    assert is_whole(spec)
    assert hub.ranges == [("wee.nemo", had_bytes)]
    assert hub.served_bytes == len(WHOLE) - had_bytes


def test_a_file_that_changed_on_the_hub_is_not_gone_on_with(hub):
    spec = make_spec(WHOLE, is_pinned=False)
    kill_halfway(spec, hub)
    hub.files["wee.nemo"] = archive(nemo_version="2.4.0")
    hub.served_bytes = 0
    download(spec, Steps())
    assert is_whole(spec)
    assert hub.ranges == []


def test_the_leftovers_of_another_version_are_not_gone_on_with(hub):
    kill_halfway(make_spec(WHOLE), hub)
    other = archive(nemo_version="2.4.0")
    hub.files["wee.nemo"] = other
    download(make_spec(other), Steps())
    assert is_whole(make_spec(other))
    assert hub.ranges == []


def test_an_archive_with_other_bytes_is_refused_and_not_kept(hub):
    spec = make_spec(WHOLE)
    hub.files["wee.nemo"] = WHOLE[::-1]
    with pytest.raises(ModelError, match=r"wee\.nemo has a wrong sha256"):
        download(spec, Steps())
    assert state(spec) == "no"


def test_an_archive_of_another_class_is_told_and_not_kept(hub):
    data = archive(target="nemo.collections.asr.models.EncDecCTCModel")
    spec = make_spec(data)
    hub.files["wee.nemo"] = data
    with pytest.raises(ModelError, match="of the class EncDecCTCModel") as caught:
        download(spec, Steps())
    assert "swictation model download wee" in caught.value.remedy
    assert state(spec) == "no"


def test_without_a_network_the_error_names_the_file_and_the_folder(spec):
    with pytest.raises(ModelError, match=r"the hub: .*offline mode") as caught:
        download(spec, Steps())
    assert f"put wee.nemo of the Hugging Face repository org/wee into {folder_of(spec)}" in (
        caught.value.remedy
    )
    assert "\n" not in caught.value.message


def test_an_archive_that_was_put_there_is_taken_without_a_network(spec):
    put(spec)
    with pytest.raises(ModelError, match="not unpacked yet"):
        locate("wee", "en", "canary")
    steps = Steps()
    download(spec, steps)
    assert steps == ["unpacking wee.nemo"]
    assert is_whole(spec)


def test_an_archive_that_was_put_there_and_is_another_is_refused_and_kept():
    spec = make_spec(WHOLE)
    put(spec, archive(nemo_version="2.4.0"))
    with pytest.raises(ModelError, match="not the file that was published") as caught:
        download(spec, Steps())
    assert "org/wee" in caught.value.remedy
    assert (folder_of(spec) / "wee.nemo").is_file()


def test_a_disk_without_room_for_both_is_told_before_the_first_byte(hub):
    spec = msgspec.structs.replace(make_spec(WHOLE, is_pinned=False), about_bytes=10**18)
    with pytest.raises(ModelError, match="the disk is full"):
        download(spec, Steps())
    assert hub.asked == []


def test_remove_frees_all_of_it_and_says_how_much(spec, hub):
    download(spec, Steps())
    done = run("remove", "wee")
    assert done.output == "wee is removed: 3 MB are free again\n"
    assert {path.name for path in folder_of(spec).parent.iterdir()} == {".wee.lock"}
    again = run("remove", "wee")
    assert "nothing to remove" in again.exception.message


def test_remove_takes_what_a_killed_download_left(spec, hub):
    kill_halfway(spec, hub)
    assert run("remove", "wee").output == "wee is removed: 1 MB are free again\n"
    assert state(spec) == "no"


def test_what_is_being_downloaded_is_not_removed(spec, hub):
    download(spec, Steps())
    with exclusive_lock(beside(spec, "lock"), None):
        assert "is being downloaded" in run("remove", "wee").exception.message
    assert is_whole(spec)


def test_an_unknown_model_is_not_removed(spec):
    assert "did you mean wee" in run("remove", "weee").exception.message


def test_the_commands_know_an_archive_by_its_name(spec, hub):
    folder = folder_of(spec)
    assert run("download", "wee").stdout == f"wee is ready: {folder}\n"
    assert run("download", "org/wee").stdout == f"wee is already there: {folder}\n"
    assert run("path", "wee").output == f"{folder}\n"
    told = run("verify", "wee").output
    assert told.startswith(f"wee is sound: {folder}")
    assert ("no hashes were published" in told) == (not spec.is_pinned)
    line = run("list", "--json").output.splitlines()[-1]
    assert json.loads(line)["installed"] == ("yes" if spec.is_pinned else "not pinned")


def test_the_commands_take_the_path_of_an_archive(spec, tmp_path):
    mine = tmp_path / "mine.nemo"
    mine.write_bytes(WHOLE)
    assert "not unpacked yet" in run("path", str(mine)).exception.message
    first = run("download", str(mine)).stdout
    folder = first.removeprefix("mine.nemo is ready: ").strip()
    assert (tmp_path / "data").exists() is False
    assert run("download", str(mine)).stdout == f"mine.nemo is already there: {folder}\n"
    assert run("path", str(mine)).output == f"{folder}\n"


def test_verify_compares_the_copy_of_ones_own_archive_to_what_was_unpacked(spec, tmp_path):
    mine = tmp_path / "mine.nemo"
    mine.write_bytes(WHOLE)
    assert "not unpacked yet" in run("verify", str(mine)).exception.message
    folder = unpack_once(mine, Steps())
    told = run("verify", str(mine)).output
    assert told == f"mine.nemo is sound: {folder} (as when it was unpacked)\n"
    (folder / "model_weights.ckpt").write_bytes(WEIGHTS[::-1])
    error = run("verify", str(mine)).exception
    assert "model_weights.ckpt has a wrong sha256" in error.message
    assert error.remedy == (f"swictation model remove {mine} && swictation model download {mine}")
    for command in ("remove", "download", "verify"):  # as the remedy says
        assert run(command, str(mine)).exit_code == 0


def test_remove_takes_the_copies_of_ones_own_archive_and_never_that_itself(spec, tmp_path):
    mine = tmp_path / "mine.nemo"
    mine.write_bytes(WHOLE)
    assert "nothing to remove" in run("remove", str(mine)).exception.message
    folder = unpack_once(mine, Steps())
    (folder.parent / f".{folder.name}.old").mkdir()  # of a removal that was killed
    other = tmp_path / "other.nemo"
    other.write_bytes(WHOLE)
    kept = unpack_once(other, Steps())
    told = run("remove", str(mine)).output
    assert told.startswith("the unpacked copy of mine.nemo is removed: 3 MB are free again")
    assert told.endswith(f"; {mine} itself is kept\n")
    assert mine.read_bytes() == WHOLE
    assert [it for it in folder.parent.iterdir() if it.is_dir()] == [kept]


def test_the_copy_of_an_archive_that_is_gone_can_be_removed(spec, tmp_path):
    mine = tmp_path / "mine.nemo"
    mine.write_bytes(WHOLE)
    folder = unpack_once(mine, Steps())
    mine.unlink()
    assert "kept" not in run("remove", str(mine)).output
    assert not folder.exists()


def test_a_copy_that_is_in_use_is_not_removed(spec, tmp_path):
    mine = tmp_path / "mine.nemo"
    mine.write_bytes(WHOLE)
    folder = unpack_once(mine, Steps())
    for lock in (lock_of(mine), folder.with_name(f".{folder.name}.lock")):
        with exclusive_lock(lock, None):
            error = run("remove", str(mine)).exception
        assert "is being unpacked or converted" in error.message
    assert folder.is_dir()


@pytest.mark.parametrize("command", ["verify", "remove"])
def test_a_folder_of_ones_own_is_neither_verified_nor_removed(spec, tmp_path, command):
    (tmp_path / "mine").mkdir()
    error = run(command, str(tmp_path / "mine")).exception
    assert f"{tmp_path}/mine is your own" in error.message
    assert (tmp_path / "mine").is_dir()


def run(*arguments):
    return CliRunner().invoke(model_command, arguments)
