"""One person's list: exactly what decide() would list, in a stable order, page by page."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, event, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from coterie.policy import DIRECT, GeneralAccess, Person, Principal, PrincipalKind, Role, decide
from coterie.store import ListedWorkspace, Malformed, NotFound, Section, Store, StoredPerson
from coterie.store.engine import for_writing, open_engine, parse_url
from coterie.store.tables import blocks, grants


@pytest.fixture
async def engine(store: Store, url: str) -> AsyncIterator[AsyncEngine]:
    engine = for_writing(open_engine(parse_url(url)))
    yield engine
    await engine.dispose()


def _person(stored: StoredPerson, **more: frozenset[str]) -> Person:
    return Person(stored.id, stored.name, **more)


async def _list(store: Store, person: Person, at: datetime, limit: int = 1000) -> list[ListedWorkspace]:
    async with store.reading() as tx:
        return await tx.list_workspaces(person, at=at, limit=limit)


async def test_the_list_holds_what_the_person_created_or_is_named_in_and_nothing_else(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    person = _person(bob, groups=frozenset({"astro", "/vo/team"}), rights=frozenset({"gpu-users"}))
    shown = {
        "by name": Principal(PrincipalKind.USER, bob.id),
        "by right": Principal(PrincipalKind.RIGHT, "gpu-users"),
        "by group": Principal(PrincipalKind.GROUP, "astro"),
    }
    hidden = {
        "another's name": Principal(PrincipalKind.USER, alice.id),
        "a right in another case": Principal(PrincipalKind.RIGHT, "GPU-users"),
        "a right that is called like a group": Principal(PrincipalKind.RIGHT, "astro"),
        "a group inside": Principal(PrincipalKind.GROUP, "/vo/team/sub"),
        "a group around": Principal(PrincipalKind.GROUP, "/vo"),
    }
    async with store.writing() as tx:
        for name, principal in (shown | hidden).items():
            workspace = await tx.add_workspace(name, alice.id, noon)
            await tx.put_grant(workspace.id, principal, Role.EDITOR, expires_at=None, by=alice.id, at=noon)
        await tx.add_workspace("own", bob.id, noon)
        await tx.add_workspace("stranger", alice.id, noon)
        for access in GeneralAccess:
            workspace = await tx.add_workspace(access.value, alice.id, noon)
            await tx.set_general_access(workspace.id, access)
        await tx.see_home(bob.id, "bob", noon)

    listed = await _list(store, person, noon)

    assert {item.workspace.name for item in listed} == {*shown, "own", "global"}


async def test_being_an_administrator_lists_nothing(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        await tx.add_workspace("Penguins", alice.id, noon)

    assert await _list(store, Person(bob.id, "bob", administrator=True), noon) == []


async def test_an_item_says_who_created_it_and_whether_it_is_a_favourite_of_the_persons(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        first = await tx.add_workspace("Penguins", alice.id, noon)
        second = await tx.add_workspace("Comets", bob.id, noon + timedelta(minutes=1))
        await tx.set_general_access(first.id, GeneralAccess.GLOBAL)
        await tx.set_favourite(first.id, bob.id, True)
        await tx.set_favourite(second.id, alice.id, True)
        stored = [await tx.find_workspace(second.id), await tx.find_workspace(first.id)]

    listed = await _list(store, _person(bob), noon)

    assert [item.workspace for item in listed] == stored
    assert [item.creator for item in listed] == [bob, alice]
    assert [item.is_favourite for item in listed] == [False, True]


async def test_names_that_cannot_be_stored_reach_nothing_and_break_nothing(
    store: Store, alice: StoredPerson, noon: datetime
) -> None:
    odd = frozenset({"nul\0", "half a \ud83d pair", "x" * 300})

    assert await _list(store, _person(alice, groups=odd, rights=odd), noon) == []


async def test_the_list_agrees_with_the_decision_in_hundreds_of_random_cases(
    store: Store, engine: AsyncEngine, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    """The list's own conditions and decide() are two tellings of one rule; the facts an item brings are enough."""
    dice = random.Random(20260301)
    person = _person(bob, groups=frozenset({"astro", "bio"}), rights=frozenset({"curators"}))
    principals = [
        Principal(PrincipalKind.USER, bob.id),
        Principal(PrincipalKind.USER, alice.id),
        Principal(PrincipalKind.RIGHT, "curators"),
        Principal(PrincipalKind.RIGHT, "astro"),
        Principal(PrincipalKind.GROUP, "astro"),
        Principal(PrincipalKind.GROUP, "bio"),
        Principal(PrincipalKind.GROUP, "Astro"),
    ]
    ids, rows, blocked = [], [], []
    async with store.writing() as tx:
        for number in range(500):
            creator = bob if dice.random() < 0.1 else alice
            workspace = await tx.add_workspace(str(number), creator.id, noon + timedelta(minutes=number // 7))
            ids.append(workspace.id)
            if dice.random() < 0.3:
                await tx.set_general_access(workspace.id, dice.choice(list(GeneralAccess)))
            if dice.random() < 0.5:
                await tx.report_session(workspace.id, dice.choice(["s1", "s2"]))
            if dice.random() < 0.3:
                blocked.append({"workspace_id": workspace.id, "person_id": bob.id})
            for principal in dice.sample(principals, dice.choice([0, 0, 1, 2])):
                source = dice.choice([DIRECT, "an-invitation"])
                rows.append(
                    {
                        "workspace_id": workspace.id,
                        "principal_kind": principal.kind,
                        "principal_key": principal.key,
                        "role": dice.choice([Role.VIEWER, Role.EDITOR, Role.CO_OWNER]),
                        "source": source,
                        "session": None if source == DIRECT else dice.choice([None, "s1"]),
                        "expires_at": dice.choice([None, noon - timedelta(1), noon, noon + timedelta(1)]),
                        "created_at": noon,
                        "created_by": alice.id,
                    }
                )
    async with engine.begin() as connection:
        await connection.execute(insert(grants), rows)
        await connection.execute(insert(blocks), blocked)

    listed = await _list(store, person, noon)
    async with store.reading() as tx:
        decisions = {each: decide(person, await tx.facts(each), at=noon) for each in ids}

    expected = {each for each, decision in decisions.items() if decision.is_listed}
    assert {item.workspace.id for item in listed} == expected
    for item in listed:
        known, whole = decide(person, item.facts, at=noon), decisions[item.workspace.id]
        assert (known.role, known.until, set(known.reasons)) == (whole.role, whole.until, set(whole.reasons))


async def test_pages_follow_one_another_without_gaps_or_repeats(
    store: Store, alice: StoredPerson, noon: datetime
) -> None:
    """Many were created at the same instant, and more are created and removed while somebody turns the pages."""
    async with store.writing() as tx:
        created = [
            await tx.add_workspace(str(number), alice.id, noon + timedelta(microseconds=number // 5))
            for number in range(33)
        ]
    order = sorted(created, key=lambda workspace: workspace.id)
    order.sort(key=lambda workspace: workspace.created_at, reverse=True)

    seen: list[str] = []
    cursor: str | None = None
    while True:
        async with store.reading() as tx:
            page = await tx.list_workspaces(_person(alice), at=noon, after=cursor, limit=4)
        if not page:
            break
        seen += [item.workspace.id for item in page]
        cursor = page[-1].cursor
        async with store.writing() as tx:
            await tx.add_workspace("newer", alice.id, noon + timedelta(days=1))
            if page[-1].workspace.id == order[7].id:
                await tx.remove_workspace(order[7].id)

    assert seen == [workspace.id for workspace in order]


@pytest.mark.parametrize("cursor", ["", "x", "ä", "AAAA", "!!!!", "YWFhYWFhYWFhYWFhYWFhYTIwMjY", "x" * 10000])
async def test_a_text_that_is_no_cursor_is_malformed(
    store: Store, alice: StoredPerson, noon: datetime, cursor: str
) -> None:
    async with store.reading() as tx:
        with pytest.raises(Malformed):
            await tx.list_workspaces(_person(alice), at=noon, after=cursor, limit=4)


async def test_a_list_takes_two_queries_however_long_it_is(
    store: Store, url: str, alice: StoredPerson, noon: datetime
) -> None:
    """Heard of this database alone: engines of other tests' services may be at work in the same process."""
    asked: list[str] = []

    def hear(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        if str(connection.engine.url.database) in url:
            asked.append(statement.split()[0])

    counts = []
    for _ in range(2):
        async with store.writing() as tx:
            for number in range(20):
                await tx.add_workspace(str(number), alice.id, noon)
        asked.clear()
        event.listen(Engine, "before_cursor_execute", hear)
        await _list(store, _person(alice), noon)
        event.remove(Engine, "before_cursor_execute", hear)
        counts.append(asked.count("SELECT"))

    assert counts == [2, 2]


async def test_the_sections_part_the_list_and_a_search_narrows_it(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    """Every way to be listed, marked or not, put away or not: each is in the first section that it fits."""
    expected: dict[Section, set[str]] = {section: set() for section in Section}
    person = _person(bob)
    async with store.writing() as tx:
        for way in (Section.MINE, Section.SHARED, Section.GLOBAL):
            for is_marked in (False, True):
                for is_archived in (False, True):
                    creator = bob if way is Section.MINE else alice
                    workspace = await tx.add_workspace(f"{way} Größe", creator.id, noon)
                    if way is not Section.MINE:
                        await tx.set_general_access(workspace.id, GeneralAccess.GLOBAL)
                    if way is Section.SHARED:
                        to = Principal(PrincipalKind.USER, bob.id)
                        await tx.put_grant(workspace.id, to, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
                    if is_marked:
                        await tx.set_favourite(workspace.id, bob.id, True)
                    if is_archived:
                        await tx.set_archived(workspace.id, noon)
                    section = Section.ARCHIVED if is_archived else Section.FAVOURITES if is_marked else way
                    expected[section].add(workspace.id)

    async with store.reading() as tx:
        listed = {each: await tx.list_workspaces(person, at=noon, limit=99, section=each) for each in Section}
        named = await tx.list_workspaces(person, at=noon, limit=99, q="MINE GRÖSSE", section=Section.ARCHIVED)

    assert expected == {section: {item.workspace.id for item in items} for section, items in listed.items()}
    assert [item.workspace.name for item in named] == ["mine Größe"] * 2


async def test_who_gave_is_who_made_the_youngest_grant_that_counts(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    groups = frozenset({"astro", "bio"})
    async with store.writing() as tx:
        carol = await tx.see_person("carol", noon)
        workspace = await tx.add_workspace("Penguins", alice.id, noon)
        for key, by, hours, ends in (("astro", alice, 0, None), ("bio", bob, 1, None), ("bio", carol, 2, noon)):
            to = Principal(PrincipalKind.GROUP, key)
            at = noon + timedelta(hours=hours)
            await tx.put_grant(workspace.id, to, Role.VIEWER, expires_at=ends, by=by.id, at=at)

    async with store.reading() as tx:
        listed = await tx.get_listed(workspace.id, _person(bob, groups=groups), at=noon + timedelta(hours=3))
        with pytest.raises(NotFound):
            await tx.get_listed("a" * 16, _person(bob), at=noon)

    assert listed.given_by == alice


async def test_a_home_is_found_by_what_it_is_called(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        home = await tx.see_home(alice.id, "alice", noon)
        await tx.report_session(home.id, "session")
        await tx.put_guest(home.id, bob.id, Role.EDITOR, source="a" * 16, session="session", by=alice.id, at=noon)

    async with store.reading() as tx:
        found = {
            q: [item.workspace.id for item in await tx.list_workspaces(_person(bob), at=noon, limit=9, q=q)]
            for q in ("home of ALI", "lice", "of a", "home of bob", "homeof")
        }

    assert {"home of ALI": [home.id], "lice": [home.id], "of a": [home.id], "home of bob": [], "homeof": []} == found
