"""What the program knows of it before it is loaded."""

from pkgutil import resolve_name

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.provider import EngineProvider


class ScriptedProvider(EngineProvider):
    """On a GPU only where the configuration asks for one."""

    preload = ("scripted.nursery",)
    detector = "scripted.detector:load"

    def load(self, spec: EngineSpec) -> Engine:
        return resolve_name("scripted.engine:load")(spec)
