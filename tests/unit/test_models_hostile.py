"""A hostile `.nemo`: nothing gets outside its folder, nothing in that was not asked for."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile

import pytest

from fakes import hostile_tar as tar
from fakes.made_nemo import FILES, KEPT, WEIGHTS, archive, weights
from swictation.asr.engines.canary.files import archive as nemo
from swictation.errors import ModelError
from swictation.models.store.nemo_cache import unpack_once

pytestmark = pytest.mark.unit

BOMB_MB = 64


@pytest.fixture
def place(tmp_path):
    """A folder with the archive, the target, and a file of somebody else's."""
    (tmp_path / "target").mkdir()
    (tmp_path / "others").write_text("mine")
    return tmp_path


def unpack(place, data):
    """What becomes of the archive: the error, or None. In any case nothing bad has happened."""
    (place / "hostile.nemo").write_bytes(data)
    before = tree(place)
    try:
        nemo.unpack(place / "hostile.nemo", place / "target", lambda *_: None)
        error = None
    except ModelError as caught:
        error = caught
        for line in (caught.message, caught.remedy):
            assert line.isprintable()
            assert len(line) < 500
    outside = {path for path in tree(place) if not path.startswith("target/")}
    assert outside == before
    assert (place / "others").read_text() == "mine"
    for path in (place / "target").iterdir():
        told = path.lstat()
        assert path.name in KEPT
        assert stat.S_ISREG(told.st_mode)
        assert stat.S_IMODE(told.st_mode) & ~0o666 == 0
    return error


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def whole(place):
    assert {path.name for path in (place / "target").iterdir()} == KEPT
    return (place / "target/model_weights.ckpt").read_bytes() == WEIGHTS


def with_first(*blocks):
    """Before what is needed: a reader that stops at the last needed member has passed them."""
    return b"".join(blocks) + tar.good() + tar.END


def absolute(place):
    return str(place / "evil").encode()


LEADING_OUT = {
    "absolute": lambda place: tar.member(absolute(place)),
    "absolute, many slashes": lambda place: tar.member(b"//" + absolute(place)),
    "up": lambda place: tar.member(b"../evil"),
    "up, hidden in the middle": lambda place: tar.member(b"./a/../../evil"),
    "up, by the prefix": lambda place: tar.member(b"evil", prefix=b".."),
    "a folder, absolute": lambda place: tar.member(absolute(place), b"", kind=b"5"),
    "a symlink": lambda place: tar.member(b"evil", b"", kind=b"2", link=b"../others"),
    "a symlink, then through it": lambda place: (
        tar.member(b"./model_weights.ckpt", b"", kind=b"2", link=b"../others")
        + tar.member(b"./model_weights.ckpt", WEIGHTS)
    ),
    "a link to a folder, then into it": lambda place: (
        tar.member(b"in", b"", kind=b"2", link=b"..") + tar.member(b"in/evil")
    ),
    "a hard link": lambda place: tar.member(b"evil", b"", kind=b"1", link=b"../others"),
    "a character device": lambda place: tar.member(b"evil", b"", kind=b"3"),
    "a block device": lambda place: tar.member(b"evil", b"", kind=b"4"),
    "a pipe": lambda place: tar.member(b"./model_weights.ckpt", b"", kind=b"6"),
    "a contiguous file": lambda place: tar.member(b"./model_weights.ckpt", kind=b"7"),
    "an unknown kind": lambda place: tar.member(b"./model_weights.ckpt", kind=b"Z"),
    "old GNU, with holes": lambda place: tar.member(b"./model_weights.ckpt", kind=b"S"),
    "a long name of GNU's": lambda place: (
        tar.member(b"././@LongLink", absolute(place) + b"\0", kind=b"L") + tar.member(b"short")
    ),
    "a long link of GNU's": lambda place: (
        tar.member(b"././@LongLink", absolute(place) + b"\0", kind=b"K") + tar.member(b"short")
    ),
    "a name from the extended header": lambda place: (
        tar.notes(path=place / "evil") + tar.member(b"short")
    ),
    "a needed name from the extended header": lambda place: (
        tar.notes(path="model_weights.ckpt") + tar.member(b"short")
    ),
    "a name from a global header": lambda place: (
        tar.notes(b"g", path=place / "evil") + tar.member(b"short")
    ),
    "a link from the extended header": lambda place: (
        tar.notes(linkpath=place / "others") + tar.member(b"evil", b"", kind=b"2")
    ),
    "a size from the extended header": lambda place: tar.notes(size=4) + tar.member(b"short"),
    "GNU sparse 1.0": lambda place: (
        tar.notes(
            GNU_sparse_major=1,
            GNU_sparse_minor=0,
            GNU_sparse_name=place / "evil",
            GNU_sparse_realsize=1 << 40,
        )
        + tar.member(b"short", b"1\n0\n4\n")
    ),
    "a size below zero": lambda place: tar.header(b"short", size_field=b"\xff" * 12),
    "a size in no known form": lambda place: tar.header(b"short", size_field=b"0x10\0" + b" " * 7),
    "a size of 2^70": lambda place: tar.header(
        b"short", size_field=b"\x80" + (1 << 70).to_bytes(11, "big")
    ),
    "an extended header that is no list": lambda place: tar.member(b"x", b"junk", kind=b"x"),
    "an extended header of a gigabyte": lambda place: tar.header(b"x", 1 << 30, b"x"),
    "a folder with content": lambda place: tar.member(b"model_weights.ckpt", kind=b"5"),
}


