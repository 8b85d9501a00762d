"""What a server hears from the service, over real HTTP."""

from __future__ import annotations

import json
import socket

import pytest

from coterie.client import Alive, ServiceClient, ServiceRefused, ServiceUnreachable
from coterie.client import service as client_module
from coterie.wire.bodies import PEOPLE_MAX, AccessEvent, ServerDecision, ServerFacts
from hub.service_of_ours import ServiceOfOurs

TOKEN = "the-server's-own-token"
FACTS = {"workspace": "abcdefgh234567ab", "name": "Penguins", "page_url": "http://coterie/w/abcdefgh234567ab"}
REFUSAL = {"type": "about:blank", "title": "No", "status": 403, "detail": "Not for you.", "code": "not-a-person"}


def _client(service: ServiceOfOurs) -> ServiceClient:
    return ServiceClient(service.url, TOKEN)


async def test_a_server_asks_who_it_is_with_its_own_token(service: ServiceOfOurs) -> None:
    service.body = FACTS

    async with _client(service) as client:
        facts = await client.facts()

    assert facts == ServerFacts(**FACTS)
    (request,) = service.asked
    assert request.url.path == "/services/coterie/api/v1/server"
    assert request.headers["authorization"] == f"token {TOKEN}"


@pytest.mark.parametrize("name", ["bob", "bob/../carol", "b%2Fb", "ü b?x=1#y"])
async def test_a_decision_is_asked_for_the_name_as_it_is(service: ServiceOfOurs, name: str) -> None:
    service.body = {"person": "p1", "name": name, "role": "viewer", "reasons": ["Viewer"], "until": None}

    async with _client(service) as client:
        decision = await client.decide("session-1", name)

    assert decision == ServerDecision(person="p1", name=name, role="viewer", reasons=["Viewer"])
    assert service.asked[0].scope["path"] == f"/services/coterie/api/v1/server/decisions/{name}"
    assert service.asked[0].scope["query_string"] == b"session=session-1"


async def test_decisions_about_many_people_are_asked_for_in_parts(service: ServiceOfOurs) -> None:
    names = [f"person-{number:04}" for number in range(PEOPLE_MAX + 1)]
    nothing = {"person": "", "name": "", "role": None, "reasons": [], "until": None}
    service.body = {"decisions": [nothing] * PEOPLE_MAX}

    async with _client(service) as client:
        decisions = await client.decide_at_once("session-1", names)

    assert names == sorted(decisions)
    assert [names[:PEOPLE_MAX], names[PEOPLE_MAX:]] == [json.loads(body)["names"] for body in service.sent]
    assert {b"session=session-1"} == {request.scope["query_string"] for request in service.asked}


async def test_names_are_asked_for_in_one_body_and_each_person_once(service: ServiceOfOurs) -> None:
    service.body = {"names": {"p1": "bob"}}

    async with _client(service) as client:
        names = await client.names(["p2", "p1", "p2"])

    assert {"p1": "bob"} == names
    (request,) = service.asked
    assert ("POST", "/services/coterie/api/v1/server/names") == (request.method, request.url.path)
    assert [{"people": ["p1", "p2"]}] == [json.loads(body) for body in service.sent]


async def test_names_of_many_people_are_asked_for_in_parts(service: ServiceOfOurs) -> None:
    service.body = {"names": {"p1": "bob"}}
    people = [f"p{number}" for number in range(PEOPLE_MAX + 1)]

    async with _client(service) as client:
        await client.names(people)
        await client.names([])

    parts = [json.loads(body)["people"] for body in service.sent]
    assert [PEOPLE_MAX, 1] == [len(part) for part in parts]
    assert sorted(people) == sorted(person for part in parts for person in part)


async def test_a_refusal_says_why(service: ServiceOfOurs) -> None:
    service.status, service.body = 403, REFUSAL

    async with _client(service) as client:
        with pytest.raises(ServiceRefused) as refused:
            await client.facts()

    assert (refused.value.status, refused.value.code) == (403, "not-a-person")
    assert str(refused.value) == "Not for you."


async def test_a_refusal_without_a_problem_document_is_one_too(service: ServiceOfOurs) -> None:
    service.status, service.text = 404, "<h1>no</h1>"

    async with _client(service) as client:
        with pytest.raises(ServiceRefused) as refused:
            await client.facts()

    assert (refused.value.status, refused.value.code) == (404, "")


@pytest.mark.parametrize("status", [302, 500, 502, 503])
async def test_a_service_in_trouble_counts_as_unreachable(service: ServiceOfOurs, status: int) -> None:
    service.status, service.body = status, {}

    async with _client(service) as client:
        with pytest.raises(ServiceUnreachable):
            await client.facts()
        with pytest.raises(ServiceUnreachable):
            await anext(client.events("s1"))


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"workspace": 1}'])
async def test_an_answer_that_cannot_be_read_counts_as_unreachable(service: ServiceOfOurs, text: str) -> None:
    service.text = text

    async with _client(service) as client:
        with pytest.raises(ServiceUnreachable, match="cannot be read"):
            await client.facts()


async def test_nobody_listening_is_unreachable_and_the_token_is_not_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/services/coterie/"

        async with ServiceClient(url, TOKEN) as client:
            with pytest.raises(ServiceUnreachable) as unreachable:
                await client.facts()

    assert TOKEN not in f"{unreachable.value!r} {unreachable.value.__cause__!r}"


async def test_events_come_in_order_however_the_stream_is_cut(service: ServiceOfOurs) -> None:
    stream = (
        b': hello\r\n\r\nid: 7\r\nevent: access\r\ndata: {"revision": 7, "name": "b\xc3\xb6b"}\r\n\r\n'
        b'event: alive\ndata: {"revision": 7}\n\nevent: news\ndata: {}\n\n'
        b'id: 8\nevent: access\ndata: {"revision": 8,\ndata: "name": null}\n\nevent: access\ndata: {"revision": 9'
    )
    service.stream = [bytes([byte]) for byte in stream]

    async with _client(service) as client:
        events = client.events("s1", after=6)
        heard = [await anext(events) for _ in range(3)]
        with pytest.raises(ServiceUnreachable, match="ended the event stream"):
            await anext(events)

    assert heard == [AccessEvent(revision=7, name="böb"), Alive(7), AccessEvent(revision=8, name=None)]
    assert dict(service.asked[0].query_params) == {"session": "s1", "after": "6"}


async def test_a_first_connection_names_no_revision(service: ServiceOfOurs) -> None:
    service.stream = [b'event: alive\ndata: {"revision":3}\n\n']

    async with _client(service) as client:
        assert await anext(client.events("s1")) == Alive(3)

    assert dict(service.asked[0].query_params) == {"session": "s1"}


async def test_a_stream_that_falls_silent_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SILENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with ServiceClient(f"http://127.0.0.1:{mute.getsockname()[1]}/", TOKEN) as client:
            with pytest.raises(ServiceUnreachable, match="did not answer in time"):
                await anext(client.events("s1"))


async def test_a_refused_stream_says_why(service: ServiceOfOurs) -> None:
    service.status, service.body = 403, REFUSAL

    async with _client(service) as client:
        with pytest.raises(ServiceRefused, match="Not for you"):
            await anext(client.events("s1"))


async def test_a_proxy_meant_for_the_outside_is_not_used(
    service: ServiceOfOurs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    service.body = FACTS

    async with _client(service) as client:
        assert (await client.facts()).name == "Penguins"
