"""The port of an engine's provider: what the program knows of an engine before it is loaded.

Each entry point of the group `swictation.engines` names a subclass of `EngineProvider`. Daemon and
CLI import it, so its module imports none of the engine's libraries; `load` does, in the worker. The
contract, with an engine of 30 lines: docs/engine.md.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.memory_plan import MemoryPlan
from swictation.asr.model_spec import ModelFile, ModelSpec
from swictation.config.rules import Rule
from swictation.config.settings import Settings
from swictation.errors import EngineError, ModelError
from swictation.gpu.effects import MemoryForecast

Progress = Callable[[int, int | None, str], None]
"""Called on the working thread with (bytes done, bytes in all or None, what is being done)."""


class NoSettings(msgspec.Struct, frozen=True):
    """The engine has no settings of its own."""


class GpuAnswer(msgspec.Struct, frozen=True):
    """What `EngineProvider.gpu_query` prints. Without `reason` it can use `gpus` of them."""

    gpus: int
    compute_type: str = ""
    reason: str = ""
    remedy: str = ""


class EngineProvider:
    """What an engine brings. All but `load` has a default, which suits an engine on the processor.

    Errors: `EngineError` and `ModelError`, each with the command that fixes it. Nothing here may
    block for longer than it takes to look at a few files.
    """

    # --- configuration -----------------------------------------------------------------------

    settings: type[msgspec.Struct] = NoSettings
    """Its table of the configuration, `[name]`: a default for each key, `Annotated` with what it
    means. `EngineSpec.options` holds its values."""
    rules: tuple[Rule, ...] = ()
    """What must hold in that table, beside the types."""

    # --- where it computes -------------------------------------------------------------------

    is_for_gpu: ClassVar[bool] = False
    """Whether it belongs on a GPU where `[asr] device` is auto."""
    gpu_query: ClassVar[str] = ""
    """A module of its own that prints, as a program, one JSON object: whether its libraries can use
    a GPU (`gpus`, `compute_type`, `reason`, `remedy`). For `doctor`, which does without if ""."""
    preload: ClassVar[tuple[str, ...]] = ()
    """Modules that take seconds to import, and touch no GPU: imported once for many workers."""
    detector: ClassVar[str] = ""
    """"module:function" that loads a speech detector beside the engine on the GPU: a function of
    the device and the model's path that returns a `vad.detector.Detector`."""

    # --- models ------------------------------------------------------------------------------

    models: tuple[ModelSpec, ...] = ()
    """Those known by name, the preferred ones first. (): it finds its own, by `[asr] model`."""
    archive_ending: ClassVar[str] = ""
    """Of files that `unpack` takes apart."""
    converter: ClassVar[str] = ""
    """A module that writes, as a program, a half-precision copy: FOLDER PRECISION. "": none is
    needed."""
    weights: ClassVar[str] = ""
    """The file that it copies, such as model.ckpt, to model.fp16.ckpt."""
    own_folder: ClassVar[str] = "put a whole model there, or correct [asr] model"
    """What to do about a folder of the user's own that lacks something."""
    are_plans_estimates: ClassVar[bool] = False
    """Whether `memory_plans` are guessed from the number of parameters."""

    def __init__(self, name: str) -> None:
        """`name`: of the entry point."""
        self.name = name

    def load(self, spec: EngineSpec) -> Engine:
        """Load the model. In the worker, the only place where its libraries are imported.

        Raises:
            EngineError: it cannot be loaded, and why.
            Exception: anything else; its last line is told.
        """
        raise EngineError(
            f"the engine {self.name} has no `load`", "its author has to write it: docs/engine.md"
        )

    def unavailable(self) -> EngineError | None:
        """Why it cannot be loaded whatever the model, such as libraries that are not installed."""
        return None

    def options(self, settings: Settings) -> Any:  # noqa: ANN401 - of type `self.settings`
        """Its table of the configuration."""
        return settings.engine_table(self.name, self.settings)

    def missing_files(self, folder: Path) -> list[str]:
        """Names of files that a model has and this folder has not."""
        return []

    def read_files(self, folder: Path) -> list[str]:
        """Names of files there that it would read, and that could come from anybody."""
        return []

    def check_folder(self, folder: Path) -> tuple[str, ...]:
        """Look at a folder of the user's own; the languages of its model, () if it does not tell.

        Raises:
            ModelError: it holds no whole model.
        """
        if lacks := self.missing_files(folder):
            raise ModelError(f"the model folder {folder} lacks {', '.join(lacks)}", self.own_folder)
        return ()

    def check_files(self, folder: Path) -> None:
        """Look at what was fetched and no hash vouches for.

        Raises:
            ValueError: it is no model; one line.
        """

    def unpack(
        self, archive: Path, target: Path, progress: Progress, *, is_known: bool = False
    ) -> tuple[ModelFile, ...]:
        """Take a model's files out of an archive into the empty folder `target`.

        Args:
            archive: it is only read.
            target: gets plain files.
            progress: called on this thread.
            is_known: its hash was compared to the published one.

        Raises:
            ModelError: it holds no model of this engine.
            OSError: it cannot be written.
        """
        raise ModelError(
            f"the engine {self.name} takes no {archive.suffix} apart",
            "put the model's files into a folder, and name that in [asr] model",
        )

    # --- memory ------------------------------------------------------------------------------

    def weights_bytes(self, model: ModelSpec | None, folder: Path | None) -> int:
        """What the weights of that model take of the machine's memory, about; 0: not known."""
        return 0

    def memory_plans(
        self, model: ModelSpec, folder: Path, options: msgspec.Struct
    ) -> tuple[MemoryPlan, ...]:
        """The ways to load a known model on a GPU, the best first. `folder` need not be there."""
        return ()

    def memory_forecast(self, spec: EngineSpec) -> MemoryForecast | None:
        """What `spec` will take of the GPU, tier by tier; None: not known before it is loaded."""
        return None

    def forecast_call(self, folder: Path, model: str, options: msgspec.Struct) -> tuple[str, ...]:
        """A module and its arguments that have to run once before `memory_forecast` knows; ()."""
        return ()
