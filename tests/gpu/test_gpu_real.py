"""The daemon's parts on a real GPU, a big one made to look like 4096 MiB: under three minutes."""

import pytest

from realcard import suite

pytestmark = pytest.mark.gpu

raw, small, stage = suite.raw, suite.small, suite.stage


class TestSmallCard(suite.SmallCardSuite):
    pass


class TestCard(suite.RealCardSuite):
    pass
