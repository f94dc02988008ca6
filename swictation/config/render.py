"""Settings for people: as TOML with comments, and what is wrong with a value."""

import difflib
import math
import operator
import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from swictation.config.rules import EngineTable
from swictation.config.settings import TABLES, Settings, is_fixed

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_COMMENT_WIDTH = 98
_MAX_SHOWN_CHARS = 60
_HEADER = """\
# swictation: every setting with its default (swictation config show --defaults).
#
# Your own file is $XDG_CONFIG_HOME/swictation/config.toml, usually
# ~/.config/swictation/config.toml. Keep only the lines that you change there: what is left out
# follows the defaults of the version you run. Then type: swictation config check
"""


class Kind(msgspec.Struct, frozen=True):
    """A setting's type, split up: what a value may be and what it means."""

    annotation: Any
    base: Any
    """bool, int, float, str, tuple, or None for a choice."""
    choices: tuple[str, ...]
    numbers: tuple[type, ...]
    """Of a tuple of fixed length: the type of each item, int or float."""
    metas: tuple[msgspec.Meta, ...]

    @classmethod
    def of(cls, annotation: object) -> "Kind":
        """Split up `Annotated[type, Meta, ...]`; an engine's own may be a plain type."""
        is_plain = get_origin(annotation) is not Annotated
        bare, *metas = (annotation,) if is_plain else get_args(annotation)
        base = bare if isinstance(bare, type) else None
        choices, numbers = get_args(bare), ()
        if get_origin(bare) is tuple:
            base, inside = tuple, get_args(bare)
            choices, numbers = (), () if inside[1:] == (...,) else inside
        return cls(annotation, base, choices, numbers, tuple(metas))

    @property
    def meaning(self) -> str:
        """What it is for, with its unit."""
        return next((meta.description for meta in self.metas if meta.description), "")

    def _bounds(self) -> Iterator[tuple[str, float]]:
        """The bounds of a number, as `("<=", 3.0)`."""
        for meta in self.metas:
            signs = {">": meta.gt, ">=": meta.ge, "<": meta.lt, "<=": meta.le}
            yield from ((sign, bound) for sign, bound in signs.items() if bound is not None)

    @property
    def limits(self) -> str:
        """Choices or bounds, as `0.3 to 3.0`; "" if any value is allowed."""
        if self.choices:
            return ", ".join(toml_value(choice) for choice in self.choices)
        bounds = dict(self._bounds())
        if set(bounds) == {">=", "<="}:
            return f"{bounds['>=']} to {bounds['<=']}"
        return ", ".join(f"{sign} {bound}" for sign, bound in bounds.items())

    def fault(self, value: object, example: object) -> str:
        """What is wrong with a value of a document, as `must be <= 3.0`; "" if nothing is."""
        try:
            known: object = msgspec.convert(value, self.annotation)
        except msgspec.ValidationError:
            return self._misfit(value, toml_value(example))
        if isinstance(known, str) and _CONTROL.search(known):
            return "must be on one line, without control characters"
        numbers = cast(tuple[object, ...], known) if self.numbers else (known,)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            return "must be finite numbers" if self.numbers else "must be a finite number"
        # TOML has 64 bits; Python has no limit.
        if any(isinstance(number, int) and abs(number) >= 2**63 for number in numbers):
            return "must fit into 64 bits"
        return ""

    def _misfit(self, value: object, example: str) -> str:
        """Why msgspec refused `value`, which itself names Python's types and one fault only."""
        if self.numbers:
            whole = "whole " if int in self.numbers else ""
            return f"must be a list of {len(self.numbers)} {whole}numbers, such as {example}"
        if self.base is tuple:
            if not isinstance(value, list):
                return f"must be a list, such as {example}"
            return f"must hold texts in quotes, such as {example}" if value else "must not be empty"
        if self.choices:
            return self._no_choice(value)
        if self.base is bool:
            return "must be true or false"
        if self.base is str:
            if not isinstance(value, str):
                return f"must be text in quotes, such as {example}"
            return f"must look like {example}" if value else "must not be empty"
        if not isinstance(value, int | float) or isinstance(value, bool):
            return f"must be a number, such as {example}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"must be a finite number, such as {example}"
        if self.base is int and isinstance(value, float):
            return f"must be a whole number, such as {example}"
        for sign, bound in self._bounds():
            if not _SIGNS[sign](value, bound):
                return f"must be {sign} {bound}"
        return "must be a smaller number"

    def _no_choice(self, value: object) -> str:
        hint = did_you_mean(value, self.choices) if isinstance(value, str) else ""
        return f"must be one of {self.limits}{hint}"


