"""docs/injector.md: the plug-in on the page works as it stands."""

import asyncio
import re
import tomllib
from pathlib import Path

import pytest

from fakes.installed import install
from fakes.typist import Typist
from swictation.asr.registry import PROVIDERS
from swictation.config.load import load
from swictation.config.settings import InjectSettings
from swictation.errors import InjectError
from swictation.inject.desktop import DesktopInjector
from swictation.inject.injector import Injection, Injector
from swictation.inject.registry import openers

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "injector.md"
CHAIN = ("editor",)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The page's plug-in as a package, and a folder for the editor's socket."""
    (source, _), (project, _) = blocks("python"), blocks("toml")
    points = tomllib.loads(project)["project"]["entry-points"]
    install(tmp_path, "editor_injector", source, points)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


class Editor:
    """Listens at a socket, and keeps what it is sent."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._text = b""
        self._is_over = asyncio.Event()

    async def __aenter__(self) -> "Editor":
        self._server = await asyncio.start_unix_server(self._on_client, self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _on_client(self, reader, writer) -> None:
        self._text += await reader.read()
        writer.close()
        self._is_over.set()

    async def text(self) -> str:
        """All that was sent, once the injector has left."""
        async with asyncio.timeout(60):
            await self._is_over.wait()
        return self._text.decode()


def test_what_is_dictated_arrives_with_its_spaces(installed):
    async def use():
        async with Editor(installed / "editor.sock") as editor:
            injector = DesktopInjector(openers(CHAIN, InjectSettings()))
            await injector.start()
            assert (injector.name, injector.why) == ("editor", "")
            typist = Typist(injector=injector)
            await typist.hear(0, "Hello there.")
            await typist.hear(1, "How are", " you — 你好?")
            assert typist.outcomes == ["typed"] * 3
            await typist.delivery.stop()
            await injector.close()
            assert await editor.text() == "Hello there. How are you — 你好?"

    asyncio.run(use())


def test_without_its_editor_it_says_so_and_the_next_of_the_chain_is_used(installed):
    with pytest.raises(InjectError, match="no editor listens"):
        asyncio.run(openers(CHAIN, InjectSettings())["editor"]())


def test_it_is_the_whole_port_and_refuses_once_it_is_closed(installed):
    async def use():
        async with Editor(installed / "editor.sock") as editor:
            injector = await openers(CHAIN, InjectSettings())["editor"]()
            assert isinstance(injector, Injector)
            assert await injector.inject("One.") == Injection("typed", sent=4)
            await injector.close()
            assert await editor.text() == "One."
            assert (await injector.inject("Two.")).outcome == "refused"
            assert injector.lost

    asyncio.run(use())


@pytest.mark.usefixtures("installed")
def test_its_line_of_the_configuration_is_accepted(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(blocks("toml")[1])
    assert load(file, PROVIDERS).settings.inject.chain[0] == "editor"
