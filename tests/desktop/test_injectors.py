"""The injectors' contract over real fields, the routes as many as CELLS_RUNS asks for."""

import pytest

from contract.injector_suite import *  # noqa: F403 - the tests
from contract.injector_suite import Case

from . import sway, x11
from .cells import ROUTES, RUNS, Stage
from .field import KINDS, why_not
from .wayland_stage import WaylandStage

pytestmark = [pytest.mark.desktop, pytest.mark.shared_stage]

CASES = [f"{route}@{kind}" for kind in KINDS for route in (ROUTES if RUNS else ("either",))]
CASES += ["wayland@gtk3", "wayland@foot"]


@pytest.fixture(scope="module", params=CASES)
def wanted(request):
    """Of the module: the tests of one field run one after the other, and it is opened once."""
    return request.param


@pytest.fixture
def case(wanted, stages):
    route, kind = wanted.split("@")
    if reason := (sway.missing() if route == "wayland" else x11.missing()) or why_not(kind):
        pytest.skip(reason)
    stage = stages(WaylandStage if route == "wayland" else Stage)
    field = stage.field(kind)
    field.clear()
    if route == "wayland":
        return Case(stage.injector, field.settles_on, stage.clipboard)
    stage.layout("us")
    return Case(stage.by(route), field.settles_on, stage.clipboard)
