"""The engine itself."""

import time
from pathlib import Path

from scripted import faults
from scripted.script import Fault, Script
from swictation.asr.engine import EngineSpec, Waveform
from swictation.errors import EngineError
from swictation.types import Capabilities, DecodeRequest, Hypothesis


def load(spec: EngineSpec) -> "ScriptedEngine":
    """Read the manifest at `spec.model_path` and do what it orders for loading on that device."""
    path = Path(spec.model_path)
    if not path.is_file():
        raise EngineError(f"There is no manifest {path}.", "write one")
    script = Script(path, spec.device)
    if spec.device == "cuda":
        from scripted import card

        return card.load(spec, script)
    if fault := script.due("load"):
        faults.commit(fault, script.generation)
    return ScriptedEngine(script)


class ScriptedEngine:
    """Answers with the words whose middle lies in the range and that are not forced."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.capabilities = Capabilities(
            device="paper",
            languages=(),
            forced_prefix=True,
            partials=script.manifest.partials,
        )

    def decode(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        begun_s = time.monotonic()
        self._script.note(request, waveform.tobytes())
        if fault := self._script.due("partial" if request.partial else "decode", request):
            self._commit(fault, request.number)
        said = self._said(request)
        if not said.startswith(request.forced_text):
            raise ValueError("the forced text is not what was said")
        return Hypothesis(
            new_text=said[len(request.forced_text) :],
            confident=self._script.manifest.confident,
            decode_s=time.monotonic() - begun_s,
        )

    def close(self) -> None:
        if fault := self._script.due("close"):
            faults.commit(fault, self._script.generation)

    def _commit(self, fault: Fault, number: int) -> None:
        faults.commit(fault, self._script.generation, number)

    def _said(self, request: DecodeRequest) -> str:
        first, last = request.first_sample, request.last_sample
        return "".join(
            word.text
            for word in self._script.manifest.words
            if first <= (word.first_sample + word.last_sample) // 2 < last
        )
