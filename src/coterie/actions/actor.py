"""Who asks for an act, and how the audit log comes to say so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from coterie.actions.world import World
from coterie.policy import Person, Principal
from coterie.store import AuditEntry, StoredWorkspace, Transaction
from coterie.wire.audit import AuditAct, Via


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who changes something, the way on which they came, and their address on the network where it is
    known."""

    person: Person
    via: Via
    address: str | None = None

    @property
    def id(self) -> str:
        """The person's id."""
        return self.person.id

    def by(self, via: Via) -> Actor:
        """The same person on another way."""
        return replace(self, via=via)


async def record(
    world: World,
    tx: Transaction,
    actor: Actor,
    act: AuditAct,
    workspace: StoredWorkspace | None,
    subject: Principal | None = None,
    **details: str | int | bool | None,
) -> None:
    """Write into the audit log that *actor* did *act*, in the transaction that does it. *details* name no people, and a
    home is recorded without its name, which is its owner's."""
    await tx.append_audit(
        AuditEntry(
            at=world.now(),
            actor_id=actor.id,
            act=act,
            via=actor.via,
            address=actor.address,
            workspace_id=None if workspace is None else workspace.id,
            workspace_name=None if workspace is None or workspace.is_home else workspace.name,
            subject=subject,
            details=details,
        )
    )
