"""A program around a real Microphone: orders on standard input, JSON on standard output.

In a process of its own, since PortAudio reads its environment once and a frozen sound server
holds its threads. `run FILE` writes what is delivered to FILE as raw int16 at 16 kHz.
"""

import json
import sys
import threading
import time

from swictation.audio.microphone.source import Microphone
from swictation.audio.source import Stop


def main(device: str, warm: str) -> None:
    door = threading.Lock()

    def say(**message) -> None:
        with door:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    def told(state) -> None:
        say(event="state", health=state.health, source=state.source, reason=state.reason)

    def run(path: str, stop: threading.Event) -> None:
        samples = 0

        def deliver(block) -> None:
            nonlocal samples
            file.write(block.tobytes())
            file.flush()
            samples += len(block)
            say(event="delivered", samples=samples)

        began_s = time.monotonic()
        with open(path, "wb") as file:
            microphone.run(deliver, stop)
        say(event="over", samples=samples, took_s=time.monotonic() - began_s)

    microphone = Microphone(device, told, keep_warm=warm == "warm")
    microphone.start()
    stop, runs = Stop(), []
    for order in sys.stdin:
        match order.split():
            case ["check"]:
                state = microphone.check()
                say(
                    event="checked",
                    **{name: getattr(state, name) for name in state.__struct_fields__},
                )
            case ["state"]:
                state = microphone.state
                say(
                    event="asked",
                    **{name: getattr(state, name) for name in state.__struct_fields__},
                )
            case ["run", path]:
                stop = Stop()
                runs.append(threading.Thread(target=run, args=(path, stop)))
                runs[-1].start()
            case ["stop"]:
                stop.set()
    for thread in runs:
        thread.join()
    microphone.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
