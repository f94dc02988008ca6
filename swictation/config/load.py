"""TOML to frozen settings: all mistakes at once, each with its line and a suggestion."""

import re
import shlex
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from swictation import paths
from swictation.config.depth import too_deep
from swictation.config.file import read
from swictation.config.injectors import chain_fault, load_fault
from swictation.config.languages import language_meant, unknown_language
from swictation.config.render import (
    Kind,
    closest,
    did_you_mean,
    shortened,
    toml_key,
    toml_value,
    user_fields,
)
from swictation.config.rules import RULES, EngineTable, Key, Rule
from swictation.config.settings import GONE, TABLES, AsrSettings, Settings, is_fixed
from swictation.errors import ConfigError, EngineError

_MAX_ROWS_OF_A_STATEMENT = 25
_MAX_REPORTED = 100
"""Findings of a file: looking for suggestions takes time, and nobody reads thousands."""
_TABLE_LIKENESS = 0.8
"""Of a misspelt table: with a lower one, `vocabulary` would be taken for an engine's."""
_DEFAULTS = Settings()
_LANGUAGE = ("asr", "language")
_CHAIN = ("inject", "chain")
_ENGINE_KEYS = ("engine", "cpu_engine")
_COMMA = re.compile(r"= *(-?\d+),(\d+) *(?:#|$)")
_CURLY = re.compile("[\u201c\u201d\u201e\u2018\u2019]")
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Loaded(msgspec.Struct, frozen=True):
    """What `load` found."""

    settings: Settings
    warnings: tuple[str, ...]
    """One line each, for a person."""
    path: Path | None
    """The file that was read; None if there is none: the defaults are in force."""


class _Finding(NamedTuple):
    key: Key
    text: str

    @classmethod
    def of(cls, key: Key, value: object, fault: str) -> "_Finding":
        """The finding that the file gives `key` a wrong value."""
        return cls(key, f"{_shown_key(key)} = {shortened(toml_value(value))}: {fault}")


def load(
    path: Path | None,
    tables: Mapping[str, EngineTable],
    engines: Collection[str] = (),
    *,
    defaults: Settings = _DEFAULTS,
) -> Loaded:
    """Read a configuration file and check all of it.

    Args:
        path: the file; None: the user's own (`paths.config_file`), or the defaults if there
            is none.
        tables: those of the engines, by name. What the file does not mention is not looked up.
        engines: the only names that an engine may have; none: any. A daemon accepts any name: the
            embedded engine replaces one that is not there.
        defaults: what holds where the file says nothing. A test may pass other constants.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or has values that cannot be used;
            the message then has a line for each of them. Unknown keys and tables only warn, and
            so does the table of a broken engine unless `engines` are given.
    """
    file = path or paths.config_file()
    try:
        text = read(file)
    except FileNotFoundError as error:
        # A dangling link is a mistake to report, not a wish for the defaults.
        if path is None and not file.is_symlink():
            return Loaded(defaults, (), None)
        if file.is_symlink():
            what = f"{file}: no such file as {file.readlink()}, to which it is a link"
            raise ConfigError(what, f"rm {shlex.quote(str(file))}") from error
        make_one = f"swictation config show --defaults > {shlex.quote(str(file))}"
        raise ConfigError(f"{file}: no such file", f"to create one: {make_one}") from error
    check = _Check(_parse(text, file), tables, engines, defaults)
    lines = _key_lines(text) if check.errors or check.warnings else {}
    if check.errors:
        problems = _messages(file, check.errors, lines)
        count = "1 error" if len(check.errors) == 1 else f"{len(check.errors)} errors"
        also = [f"warning: {warning}" for warning in _messages(file, check.warnings, lines)]
        again = f"swictation config check {shlex.quote(str(path)) if path else ''}".rstrip()
        raise ConfigError(
            f"the configuration has {count}:", f"fix it, then type: {again}", [*problems, *also]
        )
    return Loaded(check.settings, tuple(_messages(file, check.warnings, lines)), file)


def _parse(text: str, file: Path) -> dict[str, Any]:
    if line := too_deep(text):
        remedy = "a setting has a table and a key: [vad] hang_over_s = 0.8"
        raise ConfigError(f"{file}:{line}: too deeply nested", remedy)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text, file) from error
    except ValueError as error:  # what int() says of thousands of digits
        raise ConfigError(f"{file}: not TOML: a number with too many digits") from error


