"""Who is in the demo."""

from __future__ import annotations

ADMINISTRATOR = "admin"
PEOPLE = ("alice", "bob", "carol", "dave", "erin", ADMINISTRATOR)
PASSWORD = "coterie"  # noqa: S105 - printed when the demo starts

GROUPS = {
    "astro": ["alice", "bob", "carol"],
    "/astro/dust": ["bob"],
    "bio": ["dave"],
}

RIGHTS = {
    "gpu-users": ["alice", "bob"],
    "curators": ["carol"],
}
