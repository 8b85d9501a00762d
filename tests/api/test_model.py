"""Random acts by random people, on the service and on a plain model of the rules: no difference in what is answered and
in who has what afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api.plain_model import (
    LEVELS,
    OK,
    SECTIONS,
    UNKNOWN,
    Grant,
    Model,
    Principal,
    Reason,
    Workspace,
    in_order,
    strength,
)
from api.service import settings_for
from conftest import IS_SOAK
from coterie.cli.demo.web import loopback_client
from coterie.hubapi import Directory, Hub, HubUnavailable
from coterie.service.app import create_app, put_together
from coterie.wire.names import SERVICE_ROLE
from support.demo import Demo
from support.matrix import ADMINISTRATORS, GROUPS, PEOPLE, RIGHTS

pytestmark = [pytest.mark.hub, pytest.mark.timeout(3600 if IS_SOAK else 300)]

#: How long one walk is, how many there are, and how many acts they have to come to.
STEPS = 50 if IS_SOAK else 15
WALKS = 60 if IS_SOAK else 11
ACTS = 2_000 if IS_SOAK else 150
#: How much time passes with each act.
PACE = timedelta(minutes=5)
#: How many people's access to what was changed is compared after each act, in turn.
COMPARED = len(PEOPLE) if IS_SOAK else 1
BEGIN = datetime(2030, 1, 1, 12, tzinfo=UTC)
#: A group of the Hub's that exists only here, which people join and leave as they go.
GROUP = f"model-{uuid4().hex[:8]}"
#: What the status of each answer has to be.
STATUS = {
    UNKNOWN: 404,
    "not-found": 404,
    "principal-not-available": 404,
    "role-too-weak": 403,
    "creator-is-fixed": 403,
    "administrators-only": 403,
    "conflict": 409,
    "invalid-input": 422,
}

people = st.sampled_from(list(PEOPLE))
roles = st.sampled_from(["viewer", "editor", "co-owner"])
names = st.sampled_from(["Penguins", "Krill", "Ice", "a/b 'c' \"d\"", "🐧", "مرحبا"])
principals: st.SearchStrategy[Principal] = st.one_of(
    people.map(lambda name: ("user", name)),
    st.sampled_from([*GROUPS, GROUP]).map(lambda name: ("group", name)),
    st.sampled_from(sorted(RIGHTS)).map(lambda name: ("right", name)),
    st.tuples(st.sampled_from(["user", "group", "right"]), st.just("nobody-of-that-name")),
)
#: Mostly for good, else for some minutes or until a moment that has passed.
lifetimes = st.sampled_from([None, None, None, 15, 60, -1]).map(
    lambda minutes: None if minutes is None else timedelta(minutes=minutes)
)


class StartingNothing(Hub):
    """The demo's Hub, but nobody's copy starts: it is made when it is first opened, which nobody does here."""

    async def create_user(self, name: str) -> None:
        raise HubUnavailable(name)


#: A person, and whether it is rather to be one who has a role where they act.
somebody = st.tuples(people, st.sampled_from([True, True, False]))
#: What a workspace begins with.
several = st.lists(st.tuples(principals, roles, lifetimes), min_size=4, max_size=6)


@dataclass
class Subject:
    """The service as the walk asks it: from a thread of its own, while the service runs in the event loop."""

    loop: asyncio.AbstractEventLoop
    client: httpx.AsyncClient
    hub_url: str
    tokens: dict[str, str]
    now: datetime = BEGIN
    #: What the service takes for seconds gone by; moved on whenever the Hub is changed.
    ticks: float = 0.0
    acts: int = 0
    #: The service's own, which is what World.asking is.
    asking: set[asyncio.Task[None]] = field(default_factory=set)

    def call(self, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API as *who*."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return self._wait(self._call(method, path, headers=headers, **options))

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        await asyncio.gather(*self.asking)  # requests for access may be written after their answer
        return await self.client.request(method, path, **options)

    def read(self, who: str, path: str, query: str = "") -> list[dict[str, Any]]:
        """A whole list, part by part."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.call(who, "GET", f"{path}?limit=500{query}{cursor}").json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={quote(page['next'])}"

    def tell_hub(self, method: str, path: str, **options: Any) -> None:
        """Change something in the Hub as its administrator."""
        self._wait(self._tell_hub(method, path, **options))
        self.ticks += 1000

    async def _tell_hub(self, method: str, path: str, **options: Any) -> None:
        async with loopback_client() as hub:
            headers = {"Authorization": f"token {self.tokens['admin']}"}
            answer = await hub.request(method, f"{self.hub_url}/{path}", headers=headers, **options)
        assert answer.is_success, answer.text

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)


