"""Whisper through CTranslate2, on CPU or GPU. Others use only its `provider`."""
