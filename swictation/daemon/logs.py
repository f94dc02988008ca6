"""Logging: to stderr, terse, and never a dictated word."""

import logging


def set_up(*, verbose: bool) -> None:
    """Warnings and worse; with `verbose` everything worth knowing."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="swictation: %(message)s",
    )