@pytest.fixture
async def subject(demo: Demo, database_url: str) -> AsyncIterator[Subject]:
    options = settings_for(demo, database_url)
    hub = StartingNothing(options.hub_api_url, options.api_token)
    transport: httpx.AsyncBaseTransport | None = None
    subject = Subject(asyncio.get_running_loop(), httpx.AsyncClient(), options.hub_api_url, dict(demo.tokens))
    directory = Directory(hub, own_roles=[SERVICE_ROLE], clock=lambda: subject.ticks)
    world = replace(put_together(options, hub, directory), now=lambda: subject.now)
    subject.asking = world.asking
    app = create_app(options, world)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    base_url = f"{options.origin}{options.prefix}api/v1/"
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=base_url) as subject.client,
    ):
        await subject._tell_hub("POST", f"groups/{GROUP}")
        yield subject
        await subject._tell_hub("DELETE", f"groups/{GROUP}")


def by_somebody(act: Callable[..., Any]) -> Callable[..., Any]:
    """An act of the ``somebody`` that was drawn: mostly of one who has a role there, because of what others try nearly
    everything is refused alike."""

    @wraps(act)
    def by_who_it_is(self: Walk, who: tuple[str, bool], workspace: str, **options: Any) -> Any:
        name, is_insider = who
        if is_insider and workspace in self.model.workspaces:
            insiders = [each for each in PEOPLE if self.model.role(each, workspace)]
            name = insiders[list(PEOPLE).index(name) % len(insiders)]
        return act(self, who=name, workspace=workspace, **options)

    return by_who_it_is


