"""A model's way into memory: what it takes, what stays fp32, and what is said of a broken one."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary.engine import load_engine as load
from swictation.asr.memory_plan import PRECISIONS
from swictation.errors import EngineError

pytestmark = pytest.mark.canary

# In a process of its own: the most memory that a load takes, above what the libraries do.
_PEAK = """
import json, sys
from pathlib import Path
from swictation.asr.engines.canary import engine
from swictation.asr.engines.canary.loading import load_model

def mib(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))

before = mib("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
model = load_model(Path(sys.argv[1]), sys.argv[2], "cpu")
print(json.dumps({"peak": mib("VmHWM") - before, "after": mib("VmRSS") - before}))
"""


def spec(folder, language="en", **options):
    return EngineSpec("canary", "tiny", str(folder), language, options)


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy that may be spoilt."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


@pytest.fixture(scope="module")
def large(tmp_path_factory, six):
    """Large enough that its weights outweigh all else: 60 M parameters, 230 MiB in fp32."""
    import torch

    from canary.tiny import build
    from canary.tiny.geometry import Geometry

    shape = Geometry(10, 512, 2, 512, 8, 64, special_tokens=64, tokens_a_language=256)
    folder = tmp_path_factory.mktemp("large")
    build.write_folder(folder, shape, torch.float32)
    return folder


def peak(folder, precision):
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(folder), precision],
        env={**os.environ, "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20)},
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("precision", ["fp16", "fp32", "int8"])
def test_the_host_never_holds_more_than_1_3_times_the_fp32_weights(large, precision):
    fp32_mib = (large / "model_weights.ckpt").stat().st_size / 2**20
    assert peak(large, precision)["peak"] <= 1.3 * fp32_mib


def test_from_a_converted_copy_it_is_half_as_much(large):
    from swictation.asr.engines.canary.convert import convert

    copy = convert(large, "fp16")
    fp32_mib = (large / "model_weights.ckpt").stat().st_size / 2**20
    assert copy.stat().st_size / 2**20 < 0.55 * fp32_mib
    assert peak(large, "fp16")["peak"] <= 0.8 * fp32_mib


def test_a_converted_copy_holds_what_a_cast_would(folder):
    import torch

    from swictation.asr.engines.canary.convert import convert
    from swictation.asr.engines.canary.loading import load_model

    cast = load_model(folder, "fp16", "cpu").state_dict()
    convert(folder, "fp16")
    (folder / "model_weights.ckpt").unlink()
    copied = load_model(folder, "fp16", "cpu").state_dict()
    assert cast.keys() == copied.keys()
    assert all(torch.equal(cast[name], copied[name]) for name in cast)


def test_a_copy_that_is_older_than_the_weights_is_not_used(folder):
    from swictation.asr.engines.canary.convert import convert
    from swictation.asr.engines.canary.files.folder import best_weights

    copy, source = convert(folder, "fp16"), folder / "model_weights.ckpt"
    assert best_weights(folder, "fp16") == best_weights(folder, "int8") == copy
    assert best_weights(folder, "bf16") == source
    later_ns = copy.stat().st_mtime_ns + 10**9
    os.utime(source, ns=(later_ns, later_ns))
    assert best_weights(folder, "fp16") == source


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_mel_filters_stay_fp32_and_tied_weights_one(folder, precision):
    import torch

    from swictation.asr.engines.canary.loading import load_model

    model = load_model(folder, precision, "cpu")
    featurizer = model.preprocessor.featurizer
    assert featurizer.fb.dtype == featurizer.window.dtype == torch.float32
    assert model.log_softmax.mlp.layer0.weight is (
        model.transf_decoder.embedding.token_embedding.weight
    )
    assert not [name for name, it in model.named_parameters() if it.is_meta]
    assert not [name for name, it in model.named_buffers() if it.is_meta]
    here = os.getcwd()
    assert os.getcwd() == here


def spoil_config(folder):
    (folder / "model_config.yaml").write_text(": not yaml: [")


def no_config(folder):
    (folder / "model_config.yaml").unlink()


def another_class(folder):
    config = folder / "model_config.yaml"
    config.write_text(config.read_text().replace("EncDecMultiTaskModel", "EncDecCTCModel"))


def newer_nemo(folder):
    """It names a module that the installed one does not have."""
    config = folder / "model_config.yaml"
    config.write_text(config.read_text().replace("ConformerEncoder", "TomorrowsEncoder"))


def cut_weights(folder):
    with (folder / "model_weights.ckpt").open("r+b") as file:
        file.truncate(100_000)


def no_weights(folder):
    (folder / "model_weights.ckpt").unlink()


def other_weights(folder):
    config = folder / "model_config.yaml"
    config.write_text(config.read_text().replace("n_layers: 2", "n_layers: 3"))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_config, "it is no YAML"),
        (no_config, "model_config.yaml is missing"),
        (another_class, "no Canary but EncDecCTCModel"),
        (newer_nemo, "built by TomorrowsEncoder, which is not part of a Canary"),
        (cut_weights, "damaged"),
        (no_weights, "lacks model_weights.ckpt"),
        (other_weights, "do not fit its configuration"),
    ],
)
def test_of_a_broken_model_one_line_says_what_is_wrong_and_what_to_type(folder, spoil, told):
    spoil(folder)
    with pytest.raises(EngineError, match=told) as caught:
        load(spec(folder))
    assert "\n" not in caught.value.message
    assert caught.value.remedy


def test_a_language_that_it_does_not_know_is_named_with_those_that_it_does(folder):
    with pytest.raises(EngineError, match="understands de, en, es, fr, not 'xx'") as caught:
        load(spec(folder, "xx"))
    assert "--language" in caught.value.remedy


def test_a_card_that_this_torch_cannot_use_is_named(folder):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match="cannot use the GPU"):
        load(EngineSpec("canary", "tiny", str(folder), "en", {}, device="cuda"))
