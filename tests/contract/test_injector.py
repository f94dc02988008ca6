"""One suite for each injector: what is said about a text is what became of it."""

import asyncio
import io

import pytest

from desktop import x11
from desktop.cells import TEXTS, stage_for_many
from desktop.field import KINDS, why_not
from swictation.inject.injector import Injector
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector

pytestmark = pytest.mark.contract

ROUTES = [f"{route}@{kind}" for kind in KINDS for route in ("type", "paste", "either")]


class Case:
    """An injector, and what it has written so far; None where nobody can look."""

    def __init__(self, injector, written):
        self.injector: Injector = injector
        self.written = written

    def inject(self, text):
        return asyncio.run(self.injector.inject(text))


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """The stage outlives a test: what it leaves is looked for when it is taken down."""


@pytest.fixture(scope="module")
def stages():
    with stage_for_many() as stage:
        yield stage


@pytest.fixture(params=["none", "stdout", *ROUTES])
def case(request, stages):
    if request.param == "none":
        return Case(NoneInjector(), lambda wanted: wanted)
    if request.param == "stdout":
        sink = io.StringIO()
        return Case(StdoutInjector(sink), lambda wanted: sink.getvalue())
    route, kind = request.param.split("@")
    if reason := x11.missing() or why_not(kind):
        pytest.skip(reason)
    stage = stages()
    stage.layout("us")
    field = stage.field(kind)
    field.clear()
    return Case(stage.injector.sharing(route), field.settles_on)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_arrives_as_it_is(case, text):
    injection = case.inject(text)
    assert injection.outcome in ("confirmed", "typed"), injection
    assert injection.sent == len(text)
    assert injection.confirmed == (len(text) if injection.outcome == "confirmed" else 0)
    assert case.written(text) == text


def test_pieces_arrive_in_order_and_once(case):
    pieces = ["One", ", zwei", " — 三", ".", " Four 😀"] * 2
    outcomes = {case.inject(piece).outcome for piece in pieces}
    assert outcomes <= {"confirmed", "typed"}
    assert case.written("".join(pieces)) == "".join(pieces)


def test_nothing_is_delivered_at_once(case):
    assert case.inject("").outcome in ("confirmed", "typed")
    assert case.written("") == ""


def test_the_target_has_the_same_id_while_it_has_the_focus(case):
    first = asyncio.run(case.injector.focus())
    case.inject("x")
    assert first is not None
    assert asyncio.run(case.injector.focus()) == first


def test_flush_has_nothing_to_say(case):
    assert asyncio.run(case.injector.flush()) is None
