"""What is typed of commits, as one text: the text stages as the program has them."""

from swictation.config.settings import TextSettings
from swictation.text.compose import Composer
from swictation.text.pipeline import TextPipeline, as_text
from swictation.types import Commit


class TypedText(TextPipeline):
    def __init__(self, settings: TextSettings, language: str) -> None:
        super().__init__(Composer(settings, language))

    def append(self, commit: Commit) -> str:
        """What is to be typed now."""
        return as_text(self.feed(commit))
