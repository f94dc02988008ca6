"""`swictation model`: the speech models on this machine."""
