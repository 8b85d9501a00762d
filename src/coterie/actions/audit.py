"""The audit log: who did what, to whom, when and on which way. For those who manage access, and for administrators.

The address that somebody's request came from is shown to administrators alone: it tells where people are, which nobody
needs in order to manage access.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from coterie.actions import show
from coterie.actions.errors import Refused
from coterie.actions.sight import insist_administrator, see
from coterie.actions.world import World
from coterie.policy import Act, GeneralAccess, Person, PrincipalKind, Role
from coterie.store import AuditEntry, StoredPerson, StoredWorkspace, Transaction
from coterie.store import AuditRecord as StoredRecord
from coterie.wire.audit import AuditAct, AuditRecord, AuditSubject, AuditWorkspace, Via
from coterie.wire.bodies import Page
from coterie.wire.names import is_workspace_id
from coterie.wire.problems import ProblemCode

#: How many records of an export are read at once.
_BATCH = 500
#: The highest number that both databases keep.
_NUMBER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records to show: those by whoever is called *actor*, of this *act*, at *since* or later and before *until*;
    whatever is None does not matter. *workspace* is an id, and only for the whole log."""

    actor: str | None = None
    act: AuditAct | None = None
    since: datetime | None = None
    until: datetime | None = None
    workspace: str | None = None


async def list_audit(
    world: World,
    person: Person,
    workspace: str | None,
    filters: Filters,
    *,
    after: str | None = None,
    limit: int = 100,
) -> Page[AuditRecord]:
    """What happened in *workspace* (None: everywhere), the latest first.

    For a workspace's Co-owners and up and a home's owner; the whole log for administrators, who find in it what
    happened in workspaces that are gone by now. Raises Refused, also for a cursor that no list gave.
    """
    if workspace is None:
        insist_administrator(person)
    async with world.store.reading() as tx:
        id_ = filters.workspace
        if workspace is not None:
            id_ = (await see(world, tx, person, workspace, Act.MANAGE_ACCESS)).id
        before = None if after is None else _number(after)
        found = await _list(tx, id_, filters, before=before, limit=limit + 1)
        items = await _shown(tx, found[:limit], with_address=person.administrator)
    return Page[AuditRecord](items=items, next=items[-1].id if len(found) > limit else None)


async def export_audit(
    world: World, person: Person, workspace: str | None, filters: Filters
) -> AsyncIterator[list[AuditRecord]]:
    """Everything that list_audit() would show, in batches. Each is read for itself, so that a long export holds neither
    memory nor the database. Who *person* is by then is asked anew for each: whoever may no longer see the log in the
    middle of it gets Refused there."""
    after: str | None = None
    while True:
        page = await list_audit(world, person, workspace, filters, after=after, limit=_BATCH)
        yield page.items
        after = page.next
        if after is None:
            return
        person = await _anew(world, person)


async def _anew(world: World, person: Person) -> Person:
    """*person* as the Hub describes them now. Raises Refused where it no longer knows them."""
    present = await world.people.find(person.name, remember=False)
    if present is None or present.id != person.id:
        raise Refused(ProblemCode.SIGN_IN_NEEDED, "Your account is no longer the one that you signed in with.")
    return present


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < len(str(_NUMBER_MAX))):
        raise Refused(ProblemCode.INVALID_INPUT, "This cursor does not come from an audit log.")
    return int(cursor)


async def _list(
    tx: Transaction, workspace_id: str | None, filters: Filters, *, before: int | None, limit: int
) -> list[StoredRecord]:
    if workspace_id is not None and not is_workspace_id(workspace_id):
        return []
    actors = None
    if filters.actor is not None:
        actors = [person.id for person in await tx.list_people_named(filters.actor)]
    return await tx.list_audit(
        workspace_id=workspace_id,
        actor_ids=actors,
        act=filters.act,
        since=filters.since,
        until=filters.until,
        before=before,
        limit=limit,
    )


async def _shown(tx: Transaction, found: list[StoredRecord], *, with_address: bool) -> list[AuditRecord]:
    entries = [record.entry for record in found]
    about = {e.subject.key for e in entries if e.subject is not None and e.subject.kind is PrincipalKind.USER}
    people = await tx.get_people(about.union(entry.actor_id for entry in entries))
    places = await tx.find_by_ids({entry.workspace_id for entry in entries if entry.workspace_id is not None})
    return [_show(record, people, places, with_address=with_address) for record in found]


def _show(
    record: StoredRecord,
    people: dict[str, StoredPerson],
    places: dict[str, StoredWorkspace],
    *,
    with_address: bool,
) -> AuditRecord:
    entry = record.entry
    actor = people[entry.actor_id].name
    subject = None if entry.subject is None else show.principal_name(entry.subject, people)
    return AuditRecord(
        id=str(record.id),
        at=entry.at,
        actor=actor,
        act=AuditAct(entry.act),
        workspace=_workspace(entry, places),
        subject=None
        if entry.subject is None or subject is None
        else AuditSubject(kind=entry.subject.kind.value, name=subject),
        details=dict(entry.details),
        via=Via(entry.via),
        address=entry.address if with_address else None,
        sentence=_sentence(entry, actor, subject),
    )


def _workspace(entry: AuditEntry, places: dict[str, StoredWorkspace]) -> AuditWorkspace | None:
    """By the name it had then. A home has none of its own: it is called by its owner's, and not at all once it is
    gone."""
    if entry.workspace_id is None:
        return None
    place = places.get(entry.workspace_id)
    if place is not None and place.is_home:
        return AuditWorkspace(id=place.public_id, name=place.public_id)
    return AuditWorkspace(id=entry.workspace_id, name=entry.workspace_name or "a home that is gone")


