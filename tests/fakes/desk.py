"""A made-up day of a desktop's GPU, as a trace."""

import random
from collections.abc import Iterator

from swictation.gpu.simulate.trace import Line

TOTAL_MIB = 4096.0


def desk(seed: int, hours: int = 24) -> Iterator[Line]:
    """A day on a 4 GiB GPU: tabs come and go, calls and games take up to 1.6 GB at once."""
    rng, talk = random.Random(seed), random.Random(seed + 99)
    tabs_mib, bursts = 150.0, []
    for second in range(hours * 3600):
        is_awake = 8 <= second / 3600 % 24 <= 23
        tabs_mib += rng.gauss(0, 2) + (0.02 if is_awake else -0.1)
        tabs_mib = min(max(tabs_mib, 60.0), 900.0)
        if is_awake and rng.random() < 1 / 1200:
            bursts.append((second + rng.randint(20, 900), rng.choice([200, 400, 700, 1100, 1600])))
        bursts = [burst for burst in bursts if burst[0] > second]
        said_s = 0.0
        if is_awake and talk.random() < 1 / 25:
            said_s = min(30.0, talk.expovariate(1 / 6) + 0.6)
        wanted_mib = 650.0 + tabs_mib + sum(mib for _, mib in bursts)
        free_mib = max(0.0, TOTAL_MIB - wanted_mib)
        yield Line(float(second), TOTAL_MIB, free_mib, 0.0, is_awake, said_s)
