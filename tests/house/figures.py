"""Measures: parameters of `__init__`, long files, full folders, lines of code."""

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

from tests.house.tree import PRODUCT, ROOT, Module, Place, functions, parameters

MOST_PARAMETERS = 5
MOST_PARAMETERS_OF_ROOT = 7
COMPOSITION_ROOTS = {"swictation/daemon/wiring.py", "swictation/daemon/app.py"}
MOST_LINES = 400
MOST_FILES = 16

_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


def long_inits(modules: list[Module]) -> list[Place]:
    """Each `__init__` with too many parameters; those of plain data are generated."""
    found: list[Place] = []
    for module in modules:
        is_root = module.path in COMPOSITION_ROOTS
        most = MOST_PARAMETERS_OF_ROOT if is_root else MOST_PARAMETERS
        for node in module.classes:
            for function in functions(node):
                count = len(parameters(function))
                if function.name == "__init__" and count > most:
                    found.append(Place(module.path, function.lineno, f"{node.name} takes {count}"))
    return found


def long_files() -> list[Place]:
    """Python files of product and tests that are too long."""
    found: list[Place] = []
    for folder in (PRODUCT, ROOT / "tests"):
        for path in sorted(folder.rglob("*.py")):
            count = len(path.read_text().splitlines())
            if count > MOST_LINES:
                found.append(Place(str(path.relative_to(ROOT)), count, "lines"))
    return found


def full_folders() -> list[Place]:
    """Folders with too many Python files, not counting those in sub-folders."""
    counts = Counter(path.parent for path in PRODUCT.rglob("*.py"))
    return [
        Place(str(folder.relative_to(ROOT)), count, "files")
        for folder, count in sorted(counts.items())
        if count > MOST_FILES
    ]


def code_lines() -> int:
    """The product's lines of code, without blank lines, comments and docstrings."""
    return sum(code_lines_of(path) for path in PRODUCT.rglob("*.py"))


def code_lines_of(path: Path) -> int:
    """One file's lines of code."""
    source = path.read_text()
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - _texts(ast.parse(source)))


def _texts(tree: ast.Module) -> set[int]:
    """The lines of docstrings, including those of attributes."""
    found: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            case _:
                pass
    return found
