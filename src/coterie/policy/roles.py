"""Roles, and what a request may need of one.

Word of this module: a *role* is a named bundle of abilities, ordered Viewer < Editor < Co-owner < Creator. What a
request needs is written as the weakest role that has it.
"""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """What a person is in one workspace. Compare roles only inside ``coterie.policy``; elsewhere ask a decision."""

    VIEWER = 1
    EDITOR = 2
    CO_OWNER = 3
    CREATOR = 4

    @property
    def word(self) -> str:
        """The role as the API writes it: ``viewer``, ``editor``, ``co-owner``, ``creator``."""
        return self.name.lower().replace("_", "-")

    @property
    def title(self) -> str:
        """The role as people read it: ``Viewer``, ``Editor``, ``Co-owner``, ``Creator``."""
        return self.word.capitalize()

    def reaches(self, need: Role) -> bool:
        """Whether this role is enough for what needs *need*."""
        return self >= need

    @classmethod
    def parse(cls, word: str) -> Role:
        """The role whose ``word`` this is. Raises ValueError for any other text."""
        for role in cls:
            if role.word == word:
                return role
        raise ValueError(f"no role is called {word!r}")


#: The roles that a grant may carry; Creator is never granted.
GRANTABLE = (Role.VIEWER, Role.EDITOR, Role.CO_OWNER)

#: The roles that an invitation may carry: whoever comes by a link manages nobody's access.
INVITABLE = (Role.VIEWER, Role.EDITOR)
