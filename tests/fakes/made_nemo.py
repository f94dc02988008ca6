"""Made-up `.nemo` archives: a configuration as NeMo writes it, and random bytes for weights.

The weights are a zip as torch writes it: stored members, each with its checksum.
"""

import io
import random
import tarfile
import zipfile

import yaml

from fakes.made_model import sha256
from swictation.asr.model_spec import ModelFile, ModelSpec

TARGET = "nemo.collections.asr.models.aed_multitask_models.EncDecMultiTaskModel"
TOKENIZER = {"type": "bpe", "dir": None, "model_path": "nemo:a1b2_tokenizer.model"}
CONFIG = {
    "target": TARGET,
    "nemo_version": "2.3.0",
    "sample_rate": 16000,
    "tokenizer": TOKENIZER,
}


def weights(data, pickle=b"a table", **changed):
    """A checkpoint; `changed` goes to each member."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", changed.get("compression", zipfile.ZIP_STORED)) as archive:
        archive.writestr("model_weights/data.pkl", pickle)
        archive.writestr("model_weights/data/0", data)
    return made.getvalue()


WEIGHTS = weights(random.Random(2).randbytes(3 << 20))
FILES = {
    "./model_config.yaml": yaml.safe_dump(CONFIG).encode(),
    "./model_weights.ckpt": WEIGHTS,
    "./a1b2_tokenizer.model": b"pieces",
}
KEPT = {name.removeprefix("./") for name in FILES}


def config(**changed):
    return yaml.safe_dump({**CONFIG, **changed}).encode()


def archive(files=FILES, *, without=(), **changed):
    """The bytes of an archive; `without` leaves members out, `changed` alters the configuration."""
    there = {name: data for name, data in files.items() if name.removeprefix("./") not in without}
    if changed:
        there["./model_config.yaml"] = config(**changed)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, data in there.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


def make_spec(data, *, is_pinned=True):
    """A known model whose one file is that archive."""
    pinned = (len(data), sha256(data)) if is_pinned else ()
    return ModelSpec(
        name="wee",
        engine="canary",
        repo="org/wee",
        languages=("en", "de"),
        parameters=1_000_000,
        licence="CC-BY-4.0",
        files=(ModelFile("wee.nemo", *pinned),),
        about_bytes=0 if is_pinned else len(data),
    )
