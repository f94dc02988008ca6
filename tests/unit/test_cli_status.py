"""The text of `swictation status`."""

import pytest

from swictation.cli.status import lines
from swictation.control.status import Latency, Status, WorkerStatus

pytestmark = pytest.mark.unit


def told(label, **changes):
    return dict(lines(Status(state="idle", **changes))).get(label)


@pytest.mark.parametrize(
    ("utterances", "expected"),
    [
        (1, "506 ms from the end of speech to its text"),
        (19, "506 ms from the end of speech to its text, half of 19 within that"),
        (20, "506 ms from the end of speech to its text; 19 of 20 within 800 ms"),
    ],
)
def test_the_latency_is_told_as_far_as_there_were_utterances(utterances, expected):
    assert told("latency", latency_ms=Latency(506.0, 800.0, utterances)) == expected


def test_an_error_is_told_with_its_age():
    found = told("last error", last_error="no sound", last_error_s=640.0)
    assert found == "10 min ago: no sound"
    assert told("last error", last_error="of an older daemon") == "of an older daemon"


def test_a_worker_that_was_replaced_as_planned_is_not_told_as_restarted():
    planned = WorkerStatus(state="ready", pid=7, restarts=2, rss_mib=200.0)
    assert told("model", model="tiny.en", worker=planned) == "tiny.en (worker 7, 200 MiB)"
    died = WorkerStatus(state="ready", pid=7, restarts=2, rss_mib=200.0, deaths=1)
    assert str(told("model", model="tiny.en", worker=died)).endswith(", restarted 1 time)")
