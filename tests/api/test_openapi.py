"""The API as its own description has it, tried with generated calls by everybody who could make one: what is answered
is described, nothing breaks, and no answer contradicts the policy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.calls import ACT_OF, FOR_ADMINISTRATORS, FOR_ANYBODY, FOR_EVERYBODY, FOR_PEOPLE, FOR_SERVERS
from api.prepared import (
    ADMINISTRATOR,
    CALLERS,
    CO_OWNER,
    CREATOR,
    EDITOR,
    ELSEWHERE,
    NOBODY,
    PAGE,
    SERVER,
    STRANGER,
    VIEWER,
    Caller,
    Kind,
    Prepared,
    Which,
    prepared_world,
)
from conftest import IS_SOAK
from coterie.policy import Act, Role
from support.demo import Demo
from support.matrix import GROUPS, RIGHTS, load_roles

pytestmark = [pytest.mark.hub, pytest.mark.timeout(3600 if IS_SOAK else 300)]

#: How many cases there are of each caller; of those who are refused everything a few are enough.
CASES: Final = {
    NOBODY: 15,
    STRANGER: 45,
    VIEWER: 45,
    EDITOR: 45,
    CO_OWNER: 45,
    CREATOR: 45,
    ADMINISTRATOR: 35,
    SERVER: 15,
    PAGE: 10,
    ELSEWHERE: 15,
}
TIMES: Final = 34 if IS_SOAK else 1

CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WORKSPACES: Final = "/workspaces/{workspace}"
REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
#: How paths end in which somebody is named.
NAMED: Final = ("{user}", "{name}", "{name}/anonymise")
#: Refusals that say that somebody may not, whatever the call says otherwise.
NOT_THEIRS: Final = {
    "sign-in-needed",
    "not-a-person",
    "forged-request",
    "workspace-not-found",
    "role-too-weak",
    "administrators-only",
}
#: What the id of an address leads to, the likelier the more often.
PLACES: Final = (
    *[Which.WORKSPACE] * 6,
    *[Which.HOME] * 3,
    *[Which.FOREIGN] * 3,
    Which.GONE,
    Which.NOTHING,
)
PEOPLE: Final = tuple(caller.name for caller in CALLERS if caller.name is not None)
NAMES: Final = {"user": PEOPLE, "group": tuple(GROUPS), "right": tuple(RIGHTS)}


class FirstOfStreams:
    """ASGI middleware that ends event streams once they have begun, as somebody does who goes away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_stream = False

        async def send_first(message: Message) -> None:
            nonlocal is_stream
            if is_stream:
                return
            await send(message)
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                is_stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
                if is_stream:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive, send_first)


@dataclass(frozen=True)
class Trial:
    """A generated call by *caller*. *which* says where its address leads, None where it is about no workspace."""

    caller: Caller
    case: schemathesis.Case
    path: str
    which: Which | None
    user: str | None

    @property
    def call(self) -> tuple[str, str]:
        """The method, and the path as the description has it."""
        return self.case.method, self.path

    def sent(self, key: str) -> Any:
        """What the body has under *key*, None where it has nothing there."""
        return self.case.body.get(key) if isinstance(self.case.body, Mapping) else None

    def __str__(self) -> str:
        return (
            f"{self.caller.words}: {self.case.method} {self.case.formatted_path} {self.case.query} {self.case.body!r}"
        )

    __repr__ = __str__