def _sentence(entry: AuditEntry, actor: str, subject: str | None) -> str:
    """What happened as people read it, without a full stop: ``alice made bob Editor``."""
    return f"{_isolated(actor)} {_deed(entry, _whom(entry, subject))}"


def _whom(entry: AuditEntry, subject: str | None) -> str:
    if entry.subject is None or subject is None:
        return "nobody"
    kind = entry.subject.kind
    return _isolated(subject) if kind is PrincipalKind.USER else f"the {kind.value} {_isolated(subject)}"


def _deed(entry: AuditEntry, whom: str) -> str:
    details = entry.details
    match AuditAct(entry.act):
        case AuditAct.CREATED:
            return "created the workspace" + (" as a copy" if details.get("as_copy") else "")
        case AuditAct.RENAMED:
            return f"renamed the workspace to {_isolated(str(details.get('name', '')))}"
        case AuditAct.ARCHIVED:
            return "put the workspace into the archive"
        case AuditAct.UNARCHIVED:
            return "took the workspace out of the archive"
        case AuditAct.COPIED:
            return "copied the workspace"
        case AuditAct.DELETED:
            return "deleted the workspace"
        case AuditAct.OPENED:
            return "opened the workspace by the link" if entry.via == Via.LINK else "opened the workspace"
        case AuditAct.STOPPED:
            return "stopped the server"
        case AuditAct.GRANTED:
            return f"made {whom} {_role(details.get('role'))}{_until(details.get('expires_at'))}"
        case AuditAct.REMOVED:
            return f"removed {whom}" + (", who was anonymised" if details.get("anonymised") else "")
        case AuditAct.GENERAL_ACCESS_SET:
            return f"set general access to {_level(details.get('level'))}"
        case AuditAct.REQUESTED:
            return "asked for access"
        case AuditAct.DECLINED:
            return f"declined the request of {whom}"
        case AuditAct.INVITED:
            return f"made an invitation as {_role(details.get('role'))}{_until(details.get('expires_at'))}"
        case AuditAct.INVITATIONS_REVOKED:
            return "revoked an invitation" if details.get("invitation") else "revoked all invitations"
        case AuditAct.ACCEPTED:
            return f"accepted an invitation as {_role(details.get('role'))}"
        case AuditAct.GUEST_REMOVED:
            return f"took back what invitations gave {whom}"
        case AuditAct.BLOCKED:
            return f"blocked {whom}"
        case AuditAct.UNBLOCKED:
            return f"lifted the block of {whom}"
        case AuditAct.ADMITTED:
            return f"admitted {whom} as {_role(details.get('role'))}"
        case AuditAct.HUB_SHARE_REMOVED:
            return f"removed JupyterHub's share with {whom}"
        case AuditAct.ANONYMISED:
            return f"anonymised {whom}"
        case AuditAct.MOVED:
            return f"became Creator in place of {whom}, who was anonymised"
        case AuditAct.REFUSED:
            why = _WHY_REFUSED.get(str(details.get("code")), "not allowed")
            return f"was refused{_times(details.get('count'))}: {why}"


def _role(word: object) -> str:
    return Role.parse(word).title if isinstance(word, str) else "a member"


def _until(instant: object) -> str:
    if not isinstance(instant, str):
        return ""
    return datetime.fromisoformat(instant).astimezone(UTC).strftime(" until %Y-%m-%d %H:%M UTC")


def _times(count: object) -> str:
    return f" {count} times" if isinstance(count, int) and count > 1 else ""


#: Why something was refused, by the code that the answer had.
_WHY_REFUSED: Mapping[str, str] = {
    ProblemCode.FORGED_REQUEST: "it came in this name, and from no page of Coterie",
    ProblemCode.WORKSPACE_NOT_FOUND: "no access, or nothing there",
    ProblemCode.ROLE_TOO_WEAK: "the role does not reach",
    ProblemCode.CREATOR_IS_FIXED: "the Creator stays",
    ProblemCode.ROLE_NOT_GRANTABLE: "this role cannot be given",
    ProblemCode.PRINCIPAL_NOT_AVAILABLE: "nobody of this name to share with",
    ProblemCode.ADMINISTRATORS_ONLY: "for administrators only",
    ProblemCode.ONESELF: "not oneself",
    ProblemCode.INVITATION_UNKNOWN: "no such invitation",
    ProblemCode.INVITATION_REVOKED: "the invitation was revoked",
    ProblemCode.INVITATION_EXPIRED: "the invitation has run out",
    ProblemCode.INVITATION_USED_UP: "the invitation is used up",
    ProblemCode.INVITATION_BLOCKED: "blocked",
    ProblemCode.INVITATION_HAS_NO_MAKER: "the invitation is no longer good",
    ProblemCode.TOO_MANY_GUESSES: "too many invitations that do not exist",
}

#: The refusals that the log keeps. What is only a mistake, or nobody's doing, is none of them.
RECORDED_REFUSALS = frozenset(_WHY_REFUSED)

_LEVELS = {
    GeneralAccess.RESTRICTED: "Restricted",
    GeneralAccess.LINK: "Anyone with link",
    GeneralAccess.GLOBAL: "Global",
}


def _level(word: object) -> str:
    return _LEVELS[GeneralAccess(word)] if isinstance(word, str) else "another"


def _isolated(name: str) -> str:
    """*name* so that it cannot turn the rest of a sentence round (Unicode Standard Annex 9, isolates)."""
    return name if name.isascii() else f"\u2068{name}\u2069"
