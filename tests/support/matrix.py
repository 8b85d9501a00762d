"""The matrices: rules about access as data in ``tests/matrices``, which every subject that decides is tried on.

A *case* is a workspace with its grants; an *ask* is one person's access to it; an *attempt* is one change that somebody
tries to make. A file with a key that is not known here, or with a person nobody knows, does not load. People, groups
and rights are those of the demo, so that the same cases run against a real Hub.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, model_validator

from coterie import policy
from coterie.policy import Act, GeneralAccess, Person, Principal, PrincipalKind, Role, Why

MATRICES = Path(__file__).parents[1] / "matrices"

#: The instant at which a case is asked that names none.
NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)

#: The id of a case's invitation.
INVITATION = "invitation-1"

GROUPS = {"astro": ("alice", "bob", "carol"), "/astro/dust": ("bob",), "bio": ("dave",)}
RIGHTS = {"gpu-users": ("alice", "bob"), "curators": ("carol",)}
ADMINISTRATORS = ("admin",)


def _person(name: str) -> Person:
    return Person(
        id=f"id-of-{name}",
        name=name,
        groups=frozenset(group for group, members in GROUPS.items() if name in members),
        rights=frozenset(right for right, holders in RIGHTS.items() if name in holders),
        administrator=name in ADMINISTRATORS,
    )


PEOPLE = {name: _person(name) for name in ("alice", "bob", "carol", "dave", "erin", *ADMINISTRATORS)}


def _known_person(name: str) -> str:
    if name not in PEOPLE:
        raise ValueError(f"nobody is called {name!r}")
    return name


PersonName = Annotated[str, AfterValidator(_known_person)]
RoleWord = Literal["viewer", "editor", "co-owner"]
AnyRoleWord = Literal["viewer", "editor", "co-owner", "creator"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(_Part):
    """Somebody who is named: exactly one of a user, a right or a group. They need not exist."""

    user: str | None = None
    right: str | None = None
    group: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Named:
        if len([name for name in (self.user, self.right, self.group) if name is not None]) != 1:
            raise ValueError("name one user, one right or one group")
        return self

    @property
    def kind(self) -> PrincipalKind:
        """What kind of somebody is named."""
        if self.user is not None:
            return PrincipalKind.USER
        return PrincipalKind.RIGHT if self.right is not None else PrincipalKind.GROUP

    @property
    def name(self) -> str:
        """The Hub's name for them."""
        return self.user or self.right or self.group or ""

    @property
    def exists(self) -> bool:
        """Whether the Hub of the demo knows them."""
        known: dict[PrincipalKind, Collection[str]] = {
            PrincipalKind.USER: PEOPLE,
            PrincipalKind.RIGHT: RIGHTS,
            PrincipalKind.GROUP: GROUPS,
        }
        return self.name in known[self.kind]

    @property
    def principal(self) -> Principal:
        """The same for the policy."""
        if self.kind is PrincipalKind.USER:
            return Principal(self.kind, _person(self.name).id)
        return Principal(self.kind, self.name)

    @property
    def groups(self) -> frozenset[str]:
        """The groups of the user that is named."""
        return _person(self.name).groups if self.kind is PrincipalKind.USER else frozenset()

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"


class GrantLine(Named):
    """A grant as a case writes it. A *source* that is not ``direct`` is an invitation's id."""

    role: RoleWord
    source: str = policy.DIRECT
    session: str | None = None
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _names_somebody_who_exists(self) -> GrantLine:
        if not self.exists:
            raise ValueError(f"{self} does not exist")
        return self

    @property
    def grant(self) -> policy.Grant:
        """The same for the policy."""
        return policy.Grant(self.principal, Role.parse(self.role), self.source, self.session, self.expires_at)


class WorkspaceLine(_Part):
    """A workspace or home as a case writes it. *session* is the one that runs."""

    creator: PersonName = "alice"
    general_access: GeneralAccess = GeneralAccess.RESTRICTED
    home: StrictBool = False
    session: str | None = None
    blocked: tuple[PersonName, ...] = ()


