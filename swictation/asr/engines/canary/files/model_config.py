"""The configuration of a Canary, `model_config.yaml`: untrusted, so read through an allow list.

NeMo builds any class that such a file names, fills in environment variables and opens the paths in
it. Here the parts of a Canary are known by name; everything else is left out or refused. It needs
no library of an engine: daemon and worker read it by the same rules.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

CLASS = "EncDecMultiTaskModel"
"""The only NeMo class that the engine loads; all Canaries have it."""
TARGET = f"nemo.collections.asr.models.aed_multitask_models.{CLASS}"
MOST_BYTES = 1 << 20
MOST_FILES = 128
PROMPT = "spl_tokens"
"""The prompt's name among the languages' tokenizers."""

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
"""The parts of a Canary, and the only class that each may have, by its names."""
_TOKENIZERS = (
    f"{_COMMON}tokenizers.canary_tokenizer.CanaryTokenizer",
    f"{_COMMON}tokenizers.canary_tokenizer.CanaryBPETokenizer",
)
_VALUES = ("sample_rate", "prompt_format", "prompt_defaults", "model_defaults")
_TOKENIZER_FILES = ("model_path", "vocab_path", "spe_tokenizer_vocab")
_RESERVED = {"target", "cls", "params", "adapters"}
"""Keys that have a meaning for NeMo wherever they are; Hydra's begin with "_"."""

_ARTIFACT = re.compile(r"nemo:([A-Za-z0-9][A-Za-z0-9._+-]{0,127}\.(?:model|vocab|txt))")
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_TAGS = "tag:yaml.org,2002:"
_KNOWN_TAGS = {f"{_TAGS}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_DEEPEST, _MOST_NODES, _MOST_TEXT = 16, 100_000, 256
_LONG_NUMBER = re.compile(rf"[-+0-9][0-9a-fA-FxX_:.]{{{_MOST_TEXT},}}")
"""YAML has base-60 numbers, too: a "1:59:59..." of a megabyte took 17 s to convert."""
_MOST = {
    "n_layers": 256,
    "num_layers": 256,
    "sample_rate": 48_000,
    "num_classes": 1 << 18,
    "vocab_size": 1 << 18,
}
_MOST_ELSEWHERE = 1 << 14
"""No number of a real Canary comes near these, and their product fits a machine's memory."""


class Refused(ValueError):
    """The configuration is not accepted. The message is one line, safe for a terminal."""


class CanaryConfig(msgspec.Struct, frozen=True):
    """The parts of the file that are used."""

    target: str
    """The class's full name; "" if the file has none."""
    nemo_version: str
    languages: tuple[str, ...]
    """Those with their own tokenizer, sorted."""
    files: tuple[str, ...]
    """The names of the tokenizers' files beside it."""
    parts: dict[str, object]
    """All that NeMo gets to build the model from."""


def read(text: bytes) -> CanaryConfig:
    """Take what a Canary needs from the file's text.

    Raises:
        Refused: it is no YAML, or has something that no Canary has.
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
        raise Refused(f"it names more than {MOST_FILES} tokenizer files")
    return CanaryConfig(
        target if isinstance(target, str) else "",
        version if isinstance(version, str) and _VERSION.fullmatch(version) else "",
        _languages(tokenizer),
        tuple(dict.fromkeys(files)),
        parts,
    )


def is_canary(target: str) -> bool:
    """Whether `target` is a Canary's class. The full name counts: others may have the last part."""
    return target in _TARGETS


def class_name(target: str) -> str:
    """The last part of a class's name, if it is safe to print."""
    name = target.rpartition(".")[2][:_MOST_TEXT]
    return name if name.isidentifier() and name.isascii() else "a strange name"


def _loaded(text: bytes) -> dict[str, object]:
    """Parse the YAML's table; {} if it is not a table. Aliases, which multiply, are refused."""
    import yaml  # imported here because the daemon, which looks for models, rarely needs it

    if len(text) > MOST_BYTES:
        raise Refused(f"it is larger than {MOST_BYTES >> 20} MiB")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(cast("Any", yaml).parse(text, Loader=loader))
        return _table(yaml.load(text, Loader=loader))
    except (yaml.YAMLError, ArithmeticError, RecursionError) as error:
        raise Refused("it is no YAML") from error
    except ValueError as error:  # from an invalid number or date
        if isinstance(error, Refused):
            raise
        raise Refused("it is no YAML") from error


def _check_events(events: Iterator[Any]) -> None:
    """Check the file before objects are made of it.

    Raises:
        Refused: it is nested too deeply, or has an alias, a huge number or a tag.
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
            raise Refused("it holds a Python object or another tag")


def _table(value: object) -> dict[str, Any]:
    """The entries of a table whose keys are text; {} if it is not a table."""
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
    """Return the value if it has only tables, lists, words and numbers of a plausible size."""
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        return {_key(key, where): _plain(it, str(key), depth + 1) for key, it in table.items()}
    if isinstance(value, list):
        return [_plain(it, where, depth + 1) for it in cast("list[object]", value)]
    if isinstance(value, str):
        if len(value) > _MOST_TEXT or "${" in value or not value.isprintable():
            raise Refused(f"its {where} has a variable, is too long, or is no plain text")
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not (math.isfinite(value) and abs(value) <= _MOST.get(where, _MOST_ELSEWHERE)):
            raise Refused(f"its {where} is no plausible number")
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
    """Accept only SentencePiece tokenizers with files beside it, whose names go into `files`."""
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
        raise Refused("it has an invalid name of a language")
    return tuple(name for name in names if name != PROMPT)


def _one_tokenizer(config: dict[str, object], files: list[str]) -> dict[str, object]:
    if config.get("type", "bpe") != "bpe":
        raise Refused("its tokenizer is not of a Canary's type")
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
