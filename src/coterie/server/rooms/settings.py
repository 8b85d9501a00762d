"""What a deployment sets about rooms: where journals are, how long they go back, and when a document is let go of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Values of ``RoomsExtension``'s traits, in the units that the code counts in.

    *sync_seconds* is how long what is in a journal may wait for the disk, *keep_days* and *keep_bytes* how far back a
    document's journal goes, *forget_after* for how many seconds a document stays open with nobody in it.
    """

    journal_folder: Path
    sync_seconds: float
    keep_days: float
    keep_bytes: int
    forget_after: float
