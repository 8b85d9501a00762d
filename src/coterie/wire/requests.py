"""Bodies of requests for access: somebody asks, and those who manage access answer."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from coterie.wire.bodies import GrantableWord, Input, Time

NOTE_MAX = 500


def clean_note(value: str) -> str:
    """A note without surrounding blanks, at most NOTE_MAX characters long. Raises ValueError where a line break or
    another control character is in it."""
    note = unicodedata.normalize("NFC", value).strip()
    if len(note) > NOTE_MAX:  # composing can make a text longer
        raise ValueError(f"A note has at most {NOTE_MAX} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in note):
        raise ValueError("A note cannot contain line breaks or control characters.")
    return note


class NewRequest(Input):
    """What somebody says who asks for access."""

    note: Annotated[str, Field(max_length=NOTE_MAX), AfterValidator(clean_note)] = Field(
        default="", description="For those who manage access.", examples=["We work on the penguins together."]
    )


class RequestAnswer(Input):
    """The role that somebody who asked gets."""

    role: GrantableWord = Field(description="The role to give.")


class AccessRequest(BaseModel):
    """Somebody asks for access, or for more than they have."""

    user: str
    role: GrantableWord | None = Field(description="The role that they have by name already; null for none.")
    note: str
    at: Time
