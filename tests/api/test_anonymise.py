"""Anonymising people: requirements/share-workspaces, "Special Considerations for Anonymised Users"."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from api.accounts import Account, account, forget_what_the_hub_said, unused_name
from api.service import Service
from coterie.actions import admit
from coterie.actions.actor import Actor
from coterie.actions.create import create_workspace
from coterie.actions.follow import follow_events
from coterie.hubapi import Account as HubAccount
from coterie.hubapi import HubUnavailable
from coterie.policy import Principal, PrincipalKind
from coterie.store import NotFound, StoredPerson
from coterie.wire.audit import Via
from coterie.wire.events import EventKind
from support.demo import until

pytestmark = pytest.mark.hub

NONE: frozenset[str] = frozenset()
NOTHING: dict[str, Any] = {"pseudonym": None, "grants_removed": 0, "workspaces_moved": [], "own_grants_dropped": 0}


async def anonymise(service: Service, name: str, who: str = "admin", **query: str) -> dict[str, Any]:
    answer = await service.call(who, "POST", f"users/{quote(name, safe='')}/anonymise", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def grants(service: Service, workspace: str, who: str = "admin") -> list[tuple[str, str]]:
    answer = await service.call(who, "GET", f"workspaces/{workspace}/grants")
    assert answer.status_code == 200, answer.text
    return [(grant["name"], grant["role"]) for grant in answer.json()["items"]]


async def person(service: Service, name: str) -> StoredPerson:
    async with service.world.store.reading() as tx:
        (found,) = await tx.list_people_named(name)
    return found


async def test_every_share_of_the_person_goes_and_what_they_gave_to_others_stays(service: Service) -> None:
    theirs, group_s = await service.create("alice"), await service.create("alice")
    async with account(service) as gone:
        await service.grant("admin", theirs, "user", gone.name, "co-owner")
        await service.grant("admin", group_s, "user", gone.name, "viewer")
        given = await gone.call("PUT", f"workspaces/{theirs}/grants/group/astro", json={"role": "viewer"})
        done = await anonymise(service, gone.name)

        assert given.status_code == 200
        assert 2 == done["grants_removed"]
        assert [("alice", "creator"), ("astro", "viewer")] == await grants(service, theirs)
        assert [("alice", "creator")] == await grants(service, group_s)
        assert 404 == (await gone.call("GET", f"workspaces/{theirs}")).status_code


async def test_ownership_goes_to_whoever_anonymised_in_place_of_their_own_share(service: Service) -> None:
    async with account(service) as gone:
        shared, unshared = await gone.create("Shared"), await gone.create("Unshared")
        await service.grant("admin", shared, "user", "admin", "editor")
        await service.grant("admin", shared, "user", "bob", "editor")
        done = await anonymise(service, gone.name)

        moved = {moved["id"]: moved["name"] for moved in done["workspaces_moved"]}
        assert {shared: "Shared", unshared: "Unshared"} == moved
        assert 1 == done["own_grants_dropped"]
        assert [("admin", "creator"), ("bob", "editor")] == await grants(service, shared)
        assert "creator" == (await service.call("admin", "GET", f"workspaces/{shared}")).json()["role"]
        assert 404 == (await gone.call("GET", f"workspaces/{shared}")).status_code


async def test_the_name_is_known_nowhere_any_more(service: Service) -> None:
    place = await service.create("alice")
    async with account(service) as gone:
        await service.grant("admin", place, "user", gone.name, "co-owner")
        await gone.call("PUT", f"workspaces/{place}/grants/group/astro", json={"role": "viewer"})
        before = await person(service, gone.name)
        pseudonym = (await anonymise(service, gone.name))["pseudonym"]

    assert pseudonym.startswith("anonymised-")
    async with service.world.store.reading() as tx:
        assert await tx.list_people_named(gone.name) == []
        assert (await tx.get_people([before.id]))[before.id].name == pseudonym
    for path in (f"workspaces/{place}/grants", f"workspaces/{place}/audit", "audit?limit=500"):
        answer = await service.call("admin", "GET", path)
        assert (200, False) == (answer.status_code, gone.name in answer.text)
        assert pseudonym in answer.text


async def test_a_preview_says_the_same_and_changes_nothing(service: Service) -> None:
    async with account(service) as one:
        place, own = await service.create("alice"), await one.create("Own")
        await service.grant("admin", place, "user", one.name, "viewer")
        await service.grant("admin", own, "user", "admin", "viewer")
        preview = await anonymise(service, one.name, preview="true")
        untouched = [await grants(service, place), await grants(service, own)]
        done = await anonymise(service, one.name)

    assert [
        [("alice", "creator"), (one.name, "viewer")],
        [(one.name, "creator"), ("admin", "viewer")],
    ] == untouched
    assert (True, None) == (preview["preview"], preview["pseudonym"])
    assert done | {"preview": True, "pseudonym": None} == preview


async def test_doing_it_again_changes_nothing(service: Service) -> None:
    async with account(service) as gone:
        await gone.create()
        first = await anonymise(service, gone.name)
        async with service.world.store.reading() as tx:
            before = (await tx.latest_revision(), len(await tx.list_audit(limit=10_000)))
        again = await anonymise(service, gone.name)
        await gone.call("GET", "me")  # signs in, as somebody new
        third = await anonymise(service, gone.name)
        by_pseudonym = await anonymise(service, first["pseudonym"])
        async with service.world.store.reading() as tx:
            after = (await tx.latest_revision(), len(await tx.list_audit(limit=10_000)))

    assert before == after
    assert [NOTHING] * 3 == [{key: one[key] for key in NOTHING} for one in (again, third, by_pseudonym)]


async def test_whoever_signs_in_afterwards_is_new_and_has_nothing(service: Service) -> None:
    place = await service.create("alice")
    async with account(service) as gone:
        await service.grant("admin", place, "user", gone.name, "editor")
        await gone.create()
        before = await person(service, gone.name)
        await anonymise(service, gone.name)
        workspaces = [item["name"] for item in (await gone.call("GET", "workspaces")).json()["items"]]
        mine = await gone.create("Begun anew")

        assert "Snails" not in workspaces
        assert before.id != (await person(service, gone.name)).id
        assert [(gone.name, "creator")] == await grants(service, mine)


@pytest.mark.parametrize("name", ["bob", "nobody-of-that-name", "admin", "ws-aaaaaaaaaaaaaaaa", "%00", "/a/b"])
@pytest.mark.parametrize("query", [{}, {"preview": "true"}, {"earlier": "true"}])
async def test_administrators_only_whether_there_is_such_a_person_or_not(
    service: Service, name: str, query: dict[str, str]
) -> None:
    answer = await service.call("alice", "POST", f"users/{quote(name, safe='')}/anonymise", params=query)

    assert (403, "administrators-only") == (answer.status_code, answer.json()["code"])


async def test_nobody_anonymises_themselves(service: Service) -> None:
    answer = await service.call("admin", "POST", "users/admin/anonymise")

    assert (403, "oneself") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("name", ["nobody-of-that-name", "ws-aaaaaaaaaaaaaaaa", "%00", "/a/b", "n" * 300])
async def test_somebody_whom_nobody_knows_is_not_found(service: Service, name: str) -> None:
    answer = await service.call("admin", "POST", f"users/{quote(name, safe='')}/anonymise")

    assert (404, "not-found") == (answer.status_code, answer.json()["code"])
    assert "Neither JupyterHub nor Coterie knows anybody of this name." == answer.json()["detail"]


async def test_an_account_that_was_deleted_before_changes_nothing_by_itself_and_can_be_anonymised(
    service: Service,
) -> None:
    place = await service.create("alice")
    async with account(service) as gone:
        own = await gone.create("Left behind")
        await gone.call("PATCH", f"workspaces/{own}", json={"general_access": "link"})
        await service.grant("admin", place, "user", gone.name, "viewer")
    forget_what_the_hub_said(service)

    assert [("alice", "creator"), (gone.name, "viewer")] == await grants(service, place)
    seen = (await service.call("bob", "GET", f"workspaces/{own}")).json()
    assert (gone.name, "viewer") == (seen["creator"], seen["role"])
    done = await anonymise(service, gone.name)
    assert (1, [own]) == (done["grants_removed"], [moved["id"] for moved in done["workspaces_moved"]])
    assert [("admin", "creator")] == await grants(service, own)
    again = await service.call("admin", "POST", f"users/{gone.name}/anonymise")
    assert 404 == again.status_code


async def test_an_earlier_person_of_the_name_is_told_from_the_present_one(service: Service) -> None:
    async with account(service) as former:
        theirs = await former.create("Of the former")
    forget_what_the_hub_said(service)
    async with account(service, former.name) as present:
        own = await present.create("Of the present")
        done = await anonymise(service, former.name, earlier="true")
        again = await anonymise(service, former.name, earlier="true")

        assert [theirs] == [moved["id"] for moved in done["workspaces_moved"]]
        assert [(present.name, "creator")] == await grants(service, own)
        assert NOTHING == {key: again[key] for key in NOTHING}
        now = await anonymise(service, present.name)
        assert [own] == [moved["id"] for moved in now["workspaces_moved"]]


async def test_events_follow_so_that_servers_and_shares_do(service: Service) -> None:
    async with account(service) as gone:
        place, own = await service.create("alice"), await gone.create()
        linked = await service.create("alice")
        await service.call("alice", "PATCH", f"workspaces/{linked}", json={"general_access": "link"})
        await service.grant("admin", place, "user", gone.name, "viewer")
        stored = await person(service, gone.name)
        async with service.world.store.writing() as tx:
            await tx.want_entry(linked, stored.id, datetime.now(UTC))
            before = await tx.latest_revision()
        await anonymise(service, gone.name)
        async with service.world.store.reading() as tx:
            events = [e for e in await tx.read_after(before, limit=100) if e.workspace_id in (place, own, linked)]

    about = Principal(PrincipalKind.USER, stored.id)
    expected = {(place, about), (own, about), (linked, about), (own, None)}
    assert expected == {(event.workspace_id, event.principal) for event in events}
    assert {EventKind.ACCESS} == {event.kind for event in events}


async def test_a_share_at_the_hub_goes_although_nobody_knows_the_name_any_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub does not answer while the event is first taken: it is taken again."""
    withdrawn: set[tuple[str, str]] = set()
    refusing = ["once"]
    monkeypatch.setattr(admit, "_RETRY_AFTER", 0.05)
    async with account(service) as gone:
        place = await service.create("alice")
        await service.grant("admin", place, "user", gone.name, "viewer")
        async with service.world.store.reading() as tx:
            found = await tx.find_workspace(place)
            assert found is not None

        async def list_shared_with(owner: str) -> list[str]:
            if refusing and owner == found.account:
                refusing.clear()
                raise HubUnavailable("a test says so")
            return [gone.name, "alice"] if owner == found.account else []

        async def withdraw(owner: str, user: str) -> None:
            withdrawn.add((owner, user))

        alice = await service.world.people.find("alice")
        assert alice is not None
        async with service.world.store.writing() as tx:
            await tx.want_entry(place, alice.id, datetime.now(UTC))
        monkeypatch.setattr(service.world.hub, "list_shared_with", list_shared_with)
        monkeypatch.setattr(service.world.hub, "withdraw", withdraw)
        await anonymise(service, gone.name)

        async def is_withdrawn() -> bool:
            return bool(withdrawn)

        await until(is_withdrawn)

    assert ({(found.account, gone.name)}, []) == (withdrawn, refusing)


