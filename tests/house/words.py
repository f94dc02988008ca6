"""Old words that are still identifiers or module names; the list is `old_words.toml`."""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import msgspec

from tests.house.tree import Module, Place

_LIST = Path(__file__).with_name("old_words.toml")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An old word and the one that replaces it."""

    old: str
    """`part`: a part of a name, in any case. `name`: a whole name. `module`: of a file, folder."""
    new: str
    kind: str = "part"
    except_below: str = ""
    """A folder where it is the right word."""


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    word: list[Word]
    exempt: dict[str, str] = {}
    """Names that stay, each with the reason."""


def old_words(modules: list[Module]) -> dict[str, list[Place]]:
    """For each old word, the places where a name has it."""
    data = msgspec.convert(tomllib.loads(_LIST.read_text()), _Data)
    names = [place for module in modules for place in _names(module) + _stems(module)]
    names = [place for place in names if place.what not in data.exempt]
    found: dict[str, list[Place]] = {}
    for word in data.word:
        found[word.old] = [place for place in names if _is(word, place)]
    return found


def counts(found: dict[str, list[Place]]) -> Counter[str]:
    return Counter({word: len(places) for word, places in found.items()})


def _is(word: Word, place: Place) -> bool:
    if word.except_below and place.path.startswith(word.except_below):
        return False
    is_module = place.line == 0
    match word.kind:
        case "module":
            return is_module and place.what == word.old
        case "name":
            return not is_module and place.what == word.old
        case _:
            parts = [part.lower() for part in _PARTS.findall(place.what)]
            wanted = word.old.split("_")
            return any(parts[at : at + len(wanted)] == wanted for at in range(len(parts)))


def _stems(module: Module) -> list[Place]:
    path = Path(module.path)
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    return [Place(module.path, 0, stem)]


def _names(module: Module) -> list[Place]:
    """The places where a name is defined: its uses follow from that."""
    found: list[Place] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.append(Place(module.path, node.lineno, name))
            case ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                found.append(Place(module.path, node.lineno, name))
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.append(Place(module.path, node.lineno, name))
            case _:
                pass
    return found