_SYNONYMS = {
    "gpu": ("cuda", "gpu"),
    "nvidia": ("cuda", "gpu"),
    "processor": ("cpu",),
    "mic": ("audio",),
    "microphone": ("audio",),
    "typing": ("inject",),
}
"""Words for something that has another name in the settings."""


def closest(word: str, known: Collection[str], likeness: float = 0.7) -> str:
    """The known word that a misspelt or incomplete one probably means, or ""."""
    plain = word.lower().replace("-", "_").strip()
    if synonym := next((name for name in _SYNONYMS.get(plain, ()) if name in known), ""):
        return synonym
    if swapped := next((name for name in known if sorted(name) == sorted(plain)), ""):
        return swapped
    found = difflib.get_close_matches(plain, known, n=1, cutoff=likeness)
    begun = [name for name in known if len(plain) > 2 and name.startswith(plain)]
    return next(iter(found + begun), "")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The end of an error about `word`, or ""."""
    meant = closest(word, known)
    return f": did you mean {toml_value(meant)}?" if meant else ""


def shortened(text: str) -> str:
    """Text cut to a length that suits a line of an error."""
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}..."


def toml_value(value: object) -> str:
    """A value as TOML writes it, on one line and without control characters."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            # Python refuses to write very long decimals (which TOML's hex can contain).
            return str(value) if abs(value) < 2**64 else hex(value)
        case float():
            return str(value) if math.isfinite(value) else repr(value)
        case str():
            return f'"{"".join(_escaped(char) for char in value)}"'
        case list() | tuple():
            items = cast(Sequence[object], value)
            return f"[{', '.join(map(toml_value, items))}]"
        case dict():
            pairs = cast(dict[str, object], value)
            inside = ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in pairs.items())
            return f"{{{inside}}}"
        case _:
            return str(value)


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def toml_key(key: str) -> str:
    """A key as TOML writes it: without quotes if possible."""
    return key if _BARE_KEY.fullmatch(key) else toml_value(key)


def tables(
    settings: Settings, engines: Mapping[str, EngineTable]
) -> Iterator[tuple[str, msgspec.Struct]]:
    """Each table's name and values, in the order of the settings; after `asr` those of engines."""
    for name in TABLES:
        yield name, getattr(settings, name)
        if name == "asr":
            for engine, table in engines.items():
                yield engine, settings.engine_table(engine, table.settings)


def user_fields(table: msgspec.Struct | type[msgspec.Struct]) -> list[FieldInfo]:
    """The fields that a configuration file may set."""
    return [field for field in msgspec.structs.fields(table) if not is_fixed(field.type)]


def render_defaults(engines: Mapping[str, EngineTable]) -> str:
    """The whole configuration with its comments: the text of `config/swictation.toml`."""
    blocks = [_HEADER]
    for name, values in tables(Settings(), engines):
        rows = [_comment((values.__doc__ or "").strip()), f"[{name}]"]
        for field in user_fields(values):
            rows += [_comment(_meaning(field)), _row(field, values)]
        blocks.append("\n".join(rows) + "\n")
    return "\n".join(blocks)


def render(settings: Settings, engines: Mapping[str, EngineTable]) -> str:
    """The settings in force, each line that differs from its default saying so."""
    blocks: list[str] = []
    for name, values in tables(settings, engines):
        defaults = type(values)()
        rows = [f"[{name}]"]
        for field in user_fields(values):
            default = getattr(defaults, field.name)
            changed = getattr(values, field.name) != default
            note = f"  # default: {toml_value(default)}" if changed else ""
            rows.append(_row(field, values) + note)
        blocks.append("\n".join(rows) + "\n")
    return "\n".join(blocks)


def _meaning(field: FieldInfo) -> str:
    kind = Kind.of(field.type)
    return f"{kind.meaning} ({kind.limits})" if kind.limits else kind.meaning


def _comment(text: str) -> str:
    return "\n".join(f"# {row}" for row in textwrap.wrap(text, _COMMENT_WIDTH))


def _row(field: FieldInfo, values: msgspec.Struct) -> str:
    return f"{field.name} = {toml_value(getattr(values, field.name))}"
