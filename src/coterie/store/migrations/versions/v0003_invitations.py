"""Invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", _text(16), nullable=False),
        sa.Column("workspace_id", _text(16), nullable=False),
        sa.Column("digest", _text(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("for_session", sa.Boolean(), nullable=False),
        sa.Column("max_uses", sa.Integer()),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("expires_at", _instant(), nullable=False),
        sa.Column("revoked_at", _instant()),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("created_by", _text(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("digest", name="uq_invitations_digest"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_invitations_workspace_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["created_by"], ["persons.id"], name="fk_invitations_created_by"),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'co-owner', 'creator')", name=op.f("ck_invitations_role")),
    )
    op.create_index("ix_invitations_workspace_id", "invitations", ["workspace_id"])
    op.create_index("ix_invitations_created_by", "invitations", ["created_by"])


def _text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _instant() -> sa.DateTime:
    return sa.DateTime(timezone=True)