@dataclass
class Subject:
    """The prepared world as generated calls reach it: from a thread of its own, while the service runs in the event
    loop. *accepted* are the calls that somebody got through with."""

    prepared: Prepared
    schema: Any
    loop: asyncio.AbstractEventLoop
    client: httpx.AsyncClient
    accepted: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def calls(self) -> dict[tuple[str, str], Any]:
        """Every operation of the description, by its method and its path below ``api/v1``."""
        prefix = f"{self.prepared.service.settings.prefix}api/v1"
        operations = (result.ok() for result in self.schema.get_all_operations())
        return {(each.method.upper(), each.path.removeprefix(prefix)): each for each in operations}

    @cached_property
    def cases(self) -> dict[tuple[str, str], st.SearchStrategy[schemathesis.Case]]:
        """Generated cases of every call: most as the description wants them, some otherwise."""
        cases = {}
        for call, operation in self.calls.items():
            cases[call] = fitting = operation.as_strategy()
            # Without a body and a query there is nothing that could be wrong.
            if operation.body or len(operation.query):
                wrong = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
                cases[call] = st.one_of(fitting, fitting, fitting, wrong)
        return cases

    def trials(self, caller: Caller) -> st.SearchStrategy[Trial]:
        """Generated calls by *caller*, mostly about what there is."""

        @st.composite
        def trial(draw: st.DrawFn) -> Trial:
            call = draw(st.sampled_from(list(self.cases)))
            return self._aimed(draw, caller, draw(self.cases[call]), call[1])

        return trial()

    def _aimed(self, draw: st.DrawFn, caller: Caller, case: schemathesis.Case, path: str) -> Trial:
        """The generated *case*, with most names and ids in it being those of the world."""
        which = user = None
        aimed = dict(case.path_parameters)
        if "workspace" in aimed:
            which = draw(st.sampled_from(PLACES))
            if caller.is_administrator and which is Which.FOREIGN:
                which = Which.WORKSPACE  # that one is an administrator's business, too
            if which is not Which.NOTHING:
                aimed["workspace"] = quote(self.prepared.id_of(which), safe="~")
        if "invitation" in aimed and which in self.prepared.invitations and draw(st.booleans()):
            aimed["invitation"] = self.prepared.invitations[which]
        for parameter in ("name", "user"):
            if parameter in aimed and draw(st.integers(0, 9)):
                user = draw(st.sampled_from(NAMES.get(str(aimed.get("kind")), PEOPLE)))
                aimed[parameter] = quote(user, safe="")
        case.path_parameters = aimed
        if isinstance(case.body, dict):
            case.body = self._aimed_body(draw, case.body, path)
        return Trial(caller, case, path, which, user)

    def _aimed_body(self, draw: st.DrawFn, body: dict[str, Any], path: str) -> dict[str, Any]:
        if isinstance(body.get("secret"), str):
            found = draw(st.sampled_from([Which.WORKSPACE, Which.HOME, Which.NOTHING]))
            return body | {"secret": self.prepared.secrets.get(found, body["secret"])}
        if isinstance(body.get("name"), str) and draw(st.booleans()):
            return body | {"name": "Penguins"}
        if path.startswith(WORKSPACES) and draw(st.booleans()):
            body = {key: value for key, value in body.items() if key != "expires_at"}  # most moments have passed
        return body

    def send(self, trial: Trial) -> httpx.Response:
        """Make the call."""
        token = self.prepared.tokens.get(trial.caller)
        options = trial.case.as_transport_kwargs(base_url=self.prepared.service.settings.origin)
        for name in ("Authorization", "Cookie"):
            options["headers"].pop(name, None)
        if trial.caller.kind is Kind.ELSEWHERE:
            cookies = f"__Host-coterie={token}; coterie={token}"
            options["headers"].update({"Cookie": cookies, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"})
        elif token is not None:
            options["headers"]["Authorization"] = f"Bearer {token}"
        options.pop("cookies", None)
        # What is sent is what was generated, escapes and all: httpx would tidy the address.
        request = requests.Request(**options).prepare()
        url = httpx.URL(self.prepared.service.settings.origin).copy_with(raw_path=request.path_url.encode())
        headers = [(name, value.encode("latin-1")) for name, value in request.headers.items() if isinstance(value, str)]
        return self.wait(self.client.request(str(request.method), url, headers=headers, content=request.body or b""))

    def mend(self, trial: Trial) -> None:
        """Make the world anew as far as an accepted call may have changed it."""
        if trial.case.method == "GET":
            return
        everywhere = trial.call in {("POST", "/invitations/accept"), ("POST", "/users/{name}/anonymise")}
        if everywhere or trial.which is Which.WORKSPACE:
            self.wait(self.prepared.make_workspace())
        if everywhere or trial.which is Which.HOME:
            self.wait(self.prepared.make_home())

    def wait(self, coroutine: Any) -> Any:
        """What *coroutine* answers, which runs in the service's event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(90)


@pytest.fixture(scope="module")
async def subject(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subject]:
    async with prepared_world(demo, tmp_path_factory.mktemp("openapi")) as prepared:
        app = prepared.service.app
        transport = httpx.ASGITransport(FirstOfStreams(app), raise_app_exceptions=False)
        schema = schemathesis.openapi.from_dict(app.openapi())
        async with httpx.AsyncClient(transport=transport) as client:
            yield Subject(prepared, schema, asyncio.get_running_loop(), client)


# --- What the policy says --------------------------------------------------------------------------------------------


def refusal(trial: Trial) -> str | None:
    """The problem that the policy answers *trial* with, as the matrix of roles has it; None where it may go on."""
    if trial.call in FOR_EVERYBODY:
        return None
    if trial.call in FOR_SERVERS:
        return None if trial.caller.kind is Kind.SERVER else "not-a-person"
    if trial.caller.kind is Kind.ELSEWHERE:
        return "forged-request"
    if trial.caller.kind is Kind.NOBODY:
        return "sign-in-needed"
    if trial.caller.kind is not Kind.PERSON:
        return "not-a-person"
    if trial.call in FOR_ADMINISTRATORS:
        return None if trial.caller.is_administrator else "administrators-only"
    if trial.call in FOR_PEOPLE or (trial.path == f"{WORKSPACES}/requests" and trial.case.method == "POST"):
        return None
    assert trial.which is not None
    role = trial.caller.role_in(trial.which)
    if role is None:
        return "workspace-not-found"
    rows = load_roles().home if trial.which is Which.HOME else load_roles().workspace
    if not all(rows[act].allows(role) for act in acts(trial)):
        return "role-too-weak"
    if trial.sent("general_access") is not None and trial.which is Which.HOME:
        return "role-too-weak"
    if trial.sent("general_access") == "global" and not trial.caller.is_administrator:
        return "administrators-only"
    return None


def acts(trial: Trial) -> set[Act]:
    """The acts of the matrix that *trial* asks for."""
    call = trial.case.method, trial.path.removeprefix(WORKSPACES)
    match call:
        case "PATCH", "":
            changed = {"name": Act.RENAME, "archived": Act.ARCHIVE, "general_access": Act.MANAGE_ACCESS}
            return {Act.VIEW} | {act for key, act in changed.items() if trial.sent(key) is not None}
        case "GET", "/access/{user}":
            return {Act.VIEW} if trial.user == trial.caller.name else {Act.MANAGE_ACCESS}
        case "POST", "/copy" if trial.sent("with_access"):
            return {Act.COPY, Act.MANAGE_ACCESS}
        case _:
            return {ACT_OF[call]}


# --- What is answered ------------------------------------------------------------------------------------------------


def assert_described(trial: Trial, answer: httpx.Response) -> None:
    """Nothing broke, and the description has the status, the type and the body, and of a problem its code."""
    assert answer.status_code < 500, f"{trial}: {answer.text}"
    trial.case.validate_response(answer, checks=CHECKS)
    if not answer.is_success:
        described = trial.case.operation.definition.raw["responses"][str(answer.status_code)]["description"]
        assert f"`{answer.json()['code']}`" in described, f"{trial}: {answer.text}"


def assert_as_the_policy_says(trial: Trial, answer: httpx.Response) -> None:
    """Who may not is told why, unless what they sent is no input at all; who may is told nothing of the kind."""
    expected = refusal(trial)
    code = None if answer.is_success else answer.json()["code"]
    if expected is None:
        assert code not in NOT_THEIRS, f"{trial}: {answer.text}"
    else:
        # What was generated for an id or a name may be such that no address has it: a line break, or a slash.
        is_generated = trial.which is Which.NOTHING or (trial.user is None and trial.path.endswith(NAMED))
        instead = {"invalid-input", "not-found"} if is_generated else {"invalid-input"}
        assert code in {expected} | instead, f"{trial}: {answer.status_code} {answer.text}, not {expected}"


def assert_nothing_of_others(subject: Subject, trial: Trial, answer: httpx.Response) -> None:
    """Nobody but administrators, whose business it is, reads of the workspace that is somebody else's."""
    if not trial.caller.is_administrator:
        assert [] == [word for word in subject.prepared.of_the_keeper if word in answer.text], f"{trial}: {answer.text}"


def try_calls(subject: Subject, caller: Caller) -> None:
    """As many generated calls as there are to be, each looked at."""

    @settings(
        max_examples=CASES[caller] * TIMES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(subject.trials(caller))
    def each(trial: Trial) -> None:
        answer = subject.send(trial)
        assert_described(trial, answer)
        assert_as_the_policy_says(trial, answer)
        assert_nothing_of_others(subject, trial, answer)
        if answer.is_success:
            subject.accepted.add(trial.call)
            subject.mend(trial)

    each()


@pytest.mark.parametrize("caller", CALLERS, ids=str)
async def test_every_answer_is_described_and_contradicts_no_rule(subject: Subject, caller: Caller) -> None:
    before = await subject.prepared.see_foreign()

    await asyncio.to_thread(try_calls, subject, caller)

    assert before == await subject.prepared.see_foreign()


async def test_calls_got_behind_the_refusals(subject: Subject) -> None:
    # JupyterHub's shares of a home are not made here.
    out_of_reach = {call for call in subject.calls if "/hub-shares/" in call[1]}
    missing = set(subject.calls) - subject.accepted - out_of_reach

    # Some take the one name that fits, which is a matter of chance.
    assert len(missing) <= (3 if IS_SOAK else len(subject.calls) * 2 // 3), missing


async def test_every_call_of_the_description_is_somebodys(subject: Subject) -> None:
    in_workspaces = {(method, f"{WORKSPACES}{path}") for method, path in ACT_OF.keys() | FOR_ANYBODY}

    assert set(subject.calls) == in_workspaces | FOR_PEOPLE | FOR_ADMINISTRATORS | FOR_SERVERS | FOR_EVERYBODY


def documented_needs() -> dict[tuple[str, str], str]:
    """What the reference says that each call about a workspace needs: of a workspace, where a home differs."""
    row = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) (/workspaces/\{id\}[^`?]*)[^|]*`.*\|([^|]*)\|$", re.MULTILINE)
    return {
        (method, re.sub(r"\{\w+\}", "{}", path.removeprefix("/workspaces/{id}"))): needs.partition(";")[0].strip()
        for method, path, needs in row.findall(REFERENCE.read_text(encoding="utf-8"))
    }


def test_the_reference_names_the_weakest_role_that_may() -> None:
    rows = load_roles().workspace
    weakest = {act: min(role for role in Role if row.allows(role)).title for act, row in rows.items()}
    expected = {(method, re.sub(r"\{\w+\}", "{}", path)): weakest[act] for (method, path), act in ACT_OF.items()}
    # What everybody may, what depends on whom it is about, and what is about homes alone.
    expected |= {("POST", "/requests"): "", ("GET", "/access/{}"): "Viewer for oneself, else Co-owner"}
    expected |= {call: "its owner" for call in expected if call[1].startswith("/hub-shares")}

    assert expected == documented_needs()
