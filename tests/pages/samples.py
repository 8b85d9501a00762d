"""What pages are made from in these tests: people, workspaces and grants with names as bad as names get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from coterie.actions.anonymise import GrantAway, Plan
from coterie.actions.lookup import FoundPerson
from coterie.actions.seen import HasAccessAlready
from coterie.actions.share import Removal
from coterie.policy import ADMITTED, GeneralAccess, Person, Principal, PrincipalKind, Role
from coterie.service.pages.addresses import Addresses
from coterie.service.pages.audit import Asked
from coterie.service.pages.reaching import Reach
from coterie.store import StoredGrant, StoredPerson, StoredWorkspace
from coterie.wire import bodies, invitations
from coterie.wire.audit import AuditAct, AuditRecord, AuditSubject, AuditWorkspace, Via
from coterie.wire.problems import Problem, ProblemCode
from coterie.wire.requests import AccessRequest

ADDRESSES = Addresses("http://coterie.example/services/coterie/", "http://hub.example/")
ROLES: tuple[bodies.RoleWord, ...] = ("viewer", "editor", "co-owner", "creator")
THEN = datetime(2025, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2125, 5, 1, 12, tzinfo=UTC)

HOSTILE = (
    '<script>alert("1")</script>',
    "\"><img src=x onerror='alert(1)'>",
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp;",
    "/astro/dust",
    "مرحبا \u202eabc",
    "🐧🧊",
    "n" * 255,
)


@dataclass(frozen=True)
class Caller:
    """Somebody who looks at a page."""

    person: Person
    csrf: str = "0123456789abcdef"


def caller(name: str = "alice", *, administrator: bool = False) -> Caller:
    """Somebody called *name*."""
    return Caller(Person(name, name, administrator=administrator))


def workspace(name: str = "Penguins", role: bodies.RoleWord = "creator", **changes: Any) -> bodies.WorkspaceDetail:
    """A workspace as somebody with *role* sees it; creator and reasons carry the same name as the workspace."""
    values: dict[str, Any] = {
        "id": "abcdefgh23456777",
        "name": name,
        "role": role,
        "general_access": "restricted",
        "creator": name,
        "favourite": False,
        "archived": False,
        "server": "running",
        "created_at": THEN,
        "reasons": [
            bodies.Reason(
                role=role, through="group", name=name, until=THEN, sentence=f"Editor through the group {name}"
            )
        ],
    }
    return bodies.WorkspaceDetail(**(values | changes))


def grants(name: str) -> list[bodies.Grant]:
    """The Creator's role and one grant to each kind of principal, one of them by invitation and with an end."""
    return [
        bodies.Grant(kind="user", name=name, role="creator", since=THEN, source="direct"),
        grant("user", name + "2", "viewer", by=name),
        grant("right", name, "editor", by=name),
        grant("group", name, "co-owner", by=name, expires_at=LATER, people=3, subgroups=[name + "/a", name + "/b"]),
        grant("user", name + "3", "viewer", by=name, source="<invitation>"),
    ]


def grant(kind: bodies.KindWord, name: str, role: bodies.RoleWord, **more: Any) -> bodies.Grant:
    """A direct grant, unless *more* says something else."""
    values: dict[str, Any] = {"since": THEN, "source": "direct", "version": "0a1b2c"}
    return bodies.Grant(kind=kind, name=name, role=role, **(values | more))


def principals(name: str) -> list[bodies.Principal]:
    """One principal of each kind, all of the same name."""
    return [
        bodies.Principal(kind="user", name=name),
        bodies.Principal(kind="right", name=name),
        bodies.Principal(kind="group", name=name, people=1, subgroups=[name + "/a"]),
    ]


def stored_grant(name: str) -> StoredGrant:
    """A grant to the group *name* as the store knows it."""
    to = Principal(PrincipalKind.GROUP, name)
    return StoredGrant("abcdefgh23456777", to, Role.VIEWER, "direct", None, None, THEN, name)


def access_requests(name: str) -> list[AccessRequest]:
    """One by somebody without a role and with a note, one by somebody who has a role already and says nothing."""
    return [
        AccessRequest(user=name, role=None, note=name, at=THEN),
        AccessRequest(user=name + "2", role="editor", note="", at=THEN),
    ]


