"""A dictation of three utterances on which engines die: what the tests of it share."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fakes.scripted_engine.sound import Scene, make_scene, repeated
from faults.dictating import Dictating
from swictation.config.settings import Settings

SCENE = (1, 2, 1)


class Pairs:
    """Called with `test(desk)`, which runs beside a dictation; `deaths`: see `dies`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        test: Callable[[Dictating], Awaitable[None]],
        *faults: dict[str, Any],
        settings: Callable[[Path], Settings] | None = None,
        **deaths: int,
    ) -> None:
        """`u1=2`: of the second utterance the engine dies twice."""
        scene = repeated(make_scene(*SCENE), 1)
        deadly = (dies(scene, int(name[1:]), times) for name, times in deaths.items())

        async def whole() -> None:
            async with Dictating(self._folder, scene, [*faults, *deadly], settings) as desk:
                await test(desk)

        asyncio.run(whole())


def dies(scene: Scene, utterance: int, times: int, **fields: object) -> dict[str, Any]:
    """The engine dies of an utterance so many times (0: always)."""
    covers = scene.heard[utterance].first + 8000
    return {"kind": "signal", "covers": covers, "times": times, **fields}


def said(desk: Dictating, *utterances: int) -> list[str]:
    """The words of these utterances."""
    return [word for n in utterances for word in desk.scene.said(n).split()]


def states(desk: Dictating) -> list[object]:
    """What became of what was set aside, in order."""
    return [fields["state"] for fields in desk.told("retry")]


async def all_tried(desk: Dictating, state: str) -> None:
    """Wait until something that was set aside has come to that."""
    await desk.until(lambda: state in states(desk))