async def test_a_change_by_somebody_who_was_anonymised_just_before_does_not_happen(service: Service) -> None:
    async with account(service) as gone:
        await gone.create()
        old = await service.world.people.find(gone.name)
        assert old is not None
        await anonymise(service, gone.name)
        with pytest.raises(NotFound):
            await create_workspace(service.world, Actor(old, Via.API), "Too late")


# --- Renamed accounts ---------------------------------------------------------------------------------------------


async def test_somebody_whose_account_was_renamed_keeps_what_they_have(service: Service) -> None:
    place = await service.create("alice")
    async with account(service) as renamed:
        own = await renamed.create("Kept")
        await service.grant("admin", place, "user", renamed.name, "editor")
        before = await person(service, renamed.name)
        old = renamed.name
        await renamed.rename(unused_name())
        forget_what_the_hub_said(service)

        assert 200 == (await renamed.call("GET", f"workspaces/{own}")).status_code
        assert [("alice", "creator"), (renamed.name, "editor")] == await grants(service, place)
        assert before.id == (await person(service, renamed.name)).id
        # Another process may still have the account by the name that it had seconds ago.
        created = before.hub_created
        service.world.directory._accounts[old] = (time.monotonic(), HubAccount(old, created, False, NONE, NONE))
        assert await service.world.people.find(old) is None
        forget_what_the_hub_said(service)
        async with account(service, old) as other:
            assert [] == [item for item in await _own(other) if item in (own, place)]


