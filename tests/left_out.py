"""The last line of a run: what was skipped, and how to have it."""

from collections import Counter
from collections.abc import Collection, Generator
from typing import Any

import pytest

_OUTPUT = "left_out"
"""By what name a worker of pytest-xdist tells it."""
_HOW = {
    "canary": ("tests of Canary and more", "make test-canary"),  # whole files are not even read
    "desktop": ("window tests", "make test-desktop"),
    "gpu": ("GPU tests", "make test-all, with an NVIDIA GPU"),
    "slow": ("slow tests", "make test-all"),
}
"""Of tests with that marker, the first that fits: what they are, how to have them."""


class LeftOut:
    """Registered by conftest.py; counts what was deselected, and says it in the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._deselected: Counter[str] = Counter()

    def pytest_deselected(self, items: Collection[pytest.Item]) -> None:
        """By a tier's markers; not what somebody has left out with `-k`."""
        if not self._config.option.keyword:
            names = (_kind({mark.name for mark in item.iter_markers()}) for item in items)
            self._deselected.update(name for name in names if name)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node) -> None:
        """All workers have collected the same tests."""
        self._deselected = Counter(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Behind the count of what passed."""
        if is_worker := hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_OUTPUT] = dict(self._deselected)
        result = yield
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if not is_worker and reporter and not self._config.option.collectonly:
            reporter.write_line(f"skipped: {', '.join(self._told(reporter)) or 'nothing'}")
        return result

    def _told(self, reporter: Any) -> list[str]:
        counts = Counter({_HOW[kind]: count for kind, count in self._deselected.items()})
        for report in reporter.stats.get("skipped", []):
            kind = _kind(report.keywords)
            reason = report.longrepr[2].removeprefix("Skipped: ")
            is_asked_for = kind and kind in self._config.option.markexpr
            counts[("tests", reason) if kind in ("", "slow") or is_asked_for else _HOW[kind]] += 1
        return [
            f"{count} {what.replace('tests', 'test') if count == 1 else what} ({how})"
            for (what, how), count in counts.most_common()
        ]


def _kind(markers: Collection[str]) -> str:
    return next((kind for kind in _HOW if kind in markers), "")
