"""Builds a model from its configuration, without its weights: parameters take no memory."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

from swictation.asr.engines.canary.files import model_config
from swictation.asr.engines.canary.files.folder import need_config
from swictation.asr.engines.canary.libraries import app_state, asr_models, omegaconf, torch
from swictation.errors import EngineError
from swictation.models.intake.door import shown

_POSITIONS = 512
"""Frames of 80 ms for which positions are computed in advance: 41 s. NeMo's 5000 take 20 MB."""
_ANOTHER = "set [asr] model to a name from: swictation model list"


def skeleton(folder: Path) -> Any:
    """Build the model of `folder`, in eval mode: parameters on the meta device, real buffers.

    Raises:
        EngineError: the folder holds no Canary that the installed NeMo knows.
    """
    config = _config(folder)
    state = app_state.AppState()
    before = state.nemo_file_folder
    # NeMo looks for artifacts such as "nemo:tokenizer.model" in that folder.
    asr_models.EncDecMultiTaskModel._set_model_restore_state(
        is_being_restored=True, folder=str(folder)
    )
    try:
        with empty_parameters(), _staying_here():
            model = asr_models.EncDecMultiTaskModel.from_config_dict(config=config)
    except Exception as error:
        reason = shown(" ".join(str(error).split()).rstrip("."), 200)
        raise EngineError(
            f"The installed NeMo cannot build the model in {folder}: {reason}.", _ANOTHER
        ) from error
    finally:
        asr_models.EncDecMultiTaskModel._set_model_restore_state(is_being_restored=False)
        state.nemo_file_folder = before
    model.freeze()
    model.eval()
    return model


@contextlib.contextmanager
def empty_parameters() -> Generator[None, None, None]:
    """Within the block, new modules hold their parameters on the meta device.

    Their buffers are real, unlike under `torch.device("meta")`, where NeMo's encoder cannot be
    built. `torch.empty` touches no memory, so the tensors that are dropped here cost none.
    """
    module = torch.nn.Module
    register = module.register_parameter

    def register_empty(self: Any, name: str, param: Any) -> None:
        if param is not None and param.device.type != "meta":
            param = torch.nn.Parameter(param.to("meta"), requires_grad=False)
        register(self, name, param)

    module.register_parameter = register_empty
    try:
        yield
    finally:
        module.register_parameter = register


def _config(folder: Path) -> Any:
    """Read the configuration of the model's parts, through an allow list, for NeMo."""
    try:
        with need_config(folder).open("rb") as file:
            read_config = model_config.read(file.read(model_config.MOST_BYTES + 1))
    except model_config.Refused as error:
        raise EngineError(
            f"The configuration of the model in {folder} cannot be used: {error}.", _ANOTHER
        ) from error
    if not model_config.is_canary(read_config.target):
        kind = (
            model_config.class_name(read_config.target) if read_config.target else "nothing known"
        )
        raise EngineError(f"The model in {folder} is no Canary but {kind}.", _ANOTHER)
    config = omegaconf.OmegaConf.create(
        {**read_config.parts, "target": model_config.TARGET, "restore_timestamps_model": False}
    )
    if "encoder" in config:
        config.encoder.pos_emb_max_len = _POSITIONS
    omegaconf.OmegaConf.set_struct(config, True)
    return config


@contextlib.contextmanager
def _staying_here() -> Generator[None, None, None]:
    """Restore the working directory, which NeMo may change."""
    here = os.getcwd()
    try:
        yield
    finally:
        os.chdir(here)