async def test_a_renamed_person_is_not_taken_for_a_deleted_one(service: Service) -> None:
    async with account(service) as renamed:
        await renamed.create()
        old = renamed.name
        await renamed.rename(unused_name())
        by_old_name = await service.call("admin", "POST", f"users/{old}/anonymise")
        by_new_name = await anonymise(service, renamed.name, preview="true")

    assert 404 == by_old_name.status_code
    assert 1 == len(by_new_name["workspaces_moved"])


async def test_two_accounts_of_one_instant_are_never_taken_for_each_other(service: Service) -> None:
    """The first of them is known here and removed from the Hub; the second one was never seen before."""
    async with account(service) as second:
        created = (await service.world.hub.find_user(second.name)).created  # type: ignore[union-attr]
        async with service.world.store.writing() as tx:
            firsts = [await tx.see_person(unused_name(), created) for _ in range(2)]
        found = await service.world.people.find(second.name)

    assert found is not None
    assert found.id not in {first.id for first in firsts}


async def _own(of: Account) -> list[str]:
    return [item["id"] for item in (await of.call("GET", "workspaces")).json()["items"]]


async def test_servers_are_told_to_look_at_everybody_for_no_name_is_left_to_tell(service: Service) -> None:
    async with account(service) as gone:
        place = await service.create("alice")
        await service.grant("admin", place, "user", gone.name, "viewer")
        async with service.world.store.reading() as tx:
            found = await tx.find_workspace(place)
            before = await tx.latest_revision()
        assert found is not None
        await anonymise(service, gone.name)

    async def is_still_there() -> bool:
        return True

    told = follow_events(service.world, found, after=before, is_still_there=is_still_there)
    access = [event async for event in aiter_until(told, "event: access")]

    assert '"name":null' in access[-1]


async def aiter_until(texts: AsyncIterator[str], beginning: str) -> AsyncIterator[str]:
    async for text in texts:
        yield text
        if text.startswith(beginning):
            return
