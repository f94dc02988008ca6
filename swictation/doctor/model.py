"""Checks the chosen engine, the model that it resolves to, and that model's files."""

from collections.abc import Iterator
from pathlib import Path

from swictation.asr import registry
from swictation.asr.model_spec import NEMO, ModelSpec
from swictation.config.settings import Settings
from swictation.doctor.finding import Finding, Subject
from swictation.errors import ModelError
from swictation.models.catalog.catalog import choose, known_models, knows_models
from swictation.models.fetch import model_request
from swictation.models.store import nemo_cache
from swictation.models.store.store import ModelLocation, damaged, folder_of, verify


def engine(subject: Subject) -> Iterator[Finding]:
    """Check that the engine is installed, and no other is broken. No library is imported.

    Raises EngineError: there is no such engine.
    """
    name, broken = subject.settings.asr.engine, registry.broken()
    if error := broken.pop(name, None):
        yield Finding("engine", "error", error.message, error.remedy)
    elif error := registry.provider(name).unavailable():
        found = f"{error.message}: the embedded engine takes over"
        yield Finding("engine", "error", found, error.remedy)
    else:
        yield Finding("engine", "ok", f"{name} ({registry.entries()[name].value})")
    for error in broken.values():
        yield Finding("engine", "warning", f"not in use: {error.message}", error.remedy)


def model(subject: Subject) -> Iterator[Finding]:
    """Find the model that `[asr] model` means, and its place. Raises ModelError."""
    asr = subject.settings.asr
    if registry.find(asr.engine) is None:
        return  # which has been told
    subject.model = found = model_request.find(
        model_request.resolve(subject.settings), is_to_load=False
    )
    if not knows_models(asr.engine):
        yield Finding("model", "ok", f"{asr.model}, which the engine {asr.engine} finds itself")
        return
    why = f" ({found.reason})" if found.reason else ""
    yield Finding("model", "ok", f"{found.name} for {asr.language}: {found.path}{why}")


def files(subject: Subject) -> Iterator[Finding]:
    """Check the hash of every file of a known model."""
    if subject.model is None or not knows_models(subject.settings.asr.engine):
        return
    spec = known(subject.model)
    given = Path(subject.settings.asr.model).expanduser().absolute()
    if spec is None and given.name.endswith(NEMO):
        yield _unpacked_files(given)
        return
    if spec is None:
        yield Finding("model files", "ok", "a model of your own: no hashes are known")
        return
    if problems := verify(spec):
        remedy = damaged(spec, problems).remedy
        yield Finding("model files", "error", "; ".join(problems), remedy)
        return
    names = ", ".join(file.name for file in spec.files)
    how = "as published" if spec.is_pinned else "as when they were downloaded"
    yield Finding("model files", "ok", f"sha256 {how}: {names}")


def _unpacked_files(path: Path) -> Finding:
    """Check that the unpacked copy of the user's own archive has not changed."""
    if problems := nemo_cache.verify(path):
        error = nemo_cache.damaged(path, problems)
        return Finding("model files", "error", error.message, error.remedy)
    return Finding("model files", "ok", f"sha256 as when {path.name} was unpacked")


def known(location: ModelLocation) -> ModelSpec | None:
    """The catalog's entry of a model in its own place; None for a folder of the user's."""
    return next((spec for spec in known_models() if folder_of(spec) == location.path), None)


def wanted(settings: Settings) -> ModelSpec | None:
    """The catalog's entry that the settings ask for, whether it is there or not."""
    try:
        return choose(settings.asr.model, settings.asr.language, engine=settings.asr.engine)
    except ModelError:
        return None
