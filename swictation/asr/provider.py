"""The port of an engine's provider: what the program knows about an engine before it is loaded.

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
    """The settings of an engine that has none."""


class GpuAnswer(msgspec.Struct, frozen=True):
    """What `EngineProvider.gpu_query` prints. Without a `reason`, `gpus` GPUs can be used."""

    gpus: int
    compute_type: str = ""
    reason: str = ""
    remedy: str = ""


class EngineProvider:
    """What an engine brings. Everything but `load` has a default that suits an engine on the CPU.

    Errors: `EngineError` and `ModelError`, each with the command that fixes it. Nothing here may
    block for longer than it takes to look at a few files.
    """

    # --- configuration -----------------------------------------------------------------------

    settings: type[msgspec.Struct] = NoSettings
    """The engine's table of the configuration, `[name]`: a default for each key, `Annotated` with
    its meaning. `EngineSpec.options` holds its values."""
    rules: tuple[Rule, ...] = ()
    """What must hold in that table, besides the types."""

    # --- where it computes -------------------------------------------------------------------

    is_for_gpu: ClassVar[bool] = False
    """Whether it runs on a GPU if `[asr] device` is auto."""
    gpu_query: ClassVar[str] = ""
    """A module that, as a program, prints a JSON object: whether the engine's libraries can use a
    GPU (`gpus`, `compute_type`, `reason`, `remedy`). For `doctor`; "": that check is left out."""
    preload: ClassVar[tuple[str, ...]] = ()
    """Modules that take seconds to import and touch no GPU: the fork server imports them."""
    detector: ClassVar[str] = ""
    """"module:function" that loads a speech detector beside the engine on the GPU: a function of
    the device and the model's path that returns a `vad.detector.Detector`."""

    # --- models ------------------------------------------------------------------------------

    models: tuple[ModelSpec, ...] = ()
    """The models known by name, the preferred ones first. (): the engine itself resolves
    `[asr] model`."""
    archive_ending: ClassVar[str] = ""
    """The ending of files that `unpack` accepts."""
    converter: ClassVar[str] = ""
    """A module that, as a program (FOLDER PRECISION), writes a half-precision copy. "": none."""
    weights: ClassVar[str] = ""
    """The file that it copies, such as model.ckpt, to model.fp16.ckpt."""
    own_folder: ClassVar[str] = "put a whole model there, or correct [asr] model"
    """The remedy for a folder of the user's own that is incomplete."""
    are_plans_estimates: ClassVar[bool] = False
    """Whether `memory_plans` are estimated from the number of parameters."""

    def __init__(self, name: str) -> None:
        """`name`: of the entry point."""
        self.name = name

    def load(self, spec: EngineSpec) -> Engine:
        """Load the model, in the worker, the only place where the libraries are imported.

        Raises:
            EngineError: it cannot be loaded, with the reason.
            Exception: anything else; the user sees its last line.
        """
        raise EngineError(
            f"the engine {self.name} has no `load`", "its author has to write it: docs/engine.md"
        )

    def unavailable(self) -> EngineError | None:
        """Why the engine can load no model, such as libraries that are not installed."""
        return None

    def options(self, settings: Settings) -> Any:  # noqa: ANN401 - of type `self.settings`
        """The engine's table of the configuration."""
        return settings.engine_table(self.name, self.settings)

    def missing_files(self, folder: Path) -> list[str]:
        """Names of files that a model has and this folder lacks."""
        return []

    def read_files(self, folder: Path) -> list[str]:
        """Names of files there that the engine would read, whatever their origin."""
        return []

    def check_folder(self, folder: Path) -> tuple[str, ...]:
        """Check a folder of the user's own; returns its model's languages, () if unknown.

        Raises:
            ModelError: it holds no complete model.
        """
        if lacks := self.missing_files(folder):
            raise ModelError(f"the model folder {folder} lacks {', '.join(lacks)}", self.own_folder)
        return ()

    def check_files(self, folder: Path) -> None:
        """Check fetched files that have no known hash.

        Raises:
            ValueError: they are no model; one line.
        """

    def unpack(
        self, archive: Path, target: Path, progress: Progress, *, is_known: bool = False
    ) -> tuple[ModelFile, ...]:
        """Unpack a model's files from an archive into the empty folder `target`.

        Args:
            archive: the file, which is only read.
            target: gets plain files.
            progress: called on this thread.
            is_known: the archive has the published hash.

        Raises:
            ModelError: it holds no model of this engine.
            OSError: it cannot be written.
        """
        raise ModelError(
            f"the engine {self.name} cannot unpack {archive.suffix} files",
            "put the model's files into a folder, and name that in [asr] model",
        )

    # --- memory ------------------------------------------------------------------------------

    def weights_bytes(self, model: ModelSpec | None, folder: Path | None) -> int:
        """About how much of the host's memory that model's weights take; 0: not known."""
        return 0

    def memory_plans(
        self, model: ModelSpec, folder: Path, options: msgspec.Struct
    ) -> tuple[MemoryPlan, ...]:
        """The ways to load a known model on a GPU, the best first. `folder` need not exist."""
        return ()

    def memory_forecast(self, spec: EngineSpec) -> MemoryForecast | None:
        """The GPU memory that `spec` will take, by tier; None: not known before it is loaded."""
        return None

    def forecast_call(self, folder: Path, model: str, options: msgspec.Struct) -> tuple[str, ...]:
        """A module to run once, with its arguments, before `memory_forecast` knows; (): none."""
        return ()
