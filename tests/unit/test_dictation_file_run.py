from types import SimpleNamespace

import pytest

from swictation.dictation.file_run import FileRun
from swictation.dispatcher import Dispatcher
from swictation.events import Injected

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("outcome", ["refused", "partial", "unproven", "typed", "confirmed"])
def test_only_what_has_arrived_counts_as_delivered(outcome):
    stream, events = SimpleNamespace(capture=None), Dispatcher()
    playing = FileRun(stream, None, None, events, device="cpu")
    playing.on_injected(Injected(0, 1, False, outcome, "the pipe broke"))
    has_arrived = outcome in {"typed", "confirmed"}
    assert playing.outcome.undelivered == ("" if has_arrived else "the pipe broke")
