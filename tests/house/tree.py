"""The product's modules as syntax trees, with their classes and imports."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "swictation"

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Place(NamedTuple):
    """Where something was found."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class Module(NamedTuple):
    """One file."""

    path: str
    name: str
    tree: ast.Module
    classes: list[ast.ClassDef]
    imported: dict[str, tuple[str, str]]
    """For each imported name: its module, and its name there."""

    def origin(self, name: str) -> tuple[str, str]:
        """The module that defines what is called `name` here, and its name there."""
        return self.imported.get(name, (self.name, name))


def modules() -> list[Module]:
    """All modules of the product."""
    found: list[Module] = []
    for path in sorted(PRODUCT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        found.append(parsed(str(relative), name, ast.parse(path.read_text(), str(path))))
    return found


def parsed(path: str, name: str, tree: ast.Module) -> Module:
    """The module `name` with that tree."""
    nodes = list(ast.walk(tree))
    imported = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    return Module(path, name, tree, classes, imported)


def functions(node: ast.AST) -> Iterator[Function]:
    """All functions below `node`."""
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each


def parameters(function: Function) -> list[ast.arg]:
    """The parameters of a function, without self."""
    args = function.args
    return [one for one in [*args.posonlyargs, *args.args, *args.kwonlyargs] if one.arg != "self"]


def is_record(node: ast.ClassDef) -> bool:
    """Whether it is plain data with a generated `__init__`, which its owner may change."""
    marks = [ast.unparse(each) for each in [*node.bases, *node.decorator_list]]
    return any(word in each for each in marks for word in ("Struct", "dataclass", "NamedTuple"))


def written(node: ast.AST) -> list[ast.Attribute]:
    """The attributes to which a statement assigns."""
    match node:
        case ast.Assign(targets=targets):
            found = targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            found = [target]
        case _:
            return []
    flat = [e for t in found for e in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])]
    return [target for target in flat if isinstance(target, ast.Attribute)]