def problem(code: ProblemCode = ProblemCode.INVALID_INPUT, detail: str = "The name is missing.") -> Problem:
    """Something that went wrong."""
    return Problem(type="about:blank", title="Invalid input", status=422, detail=detail, code=code)


def records(name: str) -> list[AuditRecord]:
    """Something done in a workspace by an API, and something done to somebody on a page."""
    return [
        AuditRecord(
            id="8",
            at=THEN,
            actor=name,
            act=AuditAct.CREATED,
            workspace=AuditWorkspace(id="abcdefgh23456777", name=name),
            subject=None,
            details={},
            via=Via.API,
            address="192.0.2.1",
            sentence=f"{name} created the workspace",
        ),
        AuditRecord(
            id="7",
            at=THEN,
            actor=name,
            act=AuditAct.ANONYMISED,
            workspace=None,
            subject=AuditSubject(kind="user", name=name),
            details={"grants_removed": 2},
            via=Via.PAGE,
            address=None,
            sentence=f"{name} anonymised {name}",
        ),
    ]


def found_people(name: str) -> list[FoundPerson]:
    """Somebody with an account and an earlier one, one whose account is gone, and one who has been anonymised."""
    return [
        FoundPerson(name, True, is_administrator=True, earlier=1),
        FoundPerson(name + "2", False, earlier=1),
        FoundPerson(name + "3", False, is_anonymised=True, earlier=1),
    ]


def plan(name: str) -> Plan:
    """What anonymising somebody called *name* comes to, with one of everything."""
    to = Principal(PrincipalKind.USER, name)
    grant = StoredGrant("abcdefgh23456777", to, Role.EDITOR, "direct", None, None, THEN, name)
    moving = StoredWorkspace(
        "abcdefgh23456777", False, name, "ws-abcdefgh23456777", name, GeneralAccess.LINK, None, THEN, None
    )
    return Plan(name, (StoredPerson(name, name, THEN),), (GrantAway(grant, name),), (moving,), 1, 3, home_runs=True)


def links(name: str) -> list[invitations.Invitation]:
    """One that two of five have used and that gives access for a session, one that anybody may use."""
    first = invitations.Invitation(
        id="aaaaaaaaaaaaaaaa",
        role="viewer",
        lifetime="session",
        by=name,
        created_at=THEN,
        expires_at=LATER,
        max_uses=5,
        uses=2,
    )
    more = {"id": "bbbbbbbbbbbbbbbb", "role": "editor", "lifetime": "lasting", "max_uses": None, "uses": 0}
    return [first, first.model_copy(update=more)]


def made(name: str) -> invitations.MadeInvitation:
    """A link that was just made."""
    url = f"{ADDRESSES.service_url}invite/#{name}"
    return invitations.MadeInvitation(**links(name)[0].model_dump(), url=url)


def invited(name: str) -> dict[str, Any]:
    """Links, somebody who came by one of them, by one that works no longer and by none, and somebody who is blocked."""
    sources = ("aaaaaaaaaaaaaaaa", "cccccccccccccccc", ADMITTED)
    guests = [
        invitations.Guest(
            name=f"{name}{number}", role="editor", accepted_at=THEN, invitation=source, lifetime="session", by=name
        )
        for number, source in enumerate(sources)
    ]
    return {
        "links": links(name),
        "working": {link.id: link for link in links(name)},
        "to_the_second": {link.id for link in links(name)},
        "guests": guests,
        "more_guests": "a cursor & more",
        "blocked": [invitations.Blocked(name=name)],
    }


def hub_shares(name: str) -> list[invitations.HubShare]:
    """One with a user, one with a group."""
    return [invitations.HubShare(kind="user", name=name), invitations.HubShare(kind="group", name=name)]


def offer(name: str, role: bodies.RoleWord) -> invitations.InvitationPreview:
    """What an invitation to a home offers."""
    return invitations.InvitationPreview(
        workspace=f"~{name}",
        name=f"Home of {name}",
        by=name,
        role=role,
        lifetime="session",
        expires_at=LATER,
        has_role="viewer",
    )


