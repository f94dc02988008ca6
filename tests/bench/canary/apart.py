"""A measurement in a process of its own: a module of this package that prints JSON at its end."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swictation.worker import spawn

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE_S = 3600


class Failed(Exception):
    """The process ended with an error; says what it said last."""


def environment() -> dict[str, str]:
    """A worker's, on one thread; and what the tests of Canary import is found."""
    path = os.pathsep.join([str(_ROOT), str(_ROOT / "tests")])
    return {**os.environ, **spawn._ENVIRONMENT, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def ask(module: str, *arguments: object) -> Any:
    """What `python -m MODULE ARGUMENTS` prints in its last line.

    Raises:
        Failed: it ended with an error.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        command,
        env=environment(),
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{module}: {done.stderr[-1000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def tell(found: object) -> None:
    """The child's part: what `ask` returns."""
    print(json.dumps(found))


def status_mib(key: str) -> float:
    """A figure of this process in /proc/self/status, such as VmRSS."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def timed(action: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What it returns, and what it cost."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    result = action()
    cost = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.monotonic() - wall_s}
    return result, {key: round(value, 3) for key, value in cost.items()}
