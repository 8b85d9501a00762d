"""Copying a workspace: what somebody orders."""

from __future__ import annotations

from pydantic import Field

from coterie.wire.bodies import Input, Name


class CopyOrder(Input):
    """How to copy a workspace."""

    name: Name = Field(description="What people call the copy.", examples=["Penguins, second try"])
    with_access: bool = Field(
        default=False, description="Whoever has a direct grant has the same in the copy (Co-owner and up)."
    )
    with_outputs: bool = Field(default=True, description="Notebooks keep their outputs.")