class Ask(_Part):
    """The expected decision for one user. What lets them in is told in full, strongest first."""

    user: PersonName
    role: AnyRoleWord | Literal["none"]
    because: tuple[str, ...] = ()
    until: AwareDatetime | None = None
    listed: StrictBool | None = Field(default=None, description="Not looked at where it is left out.")

    @model_validator(mode="after")
    def _gives_reasons(self) -> Ask:
        if (self.role == "none") == bool(self.because):
            raise ValueError("a role needs its reasons, and no role has none")
        return self

    @property
    def expected_role(self) -> Role | None:
        """The role, None for none."""
        return None if self.role == "none" else Role.parse(self.role)


class Scene(_Part):
    """What a case starts from. One that needs stored facts which the API cannot make says ``api: false`` and why."""

    name: str
    workspace: WorkspaceLine = WorkspaceLine()
    grants: tuple[GrantLine, ...] = ()
    at: AwareDatetime = NOW
    api: StrictBool = True
    reason: str | None = None

    @model_validator(mode="after")
    def _says_what_the_api_cannot_make(self) -> Scene:
        if self.api == (self.reason is not None):
            raise ValueError("give a reason where the API is left out, and only there")
        if self.api and self._needs_stored_facts():
            raise ValueError("the API cannot make these facts: say api: false and why")
        return self

    def _needs_stored_facts(self) -> bool:
        is_stored = any(
            grant.session is not None or grant.source != policy.DIRECT or self._has_expired(grant)
            for grant in self.grants
        )
        has_grants_at_home = self.workspace.home and bool(self.grants)
        return self.at != NOW or bool(self.workspace.blocked) or is_stored or has_grants_at_home

    def _has_expired(self, grant: GrantLine) -> bool:
        return grant.expires_at is not None and grant.expires_at <= self.at

    @property
    def facts(self) -> policy.Workspace:
        """The workspace for the policy."""
        return policy.Workspace(
            creator=PEOPLE[self.workspace.creator].id,
            general_access=self.workspace.general_access,
            is_home=self.workspace.home,
            session=self.workspace.session,
            grants=tuple(line.grant for line in self.grants),
            blocked=frozenset(PEOPLE[name].id for name in self.workspace.blocked),
        )


class Case(Scene):
    """A workspace and the decisions that follow for its people."""

    ask: tuple[Ask, ...] = Field(min_length=1)


Answer = Literal["allowed"] | Why


class Attempt(_Part):
    """One change that *by* tries on the workspace as it stands, and the answer: ``allowed`` or why not.

    Either ``share_with`` and ``as``, or ``remove``, or ``general_access``, or ``invite`` with a role, or ``accept``,
    which is of the case's invitation. Attempts of one case do not follow each other: each starts from the case's own
    facts.
    """

    by: PersonName
    answer: Answer
    share_with: Named | None = None
    role: AnyRoleWord | None = Field(default=None, alias="as")
    remove: Named | None = None
    general_access: GeneralAccess | None = None
    invite: AnyRoleWord | None = None
    accept: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_one_change(self) -> Attempt:
        changes = (self.share_with, self.remove, self.general_access, self.invite, self.accept)
        if len([change for change in changes if change is not None]) != 1:
            raise ValueError("try one of share_with, remove, general_access, invite and accept")
        if (self.share_with is None) != (self.role is None):
            raise ValueError("share_with and as belong together")
        return self

    def __str__(self) -> str:
        if self.share_with is not None:
            return f"{self.by} makes {self.share_with} {self.role}"
        if self.remove is not None:
            return f"{self.by} removes {self.remove}"
        if self.invite is not None:
            return f"{self.by} makes an invitation as {self.invite}"
        if self.accept is not None:
            return f"{self.by} accepts the invitation"
        return f"{self.by} turns general access to {self.general_access}"


