"""The rules of access once more, as plain as they can be said: what the service is compared with.

Nothing here comes from ``coterie``. People, groups and rights go by their names, roles by their words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

ROLES = ("viewer", "editor", "co-owner", "creator")
LEVELS = ("restricted", "link", "global")
SECTIONS = ("archived", "favourites", "mine", "shared", "global")

#: What the service says when all is well. Everything else that an act answers is the code of a problem.
OK = "ok"
UNKNOWN = "workspace-not-found"
TOO_WEAK = "role-too-weak"

#: A way on which a role reaches somebody: role, through what, its name where it has one, until when.
Reason = tuple[str, str, str | None, datetime | None]


def strength(reason: Reason) -> tuple[int, bool, float]:
    """The stronger role comes first, and of equally strong ones the one that lasts longest."""
    role, _, _, until = reason
    return ROLES.index(role), until is None, 0.0 if until is None else until.timestamp()


def in_order(reasons: Iterable[Reason]) -> list[Reason]:
    """By strength. The rules say nothing about what is as strong as another and as lasting: that goes by its name."""
    return sorted(reasons, key=lambda reason: (strength(reason), reason[1], reason[2] or ""), reverse=True)


@dataclass(frozen=True)
class Grant:
    """What a principal was given, by whom, since when and until when."""

    role: str
    by: str
    since: datetime
    expires_at: datetime | None = None


#: Who is named: ``("group", "astro")``.
Principal = tuple[str, str]


@dataclass
class Workspace:
    """One workspace with all that is known about who reaches it."""

    name: str
    creator: str
    general_access: str = "restricted"
    is_archived: bool = False
    is_copy: bool = False
    grants: dict[Principal, Grant] = field(default_factory=dict)
    favourite_of: set[str] = field(default_factory=set)
    requests: dict[str, str] = field(default_factory=dict)


@dataclass
class Model:
    """Everybody, and every workspace by its id. *now* is the instant at which everything is asked."""

    now: datetime
    people: tuple[str, ...]
    administrators: frozenset[str]
    groups: dict[str, set[str]]
    rights: dict[str, frozenset[str]]
    workspaces: dict[str, Workspace] = field(default_factory=dict)

    # --- Who has what ------------------------------------------------------------------------------------------------

    def reasons(self, who: str, workspace: str) -> list[Reason]:
        """All that reaches *who*, the strongest first: see in_order()."""
        return in_order(self._reasons(who, self.workspaces[workspace]))

    def told(self, who: str, workspace: str, user: str) -> list[Reason]:
        """What *who* is told of what reaches *user*: all, or of somebody whom *who* may not name what grants give."""
        all_ = self.reasons(user, workspace)
        if self.may_name(who, ("user", user)):
            return all_
        return [reason for reason in all_ if reason[1] in ("creator", "user", "right", "group")]

    def _reasons(self, who: str, workspace: Workspace) -> Iterator[Reason]:
        if workspace.creator == who:
            yield "creator", "creator", None, None
        if who in self.administrators:
            yield "co-owner", "administrator", None, None
        for (kind, name), grant in workspace.grants.items():
            if self.counts(grant) and self._is_named(who, kind, name):
                yield grant.role, kind, None if kind == "user" else name, grant.expires_at
        if workspace.general_access != "restricted":
            yield "viewer", workspace.general_access, None, None

    def _is_named(self, who: str, kind: str, name: str) -> bool:
        members = {"user": {name}, "right": self.rights.get(name, ()), "group": self.groups.get(name, ())}
        return who in members[kind]

    def counts(self, grant: Grant) -> bool:
        """Whether it has not expired."""
        return grant.expires_at is None or self.now < grant.expires_at

    def role(self, who: str, workspace: str) -> str | None:
        """The strongest of all that reach *who*; None for none, and for a workspace that is gone."""
        reasons = self.reasons(who, workspace) if workspace in self.workspaces else []
        return reasons[0][0] if reasons else None

    def has(self, who: str, need: str, workspace: str) -> bool:
        """Whether *who* is at least *need*."""
        role = self.role(who, workspace)
        return role is not None and ROLES.index(role) >= ROLES.index(need)

    def sidebar(self, who: str) -> set[str]:
        """What *who* has: neither what only a link opens nor what only the office of an administrator does."""
        return {
            workspace
            for workspace in self.workspaces
            if any(through not in ("link", "administrator") for _, through, _, _ in self.reasons(who, workspace))
        }

    def section(self, who: str, workspace: str) -> str:
        """Where a workspace of the sidebar of *who* is shown: the first that fits."""
        one = self.workspaces[workspace]
        is_shared = self.is_shared(who, workspace)
        fits = (one.is_archived, who in one.favourite_of, one.creator == who, is_shared, True)
        return SECTIONS[fits.index(True)]

    def is_shared(self, who: str, workspace: str) -> bool:
        """Whether *who* has it by a grant, and did not create it."""
        ways = {through for _, through, _, _ in self.reasons(who, workspace)}
        return self.workspaces[workspace].creator != who and not ways.isdisjoint({"user", "group", "right"})

    def given_by(self, who: str, workspace: str) -> set[str]:
        """Who gave *who* the youngest of the grants that reach them and that somebody else made."""
        one = self.workspaces[workspace]
        given = [
            grant
            for (kind, name), grant in one.grants.items()
            if self.counts(grant) and self._is_named(who, kind, name) and grant.by != who
        ]
        youngest = max((grant.since for grant in given), default=None)
        return {grant.by for grant in given if grant.since == youngest}

    def _refusal(self, who: str, need: str, workspace: str) -> str | None:
        if self.role(who, workspace) is None:
            return UNKNOWN
        return None if self.has(who, need, workspace) else TOO_WEAK

    # --- What people do ----------------------------------------------------------------------------------------------

    def view(self, who: str, workspace: str) -> str:
        """Look at a workspace."""
        return self._refusal(who, "viewer", workspace) or OK

    def manage(self, who: str, workspace: str) -> str:
        """Look at who has access."""
        return self._refusal(who, "co-owner", workspace) or OK

    def explain(self, who: str, workspace: str, user: str) -> str:
        """Ask why *user* has access: oneself with any role, others as Co-owner."""
        return self.view(who, workspace) if who == user else self.manage(who, workspace)

    def change(
        self,
        who: str,
        workspace: str,
        *,
        name: str | None = None,
        is_archived: bool | None = None,
        general_access: str | None = None,
    ) -> str:
        """Rename, archive, set general access: all that is named or nothing."""
        refusal = self._refusal(who, "viewer", workspace)
        if refusal is None and not (name is None and is_archived is None):
            refusal = self._refusal(who, "editor", workspace)
        if refusal is None and general_access is not None:
            refusal = self._refusal(who, "co-owner", workspace)
            is_raised = general_access == "global" and self.workspaces[workspace].general_access != "global"
            if refusal is None and is_raised and who not in self.administrators:
                refusal = "administrators-only"
        if refusal is not None:
            return refusal
        changed = self.workspaces[workspace]
        changed.name = changed.name if name is None else name
        changed.is_archived = changed.is_archived if is_archived is None else is_archived
        changed.general_access = general_access or changed.general_access
        return OK

    def grant(self, who: str, workspace: str, named: Principal, role: str, expires_at: datetime | None) -> str:
        """Give a principal a role."""
        refusal = self._refusal(who, "co-owner", workspace)
        if refusal is not None:
            return refusal
        shared = self.workspaces[workspace]
        if named == ("user", shared.creator):
            return "creator-is-fixed"
        if not self.may_name(who, named):
            return "principal-not-available"
        if expires_at is not None and expires_at <= self.now:
            return "invalid-input"
        before = shared.grants.get(named)
        since = before.since if before is not None and self.counts(before) else self.now
        shared.grants[named] = Grant(role, who, since, expires_at)
        if named[0] == "user":
            shared.requests.pop(named[1], None)
        return OK

    def may_name(self, who: str, named: Principal) -> bool:
        """Users who share a group with oneself, rights one holds, any group; administrators name everybody."""
        kind, name = named
        if kind == "group":
            return name in self.groups
        if kind == "right":
            return name in self.rights and (who in self.rights[name] or who in self.administrators)
        if name not in self.people:
            return False
        is_near = who == name or any({who, name} <= members for members in self.groups.values())
        return is_near or who in self.administrators

    def remove(self, who: str, workspace: str, named: Principal) -> str:
        """Take away what names a principal."""
        refusal = self._refusal(who, "co-owner", workspace)
        if refusal is not None:
            return refusal
        shared = self.workspaces[workspace]
        if named == ("user", shared.creator):
            return "creator-is-fixed"
        return OK if shared.grants.pop(named, None) is not None else "not-found"

    def favour(self, who: str, workspace: str, *, on: bool) -> str:
        """Set or take away one's own mark."""
        refusal = self._refusal(who, "viewer", workspace)
        if refusal is not None:
            return refusal
        marked = self.workspaces[workspace].favourite_of
        if on:
            marked.add(who)
        else:
            marked.discard(who)
        return OK

    def copy(self, who: str, workspace: str, *, with_access: bool) -> str:
        """Make a workspace like this one, once the service says its id: see add_copy()."""
        refusal = self._refusal(who, "co-owner" if with_access else "editor", workspace)
        if refusal is None and self.workspaces[workspace].is_copy:
            refusal = "conflict"  # none of these is ever opened, so no copy has files of its own
        return refusal or OK

    def add_copy(self, who: str, workspace: str, copy: str, name: str, *, with_access: bool) -> None:
        """A copy is *who*'s. With access, everybody named has what they had, the Creator of the first is a Co-owner,
        and general access is the same, unless *who* may not make anything Global."""
        source = self.workspaces[workspace]
        copied = self.workspaces[copy] = Workspace(name, who, is_copy=True)
        if not with_access:
            return
        for named, grant in source.grants.items():
            if named != ("user", who) and self.counts(grant):
                copied.grants[named] = replace(grant, by=who, since=self.now)
        if source.creator != who:
            copied.grants["user", source.creator] = Grant("co-owner", who, self.now)
        if source.general_access != "global" or who in self.administrators:
            copied.general_access = source.general_access

    def delete(self, who: str, workspace: str) -> str:
        """Remove a workspace with all that belongs to it."""
        refusal = self._refusal(who, "co-owner", workspace)
        if refusal is None:
            del self.workspaces[workspace]
        return refusal or OK

    def ask(self, who: str, workspace: str, note: str) -> str:
        """Ask to be let in. Nobody learns from the answer whether there is such a workspace; the first note stays."""
        if self.has(who, "co-owner", workspace):
            return "conflict"
        if workspace in self.workspaces:
            self.workspaces[workspace].requests.setdefault(who, note)
        return OK

    def answer(self, who: str, workspace: str, user: str, role: str | None) -> str:
        """Give somebody who asked a role, or decline (None). That they could not be named otherwise does not matter."""
        refusal = self._refusal(who, "co-owner", workspace)
        if refusal is not None:
            return refusal
        asked = self.workspaces[workspace]
        if asked.requests.pop(user, None) is None:
            return "not-found"
        if role is not None:
            before = asked.grants.get(("user", user))
            since = before.since if before is not None and self.counts(before) else self.now
            asked.grants["user", user] = Grant(role, who, since)
        return OK
