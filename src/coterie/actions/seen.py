"""Changes that hold only for what somebody has seen: of two who change the same grant at once, the second is told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from coterie import policy
from coterie.actions.errors import Refused
from coterie.actions.sight import Sight
from coterie.actions.world import World
from coterie.policy import Person, PrincipalKind, Role
from coterie.store import AuditRecord, StoredGrant, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.problems import ProblemCode

#: Until when something was done "a moment ago".
_A_MOMENT = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody saw who asks for a change: the version of the principal's grant, None where there was none."""

    version: str | None


class ChangedMeanwhile(Refused):
    """Somebody else was quicker, and nothing was changed."""

    def __init__(self, detail: str) -> None:
        super().__init__(ProblemCode.CONFLICT, detail)


class HasAccessAlready(Refused):
    """Somebody was to be added who is there already. *version* and *role* are those of the grant that they have."""

    def __init__(self, detail: str, grant: StoredGrant) -> None:
        super().__init__(ProblemCode.CONFLICT, detail)
        self.version = grant.version
        self.role = grant.role.word


async def insist_seen(
    world: World, tx: Transaction, actor: Person, sight: Sight, principal: policy.Principal, seen: Seen
) -> None:
    """Raise Refused unless the direct grant of *principal* is as *seen*. One that has ended is none, for whoever saw
    none."""
    present = await tx.find_grant(sight.id, principal)
    if seen.version is None:
        if present is not None and present.fact.counts(session=sight.facts.session, at=world.now()):
            name = await _name(tx, principal)
            detail = f"{name} is {present.role.title} here already. Change the role in the list."
            raise HasAccessAlready(detail, present)
    elif present is None or present.version != seen.version:
        name = await _name(tx, principal)
        raise await changed_meanwhile(world, tx, actor, sight, principal.kind, name)


async def changed_meanwhile(
    world: World, tx: Transaction, actor: Person, sight: Sight, kind: PrincipalKind, name: str
) -> ChangedMeanwhile:
    """What to tell somebody who asked for a change of what is no longer as they saw it: who did what, and when."""
    subjects = [policy.Principal(kind, name)]
    if kind is PrincipalKind.USER:
        subjects = [policy.Principal(kind, person.id) for person in await tx.list_people_named(name)]
    done = await _told(world, tx, actor, sight, subjects, name)
    return ChangedMeanwhile(f"{done} The list shows it now; choose again if you still want to change it.")


async def general_access_changed(world: World, tx: Transaction, actor: Person, sight: Sight) -> ChangedMeanwhile:
    """What to tell somebody who asked for another general access than there is now: who set that, and when."""
    latest = await tx.list_audit(workspace_id=sight.id, act=AuditAct.GENERAL_ACCESS_SET, limit=1)
    done = "General access was changed meanwhile"
    if latest:
        done = f"{await _who(tx, actor, latest[0])} changed general access {_when(latest[0].entry.at, world.now())}"
    return ChangedMeanwhile(f"{done}. The window shows it now; choose again if you still want to change it.")


async def _told(
    world: World, tx: Transaction, actor: Person, sight: Sight, subjects: Collection[policy.Principal], name: str
) -> str:
    latest = await tx.find_latest_about(sight.id, subjects)
    if latest is None:
        return f"What {name} has here was changed meanwhile."
    return f"{await _who(tx, actor, latest)} {_did(latest, name)} {_when(latest.entry.at, world.now())}."


async def _who(tx: Transaction, actor: Person, done: AuditRecord) -> str:
    by = done.entry.actor_id
    return "You" if by == actor.id else (await tx.get_people([by]))[by].name


def _did(done: AuditRecord, name: str) -> str:
    role = done.entry.details.get("role")
    if done.entry.act == AuditAct.GRANTED and isinstance(role, str):
        return f"made {name} {Role.parse(role).title}"
    if done.entry.act == AuditAct.REMOVED:
        return f"removed {name}"
    return f"changed what {name} has here"


def _when(at: datetime, now: datetime) -> str:
    return "a moment ago" if now - at < _A_MOMENT else f"at {at:%Y-%m-%d %H:%M} UTC"


async def _name(tx: Transaction, principal: policy.Principal) -> str:
    if principal.kind is not PrincipalKind.USER:
        return principal.key
    return (await tx.get_people([principal.key]))[principal.key].name