@pytest.mark.parametrize("make", LEADING_OUT.values(), ids=LEADING_OUT)
def test_what_leads_out_or_is_no_plain_file_refuses_the_archive(place, make):
    assert unpack(place, with_first(make(place))) is not None
    assert not (place / "target/model_weights.ckpt").exists()


@pytest.mark.parametrize("make", LEADING_OUT.values(), ids=LEADING_OUT)
def test_the_same_behind_all_that_is_needed(place, make):
    assert unpack(place, tar.good() + make(place) + tar.END) is not None


NOT_NEEDED = {
    "a plan that lies": b"./plan.json",
    "a record that lies": b"./record.json",
    "other weights, which would be preferred": b"./model_weights.fp16.ckpt",
    "a module": b"./torch.py",
    "hidden": b"./.bashrc",
    "in a folder": b"./in/model_weights.ckpt",
    "by the prefix in a folder": b"model_weights.ckpt/",
    "a trailing dot": b"./model_weights.ckpt.",
    "a trailing space": b"./model_weights.ckpt ",
    "another case": b"./Model_Weights.ckpt",
    "a fullwidth slash": "..／..／evil".encode(),
    "a fullwidth full stop": "．．/evil".encode(),
    "composed": "model_w\u00e9ights.ckpt".encode(),
    "decomposed": "model_we\u0301ights.ckpt".encode(),
    "turned around": "\u202etpkc.sthgiew_ledom".encode(),
    "a zero width space": "model_weights\u200b.ckpt".encode(),
    "no UTF-8": b"./model_\xff\xfeweights.ckpt",
    "an escape sequence": b"./\x1b]0;evil\x07",
    "a line break": b"./evil\nfile",
    "a backslash": b"..\\..\\evil",
    "a drive": b"C:evil",
    "very long": b"a" * 100,
    "nothing but a dot": b"./.",
    "empty": b"",
}


@pytest.mark.parametrize("name", NOT_NEEDED.values(), ids=NOT_NEEDED)
def test_what_is_not_needed_stays_inside(place, name):
    data = with_first(tar.member(name, b"" if name.endswith(b"/") else b"evil"))
    assert unpack(place, data) is None
    assert whole(place)


def test_what_stands_behind_a_nul_in_a_name_is_no_name(place):
    data = b"".join(
        tar.member(f"{name}\0/../../evil".encode(), data) for name, data in FILES.items()
    )
    assert unpack(place, data + tar.END) is None
    assert whole(place)


def test_modes_of_the_archive_are_not_taken_over(place):
    data = b"".join(tar.member(name.encode(), data, mode=0o6777) for name, data in FILES.items())
    assert unpack(place, data + tar.END) is None
    assert whole(place)


@pytest.mark.parametrize("name", ["./model_weights.ckpt", "model_config.yaml"])
@pytest.mark.parametrize("spelling", ["./{}", "{}"])
def test_a_needed_file_that_is_there_twice_refuses_the_archive(place, name, spelling):
    name = name.removeprefix("./")
    again = tar.member(spelling.format(name).encode(), FILES[f"./{name}"])
    assert "twice" in unpack(place, tar.good() + again + tar.END).message


def test_a_name_in_decomposed_letters_is_not_the_needed_one(place):
    files = {name: data for name, data in FILES.items() if "weights" not in name}
    lookalike = tar.member("./model_we\u0131ghts.ckpt".encode(), WEIGHTS)
    error = unpack(place, tar.good(files) + lookalike + tar.END)
    assert "weights are missing" in error.message


def test_headers_without_end_are_read_without_end_of_the_stack(place):
    data = tar.notes(mtime="1.5") * 3000 + tar.good() + tar.END
    assert unpack(place, data) is None
    assert whole(place)


