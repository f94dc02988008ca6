"""The configuration of a Canary, `model_config.yaml`: a stranger's, so read by an allow list.

NeMo builds whatever classes such a file names, fills in variables of the environment and opens the
paths in it. Here what a Canary is made of is known by name; all else is left out or refused. Needs
no library of a model's: daemon and worker read it by the same rules.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

CLASS = "EncDecMultiTaskModel"
"""The one class of NeMo that the engine loads: all Canaries are of it."""
TARGET = f"nemo.collections.asr.models.aed_multitask_models.{CLASS}"
MOST_BYTES = 1 << 20
MOST_FILES = 128
PROMPT = "spl_tokens"
"""Among the tokenizers of the languages: the one of the prompt."""

_ASR, _COMMON = "nemo.collections.asr.", "nemo.collections.common."
_TARGETS = (TARGET, f"{_ASR}models.{CLASS}")
_PARTS = {
    "preprocessor": (
        f"{_ASR}modules.AudioToMelSpectrogramPreprocessor",
        f"{_ASR}modules.audio_preprocessing.AudioToMelSpectrogramPreprocessor",
    ),
    "encoder": (
        f"{_ASR}modules.ConformerEncoder",
        f"{_ASR}modules.conformer_encoder.ConformerEncoder",
    ),
    "transf_encoder": (f"{_ASR}modules.transformer.transformer_encoders.TransformerEncoder",),
    "transf_decoder": (
        f"{_ASR}modules.transformer.get_nemo_transformer",
        f"{_ASR}modules.transformer.transformer_utils.get_nemo_transformer",
    ),
    "head": (f"{_ASR}parts.submodules.token_classifier.TokenClassifier",),
    "loss": (
        f"{_COMMON}losses.SmoothedCrossEntropyLoss",
        f"{_COMMON}losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
    ),
}
"""What a Canary is built of, and the one class that each part may be of, by its names."""
_TOKENIZERS = (
    f"{_COMMON}tokenizers.canary_tokenizer.CanaryTokenizer",
    f"{_COMMON}tokenizers.canary_tokenizer.CanaryBPETokenizer",
)
_VALUES = ("sample_rate", "prompt_format", "prompt_defaults", "model_defaults")
_TOKENIZER_FILES = ("model_path", "vocab_path", "spe_tokenizer_vocab")
_RESERVED = {"target", "cls", "params", "adapters"}
"""Keys that mean something to NeMo wherever they stand; Hydra's begin with "_"."""

