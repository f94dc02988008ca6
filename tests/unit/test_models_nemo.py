"""Whatever is wrong with a `.nemo` is told in a line, and nothing gets outside its folder."""

import gzip
import io
import lzma
import os
import tarfile

import pytest

from fakes.made_nemo import KEPT, WEIGHTS, archive, config
from swictation.asr.engines.canary.files import archive as nemo
from swictation.asr.engines.canary.provider import CanaryProvider
from swictation.errors import ModelError
from swictation.models.store.checks import check_files
from swictation.models.store.nemo_cache import is_unpacked, place_of, unpack_once

pytestmark = pytest.mark.unit

WHOLE = archive()


def quiet(done, total, what):
    assert 0 <= done <= (total or 0) or total is None


@pytest.fixture
def given(tmp_path):
    def give(data):
        path = tmp_path / "mine.nemo"
        path.write_bytes(data)
        return path

    return give


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def with_member(info, data=b""):
    made = io.BytesIO(WHOLE)
    with tarfile.open(fileobj=made, mode="a") as tar:
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


def link(name, to):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, to
    return info


def test_an_archive_is_unpacked_and_its_files_are_hashed_on_the_way(given, target):
    files = nemo.unpack(given(WHOLE), target, quiet)
    assert {path.name for path in target.iterdir()} == KEPT == {file.name for file in files}
    assert check_files(target, files) == []
    assert (target / nemo.WEIGHTS).read_bytes() == WEIGHTS


def test_a_compressed_archive_is_unpacked_too(given, target):
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=made, mode="w:gz") as tar,
        tarfile.open(fileobj=io.BytesIO(WHOLE)) as it,
    ):
        for member in it:
            tar.addfile(member, it.extractfile(member))
    assert {file.name for file in nemo.unpack(given(made.getvalue()), target, quiet)} == KEPT


def test_the_second_model_of_v2_is_left_out(given, target):
    info = tarfile.TarInfo("./timestamps_asr_model_weights.ckpt")
    nemo.unpack(given(with_member(info, b"2.5 GB")), target, quiet)
    assert {path.name for path in target.iterdir()} == KEPT


def spoilt(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(WHOLE[: len(WHOLE) // 2], "is truncated", id="truncated"),
        pytest.param(WHOLE[:700], "is truncated", id="next to nothing of it"),
        pytest.param(spoilt(gzip.compress(WHOLE), 14), "damaged", id="a wrong bit, compressed"),
        pytest.param(lzma.compress(WHOLE, preset=0), "not a tar", id="lzma, which NeMo never took"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(WEIGHTS, "is no NeMo archive: not a tar", id="not a tar"),
        pytest.param(
            archive(without=["model_config.yaml"]), "holds no model_config.yaml", id="no config"
        ),
        pytest.param(
            archive(without=["model_weights.ckpt"]), "its weights are missing", id="no weights"
        ),
        pytest.param(
            archive(target="nemo.collections.asr.models.EncDecRNNTBPEModel"),
            "is a model of the class EncDecRNNTBPEModel, not NeMo's EncDecMultiTaskModel",
            id="another class",
        ),
        pytest.param(archive(target=""), "is a model of no class", id="no class"),
        pytest.param(
            archive(nemo_version="3.1.0rc0"), "made by NeMo 3.1.0rc0, which is newer", id="newer"
        ),
        pytest.param(
            archive({"./model_config.yaml": b"a: [", "./model_weights.ckpt": b""}),
            "is no YAML",
            id="no yaml",
        ),
        pytest.param(
            archive({"./model_config.yaml": b"- a", "./model_weights.ckpt": b""}),
            "of no class",
            id="a list",
        ),
        pytest.param(
            with_member(tarfile.TarInfo("../../evil"), b"x"), "write outside its folder", id="up"
        ),
        pytest.param(with_member(link("./evil", "/etc/passwd")), "is no plain file", id="a link"),
    ],
)
def test_what_is_wrong_with_an_archive_is_told_in_a_line(given, target, data, words):
    path = given(data)
    with pytest.raises(ModelError) as caught:
        nemo.unpack(path, target, quiet)
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message + caught.value.remedy
    assert caught.value.remedy
    assert not (target / nemo.WEIGHTS).exists()


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0", "3.0.0rc1", None, "unknown"])
def test_an_older_nemo_or_an_unknown_one_is_no_obstacle(version, tmp_path):
    nemo.check_config(config(nemo_version=version), tmp_path)


@pytest.mark.parametrize(
    ("tokenizer", "known"),
    [
        ({"type": "agg", "langs": {"spl_tokens": {}, "en": {}, "de": {}}}, ("de", "en")),
        ({"type": "bpe", "model_path": "nemo:it.model"}, ()),
        ({"langs": None}, ()),
        ("none", ()),
        (None, ()),
    ],
)
def test_the_languages_are_those_with_a_tokenizer_of_their_own(tokenizer, known, tmp_path):
    assert nemo.check_config(config(tokenizer=tokenizer), tmp_path).languages == known


def test_a_folder_is_checked_as_an_archive_is(given, target):
    nemo.unpack(given(WHOLE), target, quiet)
    CanaryProvider("canary").check_folder(target)
    (target / nemo.WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"lacks model_weights\.ckpt"):
        CanaryProvider("canary").check_folder(target)


def test_an_archive_of_the_users_is_unpacked_once(given):
    path = given(WHOLE)
    assert not is_unpacked(path)
    place = unpack_once(path, quiet)
    assert {it.name for it in place.iterdir()} == {*KEPT, "record.json"}
    inode = place.stat().st_ino
    assert unpack_once(path, quiet) == place == place_of(path)
    assert place.stat().st_ino == inode


def test_an_archive_that_has_changed_is_unpacked_anew_and_the_old_one_goes(given):
    path = given(WHOLE)
    before = unpack_once(path, quiet)
    path.write_bytes(archive(nemo_version="2.4.0"))
    os.utime(path, ns=(1, 1))
    after = unpack_once(path, quiet)
    assert before != after
    assert [it.name for it in after.parent.iterdir() if not it.name.startswith(".")] == [after.name]


def test_a_copy_that_lacks_a_file_is_made_anew(given):
    path = given(WHOLE)
    place = unpack_once(path, quiet)
    (place / nemo.WEIGHTS).unlink()
    assert not is_unpacked(path)
    assert unpack_once(path, quiet) == place
    assert is_unpacked(path)


def test_a_link_to_an_archive_is_the_archive(given, tmp_path):
    path = given(WHOLE)
    (tmp_path / "link.nemo").symlink_to(path)
    assert unpack_once(tmp_path / "link.nemo", quiet) == unpack_once(path, quiet)


def test_a_broken_archive_leaves_nothing_in_the_cache(given):
    path = given(WHOLE[: len(WHOLE) // 2])
    with pytest.raises(ModelError):
        unpack_once(path, quiet)
    assert [it for it in place_of(path).parent.iterdir() if it.suffix != ".lock"] == []


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.nemo cannot be read"):
        unpack_once(tmp_path / "gone.nemo", quiet)


def test_a_cache_that_cannot_be_written_is_named(given, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    with pytest.raises(ModelError, match="cannot be written to /proc/swictation") as caught:
        unpack_once(given(WHOLE), quiet)
    assert "XDG_CACHE_HOME" in caught.value.remedy
