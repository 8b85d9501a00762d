"""What pages are made from in these tests: people, workspaces and grants with names as bad as names get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from coterie.policy import Person
from coterie.service.pages.addresses import Addresses
from coterie.wire import bodies
from coterie.wire.problems import Problem, ProblemCode

ADDRESSES = Addresses("http://coterie.example/services/coterie/", "http://hub.example/")
ROLES: tuple[bodies.RoleWord, ...] = ("viewer", "editor", "co-owner", "creator")
THEN = datetime(2025, 5, 1, 12, tzinfo=UTC)

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
        bodies.Grant(kind="user", name=name + "2", role="viewer", since=THEN, by=name, source="direct"),
        bodies.Grant(kind="right", name=name, role="editor", since=THEN, by=name, source="direct"),
        bodies.Grant(kind="group", name=name, role="co-owner", since=THEN, by=name, expires_at=THEN, source="direct"),
        bodies.Grant(kind="user", name=name + "3", role="viewer", since=THEN, by=name, source="<invitation>"),
    ]


def principals(name: str) -> list[bodies.Principal]:
    """One principal of each kind, all of the same name."""
    return [bodies.Principal(kind=kind, name=name) for kind in ("user", "right", "group")]


def problem(code: ProblemCode = ProblemCode.INVALID_INPUT, detail: str = "The name is missing.") -> Problem:
    """Something that went wrong."""
    return Problem(type="about:blank", title="Invalid input", status=422, detail=detail, code=code)


def templates(name: str, role: bodies.RoleWord) -> dict[str, dict[str, Any]]:
    """Everything that each template is rendered with, by the template's name."""
    one = workspace(name, role)
    states: tuple[bodies.ServerState, ...] = ("stopped", "starting", "running", "stopping")
    page = bodies.Page[bodies.Workspace](
        items=[workspace(name, role, id=f"abcdefgh2345677{n}", server=state) for n, state in enumerate(states)],
        next="a cursor & more",
    )
    opened = bodies.Opened(state="running", url=f"http://ws.example/lab?{name}", progress_url=f"/progress?{name}")
    listed = {"workspace": one, "grants": grants(name)}
    return {
        "listing/page.html": {"page": page},
        "listing/part.html": {"page": page},
        "listing/row.html": {"workspace": one},
        "listing/created.html": {"page": page, "workspace": one},
        "listing/stopped.html": {"workspace": one},
        "entrance/page.html": {"workspace": one, "opened": None},
        "entrance/opened.html": {"opened": opened},
        "sharing/window.html": listed,
        "sharing/own_access.html": {"workspace": one},
        "sharing/granted.html": listed | {"grant": grants(name)[1]},
        "sharing/removed.html": listed | {"principal": principals(name)[0], "remaining": one.reasons},
        "sharing/general_access_set.html": {"workspace": one},
        "sharing/suggestions.html": {"principals": principals(name), "typed": name},
        "sharing/which.html": {"workspace_id": one.id, "principals": principals(name), "role": "editor"},
        "notice/which.html": {"workspace_id": one.id, "principals": principals(name), "role": "editor"},
        "notice/problem.html": {"problem": problem(detail=name)},
        "error.html": {"problem": problem(detail=name)},
    }
