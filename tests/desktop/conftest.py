"""What tests with windows share: a stage that outlives a test, since to open one takes seconds."""

import pytest

from .cells import Stage, stages_for_many
from .unproven import OLD, copied


@pytest.fixture(scope="module")
def stages():
    """`stages(Stage)`: opened when first asked for, taken down with the module's last test."""
    with stages_for_many() as stage:
        yield stage


@pytest.fixture
def stage(stages):
    """A screen without a field on it."""
    stage = stages(Stage)
    stage.layout("us")
    yield stage
    stage.leave()


@pytest.fixture
def old_copy(stage):
    """Another program owns the clipboard."""
    with copied(stage.screen, OLD):
        yield
