"""Train a tiny Canary on six sentences, until it writes them without an error."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.collections.asr.parts.submodules.aed_decoding import return_decoder_input_ids
from omegaconf import OmegaConf
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence

from canary.tiny.exercises import Exercise, Exercises
from canary.tiny.sentences import Sentence

PROMPT = {"source_lang": "en", "target_lang": "en", "pnc": "yes"}
FRAME_SAMPLES = 1280
"""One frame of the encoder: 80 ms."""
_ALIGNED_LAYER = -2
"""The decoder layer whose attention AlignAtt reads."""
_BATCH = 8
_LEARNING_RATE = 1.5e-3
_WARM_UP = 30
_CALM = 0.05
"""What the learning rate comes down to, after `_STEPS`."""
_FIRST_WORDS = 5.0
"""What a sentence's first tokens count for: the others follow from them."""
_END = 3.0
_MID_SENTENCE = 0.3
"""What the end counts for where a sentence is cut off: a stream waits there in any case."""
_STEPS = 280
_MOST_STEPS = 480
_EXAM_EVERY = 25
_EXAM = 120
"""Exercises, twenty for each sentence, of which none may be wrong."""


class NotTrained(Exception):
    """It did not learn the sentences within the steps that it has."""


@dataclass(frozen=True, eq=False)
class _Lesson:
    """A batch: `tokens` (b, n), of which `weights` (b, n - 1) says what the next one counts for."""

    sound: torch.Tensor
    lengths: torch.Tensor
    tokens: torch.Tensor
    token_lengths: torch.Tensor
    weights: torch.Tensor
    spans: torch.Tensor
    """(b, n - 1, 2): the frames in which the next token is said; -1 where it is not said."""


_Token = tuple[int, float, tuple[int, int]]
"""Its number, what it counts for, and its span."""
_NOWHERE = (-1, -1)


class Teacher:
    """Makes lessons of exercises for one model."""

    def __init__(self, model: EncDecMultiTaskModel) -> None:
        self._tokenizer = model.tokenizer
        asked = OmegaConf.create({"prompt": PROMPT, "batch_size": 1})
        prompt: list[int] = return_decoder_input_ids(asked, model)[0].tolist()
        self._prompt: list[_Token] = [(token, 0.0, _NOWHERE) for token in prompt]

    def lesson(self, exercises: list[Exercise]) -> _Lesson:
        rows = [self._row(exercise) for exercise in exercises]
        sounds = [torch.from_numpy(exercise.sound) for exercise in exercises]
        tokens, weights, spans = (
            [torch.tensor([token[part] for token in row]) for row in rows] for part in range(3)
        )
        return _Lesson(
            pad_sequence(sounds, batch_first=True),
            torch.tensor([len(sound) for sound in sounds]),
            pad_sequence(tokens, batch_first=True, padding_value=self._tokenizer.pad_id),
            torch.tensor([len(row) for row in rows]),
            pad_sequence(weights, batch_first=True)[:, 1:],
            pad_sequence(spans, batch_first=True, padding_value=-1)[:, 1:],
        )

    def _row(self, exercise: Exercise) -> list[_Token]:
        row = list(self._prompt)
        said = ["."]
        for word in exercise.history:
            row += self._word(word, 0.0, _NOWHERE)
            said.append(word)
        for word in exercise.words:
            is_first = len(said) == 1 + len(exercise.history) or _ends_sentence(said[-1])
            frames = (word.begin // FRAME_SAMPLES, word.end // FRAME_SAMPLES)
            row += self._word(word.text, _FIRST_WORDS if is_first else 1.0, frames)
            said.append(word.text)
        weight = _END if _ends_sentence(said[-1]) else _MID_SENTENCE
        return [*row, (self._tokenizer.eos, weight, _NOWHERE)]

    def _word(self, text: str, weight: float, frames: tuple[int, int]) -> list[_Token]:
        return [(token, weight, frames) for token in self._tokenizer.text_to_ids(text, "en")]


def _ends_sentence(word: str) -> bool:
    return word[-1] in ".?"


def overfit(
    model: EncDecMultiTaskModel,
    sentences: tuple[Sentence, ...],
    seed: int,
    tell: Callable[[str], Any] = lambda _: None,
) -> None:
    """Train until it writes all sentences as they are, however they were recorded.

    Raises:
        NotTrained: it does not, after all steps.
    """
    teacher, exercises = Teacher(model), Exercises(sentences, seed)
    exam = [teacher.lesson([exercises.plain(number)]) for number in range(_EXAM)]
    optimiser = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=1e-4)
    numbers = itertools.count()
    model.train()
    _freeze_statistics(model)
    wrong_lately = 1.0
    for step in range(_MOST_STEPS):
        if step >= _STEPS and step % _EXAM_EVERY == 0 and _passes(model, exam):
            tell(f"it knows them after {step} steps")
            return
        lesson = teacher.lesson([exercises.one(next(numbers)) for _ in range(_BATCH)])
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * min((step + 1) / _WARM_UP, max(_CALM, 1 - step / _STEPS))
        loss, wrong = _look(model, lesson)
        optimiser.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        wrong_lately = 0.9 * wrong_lately + 0.1 * wrong
        if step % 25 == 0:
            tell(f"step {step}: loss {loss.item():.3f}, {wrong_lately:.2%} of the tokens wrong")
    raise NotTrained(f"{wrong_lately:.2%} of the tokens are wrong after {_MOST_STEPS} steps")


@torch.no_grad()
def _passes(model: EncDecMultiTaskModel, exam: list[_Lesson]) -> bool:
    return not any(_look(model, lesson)[1] for lesson in exam)


def _freeze_statistics(model: EncDecMultiTaskModel) -> None:
    """A batch of a few sounds has none worth learning."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.eval()


def _look(model: EncDecMultiTaskModel, lesson: _Lesson) -> tuple[torch.Tensor, float]:
    """The loss, and the share of wrong tokens."""
    _, _, encoded, encoded_mask = model(
        input_signal=lesson.sound, input_signal_length=lesson.lengths
    )
    given, wanted = lesson.tokens[:, :-1], lesson.tokens[:, 1:]
    positions = torch.arange(given.shape[1])[None]
    mask = (positions < lesson.token_lengths[:, None] - 1).to(encoded.dtype)
    decoder = model.transf_decoder
    states, attention = decoder.decoder(
        decoder.embedding(input_ids=given), mask, encoded, encoded_mask
    )
    scores = model.log_softmax(hidden_states=states)
    weights = lesson.weights
    missed = -scores.gather(-1, wanted[..., None]).squeeze(-1)
    loss = (missed * weights).sum() / weights.sum()
    counts = weights > _MID_SENTENCE
    wrong = ((scores.argmax(-1) != wanted) & counts).sum() / counts.sum()
    return loss + 0.5 * _astray(attention[_ALIGNED_LAYER], lesson.spans), wrong.item()


def _astray(attention: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
    """How much the decoder looks elsewhere than where its next token is said."""
    frames = torch.arange(attention.shape[-1])
    inside = (frames >= spans[..., :1]) & (frames <= spans[..., 1:])
    is_said = spans[..., 0] >= 0
    on_it = (attention.mean(1) * inside).sum(-1)
    return -(on_it[is_said] + 1e-6).log().mean()
