"""The tables. What is stored is explained in ``records``; how it came to be is in ``migrations``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from coterie.policy import GeneralAccess, PrincipalKind, Role
from coterie.store.columns import DIGEST_LENGTH, FOLDED_MAX, NOTE_MAX, Exact, Instant, word_of
from coterie.store.ids import LENGTH
from coterie.store.records import EntryState

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _person(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, Exact(LENGTH), ForeignKey("persons.id"), nullable=False, primary_key=primary_key)


def _workspace() -> Column[str]:
    return Column("workspace_id", Exact(LENGTH), ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)


persons = Table(
    "persons",
    metadata,
    Column("id", Exact(LENGTH), primary_key=True),
    Column("name", Exact(), nullable=False),
    Column("hub_created", Instant(), nullable=False),
    UniqueConstraint("name", "hub_created"),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Exact(LENGTH), primary_key=True),
    Column("is_home", Boolean(), nullable=False),
    Column("name", Exact(), nullable=False),
    Column("account", Exact(), nullable=False),
    _person("creator_id"),
    Column("general_access", word_of(GeneralAccess, "general_access"), nullable=False),
    Column("archived_at", Instant()),
    Column("created_at", Instant(), nullable=False),
    Column("session", Exact()),
    Column("copied_from", Exact()),
    Column("copies_outputs", Boolean()),
    # The name as a search compares it: whoever sets the one sets the other.
    Column("name_folded", Exact(FOLDED_MAX), nullable=False, server_default=text("''")),
    UniqueConstraint("account"),
    Index("ix_workspaces_creator_id", "creator_id"),
    Index("ix_workspaces_general_access", "general_access"),
    Index(
        "uq_workspaces_home_of",
        "creator_id",
        unique=True,
        sqlite_where=text("is_home"),
        postgresql_where=text("is_home"),
    ),
)

grants = Table(
    "grants",
    metadata,
    _workspace(),
    Column("principal_kind", word_of(PrincipalKind, "principal_kind"), primary_key=True),
    Column("principal_key", Exact(), primary_key=True),
    Column("role", word_of(Role, "role"), nullable=False),
    Column("source", Exact(), primary_key=True),
    Column("session", Exact()),
    Column("expires_at", Instant()),
    Column("created_at", Instant(), nullable=False),
    _person("created_by"),
    CheckConstraint("role <> 'creator'", name="role_is_grantable"),
    Index("ix_grants_principal", "principal_kind", "principal_key"),
)

blocks = Table("blocks", metadata, _workspace(), _person("person_id", primary_key=True))

favourites = Table("favourites", metadata, _workspace(), _person("person_id", primary_key=True))

visits = Table(
    "visits",
    metadata,
    _workspace(),
    _person("person_id", primary_key=True),
    Column("at", Instant(), nullable=False),
)

requests = Table(
    "requests",
    metadata,
    _workspace(),
    _person("person_id", primary_key=True),
    Column("note", Exact(NOTE_MAX), nullable=False),
    Column("at", Instant(), nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Exact(LENGTH), primary_key=True),
    Column("workspace_id", Exact(LENGTH), ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False),
    # SHA-256 of the secret in hexadecimal. With 256 random bits in the secret there is nothing to salt or to stretch.
    Column("digest", Exact(DIGEST_LENGTH), nullable=False),
    Column("role", word_of(Role, "role"), nullable=False),
    Column("for_session", Boolean(), nullable=False),
    Column("max_uses", Integer()),
    Column("uses", Integer(), nullable=False),
    Column("expires_at", Instant(), nullable=False),
    Column("revoked_at", Instant()),
    Column("created_at", Instant(), nullable=False),
    _person("created_by"),
    UniqueConstraint("digest"),
    Index("ix_invitations_workspace_id", "workspace_id"),
    Index("ix_invitations_created_by", "created_by"),
)

entries = Table(
    "entries",
    metadata,
    _workspace(),
    _person("person_id", primary_key=True),
    Column("state", word_of(EntryState, "state"), nullable=False),
    Column("at", Instant(), nullable=False),
    Index("ix_entries_person_id", "person_id"),
)

# Events outlive their workspace: a server that was told late has to hear of its removal too. So no foreign key.
outbox = Table(
    "outbox",
    metadata,
    Column("revision", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("workspace_id", Exact(LENGTH), nullable=False),
    Column("kind", Exact(), nullable=False),
    Column("principal_kind", word_of(PrincipalKind, "principal_kind")),
    Column("principal_key", Exact()),
    Column("at", Instant(), nullable=False),
    Index("ix_outbox_workspace_id_revision", "workspace_id", "revision"),
    # A revision is never used twice, whatever was removed since.
    sqlite_autoincrement=True,
)

# Records outlive what they are about: no foreign key but the persons', who are never removed.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Instant(), nullable=False),
    _person("actor_id"),
    Column("act", Exact(), nullable=False),
    Column("workspace_id", Exact(LENGTH)),
    Column("workspace_name", Exact()),
    Column("subject_kind", word_of(PrincipalKind, "subject_kind")),
    Column("subject_key", Exact()),
    Column("details", JSON(), nullable=False),
    Column("via", Exact(), nullable=False),
    Column("address", Exact()),
    Index("ix_audit_workspace_id_id", "workspace_id", "id"),
    Index("ix_audit_actor_id_id", "actor_id", "id"),
    sqlite_autoincrement=True,
)

# An account outlives its workspace until the Hub has removed it: no foreign key.
removals = Table(
    "removals",
    metadata,
    Column("account", Exact(), primary_key=True),
    Column("at", Instant(), nullable=False),
)

consumers = Table(
    "consumers",
    metadata,
    Column("name", Exact(), primary_key=True),
    Column("revision", BigInteger(), nullable=False),
)