def _syntax_error(reason: str, text: str, file: Path) -> ConfigError:
    rows = text.rstrip("\n").split("\n")
    found = _AT_LINE.search(reason)
    line = int(found[1]) if found and found[1] else len(rows)
    row = "".join(c if c.isprintable() else "?" for c in rows[min(line, len(rows)) - 1].strip())
    reason = _AT_LINE.sub("", reason)
    remedy = "the rules of TOML: https://toml.io/en/v1.0.0"
    if comma := _COMMA.search(row):
        remedy = f"write {comma[1]}.{comma[2]}"
    elif _CURLY.search(row):
        remedy = f"use plain quotes: {_CURLY.sub(chr(34), shortened(row))}"
    elif reason.startswith("Cannot"):
        remedy = "write each key and each [table] only once"
    elif reason.startswith("Invalid value"):
        remedy = 'write text in quotes ("en"), true and false in lower case'
    return ConfigError(f"{file}:{line}: not TOML: {reason}: {shortened(row)}", remedy)


def _key_lines(text: str) -> dict[Key, int]:
    """The line of each key and table of a document that is known to be TOML.

    The parser itself shows where a statement ends: at the first row with which it parses alone.
    So this works for quoted and dotted keys, inline tables and text of many rows.
    """
    lines: dict[Key, int] = {}
    table: Key = ()
    statement: list[str] = []
    for number, row in enumerate(text.split("\n"), 1):
        statement.append(row)
        try:
            parsed = tomllib.loads("\n".join(statement))
        except ValueError:
            if len(statement) > _MAX_ROWS_OF_A_STATEMENT:
                return lines  # no line rather than minutes of searching
            continue
        is_header = statement[0].lstrip(" \t").startswith("[")
        keys = list(_keys(parsed))
        for key in keys:
            lines.setdefault(key if is_header else (*table, *key), number - len(statement) + 1)
        if is_header:
            table = keys[-1]
        statement = []
    return lines


def _keys(parsed: object) -> Iterator[Key]:
    """Each path into a parsed statement, the deepest of a header last."""
    if isinstance(parsed, list) and parsed:
        yield from _keys(cast(list[object], parsed)[0])
    if isinstance(parsed, dict):
        for name, inside in cast(dict[str, object], parsed).items():
            yield (name,)
            yield from ((name, *key) for key in _keys(inside))


def _messages(file: Path, findings: Iterable[_Finding], lines: dict[Key, int]) -> list[str]:
    placed = [(lines.get(key) or lines.get(key[:1], 0), text) for key, text in findings]
    placed.sort(key=lambda item: item[0])
    shown = placed[:_MAX_REPORTED]
    messages = [f"{file}{f':{line}' if line else ''}: {text}" for line, text in shown]
    if len(placed) > len(shown):
        messages.append(f"{file}: ... and {len(placed) - len(shown)} more")
    return messages


