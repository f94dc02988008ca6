"""What tests of one area share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.spooled import Spooled


@pytest.fixture
def spooled(tmp_path: Path) -> Iterator[Callable[..., Spooled]]:
    """`spooled(**options)`: a journal with its spool, at work until the test is over."""
    made: list[Spooled] = []

    def make(**options: object) -> Spooled:
        made.append(Spooled(tmp_path / "spool", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
