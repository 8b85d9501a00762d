"""Who was refused is in the audit log: bounded, for those who may see it, and telling nobody else anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.service import Service, settings_for
from coterie.actions import refusals
from coterie.service.app import create_app, make_world
from support.demo import Demo, until

pytestmark = pytest.mark.hub

NOWHERE = "aaaaaaaaaaaaaaaa"


@pytest.fixture
def recording(service: Service) -> Service:
    """The service, with refused attempts of its own that are written when the test says so."""
    return Service(create_app(service.settings, service.world), service.world, service.settings, service.demo)


async def refused(service: Service, who: str, path: str, **query: str) -> list[dict[str, Any]]:
    """What *who* finds recorded at *path*, the latest first."""
    await service.app.state.refusals.write()
    answer = await service.call(who, "GET", path, params={"act": "refused", **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_an_attempt_at_a_workspace_is_in_its_history(recording: Service) -> None:
    place = await recording.create("alice")
    await recording.grant("alice", place, "user", "bob", "viewer")
    answer = await recording.grant("bob", place, "user", "carol", "editor")
    await recording.call("dave", "GET", f"workspaces/{place}")
    await recording.grant("alice", place, "user", "alice", "viewer")

    records = await refused(recording, "alice", f"workspaces/{place}/audit")

    assert (403, "role-too-weak") == (answer.status_code, answer.json()["code"])
    assert [
        ("alice", "alice was refused: the Creator stays"),
        ("dave", "dave was refused: no access, or nothing there"),
        ("bob", "bob was refused: the role does not reach"),
    ] == [(record["actor"], record["sentence"]) for record in records]
    assert {
        "code": "role-too-weak",
        "method": "PUT",
        "path": "/workspaces/{workspace}/grants/{kind}/{name:path}",
        "count": 1,
    } == records[-1]["details"]
    assert (None, "api", None) == (records[-1]["subject"], records[-1]["via"], records[-1]["address"])
    assert "127.0.0.1" == (await refused(recording, "admin", f"workspaces/{place}/audit"))[-1]["address"]


async def test_the_same_attempt_is_counted_and_written_once_a_minute(
    recording: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await recording.create("alice")
    path = f"workspaces/{place}/audit"

    async def tries(times: int) -> list[int]:
        for _ in range(times):
            await recording.call("dave", "GET", f"workspaces/{place}")
        return [record["details"]["count"] for record in await refused(recording, "alice", path)]

    assert [3] == await tries(3)
    assert [3] == await tries(20)
    monkeypatch.setattr(refusals, "_COUNTED_FOR", 0.0)
    assert [20, 3] == await tries(0)
    await tries(0)
    assert ({}, {}) == (recording.app.state.refusals._series, dict(recording.app.state.refusals._places))
    assert [1, 20, 3] == await tries(1)
    sentence = (await refused(recording, "alice", path))[1]["sentence"]
    assert "dave was refused 20 times: no access, or nothing there" == sentence


async def test_nobody_fills_the_log_by_trying_everywhere(recording: Service) -> None:
    before = {record["id"] for record in await refused(recording, "admin", "audit", actor="erin", limit="500")}
    for number in range(50):
        await recording.call("erin", "GET", f"workspaces/~nobody{number}")
    records = [
        record
        for record in await refused(recording, "admin", "audit", actor="erin", limit="500")
        if record["id"] not in before
    ]

    assert refusals.PLACES_MAX + 1 == len(records)
    assert 50 == sum(record["details"]["count"] for record in records)


async def test_what_there_is_and_what_there_is_not_are_answered_and_written_alike(recording: Service) -> None:
    place = await recording.create("alice")
    answers = [await recording.call("dave", "GET", f"workspaces/{where}") for where in (place, NOWHERE)]
    records = (await refused(recording, "admin", "audit"))[:2]

    assert [None, place] == [record["workspace"] and record["workspace"]["id"] for record in records]
    assert 1 == len({(answer.status_code, answer.content, str(answer.headers)) for answer in answers})
    assert NOWHERE not in (await recording.call("admin", "GET", "audit", params={"limit": "500"})).text


async def test_forged_and_administrators_requests_and_guesses_are_for_administrators(recording: Service) -> None:
    await recording.call("carol", "GET", "audit")
    await recording.call("carol", "POST", "invitations/accept", json={"secret": "x" * 43})
    token = recording.demo.tokens["carol"]
    headers = {"Cookie": f"__Host-coterie={token}; coterie={token}", "Sec-Fetch-Site": "same-site"}
    forged = await recording.call(None, "POST", "workspaces", json={"name": "Forged"}, headers=headers)

    records = await refused(recording, "admin", "audit", actor="carol")

    assert (403, "forged-request") == (forged.status_code, forged.json()["code"])
    assert [
        ("page", "carol was refused: it came in this name, and from no page of Coterie"),
        ("api", "carol was refused: no such invitation"),
        ("api", "carol was refused: for administrators only"),
    ] == [(record["via"], record["sentence"]) for record in records][:3]


async def test_a_blocked_guest_is_in_the_history_of_what_they_wanted(recording: Service) -> None:
    place = await recording.create("alice")
    path = f"workspaces/{place}"
    made = (await recording.call("alice", "POST", f"{path}/invitations", json={})).json()
    secret = {"secret": made["url"].partition("#")[2]}
    assert (await recording.call("dave", "POST", "invitations/accept", json=secret)).is_success
    assert (await recording.call("alice", "DELETE", f"{path}/guests/dave?block=true")).is_success
    answer = await recording.call("dave", "POST", "invitations/accept", json=secret)

    records = await refused(recording, "alice", f"{path}/audit")

    assert (403, "invitation-blocked") == (answer.status_code, answer.json()["code"])
    assert ["dave was refused: blocked"] == [record["sentence"] for record in records]
    assert place not in answer.text


async def test_what_cannot_be_recorded_keeps_back_nothing_else(
    recording: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = await recording.create("alice")
    record = refusals.record

    async def breaks(world: Any, tx: Any, actor: Any, *about: Any, **details: Any) -> None:
        if actor.person.name == "dave":
            raise RuntimeError("a defect of ours")
        await record(world, tx, actor, *about, **details)

    monkeypatch.setattr(refusals, "record", breaks)
    for who in ("dave", "erin"):
        await recording.call(who, "GET", f"workspaces/{place}")

    assert ["erin"] == [record["actor"] for record in await refused(recording, "alice", f"workspaces/{place}/audit")]
    assert "a defect of ours" in caplog.text


async def test_a_task_that_ends_says_why_and_keeps_nothing_open(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(demo, f"sqlite:///{tmp_path}/coterie.sqlite")
    world = make_world(settings)
    app = create_app(settings, world)
    is_closed = False
    close = world.store.close

    async def breaks() -> None:
        raise RuntimeError("a defect of ours")

    async def note_and_close() -> None:
        nonlocal is_closed
        await close()
        is_closed = True

    async def is_said() -> bool:
        return "Refused attempts are no longer recorded." in caplog.text

    monkeypatch.setattr(app.state.refusals, "keep_writing", breaks)
    monkeypatch.setattr(world.store, "close", note_and_close)
    async with app.router.lifespan_context(app):
        await until(is_said)

    assert "a defect of ours" in caplog.text
    assert is_closed


async def test_mistakes_and_nobody_are_not_in_the_log(recording: Service) -> None:
    place = await recording.create("alice")
    await recording.call("alice", "PATCH", f"workspaces/{place}", json={"name": ""})
    await recording.call(None, "GET", f"workspaces/{place}")
    await recording.call("alice", "DELETE", f"workspaces/{place}/grants/user/bob")

    assert [] == await refused(recording, "alice", f"workspaces/{place}/audit")