class InvitationLine(_Part):
    """An invitation that *by* made, as a case writes it. *uses* says how many people have accepted it; whoever has a
    grant whose source is ``invitation-1`` is one of them."""

    by: PersonName
    role: RoleWord = "viewer"
    for_session: StrictBool = False
    expires_at: AwareDatetime = NOW + timedelta(hours=1)
    max_uses: int | None = None
    uses: int = 0
    revoked: StrictBool = False

    @property
    def fact(self) -> policy.Invitation:
        """The same for the policy."""
        return policy.Invitation(
            id=INVITATION,
            role=Role.parse(self.role),
            maker=PEOPLE[self.by].id,
            expires_at=self.expires_at,
            for_session=self.for_session,
            max_uses=self.max_uses,
            uses=self.uses,
            is_revoked=self.revoked,
        )


class ChangeCase(Scene):
    """A workspace and who may change what about its access."""

    invitation: InvitationLine | None = None
    attempts: tuple[Attempt, ...] = Field(alias="try", min_length=1)

    @model_validator(mode="after")
    def _has_what_is_accepted(self) -> ChangeCase:
        if self.invitation is None and any(attempt.accept for attempt in self.attempts):
            raise ValueError("there is no invitation to accept")
        return self

    def _needs_stored_facts(self) -> bool:
        line = self.invitation
        has_a_past = line is not None and (line.uses > 0 or line.expires_at <= self.at)
        return has_a_past or super()._needs_stored_facts()


class RoleRow(_Part):
    """One act, and which roles may do it."""

    nobody: StrictBool
    viewer: StrictBool
    editor: StrictBool
    co_owner: StrictBool = Field(alias="co-owner")
    creator: StrictBool

    def allows(self, role: Role | None) -> bool:
        """Whether the table says yes to *role*, None being somebody without any."""
        by_role = {
            None: self.nobody,
            Role.VIEWER: self.viewer,
            Role.EDITOR: self.editor,
            Role.CO_OWNER: self.co_owner,
            Role.CREATOR: self.creator,
        }
        return by_role[role]


class RoleTable(_Part):
    """What each role may do, in a workspace and in a home."""

    workspace: dict[Act, RoleRow]
    home: dict[Act, RoleRow]


class _AccessFile(_Part):
    cases: tuple[Case, ...]


class _ChangesFile(_Part):
    cases: tuple[ChangeCase, ...]


def _load(file: str) -> object:
    return yaml.safe_load((MATRICES / file).read_text(encoding="utf-8"))


def load_access() -> tuple[Case, ...]:
    """The cases of ``access.yaml``. Raises ValueError where the file says something that is not known."""
    return _AccessFile.model_validate(_load("access.yaml")).cases


def load_changes() -> tuple[ChangeCase, ...]:
    """The cases of ``changes.yaml``. Raises ValueError where the file says something that is not known."""
    return _ChangesFile.model_validate(_load("changes.yaml")).cases


def load_roles() -> RoleTable:
    """The table of ``roles.yaml``. Raises ValueError where the file says something that is not known."""
    return RoleTable.model_validate(_load("roles.yaml"))


def access_params(*, api: bool = False) -> list[Any]:
    """(case, ask) for ``pytest.mark.parametrize``; with *api* only what the API can set up."""
    return [
        pytest.param(case, ask, id=f"{case.name}, {ask.user}")
        for case in load_access()
        for ask in case.ask
        if case.api or not api
    ]


def change_params(*, api: bool = False) -> list[Any]:
    """(case, attempt) for ``pytest.mark.parametrize``; with *api* only what the API can set up."""
    return [
        pytest.param(case, attempt, id=f"{case.name}, {attempt}")
        for case in load_changes()
        for attempt in case.attempts
        if case.api or not api
    ]


def role_params() -> list[Any]:
    """(act, is_home, role, allowed) for ``pytest.mark.parametrize``; role None is somebody without any."""
    table = load_roles()
    return [
        pytest.param(act, is_home, role, row.allows(role), id=f"{_word(role)}, {act}, {place}")
        for place, rows, is_home in (("workspace", table.workspace, False), ("home", table.home, True))
        for act, row in rows.items()
        for role in (None, *Role)
    ]


def _word(role: Role | None) -> str:
    return "nobody" if role is None else role.word
