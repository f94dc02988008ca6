"""The configuration in a `.nemo` is a stranger's: read by an allow list, nothing filled in."""

import pytest

from fakes.made_nemo import config
from swictation.asr.engines.canary.files import archive as nemo
from swictation.errors import ModelError

pytestmark = pytest.mark.unit

NEMO = "nemo.collections.asr.modules"
HOSTILE_CONFIGS = {
    "a namesake of the class": {"target": "evil.EncDecMultiTaskModel"},
    "a part of another module": {"encoder": {"_target_": "os.system", "command": "true"}},
    "a part without a class": {"encoder": {"d_model": 8}},
    "a part of NeMo's that is not Canary's": {"encoder": {"_target_": "torch.nn.Linear"}},
    "a class further down": {
        "encoder": {"_target_": f"{NEMO}.ConformerEncoder", "x": [{"y": {"_target_": "os.system"}}]}
    },
    "another key of Hydra's": {
        "encoder": {"_target_": f"{NEMO}.ConformerEncoder", "_partial_": True}
    },
    "the older spelling": {
        "encoder": {"_target_": f"{NEMO}.ConformerEncoder", "x": {"cls": "os.system", "params": {}}}
    },
    "a variable of the environment": {"prompt_format": "${oc.env:HOME}"},
    "filled in from elsewhere": {"prompt_format": "${tokenizer.type}"},
    "filled in, and filled in again": {"sample_rate": "${oc.decode:${oc.env:RATE}}"},
    "a custom tokenizer": {"tokenizer": {"type": "bpe", "custom_tokenizer": {"_target_": "os.x"}}},
    "a tokenizer that is fetched": {"tokenizer": {"type": "wpe", "dir": None}},
    "a path of the machine's": {"tokenizer": {"type": "bpe", "model_path": "/etc/passwd"}},
    "a path that leads out": {"tokenizer": {"type": "bpe", "model_path": "nemo:../../x.model"}},
    "a path that leads out, by a tokenizer further down": {
        "tokenizer": {"type": "agg", "langs": {"en": {"vocab_path": "nemo:/etc/x.txt"}}}
    },
    "a file of ours as tokenizer": {
        "tokenizer": {"type": "bpe", "model_path": "nemo:model_weights.fp16.ckpt"}
    },
    "a language with an escape sequence": {
        "tokenizer": {"type": "agg", "langs": {"e\x1b[31mn": {}}}
    },
    "the same where one tokenizer serves all": {
        "tokenizer": {"type": "bpe", "langs": {"e\x1b[31mn": {}}}
    },
    "129 tokenizers": {
        "tokenizer": {
            "type": "agg",
            "langs": {f"l{n}": {"model_path": f"nemo:{n}.model"} for n in range(129)},
        }
    },
    "ten million layers": {
        "encoder": {"_target_": f"{NEMO}.ConformerEncoder", "n_layers": 10_000_000}
    },
    "no number": {"sample_rate": float("nan")},
    "a word of a megabyte": {"prompt_format": "a" * 500_000},
}


@pytest.mark.parametrize("changed", HOSTILE_CONFIGS.values(), ids=HOSTILE_CONFIGS)
def test_a_configuration_that_would_build_or_open_other_things_is_refused(tmp_path, changed):
    with pytest.raises(ModelError) as caught:
        nemo.check_config(config(**changed), tmp_path)
    assert caught.value.message.isprintable()


def laughs():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


HOSTILE_YAML = {
    "a number in sixties": b"x: 1" + b":59" * 300_000,
    "a number in sixties, with a sign": b"x: -1" + b":5" * 300_000,
    "aliases that multiply": laughs(),
    "an object of Python's": b"a: !!python/object/apply:os.system [true]",
    "a name of Python's": b"a: !!python/name:os.system",
    "a tag of its own": b"a: !evil x",
    "nested 100 000 deep": b"[" * 100_000,
    "a table in a table in a table": b"{a: " * 1000,
    "a number of 100 000 digits": b"a: " + b"9" * 100_000,
    "a day that was never": b"a: 2001-99-99",
    "no text": b"\xff\xfe\x00\xd8",
    "two megabytes": b"a: " + b"x" * (2 << 20),
    "a list without end": b"a: [" + b"1," * 200_000 + b"1]",
}


@pytest.mark.parametrize("text", HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_yaml_that_grows_or_makes_objects_is_refused(tmp_path, text):
    with pytest.raises(ModelError):
        nemo.check_config(text + b"\n" + config(), tmp_path)
