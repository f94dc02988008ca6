"""A hostile model's folder: nothing in it is executed, nothing outside of it is opened."""

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml

from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary.engine import load_engine as load
from swictation.errors import EngineError

pytestmark = pytest.mark.canary


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "model")


@pytest.fixture
def marker(tmp_path):
    """A file that is there only if something of the model's was executed."""
    return tmp_path / "executed"


class Evil:
    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return (open, (str(self._marker), "w"))


def refused(folder):
    with pytest.raises(EngineError) as caught:
        load(EngineSpec("canary", "tiny", str(folder), "en", {}))
    for line in (caught.value.message, caught.value.remedy):
        assert line
        assert line.isprintable()
    return caught.value.message


def by_torch(path, evil):
    import torch

    torch.save({"encoder.weight": evil}, path)


def by_torch_of_old(path, evil):
    import torch

    torch.save({"encoder.weight": evil}, path, _use_new_zipfile_serialization=False)


def bare_pickle(path, evil):
    path.write_bytes(pickle.dumps(evil))


def handmade(path, evil):
    """The checkpoint as it was, another pickle in it."""
    parts = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            parts[member.filename] = archive.read(member)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, pickle.dumps(evil, 2) if name.endswith("data.pkl") else data)


@pytest.mark.parametrize("way", [by_torch, by_torch_of_old, bare_pickle, handmade])
def test_a_pickle_among_the_weights_is_not_executed(folder, marker, way):
    way(folder / "model_weights.ckpt", Evil(marker))
    assert "damaged" in refused(folder)
    assert not marker.exists()


@pytest.mark.parametrize("way", [by_torch, handmade])
def test_nor_in_a_half_precision_copy(folder, marker, way):
    copy = folder / "model_weights.fp16.ckpt"
    shutil.copy(folder / "model_weights.ckpt", copy)
    way(copy, Evil(marker))
    with pytest.raises(EngineError, match="damaged"):
        load(EngineSpec("canary", "tiny", str(folder), "en", {"precision": "fp16"}))
    assert not marker.exists()


@pytest.mark.parametrize("way", [by_torch, handmade])
def test_nor_when_it_is_converted(folder, marker, way):
    from swictation.asr.engines.canary.convert import convert

    way(folder / "model_weights.ckpt", Evil(marker))
    with pytest.raises(EngineError, match="damaged"):
        convert(folder, "fp16")
    assert not marker.exists()
    assert not (folder / "model_weights.fp16.ckpt").exists()


LINKS = ["model/.model_weights.fp16.ckpt.partial", "model/model_weights.fp16.ckpt", ".model.log"]


@pytest.mark.parametrize("link", LINKS)
def test_a_copy_is_not_written_through_a_link_that_the_folder_came_with(folder, tmp_path, link):
    from swictation.asr.registry import provider
    from swictation.models.store.converting import convert

    others = tmp_path / "others"
    others.write_text("mine")
    (tmp_path / link).symlink_to(others)
    convert(provider("canary"), folder, "mine", "fp16", lambda *_: None)
    assert others.read_text() == "mine"
    copy = folder / "model_weights.fp16.ckpt"
    assert copy.is_file()
    assert not copy.is_symlink()


def a_word(torch):
    return "a word"


def repeated(torch):
    """A petabyte by its shape, four bytes in the file."""
    return torch.zeros(1).expand(1 << 50)


def sparse(torch):
    return torch.sparse_coo_tensor(torch.tensor([[0]]), torch.tensor([1.0]), (1 << 40,))


@pytest.mark.parametrize("make", [a_word, repeated, sparse])
@pytest.mark.filterwarnings("ignore:.*[Ss]parse")
def test_what_is_no_plain_tensor_is_no_weight(folder, make):
    import torch

    path = folder / "model_weights.ckpt"
    weights = torch.load(path, weights_only=True)
    torch.save({**weights, next(iter(weights)): make(torch)}, path)
    assert "not all plain tensors" in refused(folder)


def changed(folder, where, value):
    path = folder / "model_config.yaml"
    told = at = yaml.safe_load(path.read_text())
    *parents, last = where
    for parent in parents:
        at = at.setdefault(parent, {})
    at[last] = value
    path.write_text(yaml.safe_dump(told))


@pytest.fixture
def evil_module(tmp_path, marker, monkeypatch):
    """A module that can be imported, and says so."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/evil_module.py").write_text(
        f"open({str(marker)!r}, 'w').close()\nclass EncDecMultiTaskModel: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "lib")
    return "evil_module.EncDecMultiTaskModel"


CLASSES = {
    "the model": ("target",),
    "its encoder": ("encoder", "_target_"),
    "its preprocessor": ("preprocessor", "_target_"),
    "its loss": ("loss", "_target_"),
    "in its encoder": ("encoder", "extra", "_target_"),
    "its tokenizer": ("tokenizer", "custom_tokenizer", "_target_"),
    "its metrics": ("multitask_metrics_cfg", "metrics", "wer", "_target_"),
    "its adapters": ("adapters", "one", "_target_"),
    "its augmentation": ("spec_augment", "_target_"),
    "its decoding": ("decoding", "_target_"),
}


@pytest.mark.parametrize("path", CLASSES.values(), ids=CLASSES)
def test_no_class_but_those_of_a_canary_is_imported(folder, marker, evil_module, path):
    changed(folder, path, evil_module)
    with contextlib.suppress(EngineError):  # some of these are left out, and the rest is good
        load(EngineSpec("canary", "tiny", str(folder), "en", {})).close()
    assert not marker.exists()
    assert "evil_module" not in sys.modules


def test_no_variable_of_the_environment_is_filled_in(folder, monkeypatch):
    monkeypatch.setenv("SECRET_FORMAT", "canary2")
    changed(folder, ("prompt_format",), "${oc.env:SECRET_FORMAT}")
    assert "has a variable" in refused(folder)


@pytest.mark.parametrize("path", ["{outside}", "nemo:../outside.model", "nemo:{outside}"])
def test_no_file_outside_of_the_folder_is_a_tokenizer(folder, path):
    told = yaml.safe_load((folder / "model_config.yaml").read_text())
    name = told["tokenizer"]["langs"]["en"]["model_path"].removeprefix("nemo:")
    outside = folder.parent / "outside.model"
    shutil.move(folder / name, outside)
    changed(folder, ("tokenizer", "langs", "en", "model_path"), path.format(outside=outside))
    assert "no file beside it" in refused(folder)


def test_the_program_that_plans_says_it_in_a_line_too(folder, marker, evil_module):
    changed(folder, ("target",), evil_module)
    done = subprocess.run(
        [sys.executable, "-m", "swictation.asr.engines.canary.memory.plan", str(folder), "5"],
        env={**os.environ, "PYTHONPATH": str(folder.parent / "lib")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no Canary" in done.stderr.splitlines()[-1]
    assert not marker.exists()