def homes(name: str, role: bodies.RoleWord) -> dict[str, dict[str, Any]]:
    """What templates are rendered with that look otherwise for a home, by the template's name."""
    home = workspace(f"Home of {name}", role, id=f"~{name}", creator=name)
    reach = Reach("running", f"http://{name}.example/user/{name}/")
    window = invited(name) | {
        "workspace": home,
        "requests": [],
        "grants": grants(name)[:1],
        "next": None,
        "matching": "",
    }
    return {
        "sharing/window.html": window | {"reach": reach},
        "sharing/state.html": window,
        "sharing/own_access.html": {"workspace": home},
        "entrance/page.html": {"workspace": home, "opened": None},
        "entrance/no_access.html": {"workspace_id": f"~{name}"},
        "listing/row.html": {"workspace": home},
        "inviting/section.html": window,
        "inviting/revoked.html": window
        | {"name": name, "is_blocked": True, "removal": Removal([], left_running=True, stopping=False)},
        "inviting/all_revoked.html": window | {"removal": Removal([], left_running=True)},
    }


def templates(name: str, role: bodies.RoleWord) -> dict[str, dict[str, Any]]:
    """Everything that each template is rendered with, by the template's name; those that look otherwise for a home a
    second time, by the name and "of a home"."""
    one = workspace(name, role)
    states: tuple[bodies.ServerState, ...] = ("stopped", "starting", "running", "stopping")
    page = bodies.Page[bodies.Workspace](
        items=[workspace(name, role, id=f"abcdefgh2345677{n}", server=state) for n, state in enumerate(states)],
        next="a cursor & more",
    )
    others = bodies.Page[bodies.Workspace](
        items=[
            workspace(name, role, id="abcdefgh23456775", is_new=True, shared_by=name, requests=2),
            workspace(name, role, id="abcdefgh23456776", is_new=True, favourite=True, archived=True),
        ]
    )
    sections = {"mine": page, "archived": others}
    opened = bodies.Opened(state="running", url=f"http://ws.example/lab?{name}", progress_url=f"/progress?{name}")
    audited = {
        "page": bodies.Page[AuditRecord](items=records(name), next="7"),
        "asked": Asked(name, "granted", "2025-05-01", "2025-05-02", name),
        "workspace": None,
        "more": ADDRESSES.path("audit", actor=name),
        "export": ADDRESSES.path("api", "v1", "audit", actor=name),
    }
    home = workspace(f"Home of {name}", role, id=f"~{name}", creator=name)
    changed = invited(name) | {"workspace": one, "name": name}
    shared = {"workspace": home, "hub_shares": hub_shares(name)}
    listed = {"workspace": one, "grants": grants(name), "next": "a cursor & more", "matching": name}
    window = listed | {"requests": access_requests(name)} | invited(name)
    of_home = window | {"workspace": home, "reach": Reach("running", f"http://{name}.example/user/{name}/")}
    reasons = [
        bodies.Reason(role="viewer", through="group", name=name, sentence=f"Viewer through the group {name}"),
        bodies.Reason(role="viewer", through="link", sentence="Viewer because anyone with the link may view"),
    ]
    access = bodies.Access(user=name, role=role, reasons=one.reasons, until=LATER)
    asked = {"workspace_id": one.id, "role": "editor", "ends": "", "principal": principals(name)[0]}
    present = HasAccessAlready(f"{name} is Viewer here already.", stored_grant(name))
    return {f"{template} of a home": context for template, context in homes(name, role).items()} | {
        "listing/page.html": {"sections": sections, "q": name, "done": "It is done.", "is_whole": False},
        "listing/list.html": {"sections": sections, "q": name},
        "listing/found.html": {"sections": sections, "q": name},
        "listing/part.html": {"section": "mine", "page": page, "q": name, "takes_focus": page.items[0].id},
        "listing/row.html": {"workspace": one},
        "listing/created.html": {"sections": sections, "q": "", "workspace": one},
        "listing/marked.html": {"sections": sections, "q": name, "workspace": one},
        "listing/stopped.html": {"workspace": one},
        "managing/rename.html": {"workspace": one, "name": name, "problem": name},
        "managing/favourite.html": {"workspace": one},
        "managing/copy.html": {"workspace": one, "order": {"name": name, "with_outputs": True, "with_access": False}},
        "managing/archive.html": {"workspace": one},
        "managing/delete.html": {"workspace": one, "grants": grants(name), "more": True},
        "sidebar/page.html": {"sections": sections, "q": name, "theme": "dark", "here": one.id},
        "sidebar/list.html": {"sections": sections, "q": name, "theme": None, "here": name},
        "sidebar/signed_out.html": {"theme": None, "here": name},
        "entrance/page.html": {"workspace": one, "opened": None},
        "entrance/opened.html": {"opened": opened},
        "sharing/window.html": window,
        "inviting/section.html": invited(name) | {"workspace": one},
        "inviting/invited.html": changed,
        "inviting/guests.html": changed,
        "inviting/link.html": {"made": made(name)},
        "inviting/made.html": changed | {"made": made(name)},
        "inviting/made_page.html": changed | {"made": made(name)},
        "inviting/links_revoked.html": changed | {"count": 2},
        "inviting/revoked.html": changed
        | {"is_blocked": False, "removal": Removal(reasons, left_running=True, stopping=False)},
        "inviting/all_revoked.html": changed | {"removal": Removal([], left_running=True)},
        "inviting/left_running.html": {"workspace": one, "removal": Removal([], left_running=True)},
        "inviting/unblocked.html": changed,
        "inviting/hub_shares.html": shared,
        "inviting/admitted.html": changed | shared | {"role": "editor"},
        "inviting/hub_share_removed.html": changed | shared | {"removed": hub_shares(name)[1]},
        "inviting/reach.html": of_home,
        "accepting/page.html": {},
        "accepting/offer.html": {"offer": offer(name, role)},
        "accepting/refused.html": {"problem": problem(detail=name), "leads_to": f"~{name}", "may_change": True},
        "sharing/own_access.html": {"workspace": one},
        "sharing/granted.html": listed | {"grant": grants(name)[1]},
        "sharing/removed.html": listed
        | {"principal": principals(name)[0], "removal": Removal(reasons, left_running=True, stopping=False)},
        "sharing/stopped.html": listed,
        "sharing/conflict.html": listed | {"sentence": f"{name} made {name} Editor a moment ago."},
        "sharing/general_access_conflict.html": {"workspace": one, "sentence": f"{name} changed general access."},
        "sharing/state.html": window,
        "sharing/rows.html": listed,
        "sharing/people.html": listed,
        "sharing/check.html": {"workspace_id": one.id, "access": access},
        "sharing/checked.html": {"workspace_id": one.id, "access": access},
        "sharing/general_access_set.html": {"workspace": one},
        "sharing/suggestions.html": {
            "principals": principals(name),
            "present": {("user", name): grants(name)[1]},
            "typed": name,
            "knows_nobody": False,
        },
        "sharing/asked.html": asked | {"question": "notice/losing.html", "seen": "0a1b2c"},
        "notice/losing.html": asked | {"seen": "0a1b2c"},
        "notice/present.html": asked | {"sentence": present.detail, "present": present},
        "entrance/no_access.html": {"workspace_id": name},
        "requests/form.html": {"workspace_id": name},
        "requests/sent.html": {},
        "requests/asked.html": {},
        "requests/list.html": {"workspace": one, "requests": access_requests(name)},
        "requests/answered.html": listed | {"requests": access_requests(name), "user": name, "role": "viewer"},
        "audit/page.html": audited,
        "audit/part.html": audited,
        "people/page.html": {"typed": name, "found": found_people(name)},
        "people/anonymise.html": {"plan": plan(name), "earlier": True},
        "people/anonymised.html": {"done": plan(name).answer(preview=False, pseudonym="anonymised-abcdefgh")},
        "people/done_in_place.html": {"done": plan(name).answer(preview=False, pseudonym="anonymised-abcdefgh")},
        "people/done.html": {"done": plan(name).answer(preview=False, pseudonym="anonymised-abcdefgh")},
        "notice/which.html": asked | {"principals": principals(name)},
        "notice/problem.html": {"problem": problem(detail=name)},
        "error.html": {"problem": problem(detail=name)},
    }
