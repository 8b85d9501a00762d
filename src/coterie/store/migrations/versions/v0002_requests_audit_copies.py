"""Requests for access, what people have opened, the audit log, where copies come from, names to search in, and accounts
that are to be removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coterie.store.columns import folded

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workspaces", sa.Column("copied_from", _text(255)))
    op.add_column("workspaces", sa.Column("copies_outputs", sa.Boolean()))
    op.add_column("workspaces", sa.Column("name_folded", _text(765), nullable=False, server_default=sa.text("''")))
    _fold_names()
    op.create_table("visits", *_of_a_person("visits"), sa.Column("at", _instant(), nullable=False))
    op.create_table(
        "requests",
        *_of_a_person("requests"),
        sa.Column("note", _text(500), nullable=False),
        sa.Column("at", _instant(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", _instant(), nullable=False),
        sa.Column("actor_id", _text(16), nullable=False),
        sa.Column("act", _text(255), nullable=False),
        sa.Column("workspace_id", _text(16)),
        sa.Column("workspace_name", _text(255)),
        sa.Column("subject_kind", sa.String(16)),
        sa.Column("subject_key", _text(255)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("via", _text(255), nullable=False),
        sa.Column("address", _text(255)),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.ForeignKeyConstraint(["actor_id"], ["persons.id"], name="fk_audit_actor_id"),
        sa.CheckConstraint("subject_kind IN ('user', 'right', 'group')", name=op.f("ck_audit_subject_kind")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_workspace_id_id", "audit", ["workspace_id", "id"])
    op.create_index("ix_audit_actor_id_id", "audit", ["actor_id", "id"])
    op.create_table(
        "removals",
        sa.Column("account", _text(255), nullable=False),
        sa.Column("at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_removals"),
    )


def _fold_names() -> None:
    workspaces = sa.table("workspaces", sa.column("id"), sa.column("name"), sa.column("name_folded"))
    connection = op.get_bind()
    change = workspaces.update().where(workspaces.c.id == sa.bindparam("of"))
    names = connection.execute(sa.select(workspaces.c.id, workspaces.c.name)).all()
    if names:
        connection.execute(
            change.values(name_folded=sa.bindparam("to")), [{"of": id_, "to": folded(name)} for id_, name in names]
        )


def _of_a_person(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    """The columns and keys of what somebody has at most once in a workspace, and that goes with it."""
    return (
        sa.Column("workspace_id", _text(16), nullable=False),
        sa.Column("person_id", _text(16), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "person_id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=f"fk_{table}_workspace_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=f"fk_{table}_person_id"),
    )


def _text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _instant() -> sa.DateTime:
    return sa.DateTime(timezone=True)
