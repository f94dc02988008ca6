"""Whisper through CTranslate2, on processor or GPU. Others find its `provider` alone."""
