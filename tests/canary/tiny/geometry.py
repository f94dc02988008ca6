"""The shapes of Canary models, and the configuration that NeMo builds one from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPECIAL = "spl_tokens"
PROMPT_TOKENS = (
    *("startofcontext", "itn", "noitn", "timestamp", "notimestamp", "diarize", "nodiarize"),
    *(f"emo:{name}" for name in ("undefined", "neutral", "angry", "happy", "sad")),
)
_EUROPE = (
    *("bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it", "lv", "lt"),
    *("mt", "pl", "pt", "ro", "sk", "sl", "es", "sv", "ru", "uk"),
)


@dataclass(frozen=True)
class Geometry:
    """All that decides how many weights a model has, and how large its buffers are."""

    encoder_layers: int
    encoder_width: int
    decoder_layers: int
    decoder_width: int
    heads: int
    convolution_channels: int
    special_tokens: int
    tokens_a_language: int
    languages: tuple[str, ...] = ("en", "de", "es", "fr")

    @property
    def vocabulary(self) -> int:
        return self.special_tokens + self.tokens_a_language * len(self.languages)


TINY = Geometry(2, 128, 2, 128, 4, 32, special_tokens=64, tokens_a_language=128)
"""1.5 M parameters."""

REAL = {
    "180m-flash": Geometry(17, 512, 4, 1024, 8, 256, 1152, 1024),
    "1b-flash": Geometry(32, 1024, 4, 1024, 8, 256, 1152, 1024),
    "1b-v2": Geometry(32, 1024, 8, 1024, 8, 256, 1152, 609, _EUROPE),
}
"""Layers and widths as their model GPUs and NeMo's published training configurations say.

1b-v2 has one vocabulary of 16 384 for its 25 languages; here each has its share.
"""


def config(shape: Geometry, tokenizers: Path) -> dict[str, Any]:
    """What `EncDecMultiTaskModel(cfg=DictConfig(...))` takes.

    Args:
        shape: of the model.
        tokenizers: a folder with one tokenizer's folder for SPECIAL and one for each language.
    """
    return {
        "prompt_format": "canary2",
        "prompt_defaults": [{"role": "user", "slots": _slots()}],
        "sample_rate": 16_000,
        "model_defaults": {
            "asr_enc_hidden": shape.encoder_width,
            "lm_enc_hidden": shape.decoder_width,
            "lm_dec_hidden": shape.decoder_width,
        },
        "preprocessor": _preprocessor(),
        "encoder": _encoder(shape),
        "transf_encoder": _transformer_encoder(shape),
        "transf_decoder": _transformer_decoder(shape),
        "head": {
            "_target_": "nemo.collections.asr.parts.submodules.token_classifier.TokenClassifier",
            "num_layers": 1,
            "activation": "relu",
            "log_softmax": True,
            "hidden_size": shape.decoder_width,
            "num_classes": None,
            "dropout": 0.0,
            "use_transformer_init": True,
        },
        "tokenizer": _tokenizer(shape, tokenizers),
        "decoding": {
            "strategy": "beam",
            "return_best_hypothesis": True,
            "beam": {"beam_size": 1, "len_pen": 0.0, "max_generation_delta": 50},
        },
        "loss": {
            "_target_": "nemo.collections.common.losses.smoothed_cross_entropy"
            ".SmoothedCrossEntropyLoss",
            "label_smoothing": 0.0,
            "pad_id": None,
        },
    }


def _slots() -> dict[str, str]:
    return {
        "decodercontext": "",
        "source_lang": "<|en|>",
        "target_lang": "<|en|>",
        "emotion": "<|emo:undefined|>",
        "pnc": "<|pnc|>",
        "itn": "<|noitn|>",
        "diarize": "<|nodiarize|>",
        "timestamp": "<|notimestamp|>",
    }


def _preprocessor() -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "sample_rate": 16_000,
        "normalize": "per_feature",
        "window_size": 0.025,
        "window_stride": 0.01,
        "window": "hann",
        "features": 128,
        "n_fft": 512,
        "log": True,
        "frame_splicing": 1,
        "dither": 1e-5,
        "pad_to": 0,
        "pad_value": 0.0,
    }


def _encoder(shape: Geometry) -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.ConformerEncoder",
        "feat_in": 128,
        "feat_out": -1,
        "n_layers": shape.encoder_layers,
        "d_model": shape.encoder_width,
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": shape.convolution_channels,
        "causal_downsampling": False,
        "ff_expansion_factor": 4,
        "self_attention_model": "rel_pos",
        "n_heads": shape.heads,
        "att_context_size": [-1, -1],
        "xscaling": False,
        "untie_biases": True,
        "pos_emb_max_len": 5000,
        "conv_kernel_size": 9,
        "conv_norm_type": "batch_norm",
        "dropout": 0.0,
        "dropout_pre_encoder": 0.0,
        "dropout_emb": 0.0,
        "dropout_att": 0.0,
    }


def _transformer_encoder(shape: Geometry) -> dict[str, Any]:
    """None, in every published Canary."""
    return {
        "_target_": "nemo.collections.asr.modules.transformer.transformer_encoders"
        ".TransformerEncoder",
        "num_layers": 0,
        "hidden_size": shape.decoder_width,
        "inner_size": 4 * shape.decoder_width,
        "num_attention_heads": shape.heads,
        "ffn_dropout": 0.0,
        "attn_score_dropout": 0.0,
        "attn_layer_dropout": 0.0,
        "mask_future": False,
        "pre_ln": True,
        "pre_ln_final_layer_norm": True,
    }


def _transformer_decoder(shape: Geometry) -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.transformer.get_nemo_transformer",
        "model_name": None,
        "pretrained": False,
        "encoder": None,
        "pre_ln_final_layer_norm": True,
        "config_dict": {
            "max_sequence_length": 1024,
            "num_token_types": 0,
            "embedding_dropout": 0.0,
            "learn_positional_encodings": False,
            "hidden_size": shape.decoder_width,
            "inner_size": 4 * shape.decoder_width,
            "num_layers": shape.decoder_layers,
            "num_attention_heads": shape.heads,
            "ffn_dropout": 0.0,
            "attn_score_dropout": 0.0,
            "attn_layer_dropout": 0.0,
            "hidden_act": "relu",
            "pre_ln": True,
            "vocab_size": None,
        },
    }


def _tokenizer(shape: Geometry, folder: Path) -> dict[str, Any]:
    names = (SPECIAL, *shape.languages)
    return {
        "dir": None,
        "type": "agg",
        "langs": {name: {"dir": str(folder / name), "type": "bpe"} for name in names},
        "custom_tokenizer": {
            "_target_": "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer",
            "tokenizers": None,
        },
    }
