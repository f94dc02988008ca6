"""An installed model that changes later: noticed at the next load, read once, then remembered."""

import os
import shutil

import pytest

from fakes.made_model import make_known
from fakes.made_nemo import WEIGHTS, archive, make_spec
from fakes.signals import eventually
from swictation.asr.engines.canary.files import archive as nemo
from swictation.asr.model_spec import ModelFile
from swictation.errors import ModelError
from swictation.models.fetch import model_request
from swictation.models.store import checks, hashes, nemo_cache, record
from swictation.models.store.checks import measure
from swictation.models.store.record import Record
from swictation.models.store.store import folder_of, locate, quick_problems, state, verify

pytestmark = pytest.mark.unit

SPEC = make_spec(archive())
OTHER = bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_known(monkeypatch, SPEC)
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were read to be hashed."""
    found = []

    def spy(path):
        found.append(path.name)
        return measure(path)

    monkeypatch.setattr(checks, "measure", spy)
    return found


@pytest.fixture
def weights(tmp_path):
    """Of an installed model."""
    (tmp_path / "wee.nemo").write_bytes(archive())
    folder = folder_of(SPEC)
    folder.mkdir(parents=True)
    files = nemo.unpack(tmp_path / "wee.nemo", folder, lambda *_: None)
    record.write(folder, Record(SPEC.repo, "", (), files))
    settled(folder)
    return folder / nemo.WEIGHTS


def settled(folder):
    """Until its files are older than a tick of the clock: only then they are remembered."""
    ages = [path.stat().st_ctime_ns for path in folder.iterdir()]
    assert eventually(lambda: hashes.now_ns() - max(ages) > 60_000_000)


def find():
    return locate("wee", "en", "canary")


def test_what_has_not_changed_is_read_once(weights, reads):
    find()
    assert sorted(reads) == sorted(file.name for file in record.read(weights.parent).files)
    find()
    find()
    assert len(reads) == 3


def overwrite(path):
    path.write_bytes(OTHER)


def replace(path):
    path.with_name("new").write_bytes(OTHER)
    path.with_name("new").replace(path)


def in_place_and_set_back(path):
    """Bytes change, size and times of the content do not: only the inode's own time does."""
    told = path.stat()
    with path.open("r+b") as file:
        file.write(OTHER[:1])
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert path.stat().st_mtime_ns == told.st_mtime_ns


@pytest.mark.parametrize("change", [overwrite, replace, in_place_and_set_back])
def test_a_change_at_equal_size_is_noticed_at_the_next_load(weights, change):
    find()
    assert verify(SPEC) == []
    change(weights)
    with pytest.raises(ModelError, match=r"model_weights\.ckpt has a wrong sha256") as caught:
        find()
    assert caught.value.remedy == "swictation model download --force wee"
    assert verify(SPEC) == ["model_weights.ckpt has a wrong sha256"]
    settled(weights.parent)
    verify(SPEC)
    assert quick_problems(SPEC) == ["model_weights.ckpt has a wrong sha256"]
    assert state(SPEC) == "damaged"


def test_a_change_within_a_tick_of_the_clock_is_noticed_too(weights):
    for data in (WEIGHTS, OTHER) * 20:
        weights.write_bytes(data)
        assert (verify(SPEC, trust_seen=True) == []) == (data == WEIGHTS)


def restored(folder):
    """As a backup restores it: other inodes, other times, the same bytes."""
    shutil.copytree(folder, folder.with_name("backup"))
    shutil.rmtree(folder)
    folder.with_name("backup").rename(folder)


def touched(folder):
    for path in folder.iterdir():
        os.utime(path)


def made_private(folder):
    for path in folder.iterdir():
        path.chmod(0o600)


@pytest.mark.parametrize("change", [restored, touched, made_private])
def test_what_only_looks_changed_is_read_once_and_serves(weights, reads, change):
    find()
    change(weights.parent)
    settled(weights.parent)
    reads.clear()
    find()
    assert sorted(reads) == ["a1b2_tokenizer.model", "model_config.yaml", "model_weights.ckpt"]
    find()
    assert len(reads) == 3


def test_a_note_that_cannot_be_written_costs_time_alone(weights, reads):
    weights.parent.with_name(".wee.hashes").mkdir()
    find()
    find()
    assert len(reads) == 6


@pytest.mark.parametrize("text", [b"", b"[]", b'{"model_weights.ckpt": 1}', b"{" * 10_000])
def test_a_note_that_is_damaged_is_as_none(weights, text):
    find()
    weights.parent.with_name(".wee.hashes").write_bytes(text)
    weights.write_bytes(OTHER)
    with pytest.raises(ModelError, match="wrong sha256"):
        find()


def test_a_copy_of_the_weights_that_was_not_made_here_is_not_loaded(weights):
    copy = weights.with_name("model_weights.fp16.ckpt")
    copy.write_bytes(OTHER)
    with pytest.raises(ModelError, match=r"model_weights\.fp16\.ckpt is of unknown origin") as told:
        find()
    assert told.value.remedy == f"rm {copy} && swictation model convert wee"
    record.add(weights.parent, measure(copy))
    find()
    copy.write_bytes(WEIGHTS)
    with pytest.raises(ModelError, match=r"model_weights\.fp16\.ckpt has a wrong sha256"):
        find()


def test_a_record_whose_files_lead_out_is_none(weights):
    told = record.read(weights.parent)
    record.write(weights.parent, Record("", "", (), (*told.files, ModelFile("../../x", 1, "0"))))
    assert record.read(weights.parent) is None


@pytest.fixture
def mine(home):
    """An archive of the user's own, unpacked."""
    path = home / "mine.nemo"
    path.write_bytes(archive())
    settled(nemo_cache.unpack_once(path, lambda *_: None))
    return path


def test_the_unpacked_copy_of_ones_own_archive_is_noticed_too(mine):
    assert locate(str(mine), "en", engine="canary").path == nemo_cache.place_of(mine)
    (nemo_cache.place_of(mine) / nemo.WEIGHTS).write_bytes(OTHER)
    with pytest.raises(ModelError, match=r"the unpacked copy of the model .* is damaged"):
        locate(str(mine), "en", engine="canary")


def test_a_changed_copy_of_ones_own_archive_is_unpacked_anew(mine):
    sought = model_request.ModelRequest("canary", str(mine), "en")
    assert model_request.missing(sought) == ""
    weights = nemo_cache.place_of(mine) / nemo.WEIGHTS
    weights.write_bytes(OTHER)
    settled(weights.parent)
    assert model_request.unread(sought) == str(mine)
    model_request.ensure(sought, lambda *_: None)
    assert weights.read_bytes() == WEIGHTS


def test_a_flipped_bit_in_the_weights_of_ones_own_archive_is_noticed_when_it_is_unpacked(home):
    path = home / "mine.nemo"
    data = bytearray(archive())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"the weights in .* cannot be used: .*damaged"):
        nemo_cache.unpack_once(path, lambda *_: None)
