"""Whisper through faster-whisper, with short context, forced prefix, loop and noise guard.

Whisper is made for 30 s of audio, and audio is usually padded to that. CTranslate2 can encode
shorter features, which costs a fraction; speech + 2 s, at least 10 s in all, keeps the accuracy
(docs/adr/0003).
"""

import re
import time
from collections.abc import Callable
from typing import Any, Literal

import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
import msgspec
import numpy as np
from faster_whisper import WhisperModel  # pyright: ignore[reportMissingTypeStubs]

from swictation.asr.alignment import has_words, rest_after
from swictation.asr.engine import EngineSpec, Waveform
from swictation.asr.engines.whisper.memory import beam_for
from swictation.asr.engines.whisper.settings import WhisperSettings
from swictation.asr.loops import find_loop, is_too_fast
from swictation.types import SAMPLE_RATE_HZ, Capabilities, DecodeRequest, Hypothesis

_HOP_SAMPLES = 160
FULL_CONTEXT_S = 30.0
_MAX_TOKENS = 448
_TOKENS_BASE = 12
_LEAST_CHARS_PER_S = 9.0
"""People say 12 to 17; if less than this is forced, some of the sound has no text yet."""
_FLOATS = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")


class Decoded(msgspec.Struct):
    """One pass of the network, before it is judged."""

    text: str
    score: float
    new_score: float
    no_speech_prob: float
    is_capped: bool