class _Check:
    """A document checked against the settings; `settings` are valid only if `errors` is empty."""

    def __init__(
        self,
        document: dict[str, Any],
        tables: Mapping[str, EngineTable],
        engines: Collection[str],
        defaults: Settings,
    ) -> None:
        self.errors: list[_Finding] = []
        self.warnings: list[_Finding] = []
        self._document = document
        self._defaults = defaults
        self._engine_tables = tables
        self._engine_findings = self.errors if engines else self.warnings
        values: dict[str, Any] = {name: self._table(name, cls) for name, cls in TABLES.items()}
        own: dict[str, msgspec.Struct] = {}
        rules = list(RULES)
        for name in document.keys() - TABLES.keys():
            if (table := self._engine_table(name)) is None:
                continue
            rules += table.rules or ()
            own[name] = self._table(name, table.settings)
        every = defaults.engines | own
        changed = {name: table for name, table in every.items() if table != type(table)()}
        self.settings = Settings(**values, engines=changed)
        self._values = values | own
        chain = self.settings.inject.chain
        if fault := chain_fault(chain) or (load_fault(chain) if engines else ""):
            self.errors.append(_Finding.of(_CHAIN, chain, fault))
        if engines:
            self._check_engines(engines)
        bad = {finding.key for finding in self.errors}
        for rule in rules:
            touched = {*rule.keys, *(key[:1] for key in rule.keys)}
            if not bad & touched:
                self._check_rule(rule)

    def _engine_table(self, name: str) -> EngineTable | None:
        """The table of the engine with that name; None, with a warning, if there is none."""
        try:
            if table := self._engine_tables.get(name):
                return table
        except EngineError as error:
            self._engine_findings.append(_Finding((name,), f"[{name}]: {error.message}"))
            return None
        self._warn_of_stray(name)
        return None

    def _table(self, name: str, cls: type[msgspec.Struct]) -> msgspec.Struct:
        given = self._document.get(name, {})
        before = self._before(name, cls)
        if not isinstance(given, dict):
            self.errors.append(_Finding((name,), f"{name} must be one table: [{name}]"))
            return before
        types = {field.name: field.type for field in msgspec.structs.fields(cls)}
        good: dict[str, Any] = {}
        for key, raw in cast(dict[str, Any], given).items():
            if key not in types or is_fixed(types[key]):
                text = _gone(name, key, before) or self._unknown(name, key)
                self.warnings.append(_Finding((name, key), text))
                continue
            value = self._language(raw) if (name, key) == _LANGUAGE else raw
            kind = Kind.of(types[key])
            if fault := kind.fault(value, example=getattr(before, key)):
                fault = f"{fault} ({kind.meaning})"
                self.errors.append(_Finding.of((name, key), value, fault))
            else:
                good[key] = msgspec.convert(value, types[key])
        return msgspec.structs.replace(before, **good)

    def _before(self, name: str, cls: type[msgspec.Struct]) -> msgspec.Struct:
        """The values of a table where the file says nothing."""
        if name in TABLES:
            return getattr(self._defaults, name)
        return self._defaults.engine_table(name, cls)

    def _unknown(self, table: str, key: str) -> str:
        return f"unknown key {_shown_key((table, key))}{self._key_meant(key, table)}"

    def _language(self, value: object) -> object:
        """The code of a language, however it is written; other values as they are."""
        if not isinstance(value, str) or not value:
            return value
        if code := language_meant(value):
            return code
        fault = f"there is no such language{unknown_language(value)}"
        self.errors.append(_Finding.of(_LANGUAGE, value, fault))
        return AsrSettings().language

    def _check_engines(self, engines: Collection[str]) -> None:
        for key in _ENGINE_KEYS:
            name: str = getattr(self.settings.asr, key)
            if name and name not in engines:
                known = ", ".join(map(toml_value, engines))
                fault = f"there is no such engine, only {known}{did_you_mean(name, engines)}"
                self.errors.append(_Finding.of(("asr", key), name, fault))

    def _warn_of_stray(self, name: str) -> None:
        if isinstance(self._document[name], dict):
            text = f"unknown table [{shortened(toml_key(name))}]"
            meant = closest(name, [*TABLES, *self._engine_tables], _TABLE_LIKENESS)
            text += f": did you mean [{meant}]?" if meant else ""
        else:
            text = f"unknown key {shortened(toml_key(name))} outside a table"
            text += self._key_meant(name, "")
        self.warnings.append(_Finding((name,), text))

    def _key_meant(self, key: str, table: str) -> str:
        """The key that an unknown one was probably meant for, in its own table or another."""
        if len(self.warnings) >= _MAX_REPORTED:
            return ""
        every = TABLES | {name: each.settings for name, each in self._engine_tables.items()}
        keys = {name: [field.name for field in user_fields(cls)] for name, cls in every.items()}
        if meant := closest(key, keys.get(table, ())):
            return f": did you mean '{meant}'?"
        for name, others in keys.items():
            if meant := closest(key, others, likeness=0.85):
                return f": did you mean '{meant}' of [{name}]?"
        return ""

    def _check_rule(self, rule: Rule) -> None:
        try:
            if not rule.holds(self.settings):
                self.errors.append(self._broken(rule))
        except Exception as error:  # noqa: BLE001 - the engine may come from another package
            table = rule.keys[0][0]
            text = f"[{table}]: a rule of its engine cannot be checked: {type(error).__name__}"
            self._engine_findings.append(_Finding((table,), text))

    def _broken(self, rule: Rule) -> _Finding:
        """The finding for a broken rule, at the first of its keys that the file sets."""
        is_set = [key for key in rule.keys if self._is_set(key)]
        first = next(iter(is_set), rule.keys[0])
        others = [key for key in rule.keys if key != first]
        notes = [f"{self._shown(key)}{'' if key in is_set else ' by default'}" for key in others]
        gone = [key for key in rule.constants if self._is_set(key)]
        notes += [_gone(key[0], key[1], self._values[key[0]]) for key in gone]
        note = f" ({', '.join(notes)})" if notes else ""
        return _Finding(first, f"{self._shown(first)}: {rule.text}{note}")

    def _is_set(self, key: Key) -> bool:
        table = self._document.get(key[0])
        return isinstance(table, dict) and key[1] in table

    def _shown(self, key: Key) -> str:
        value = getattr(self._values[key[0]], key[1])
        return f"{_shown_key(key)} = {toml_value(value)}"


def _shown_key(key: Key) -> str:
    return f"[{key[0]}] {shortened(toml_key(key[1]))}"


def _gone(table: str, key: str, values: msgspec.Struct) -> str:
    """What holds in place of a key that was once a setting; "" if it never was."""
    holds = GONE.get((table, key), "")
    if not holds and key in values.__struct_fields__:
        holds = f"{toml_value(getattr(values, key))} holds"
    return f"{_shown_key((table, key))} is no longer a setting: {holds}" if holds else ""
