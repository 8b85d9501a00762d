"""How long the long tests are."""

from __future__ import annotations

import os


def length(sample: int, *, soak: int) -> int:
    """The number of repetitions: the first with ``make test``, the second with ``make soak``."""
    return soak if os.environ.get("COTERIE_SOAK") == "1" else sample
