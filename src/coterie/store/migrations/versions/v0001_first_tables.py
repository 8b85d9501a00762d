"""The first tables: persons, workspaces, who reaches them, and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "persons",
        sa.Column("id", _text(16), nullable=False),
        sa.Column("name", _text(255), nullable=False),
        sa.Column("hub_created", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_persons"),
        sa.UniqueConstraint("name", "hub_created", name="uq_persons_name_hub_created"),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", _text(16), nullable=False),
        sa.Column("is_home", sa.Boolean(), nullable=False),
        sa.Column("name", _text(255), nullable=False),
        sa.Column("account", _text(255), nullable=False),
        sa.Column("creator_id", _text(16), nullable=False),
        sa.Column("general_access", _word(), nullable=False),
        sa.Column("archived_at", _instant()),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("session", _text(255)),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("account", name="uq_workspaces_account"),
        sa.ForeignKeyConstraint(["creator_id"], ["persons.id"], name="fk_workspaces_creator_id"),
        sa.CheckConstraint(
            "general_access IN ('restricted', 'link', 'global')", name=op.f("ck_workspaces_general_access")
        ),
    )
    op.create_index("ix_workspaces_creator_id", "workspaces", ["creator_id"])
    op.create_index("ix_workspaces_general_access", "workspaces", ["general_access"])
    op.create_index(
        "uq_workspaces_home_of",
        "workspaces",
        ["creator_id"],
        unique=True,
        sqlite_where=sa.text("is_home"),
        postgresql_where=sa.text("is_home"),
    )
    op.create_table(
        "grants",
        sa.Column("workspace_id", _text(16), nullable=False),
        sa.Column("principal_kind", _word(), nullable=False),
        sa.Column("principal_key", _text(255), nullable=False),
        sa.Column("role", _word(), nullable=False),
        sa.Column("source", _text(255), nullable=False),
        sa.Column("session", _text(255)),
        sa.Column("expires_at", _instant()),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("created_by", _text(16), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "principal_kind", "principal_key", "source", name="pk_grants"),
        _goes_with_workspace("grants"),
        sa.ForeignKeyConstraint(["created_by"], ["persons.id"], name="fk_grants_created_by"),
        sa.CheckConstraint("principal_kind IN ('user', 'right', 'group')", name=op.f("ck_grants_principal_kind")),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'co-owner', 'creator')", name=op.f("ck_grants_role")),
        sa.CheckConstraint("role <> 'creator'", name=op.f("ck_grants_role_is_grantable")),
    )
    op.create_index("ix_grants_principal", "grants", ["principal_kind", "principal_key"])
    for table in ("blocks", "favourites"):
        op.create_table(
            table,
            sa.Column("workspace_id", _text(16), nullable=False),
            sa.Column("person_id", _text(16), nullable=False),
            sa.PrimaryKeyConstraint("workspace_id", "person_id", name=f"pk_{table}"),
            _goes_with_workspace(table),
            sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=f"fk_{table}_person_id"),
        )
    op.create_table(
        "entries",
        sa.Column("workspace_id", _text(16), nullable=False),
        sa.Column("person_id", _text(16), nullable=False),
        sa.Column("state", _word(), nullable=False),
        sa.Column("at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "person_id", name="pk_entries"),
        _goes_with_workspace("entries"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_entries_person_id"),
        sa.CheckConstraint("state IN ('wanted', 'admitted')", name=op.f("ck_entries_state")),
    )
    op.create_index("ix_entries_person_id", "entries", ["person_id"])
    op.create_table(
        "outbox",
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("workspace_id", _text(16), nullable=False),
        sa.Column("kind", _text(255), nullable=False),
        sa.Column("principal_kind", _word()),
        sa.Column("principal_key", _text(255)),
        sa.Column("at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_outbox"),
        sa.CheckConstraint("principal_kind IN ('user', 'right', 'group')", name=op.f("ck_outbox_principal_kind")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_workspace_id_revision", "outbox", ["workspace_id", "revision"])
    op.create_table(
        "consumers",
        sa.Column("name", _text(255), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_consumers"),
    )


def _text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _word() -> sa.String:
    return sa.String(16)


def _instant() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _goes_with_workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id"], ["workspaces.id"], name=f"fk_{table}_workspace_id", ondelete="CASCADE"
    )
