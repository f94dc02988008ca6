"""Which tests of Canary are run: those that were asked for, where NeMo is installed.

`make test` is the core's: it must be the same whether NeMo is in its environment or not.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

_NEEDED = ("torch", "nemo", "torchao")


def is_wanted(path: Path, config: pytest.Config) -> bool:
    """Whether a test of Canary at `path` was asked for: by `-m canary`, its file or a folder."""
    if "canary" in config.option.markexpr:
        return True
    named = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    folders = {one for one in named if one.name == "canary"}
    return path in named or not folders.isdisjoint((path, *path.parents))


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect those that nobody asked for; skip those that cannot run."""
    ours = [item for item in items if item.get_closest_marker("canary")]
    if unwanted := {item for item in ours if not is_wanted(item.path, config)}:
        config.hook.pytest_deselected(items=list(unwanted))
        items[:] = [item for item in items if item not in unwanted]
    _skip_without_nemo(ours)


def _skip_without_nemo(items: list[pytest.Item]) -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    for item in items:
        if missing and getattr(item.module, "NEEDS_NEMO", True):
            reason = f"{', '.join(missing)} not installed: make test-canary"
            item.add_marker(pytest.mark.skip(reason=reason))
