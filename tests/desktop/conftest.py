"""What the tests with windows share."""

import pytest

from .cells import RUNS, SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which cells were drawn, so that they can be drawn again."""
    drawn = f"{RUNS} runs of each pair" if RUNS else "one cell of each field"
    terminalreporter.write_line(f"injection: {drawn}, CELLS_SEED={SEED}")
