"""The injectors that need no desktop."""

import io

import pytest

from contract.injector_suite import *  # noqa: F403 - the tests
from contract.injector_suite import Case
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector

pytestmark = pytest.mark.contract


@pytest.fixture(params=["none", "stdout"])
def case(request):
    if request.param == "none":
        return Case(NoneInjector(), lambda wanted: wanted)
    sink = io.StringIO()
    return Case(StdoutInjector(sink), lambda wanted: sink.getvalue())
