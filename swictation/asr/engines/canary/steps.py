"""One run of NeMo's streaming decoder over sound that comes in chunks: state and steps."""

import copy
import re
from typing import Any

import numpy as np

from swictation.asr.engine import Waveform
from swictation.asr.engines.canary.libraries import (
    Tensor,
    aed_streaming,
    multitask_decoding,
    streaming_utils,
    torch,
)
from swictation.asr.engines.canary.stream import MOST_TOKENS
from swictation.asr.engines.canary.window import CHUNK_S, RIGHT_S, Window
from swictation.errors import EngineError

_POLICIES = {"alignatt": "alignatt", "wait-k": "waitk"}
_SPECIAL = re.compile(r"<\|[^|]*\|>")
_WORD = "\u2581"
"""Marks a piece that begins a word (SentencePiece)."""


class Steps:
    """A run, from its empty state to the last chunk. On one thread, in torch's inference mode.

    Its text only grows. With `fork`, a copy can hear the end while the run goes on.
    """

    def __init__(self, model: Any, window: Window, prompt: Tensor, policy: str) -> None:
        """`prompt`: int64 (1, n), the tokens before the text; see `prompts.prompt_tokens`."""
        self._model = model
        self._window = window
        context = streaming_utils.ContextSize
        sizes = (window.left_frames, window.chunk_frames, window.right_frames)
        frames = context(*sizes)
        samples = context(*(size * window.frame_samples for size in sizes))
        config = multitask_decoding.AEDStreamingDecodingConfig(
            streaming_policy=_POLICIES[policy],
            waitk_lagging=1,
            max_generation_length=MOST_TOKENS,
            # It takes "no, no, no" for a fault, and ends the text there.
            hallucinations_detector=False,
        )
        computer = aed_streaming.GreedyBatchedStreamingAEDComputer
        self._computer = computer(model, frame_chunk_size=window.chunk_frames, decoding_cfg=config)
        self._state = computer.initialize_aed_model_state(
            asr_model=model,
            decoder_input_ids=prompt,
            batch_size=1,
            context_encoder_frames=frames,
            chunk_secs=CHUNK_S,
            right_context_secs=RIGHT_S,
        )
        self._buffer = streaming_utils.StreamingBatchedAudioBuffer(
            1, samples, torch.float32, model.device
        )
        self.taken_samples = 0
        """How many samples it has heard, including the look-ahead."""

    @property
    def is_full(self) -> bool:
        """Whether no more text comes: it repeated itself, or its tokens are used up."""
        return not bool(self._state.active_samples[0])

    @property
    def token_count(self) -> int:
        """How many tokens it holds, including the prompt."""
        return int(self._state.current_context_lengths[0])

    def fork(self) -> "Steps":
        """Copy the run. The copy has heard the same, and is independent of this one."""
        return copy.deepcopy(self, {id(it): it for it in (self._model, self._computer)})

    def take(self, samples: Waveform, *, is_last: bool) -> None:
        """Hear the next `samples`, float32 (n,): as many as the window says, or the last.

        Raises:
            EngineError: the model computed no numbers.
            Exception: any error of the device.
        """
        model, device = self._model, self._model.device
        sound = torch.from_numpy(np.ascontiguousarray(samples)).to(device)[None]
        last = torch.tensor([is_last], device=device)
        self._buffer.add_audio_batch_(
            sound,
            audio_lengths=torch.tensor([len(samples)], device=device),
            is_last_chunk=is_last,
            is_last_chunk_batch=last,
        )
        self.taken_samples += len(samples)
        heard = self._buffer.context_size_batch
        _, length, encoded, mask = model(
            input_signal=self._buffer.samples, input_signal_length=heard.total()
        )
        if not bool(torch.isfinite(encoded).all()):
            raise EngineError("The model computed something that is not a number.")
        context = heard.subsample(factor=self._window.frame_samples)
        # The look-ahead is heard, but no word may come from it yet.
        self._state.is_last_chunk_batch = last
        self._state.prev_encoder_shift = self._shift_frames()
        self._state = self._computer(
            encoder_output=encoded,
            encoder_output_len=torch.where(last, length, context.left + context.chunk),
            encoder_input_mask=mask,
            prev_batched_state=self._state,
        )

    def text(self, *, whole_words: bool, tokens: int | None = None) -> str:
        """Return the run's text.

        Args:
            whole_words: leave out the last word, of which more may come.
            tokens: the text when the run held this many tokens; None: now.
        """
        first = self._state.decoder_input_ids.size(-1)
        last = self.token_count if tokens is None else tokens
        ids: list[int] = self._state.pred_tokens_ids[0, first:last].tolist()
        tokenizer = self._model.tokenizer
        if whole_words:
            pieces: list[str] = tokenizer.ids_to_tokens(ids)
            begins = [at for at, piece in enumerate(pieces) if piece.startswith(_WORD)]
            ids = ids[: begins[-1]] if begins else []
        text: str = _SPECIAL.sub(" ", tokenizer.ids_to_text(ids))
        return " ".join(text.split())

    def _shift_frames(self) -> int:
        """How far the window has moved; 0 while it still begins with the first sample."""
        window = self._window
        moved = self.taken_samples // window.frame_samples - window.right_frames
        return max(0, moved - window.left_frames - window.chunk_frames)