class Walk(RuleBasedStateMachine):
    """One walk of some steps. Ids of workspaces that are gone stay among those that people try."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.subject = subject
        subject.now = BEGIN
        self.model = Model(
            now=BEGIN,
            people=tuple(PEOPLE),
            administrators=frozenset(ADMINISTRATORS),
            groups={name: set(members) for name, members in GROUPS.items()} | {GROUP: set()},
            rights={name: frozenset(holders) for name, holders in RIGHTS.items()},
        )
        self.touched: set[str] = set()
        self.in_turn = cycle(PEOPLE)
        self.made: set[str] = set()
        self.is_even = True

    def _act(self, expected: str, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Have *who* do it, and compare the answer with what the model said."""
        self.is_even = False  # until it was compared
        answer = self.subject.call(who, method, path, **options)
        self.subject.acts += 1
        if expected == OK:
            assert answer.is_success, f"{who} {method} {path}: {answer.text}"
        else:
            assert answer.headers["content-type"] == "application/problem+json"
            assert (STATUS[expected], expected) == (answer.status_code, answer.json()["code"])
        return answer

    # --- What people do ----------------------------------------------------------------------------------------------

    @initialize(target=ids, who=people, name=names, given=several)
    def begin(self, who: str, name: str, given: list[tuple[Principal, str, timedelta | None]]) -> str:
        return self._begin(who, name, given)

    @initialize(target=ids, who=people, name=names, given=several)
    def begin_with_another(self, who: str, name: str, given: list[tuple[Principal, str, timedelta | None]]) -> str:
        return self._begin(who, name, given)

    def _begin(self, who: str, name: str, given: list[tuple[Principal, str, timedelta | None]]) -> str:
        """A workspace that is shared already: most of what is tried in one that nobody shares is refused."""
        begun = self.create(who, name)
        for named, role, lifetime in given:
            self._grant("admin", begun, named, role, lifetime)
        return begun

    @rule(target=ids, who=people, name=names)
    def create(self, who: str, name: str) -> str:
        added = str(self._act(OK, who, "POST", "workspaces", json={"name": name}).json()["id"])
        self.model.workspaces[added] = Workspace(name, who)
        return self._touch(added)

    def _touch(self, workspace: str) -> str:
        self.made.add(workspace)
        self.touched.add(workspace)
        return workspace

    @rule(who=somebody, workspace=ids, name=names)
    @by_somebody
    def rename(self, who: str, workspace: str, name: str) -> None:
        expected = self.model.change(who, workspace, name=name)
        self._act(expected, who, "PATCH", f"workspaces/{self._touch(workspace)}", json={"name": name})

    @rule(who=somebody, workspace=ids, is_archived=st.booleans())
    @by_somebody
    def archive(self, who: str, workspace: str, is_archived: bool) -> None:
        expected = self.model.change(who, workspace, is_archived=is_archived)
        self._act(expected, who, "PATCH", f"workspaces/{self._touch(workspace)}", json={"archived": is_archived})

    @rule(who=somebody, workspace=ids, level=st.sampled_from(LEVELS))
    @by_somebody
    def set_general_access(self, who: str, workspace: str, level: str) -> None:
        expected = self.model.change(who, workspace, general_access=level)
        self._act(expected, who, "PATCH", f"workspaces/{self._touch(workspace)}", json={"general_access": level})

    @rule(who=somebody, workspace=ids, name=names, level=st.sampled_from(LEVELS))
    @by_somebody
    def change_both_or_nothing(self, who: str, workspace: str, name: str, level: str) -> None:
        expected = self.model.change(who, workspace, name=name, general_access=level)
        body = {"name": name, "general_access": level}
        self._act(expected, who, "PATCH", f"workspaces/{self._touch(workspace)}", json=body)

    @rule(who=somebody, workspace=ids, named=principals, role=roles, lifetime=lifetimes)
    @by_somebody
    def grant(self, who: str, workspace: str, named: Principal, role: str, lifetime: timedelta | None) -> None:
        self._grant(who, workspace, named, role, lifetime)

    @rule(workspace=ids, named=principals, role=roles, lifetime=lifetimes)
    def grant_as_its_creator(self, workspace: str, named: Principal, role: str, lifetime: timedelta | None) -> None:
        """Most of what is tried at random is refused; this is mostly not."""
        who = self.model.workspaces[workspace].creator if workspace in self.model.workspaces else "admin"
        self._grant(who, workspace, named, role, lifetime)

    def _grant(self, who: str, workspace: str, named: Principal, role: str, lifetime: timedelta | None) -> None:
        expires_at = None if lifetime is None else self.model.now + lifetime
        body = {"role": role, "expires_at": None if expires_at is None else expires_at.isoformat()}
        expected = self.model.grant(who, workspace, named, role, expires_at)
        self._act(expected, who, "PUT", self._path_of(self._touch(workspace), named), json=body)

    @rule(who=somebody, workspace=ids, named=principals)
    @by_somebody
    def remove(self, who: str, workspace: str, named: Principal) -> None:
        self._remove(who, workspace, named)

    @rule(who=somebody, workspace=ids, number=st.integers(0, 9))
    @by_somebody
    def remove_one_of_those_named(self, who: str, workspace: str, number: int) -> None:
        named = sorted(self.model.workspaces[workspace].grants) if workspace in self.model.workspaces else []
        self._remove(who, workspace, named[number % len(named)] if named else ("user", "erin"))

    def _remove(self, who: str, workspace: str, named: Principal) -> None:
        expected = self.model.remove(who, workspace, named)
        answer = self._act(expected, who, "DELETE", self._path_of(self._touch(workspace), named))
        if expected == OK:
            is_person = named[0] == "user" and named[1] in PEOPLE
            remaining = self.model.reasons(named[1], workspace) if is_person else []
            assert remaining == _reasons(answer.json()["remaining"])

    def _path_of(self, workspace: str, named: Principal) -> str:
        return f"workspaces/{workspace}/grants/{named[0]}/{quote(named[1], safe='')}"

    @rule(who=somebody, workspace=ids, on=st.booleans())
    @by_somebody
    def favour(self, who: str, workspace: str, on: bool) -> None:
        expected = self.model.favour(who, workspace, on=on)
        self._act(expected, who, "PUT" if on else "DELETE", f"workspaces/{self._touch(workspace)}/favourite")

    @rule(target=ids, who=somebody, workspace=ids, name=names, with_access=st.booleans())
    @by_somebody
    def copy(self, who: str, workspace: str, name: str, with_access: bool) -> str:
        expected = self.model.copy(who, workspace, with_access=with_access)
        body = {"name": name, "with_access": with_access}
        answer = self._act(expected, who, "POST", f"workspaces/{workspace}/copy", json=body)
        if expected != OK:
            return workspace
        copied = str(answer.json()["id"])
        self.model.add_copy(who, workspace, copied, name, with_access=with_access)
        return self._touch(copied)

    @rule(who=somebody, workspace=ids, note=names)
    @by_somebody
    def ask(self, who: str, workspace: str, note: str) -> None:
        expected = self.model.ask(who, workspace, note)
        answer = self._act(expected, who, "POST", f"workspaces/{self._touch(workspace)}/requests", json={"note": note})
        assert expected != OK or (202, b"") == (answer.status_code, answer.content)

    @rule(who=somebody, workspace=ids, user=people, role=st.one_of(st.none(), roles))
    @by_somebody
    def answer_one(self, who: str, workspace: str, user: str, role: str | None) -> None:
        self._answer(who, workspace, user, role)

    @rule(workspace=ids, role=st.one_of(st.none(), roles))
    def answer_the_first_as_an_administrator(self, workspace: str, role: str | None) -> None:
        waiting = self.model.workspaces[workspace].requests if workspace in self.model.workspaces else {}
        self._answer("admin", workspace, next(iter(waiting), "erin"), role)

    def _answer(self, who: str, workspace: str, user: str, role: str | None) -> None:
        expected = self.model.answer(who, workspace, user, role)
        path = f"workspaces/{self._touch(workspace)}/requests/{user}"
        if role is None:
            self._act(expected, who, "DELETE", path)
        else:
            self._act(expected, who, "PUT", path, json={"role": role})

    @rule(who=somebody, workspace=ids)
    @by_somebody
    def look_who_asks(self, who: str, workspace: str) -> None:
        expected = self.model.manage(who, workspace)
        answer = self._act(expected, who, "GET", f"workspaces/{workspace}/requests")
        if expected == OK:
            waiting = [(item["user"], item["note"]) for item in answer.json()["items"]]
            assert list(self.model.workspaces[workspace].requests.items()) == waiting

    @rule(who=people, section=st.sampled_from(SECTIONS))
    def look_at_a_section(self, who: str, section: str) -> None:
        listed = {item["id"] for item in self.subject.read(who, "workspaces", f"&section={section}")}
        expected = {each for each in self.model.sidebar(who) if self.model.section(who, each) == section}
        assert expected == listed & self.made

    @rule(who=somebody, workspace=ids)
    @by_somebody
    def delete(self, who: str, workspace: str) -> None:
        self._act(self.model.delete(who, workspace), who, "DELETE", f"workspaces/{self._touch(workspace)}")

    @rule(who=somebody, workspace=ids)
    @by_somebody
    def look(self, who: str, workspace: str) -> None:
        expected = self.model.view(who, workspace)
        answer = self._act(expected, who, "GET", f"workspaces/{workspace}")
        if expected == OK:
            assert self._line(who, workspace) == _line(answer.json())
            assert self.model.reasons(who, workspace) == _reasons(answer.json()["reasons"])

    @rule(who=somebody, workspace=ids, user=people)
    @by_somebody
    def explain(self, who: str, workspace: str, user: str) -> None:
        expected = self.model.explain(who, workspace, user)
        answer = self._act(expected, who, "GET", f"workspaces/{workspace}/access/{user}")
        if expected == OK:
            assert self.model.told(who, workspace, user) == _reasons(answer.json()["reasons"])

    @rule(who=somebody, workspace=ids)
    @by_somebody
    def look_who_has_access(self, who: str, workspace: str) -> None:
        expected = self.model.manage(who, workspace)
        answer = self._act(expected, who, "GET", f"workspaces/{workspace}/grants")
        if expected == OK:
            assert self._grants(workspace) == _grants(answer.json()["items"])

    # --- What happens meanwhile --------------------------------------------------------------------------------------

    @rule(who=people)
    def join_or_leave_a_group(self, who: str) -> None:
        members = self.model.groups[GROUP]
        method = "DELETE" if who in members else "POST"
        self.subject.tell_hub(method, f"groups/{GROUP}/users", json={"users": [who]})
        members ^= {who}
        self.touched.update(self.model.workspaces)

    def _go_on(self) -> None:
        """The next instant comes, and with it the end of some grants."""
        before, self.model.now = self.model.now, self.model.now + PACE
        self.subject.now = self.model.now
        for workspace, one in self.model.workspaces.items():
            ends = (grant.expires_at for grant in one.grants.values() if grant.expires_at is not None)
            if any(before < end <= self.model.now for end in ends):
                self.touched.add(workspace)

    # --- What has to be so -------------------------------------------------------------------------------------------

    @invariant()
    def everybody_has_what_the_rules_give_them(self) -> None:
        """In every workspace that something happened to; and the whole sidebar of one person after another. Then the
        next instant comes."""
        for workspace in sorted(self.touched):
            self._compare(workspace, list(islice(self.in_turn, COMPARED)))
        self.touched.clear()
        self._compare_sidebar(next(self.in_turn))
        self._go_on()
        self.is_even = True

    def _compare(self, workspace: str, people: Collection[str]) -> None:
        if workspace not in self.model.workspaces:
            assert 404 == self.subject.call("admin", "GET", f"workspaces/{workspace}").status_code
            return
        for who in people:
            told = self.subject.call("admin", "GET", f"workspaces/{workspace}/access/{who}").json()
            assert self.model.role(who, workspace) == told["role"], who
            assert self.model.reasons(who, workspace) == _reasons(told["reasons"]), who

    def _compare_sidebar(self, who: str) -> None:
        items = {item["id"]: item for item in self.subject.read(who, "workspaces") if item["id"] in self.made}
        listed = {workspace: _line(item) for workspace, item in items.items()}
        assert {workspace: self._line(who, workspace) for workspace in self.model.sidebar(who)} == listed
        for workspace, item in items.items():
            is_shared = self.model.is_shared(who, workspace)
            givers = self.model.given_by(who, workspace) if is_shared else set()
            assert item["shared_by"] in (givers or {None})
            assert is_shared == item["is_new"]  # nobody opens anything here

    def _line(self, who: str, workspace: str) -> tuple[Any, ...]:
        one = self.model.workspaces[workspace]
        role = self.model.role(who, workspace)
        waiting = len(one.requests) if self.model.has(who, "co-owner", workspace) else 0
        return one.name, role, one.general_access, one.creator, who in one.favourite_of, one.is_archived, waiting

    def _grants(self, workspace: str) -> dict[Principal, Grant | None]:
        """Those of the model as the service shows them, the Creator first."""
        shared = self.model.workspaces[workspace]
        return {("user", shared.creator): None} | shared.grants

    def teardown(self) -> None:
        try:
            if self.is_even:
                self._compare_all()
        finally:
            for workspace in self.model.workspaces:
                self.subject.call("admin", "DELETE", f"workspaces/{workspace}")
            if self.model.groups[GROUP]:
                members = sorted(self.model.groups[GROUP])
                self.subject.tell_hub("DELETE", f"groups/{GROUP}/users", json={"users": members})

    def _compare_all(self) -> None:
        for who in PEOPLE:
            self._compare_sidebar(who)
        for workspace in self.model.workspaces if IS_SOAK else ():
            self._compare(workspace, PEOPLE)
            assert self._grants(workspace) == _grants(self.subject.read("admin", f"workspaces/{workspace}/grants"))


