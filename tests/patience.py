"""How long tests wait. No verdict depends on how fast the machine is.

Two kinds of waiting, and no others:

- `PATIENCE_S` guards against what never comes. It is far longer than anything takes.
- `starts(n)` is for a limit that has to pass, as that of a worker that hangs: so many times what
  the start of a worker takes here and now.
"""

import subprocess
import sys
import time
from functools import cache

PATIENCE_S = 120.0
"""Only what never comes is missed."""
_LEAST_START_S = 0.25


@cache
def start_s() -> float:
    """Seconds that a Python process with a worker's imports takes to start; measured once."""
    begun_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import swictation.worker.child.worker"], check=True)
    return max(_LEAST_START_S, time.monotonic() - begun_s)


def starts(number: float) -> float:
    """The time that so many starts take, one after the other, in seconds."""
    return number * start_s()
