"""Attributes of an object that are assigned from outside, after its construction.

Plain data (a Struct, a dataclass) may be changed by its owner. For other objects, the class is
found by annotations where possible, and otherwise by the attribute's name: one that no plain data
has, and that some class of ours assigns to `self`.
"""

import ast
from typing import NamedTuple

from tests.house.tree import Function, Module, Place, functions, is_record, parameters, written

_Key = tuple[str, str]
"""A class: its module and name."""


class _Class(NamedTuple):
    is_record: bool
    attributes: frozenset[str]
    types: dict[str, _Key]


class Classes:
    """All classes of the product."""

    def __init__(self, modules: list[Module]) -> None:
        self.known: dict[_Key, _Class] = {}
        for module in modules:
            for node in module.classes:
                self.known[module.name, node.name] = _class(module, node)
        for module in modules:
            for node in module.classes:
                self._follow(module, node)
        self.of_records = _attributes(self.known, of_records=True)
        self.of_others = _attributes(self.known, of_records=False)

    def _follow(self, module: Module, node: ast.ClassDef) -> None:
        """Find the classes of attributes that are taken from other objects."""
        types = self.known[module.name, node.name].types
        for function in functions(node):
            names = _types(self, module, node, function)
            for each in ast.walk(function):
                for target in written(each):
                    value = getattr(each, "value", None)
                    key = _resolve(self, names, value) if value is not None else None
                    if key and ast.unparse(target.value) == "self":
                        types.setdefault(target.attr, key)


def writes_from_outside(modules: list[Module]) -> list[Place]:
    """Each assignment `x.attribute = ...` to an object that is not plain data."""
    classes = Classes(modules)
    found: list[Place] = []
    for module in modules:
        methods: set[ast.AST] = set()
        for owner in [*module.classes, module.tree]:
            for function in functions(owner):
                if function not in methods:
                    found += _in_function(classes, module, owner, function)
            methods |= set(functions(owner))
    return sorted(set(found))


def _in_function(
    classes: Classes, module: Module, owner: ast.AST, function: Function
) -> list[Place]:
    types = _types(classes, module, owner, function)
    return [
        Place(module.path, node.lineno, ast.unparse(target))
        for node in ast.walk(function)
        for target in written(node)
        if _is_outside(classes, types, target)
    ]


def _is_outside(classes: Classes, types: dict[str, _Key], target: ast.Attribute) -> bool:
    if isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
        return False
    key = _resolve(classes, types, target.value)
    if key is not None:
        return key in classes.known and not classes.known[key].is_record
    return target.attr in classes.of_others and target.attr not in classes.of_records


def _resolve(classes: Classes, types: dict[str, _Key], node: ast.AST) -> _Key | None:
    """The class of an expression; None if it is unknown."""
    if isinstance(node, ast.Name):
        return types.get(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _resolve(classes, types, node.func)
    if isinstance(node, ast.Attribute):
        owner = _resolve(classes, types, node.value)
        known = classes.known.get(owner) if owner else None
        return known.types.get(node.attr) if known else None
    return None


def _types(classes: Classes, module: Module, owner: ast.AST, function: Function) -> dict[str, _Key]:
    """The classes of a function's names, by annotation, construction or another name."""
    types = _annotated(module, function)
    if isinstance(owner, ast.ClassDef):
        types["self"] = (module.name, owner.name)
    for node in ast.walk(function):
        for name, value in _named(node):
            if key := _resolve(classes, types, value) or _made(module, value):
                types[name] = key
    return types


def _named(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """The names that a statement gives to values."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return [(name, value)]
        case ast.ExceptHandler(type=ast.Name() as kind, name=str(name)):
            return [(name, ast.Call(kind, [], []))]
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            return [(name, value)]
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            pairs = zip(targets, values, strict=False)
            return [(target.id, value) for target, value in pairs if isinstance(target, ast.Name)]
        case _:
            return []


def _class(module: Module, node: ast.ClassDef) -> _Class:
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    attributes = {each.target.id for each in fields if isinstance(each.target, ast.Name)}
    types = {
        each.target.id: key
        for each in fields
        if isinstance(each.target, ast.Name) and (key := _key(module, each.annotation))
    }
    for function in functions(node):
        attributes |= _setters(function)
        names = _annotated(module, function)
        for each in ast.walk(function):
            for target in written(each):
                if isinstance(target.value, ast.Name) and target.value.id == "self":
                    attributes.add(target.attr)
                    if key := _assigned(module, names, each):
                        types.setdefault(target.attr, key)
        if key := _key(module, function.returns):  # of a property, or of what a call returns
            types.setdefault(function.name, key)
    return _Class(is_record(node), frozenset(attributes), types)


def _assigned(module: Module, names: dict[str, _Key], node: ast.AST) -> _Key | None:
    """The class of what a statement assigns to an attribute of `self`."""
    if isinstance(node, ast.AnnAssign):
        return _key(module, node.annotation)
    value = getattr(node, "value", None)
    if isinstance(value, ast.Name):
        return names.get(value.id)
    return _made(module, value)


def _made(module: Module, value: ast.AST | None) -> _Key | None:
    """The class of `Name(...)`."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return module.origin(value.func.id) if value.func.id[:1].isupper() else None
    return None


def _annotated(module: Module, function: Function) -> dict[str, _Key]:
    found = {one.arg: _key(module, one.annotation) for one in parameters(function)}
    return {name: key for name, key in found.items() if key}


def _key(module: Module, annotation: ast.AST | None) -> _Key | None:
    """The class that an annotation names, or names beside None."""
    match annotation:
        case ast.Constant(value=str(text)):
            return _key(module, ast.parse(text, mode="eval").body)
        case ast.BinOp(left=left, right=ast.Constant(value=None)):
            return _key(module, left)
        case ast.Name(id=name):
            return module.origin(name)
        case _:
            return None


def _setters(function: Function) -> set[str]:
    marks = [ast.unparse(each) for each in function.decorator_list]
    return {function.name} if any(each.endswith(".setter") for each in marks) else set()


def _attributes(known: dict[_Key, _Class], *, of_records: bool) -> frozenset[str]:
    return frozenset().union(*(c.attributes for c in known.values() if c.is_record == of_records))
