"""The microphone on a virtual sound card: time to the first sound, CPU and wake-ups of listening.

A program of its own: `python -m tests.bench.microphone`; it needs pulseaudio.
"""

import json
import os
import statistics
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROUNDS = 20
LISTEN_S = 20.0


def main() -> int:
    """Print the figures as JSON."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from desktop.sound import VirtualMicrophone, missing

    if missing():
        sys.stderr.write(f"{missing()} is not installed\n")
        return 1
    with TemporaryDirectory() as folder:
        server = VirtualMicrophone(Path(folder))
        server.start()
        os.environ.update(server.env)
        try:
            figures = {"cold": _measure(warm=False), "warm": _measure(warm=True)}
        finally:
            server.kill()
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


def _measure(*, warm: bool) -> dict[str, float]:
    from swictation.audio.microphone.source import Microphone

    microphone = Microphone("default", keep_warm=warm)
    microphone.start()
    began_s = time.monotonic()
    microphone.check(10.0)
    figures = {"check_ms": _ms(time.monotonic() - began_s)}
    first = []
    end = []
    for _ in range(ROUNDS):
        began_s = time.monotonic()
        with _dictating(microphone) as blocks:
            blocks.acquire()
            first.append(_ms(time.monotonic() - began_s))
            threading.Event().wait(0.5)
            began_s = time.monotonic()
        end.append(_ms(time.monotonic() - began_s))
        threading.Event().wait(0.2)
    figures["key_to_first_block_ms_p50"] = statistics.median(first)
    figures["key_to_first_block_ms_max"] = max(first)
    figures["stop_to_last_block_ms_p50"] = statistics.median(end)
    figures["stop_to_last_block_ms_max"] = max(end)
    figures["idle"] = _cost(5.0)
    with _dictating(microphone) as blocks:
        blocks.acquire()
        figures["listening"] = _cost(LISTEN_S)
    microphone.close()
    return figures


@contextmanager
def _dictating(microphone):
    from swictation.audio.source import Stop

    blocks, stop = threading.Semaphore(0), Stop()
    thread = threading.Thread(
        target=microphone.run, args=(lambda _: blocks.release(), stop), name="audio"
    )
    thread.start()
    try:
        yield blocks
    finally:
        stop.set()
        thread.join()


def _cost(seconds: float) -> dict[str, dict[str, float]]:
    """CPU in percent of a core and wake-ups a second, of each thread but the main one."""
    before = _threads()
    threading.Event().wait(seconds)
    now = _threads()
    return {
        f"{name} {thread}": {
            "cpu_percent": round(100 * (now[thread, name][0] - cpu) / seconds, 2),
            "wakeups_per_s": round((now[thread, name][1] - woken) / seconds, 1),
        }
        for (thread, name), (cpu, woken) in before.items()
        if thread != os.getpid() and (thread, name) in now
    }


def _threads() -> dict[tuple[int, str], tuple[float, int]]:
    """CPU seconds and voluntary switches by thread."""
    found = {}
    for folder in Path("/proc/self/task").iterdir():
        run_ns = int((folder / "schedstat").read_text().split()[0])
        status = (folder / "status").read_text()
        woken = int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
        name = (folder / "comm").read_text().strip()
        found[int(folder.name), name] = (run_ns / 1e9, woken)
    return found


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


if __name__ == "__main__":
    sys.exit(main())
