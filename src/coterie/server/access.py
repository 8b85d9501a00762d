"""What the gate found out about the person behind a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from coterie.policy import Role


@dataclass(frozen=True, slots=True)
class Access:
    """A person who may be here. *person* is their opaque id, *name* their Hub name; *role* counts until *until*."""

    person: str
    name: str
    role: Role
    reasons: tuple[str, ...] = ()
    until: datetime | None = None

    def allows(self, need: Role) -> bool:
        """Whether the role is enough for what needs *need*."""
        return self.role.reaches(need)