def _line(item: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        item[key] for key in ("name", "role", "general_access", "creator", "favourite", "archived", "requests")
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _reasons(told: list[dict[str, Any]]) -> list[Reason]:
    reasons = [(reason["role"], reason["through"], reason["name"], _time(reason["until"])) for reason in told]
    assert sorted(reasons, key=strength, reverse=True) == reasons
    return in_order(reasons)


def _grants(items: list[dict[str, Any]]) -> dict[Principal, Grant | None]:
    creator, *granted = items
    assert ("user", "creator", None) == (creator["kind"], creator["role"], creator["by"])
    shown: dict[Principal, Grant | None] = {("user", creator["name"]): None}
    for item in granted:
        since = datetime.fromisoformat(item["since"])
        shown[item["kind"], item["name"]] = Grant(item["role"], item["by"], since, _time(item["expires_at"]))
    assert len(shown) == len(items)
    return shown


async def test_random_acts_by_random_people_do_what_the_plain_rules_say(subject: Subject) -> None:
    limits = settings(
        max_examples=WALKS,
        stateful_step_count=STEPS,
        deadline=None,
        # Looking for a shorter walk that fails takes minutes.
        phases=(Phase.generate, Phase.shrink) if IS_SOAK else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, lambda: Walk(subject), settings=limits)  # type: ignore[arg-type]

    assert subject.acts >= ACTS