_ARTIFACT = re.compile(r"nemo:([A-Za-z0-9][A-Za-z0-9._+-]{0,127}\.(?:model|vocab|txt))")
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_TAGS = "tag:yaml.org,2002:"
_KNOWN_TAGS = {f"{_TAGS}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_DEEPEST, _MOST_NODES, _MOST_TEXT = 16, 100_000, 256
_LONG_NUMBER = re.compile(rf"[-+0-9][0-9a-fA-FxX_:.]{{{_MOST_TEXT},}}")
"""YAML counts in sixties, too: "1:59:59" of a megabyte took 17 s to become a number."""
_MOST = {
    "n_layers": 256,
    "num_layers": 256,
    "sample_rate": 48_000,
    "num_classes": 1 << 18,
    "vocab_size": 1 << 18,
}
_MOST_ELSEWHERE = 1 << 14
"""No number of a real Canary comes near these; what they multiply to fits a machine's memory."""


class Refused(ValueError):
    """What is wrong with it: one line, fit for a terminal."""


class CanaryConfig(msgspec.Struct, frozen=True):
    """What is taken of the file."""

    target: str
    """The class's whole name; "" where none is told."""
    nemo_version: str
    languages: tuple[str, ...]
    """Those with a tokenizer of their own, sorted."""
    files: tuple[str, ...]
    """The tokenizers' files beside it, by their names."""
    parts: dict[str, object]
    """What NeMo gets to build the model from, and nothing but that."""


def read(text: bytes) -> CanaryConfig:
    """Take what a Canary needs from the file's text.

    Raises:
        Refused: it is no YAML, or says what no Canary's says.
    """
    config = _loaded(text)
    target = config.get("target") or ""
    version = config.get("nemo_version") or ""
    tokenizer = _table(config.get("tokenizer"))
    parts = {name: _plain(config[name], name) for name in _VALUES if name in config}
    for name, known in _PARTS.items():
        if config.get(name) is not None:
            parts[name] = _part(_table(config[name]), name, known)
    files: list[str] = []
    if tokenizer:
        parts["tokenizer"] = _tokenizer(tokenizer, files)
    if len(files) > MOST_FILES:
        raise Refused(f"it names more than {MOST_FILES} files of tokenizers")
    return CanaryConfig(
        target if isinstance(target, str) else "",
        version if isinstance(version, str) and _VERSION.fullmatch(version) else "",
        _languages(tokenizer),
        tuple(dict.fromkeys(files)),
        parts,
    )


def is_canary(target: str) -> bool:
    """Whether that is the class, by its whole name: a namesake elsewhere is another."""
    return target in _TARGETS


def class_name(target: str) -> str:
    """The last part of a class's name, as far as it can be printed."""
    name = target.rpartition(".")[2][:_MOST_TEXT]
    return name if name.isidentifier() and name.isascii() else "a strange name"


def _loaded(text: bytes) -> dict[str, object]:
    """The YAML's table; {} where it is another thing. Aliases, which multiply, are refused."""
    import yaml  # the daemon, which looks for models, has no use for it as a rule

    if len(text) > MOST_BYTES:
        raise Refused(f"it is larger than {MOST_BYTES >> 20} MiB")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(cast("Any", yaml).parse(text, Loader=loader))
        return _table(yaml.load(text, Loader=loader))
    except (yaml.YAMLError, ArithmeticError, RecursionError) as error:
        raise Refused("it is no YAML") from error
    except ValueError as error:  # of a number or a date that is none
        if isinstance(error, Refused):
            raise
        raise Refused("it is no YAML") from error


def _check_events(events: Iterator[Any]) -> None:
    """Before anything is made of it: nothing deep, nothing that multiplies, nothing made to order.

    Raises:
        Refused: one of these is in it.
    """
    import yaml

    depth = 0
    for count, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or count > _MOST_NODES:
            raise Refused("it is nested too deeply, or too long")
        if isinstance(event, yaml.ScalarEvent) and _LONG_NUMBER.match(event.value):
            raise Refused("a number in it has too many digits")
        if getattr(event, "anchor", None):
            raise Refused("it refers to itself by an alias")
        tag = getattr(event, "tag", None)
        if tag and tag not in _KNOWN_TAGS:
            raise Refused("it holds an object of Python's or another tag")


def _table(value: object) -> dict[str, Any]:
    """The table, if it is one whose keys are text; else an empty one."""
    if not isinstance(value, dict):
        return {}
    found = cast("dict[object, object]", value)
    return {key: it for key, it in found.items() if isinstance(key, str)}


def _part(part: dict[str, object], name: str, known: tuple[str, ...]) -> dict[str, object]:
    target = part.pop("_target_", None)
    if target not in known:
        what = class_name(target) if isinstance(target, str) else "nothing"
        raise Refused(f"its {name} is built by {what}, which is not part of a Canary")
    return {"_target_": target, **cast("dict[str, object]", _plain(part, name))}


def _plain(value: object, where: str, depth: int = 0) -> object:
    """The value, if it is made of tables, lists, words and numbers of a model's size."""
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        return {_key(key, where): _plain(it, str(key), depth + 1) for key, it in table.items()}
    if isinstance(value, list):
        return [_plain(it, where, depth + 1) for it in cast("list[object]", value)]
    if isinstance(value, str):
        if len(value) > _MOST_TEXT or "${" in value or not value.isprintable():
            raise Refused(f"its {where} is filled in from elsewhere, too long, or no plain text")
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not (math.isfinite(value) and abs(value) <= _MOST.get(where, _MOST_ELSEWHERE)):
            raise Refused(f"its {where} is no number of a model's size")
        return value
    if value is None or isinstance(value, bool):
        return value
    raise Refused(f"its {where} is neither a word nor a number")


def _key(key: object, where: str) -> str:
    if not isinstance(key, str) or not key.isidentifier() or not key.isascii():
        raise Refused(f"its {where} has a key that is no name")
    if key.startswith("_") or key in _RESERVED:
        raise Refused(f"its {where} would build something of its own ({key[:_MOST_TEXT]})")
    return key


def _tokenizer(config: dict[str, object], files: list[str]) -> dict[str, object]:
    """Only SentencePiece's, whose files lie beside; their names are added to `files`."""
    kind = config.get("type")
    if kind == "agg":
        tables = _table(config.get("langs"))
        made: dict[str, object] = {
            "dir": None,
            "type": "agg",
            "langs": {name: _one_tokenizer(_table(it), files) for name, it in tables.items()},
        }
    else:
        made = _one_tokenizer(config, files)
    custom = _table(config.get("custom_tokenizer"))
    if custom:
        if (target := custom.get("_target_")) not in _TOKENIZERS:
            raise Refused(f"its tokenizer is {class_name(str(target))}, not one of a Canary")
        made["custom_tokenizer"] = {"_target_": target, "tokenizers": None}
    return made


def _languages(tokenizer: dict[str, object]) -> tuple[str, ...]:
    names = sorted(_table(tokenizer.get("langs")))
    if not all(_LANGUAGE.fullmatch(name) for name in names):
        raise Refused("it names a language in a strange way")
    return tuple(name for name in names if name != PROMPT)


def _one_tokenizer(config: dict[str, object], files: list[str]) -> dict[str, object]:
    if config.get("type", "bpe") != "bpe":
        raise Refused("its tokenizer is not of the kind that a Canary has")
    made: dict[str, object] = {"dir": None, "type": "bpe"}
    for key, name in _artifacts(config):
        made[key] = f"nemo:{name}"
        files.append(name)
    return made


def _artifacts(config: dict[str, object]) -> Iterator[tuple[str, str]]:
    for key in _TOKENIZER_FILES:
        if (value := config.get(key)) is None:
            continue
        found = _ARTIFACT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise Refused(f"its tokenizer's {key} is no file beside it")
        yield key, found[1]