def test_more_members_than_a_model_has_are_given_up(place):
    data = tar.member(b"x", b"") * 10_001 + tar.good() + tar.END
    assert "more than 10000" in unpack(place, data).message


def test_a_compressed_bomb_is_given_up_before_it_is_written(place):
    data = tar.bomb(BOMB_MB)
    assert len(data) < BOMB_MB << 11
    assert "times as large as its file" in unpack(place, data).message
    assert list((place / "target").iterdir()) == []


def test_a_name_of_a_gigabyte_takes_no_memory(place):
    head = tar.header(b"././@LongLink", 1 << 30, b"L")
    data = gzip.compress(head, mtime=0) + gzip.compress(bytes(1 << 20), mtime=0) * BOMB_MB
    import tracemalloc

    tracemalloc.start()
    try:
        assert unpack(place, data) is not None
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "size"),
    [(b"./a1b2_tokenizer.model", 1 << 30), (b"./model_config.yaml", 1 << 30)],
)
def test_a_giant_made_of_holes_is_refused_by_its_size(place, name, size):
    rest = {key: data for key, data in FILES.items() if key.encode() != name}
    path = place / "hostile.nemo"
    with path.open("wb") as file:
        file.write(tar.good(rest) + tar.header(name, size))
        file.truncate(file.tell() + size + len(tar.END))
    with pytest.raises(ModelError, match="too large to be one"):
        nemo.unpack(path, place / "target", lambda *_: None)
    assert list((place / "target").iterdir()) == []


@pytest.mark.parametrize("cut", [100, 513, 2000, len(tar.good()) - 1, len(tar.good())])
def test_a_truncated_archive_leaves_no_doubt(place, cut):
    assert "truncated" in unpack(place, tar.good()[:cut]).message


def test_an_archive_in_an_archive_stays_closed(place):
    inner = tar.member(str(place / "evil").encode())
    files = {**FILES, "./model_weights.ckpt": tar.good({"./x": b"x"}) + inner + tar.END}
    assert "weights" in unpack(place, tar.good(files) + tar.END).message
    assert list((place / "target").iterdir()) != []  # its folder is thrown away by the caller


def test_behind_the_end_nothing_is_looked_at(place):
    assert unpack(place, tar.good() + tar.END + tar.member(absolute(place)) + b"junk") is None
    assert whole(place)


def test_the_same_archive_as_python_writes_it_is_good(place):
    """With times in extended headers, and compressed."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT) as out:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), 1.5, "jürgen"
            out.addfile(info, io.BytesIO(data))
    assert unpack(place, made.getvalue()) is None
    assert whole(place)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_plain_file_is_not_waited_for(place, kind):
    path = place / "odd.nemo"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="is no plain file"):
        nemo.unpack(path, place / "target", lambda *_: None)


def test_what_other_tars_note_of_a_file_is_passed_over(place):
    noted = tar.notes(SCHILY_dev=1, SCHILY_xattr_user_note="x", LIBARCHIVE_creationtime=1.5)
    assert unpack(place, noted + tar.good() + tar.END) is None
    assert whole(place)


def deflated(data):
    return weights(data, compression=zipfile.ZIP_DEFLATED)


def crowded(count):
    """A zip of so many members that are nowhere: only its list is long."""
    entry = b"PK\x01\x02" + bytes(24) + b"\x01\x00" + bytes(16) + b"a"
    where = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, 47 * count, 0)
    there = struct.pack("<4sLQL", b"PK\x06\x07", 0, 47 * count, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, *[0xFFFFFFFF] * 2, 0)
    return entry * count + where + there + end


SPOILT_WEIGHTS = {
    "a list of 60 000 members": (crowded(60_000), "truncated or damaged"),
    "no zip": (b"\x80\x02}q\x00." * 1000, "truncated or damaged"),
    "cut": (WEIGHTS[:-4000], "truncated or damaged"),
    "compressed": (deflated(bytes(1 << 20)), "compressed"),
    "a table of 17 MiB": (weights(b"x", bytes(17 << 20)), "too long"),
    "a flipped bit": (WEIGHTS[:9999] + bytes([WEIGHTS[9999] ^ 1]) + WEIGHTS[10000:], "damaged"),
}


@pytest.mark.parametrize(("data", "words"), SPOILT_WEIGHTS.values(), ids=SPOILT_WEIGHTS)
def test_weights_that_are_not_what_torch_writes_are_refused(place, data, words):
    (place / "mine.nemo").write_bytes(archive({**FILES, "./model_weights.ckpt": data}))
    with pytest.raises(ModelError, match=words):
        unpack_once(place / "mine.nemo", lambda *_: None)