def _languages(tokenizer: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The languages of a multilingual model: the names among its special tokens."""
    tokens: dict[str, int] = tokenizer.get_vocab()
    names = (_LANGUAGE.fullmatch(token) for token in tokens)
    return tuple(sorted(name[1] for name in names if name))


def _precision(compute_type: str) -> str:
    """Translate the model's compute type to the names of `Capabilities`.

    CTranslate2 may choose another type than the requested one, and calls int8 int8_float32.
    """
    if compute_type.startswith("int8"):
        return "int8"
    return _FLOATS.get(compute_type, compute_type)


class WhisperEngine:
    """A Whisper model on the CPU. Its answers depend on the request only."""

    def __init__(self, model: WhisperModel, spec: EngineSpec, settings: WhisperSettings) -> None:
        self._settings = settings
        whisper: Any = model
        self._model: Any = whisper.model
        self._features: Any = whisper.feature_extractor
        self._tokenizer: Any = whisper.hf_tokenizer
        token: Callable[[str], int | None] = self._tokenizer.token_to_id
        is_multilingual = bool(self._model.is_multilingual)
        self._end_of_text: int = self._tokenizer.token_to_id("<|endoftext|>")
        self._prompt = [token("<|startoftranscript|>")]
        if is_multilingual and token(f"<|{spec.language}|>") is not None:
            self._prompt += [token(f"<|{spec.language}|>"), token("<|transcribe|>")]
        self._prompt.append(token("<|notimestamps|>"))
        self.beam = beam_for(settings.beam, spec.model, spec.model_path)
        self.is_greedy = False
        """Whether it follows only one hypothesis, because memory is short."""
        self.capabilities = Capabilities(
            device="cpu",
            languages=_languages(self._tokenizer) if is_multilingual else ("en",),
            forced_prefix=True,
            partials=True,
            precision=_precision(self._model.compute_type),
        )

    def context_s(self, speech_s: float) -> float:
        """How many seconds are encoded for `speech_s` of speech, including padding."""
        return max(speech_s + self._settings.context_extra_s, self._settings.context_min_s)

    def close(self) -> None:
        """Free the weights."""
        self._model.unload_model()

    def decode(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        """Answer `request`. What looks like a loop is decoded again in full context."""
        wall_s, cpu_s = time.monotonic(), time.process_time()
        speech_s = len(waveform) / SAMPLE_RATE_HZ
        beam = 1 if request.partial or self.is_greedy else self.beam
        context_s = self.context_s(speech_s)
        decoded = self._decode(waveform, request.forced_text, context_s, beam)
        retries = 0
        if decoded.is_capped or self._loops(decoded.text, speech_s):
            decoded = self._decode(waveform, request.forced_text, FULL_CONTEXT_S, beam)
            retries = 1
        is_short = len(request.forced_text) < _LEAST_CHARS_PER_S * speech_s
        if request.forced_text and is_short and not has_words(decoded.text):
            decoded = self._decode_unforced(waveform, request.forced_text, context_s, beam, decoded)
            retries += 1
        dropped = self._dropped(decoded, speech_s)
        return Hypothesis(
            new_text="" if dropped else decoded.text,
            confident=not dropped and decoded.score > self._settings.commit_score,
            dropped=dropped,
            score=decoded.score,
            no_speech_prob=decoded.no_speech_prob,
            retries=retries,
            decode_s=time.monotonic() - wall_s,
            cpu_s=time.process_time() - cpu_s,
        )

    def _decode_unforced(
        self, waveform: Waveform, forced: str, context_s: float, beam: int, silent: Decoded
    ) -> Decoded:
        """Decode again without forced text, after a decode that brought no new words.

        With a forced prefix Whisper sometimes ends the text at once and leaves out seconds of
        speech. What the second decode has after the forced words is the answer.
        """
        whole = self._decode(waveform, "", context_s, beam)
        if self._loops(whole.text, len(waveform) / SAMPLE_RATE_HZ):
            return silent
        rest = rest_after(forced, whole.text)
        return msgspec.structs.replace(whole, text=rest) if has_words(rest) else silent

    def _loops(self, text: str, speech_s: float) -> bool:
        settings = self._settings
        return bool(find_loop(text, speech_s, settings.loop_zlib_ratio, settings.loop_chars_per_s))

    def _dropped(self, decoded: Decoded, speech_s: float) -> Literal["", "noise", "loop"]:
        settings = self._settings
        if is_too_fast(decoded.text, speech_s, settings.loop_chars_per_s):
            return "loop"
        is_noise = (
            decoded.no_speech_prob > settings.noise_no_speech_prob
            and decoded.new_score < settings.noise_score
        )
        return "noise" if is_noise else ""

    def _decode(self, waveform: Waveform, forced: str, context_s: float, beam: int) -> Decoded:
        speech_s = len(waveform) / SAMPLE_RATE_HZ
        forced_ids = self._encoded(forced)
        room = _TOKENS_BASE + int(self._settings.tokens_per_s * speech_s)
        result: Any = self._model.generate(
            self._model.encode(self._mel(waveform, context_s)),
            [self._prompt + forced_ids],
            beam_size=beam,
            max_length=min(_MAX_TOKENS, len(self._prompt) + len(forced_ids) + room),
            length_penalty=1,
            suppress_blank=not forced_ids,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        ids: list[int] = list(result.sequences_ids[0])
        if ids[: len(forced_ids)] == forced_ids:  # CTranslate2 returns the forced prefix, too
            ids = ids[len(forced_ids) :]
        score = float(result.scores[0])
        return Decoded(
            text=self._tokenizer.decode([i for i in ids if i < self._end_of_text]),
            score=score,
            new_score=score * (len(forced_ids) + len(ids)) / max(1, len(ids)),
            no_speech_prob=result.no_speech_prob,
            is_capped=len(ids) >= room - 1,
        )

    def _encoded(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids) if text else []

    def _mel(self, waveform: Waveform, context_s: float) -> object:
        frames = round(min(context_s, FULL_CONTEXT_S) * 50) * 2
        padded = np.zeros(frames * _HOP_SAMPLES, np.float32)
        padded[: len(waveform)] = waveform[: len(padded)]
        mel = self._features(padded, padding=0)[:, :frames]
        if mel.shape[1] < frames:
            mel = np.pad(mel, ((0, 0), (0, frames - mel.shape[1])))
        storage: Any = ctranslate2
        return storage.StorageView.from_array(np.ascontiguousarray(mel[np.newaxis], np.float32))
