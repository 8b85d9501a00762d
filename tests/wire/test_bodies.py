"""What the API takes and refuses in bodies, before anybody is asked whether they may."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from coterie import policy
from coterie.wire import bodies
from coterie.wire.bodies import (
    NAME_MAX,
    PEOPLE_MAX,
    Access,
    DecisionsQuestion,
    GrantChange,
    Input,
    NamesQuestion,
    NewWorkspace,
    Page,
    Principal,
    ServerDecision,
    WorkspaceChange,
)
from coterie.wire.copying import CopyOrder
from coterie.wire.invitations import Admission, NewInvitation, Secret
from coterie.wire.requests import NewRequest, RequestAnswer

INPUTS = [
    (NewWorkspace, {"name": "Penguins"}),
    (WorkspaceChange, {}),
    (GrantChange, {"role": "viewer"}),
    (DecisionsQuestion, {"names": ["bob", "nobody at all"]}),
    (NamesQuestion, {"people": ["abcdefgh234567ab"]}),
    (CopyOrder, {"name": "Penguins"}),
    (NewRequest, {}),
    (RequestAnswer, {"role": "viewer"}),
    (NewInvitation, {}),
    (Secret, {"secret": "x"}),
    (Admission, {"role": "viewer"}),
]


def _from_json(model: type[BaseModel], body: object) -> BaseModel:
    return model.model_validate_json(json.dumps(body))


def _is_refused(model: type[BaseModel], body: object) -> bool:
    """Whether *model* refuses *body*, as parsed by a framework and as JSON alike."""
    refusals = []
    parsers: tuple[Callable[[object], BaseModel], ...] = (model.model_validate, partial(_from_json, model))
    for parse in parsers:
        try:
            parse(body)
        except ValidationError:
            refusals.append(True)
        else:
            refusals.append(False)

    assert refusals[0] == refusals[1]
    return refusals[0]


def test_every_body_that_somebody_sends_is_tried_here() -> None:
    assert set(Input.__subclasses__()) == {model for model, _ in INPUTS}


@pytest.mark.parametrize(("model", "body"), INPUTS)
def test_unknown_fields_are_refused(model: type[Input], body: dict[str, object]) -> None:
    assert not _is_refused(model, body)
    assert _is_refused(model, body | {"creator": "bob"})
    assert _is_refused(model, body | {"Name": "Penguins"})


@pytest.mark.parametrize("model", [model for model, _ in INPUTS])
@pytest.mark.parametrize("body", [None, [], "Penguins", 1, True, [{"name": "Penguins"}]])
def test_what_is_not_an_object_is_refused(model: type[Input], body: object) -> None:
    assert _is_refused(model, body)


@pytest.mark.parametrize("people", [None, "abc", {}, [1], [None], [["a"]], ["a" * (NAME_MAX + 1)]])
def test_people_are_asked_about_by_a_list_of_ids(people: object) -> None:
    assert _is_refused(NamesQuestion, {"people": people})


def test_only_so_many_names_are_asked_for_at_once() -> None:
    assert not _is_refused(NamesQuestion, {"people": ["a"] * PEOPLE_MAX})
    assert _is_refused(NamesQuestion, {"people": ["a"] * (PEOPLE_MAX + 1)})


@pytest.mark.parametrize("name", [None, 1, 1.5, True, [], ["Penguins"], {}, {"en": "Penguins"}])
def test_a_name_of_the_wrong_type_is_refused(name: object) -> None:
    assert _is_refused(NewWorkspace, {"name": name})
    assert _is_refused(WorkspaceChange, {"name": name})


@pytest.mark.parametrize(
    "name",
    [
        "Penguins",
        "x",
        "Größe & Gewicht",
        "企鹅",
        "בטריקים",
        "پنگوئن‌ها",
        "🐧🐧",
        "👩‍🔬 and her penguins",
        "T < 300 K",
        "x < y and y > z",
        "<3 penguins",
        "'); DROP TABLE workspaces; --",
        "{{ 7 * 7 }}",
        "../../etc/passwd",
        "%2e%2e%2f",
        "a" * NAME_MAX,
    ],
)
def test_a_name_is_kept_as_it_was_written(name: str) -> None:
    assert name == NewWorkspace(name=name).name
    assert name == WorkspaceChange(name=name).name


def test_blanks_around_a_name_are_dropped() -> None:
    assert NewWorkspace(name="  Emperor penguins \u3000").name == "Emperor penguins"


def test_letters_that_look_the_same_are_stored_the_same() -> None:
    assert NewWorkspace(name="Gro\u0308ße").name == NewWorkspace(name="Größe").name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u00a0\u3000",
        "\u200b\u200d",
        "two\nlines",
        "two\u2028lines",
        "two\u2029lines",
        "a\ttab",
        "a\x00b",
        "a\x1bb",
        "a\x7fb",
        "a\x85b",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)",
        "penguins</title>",
        "<!-- penguins",
        "<?xml?>",
        "a" * (NAME_MAX + 1),
        "a" * 1_000_000,
    ],
)
def test_a_name_that_cannot_be_shown_or_is_no_name_is_refused(name: str) -> None:
    assert _is_refused(NewWorkspace, {"name": name})
    assert _is_refused(WorkspaceChange, {"name": name})


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValidationError):
        NewWorkspace.model_validate_json(b'{"name": "\\ud800"}')
    with pytest.raises(ValidationError):
        NewWorkspace.model_validate({"name": "\ud800"})


def test_a_name_that_grows_when_it_is_composed_is_measured_afterwards() -> None:
    growing = "\U0001d160"  # one character, three when composed

    assert _is_refused(NewWorkspace, {"name": growing * (NAME_MAX // 3 + 1)})
    assert not _is_refused(NewWorkspace, {"name": growing * (NAME_MAX // 3)})


@given(st.text())
def test_a_name_that_is_taken_is_taken_again_and_stays_the_same(text: str) -> None:
    try:
        once = NewWorkspace(name=text).name
    except ValidationError:
        return

    assert once == NewWorkspace(name=once).name
    assert 0 < len(once) <= NAME_MAX
    assert once == once.encode().decode()


def test_what_is_left_out_of_a_change_stays_and_null_is_no_value() -> None:
    assert WorkspaceChange.model_validate({}).model_dump(exclude_unset=True) == {}
    for field in WorkspaceChange.model_fields:
        assert _is_refused(WorkspaceChange, {field: None})


@pytest.mark.parametrize("level", ["restricted", "link", "global"])
def test_general_access_is_one_of_three_words(level: str) -> None:
    assert level == WorkspaceChange.model_validate({"general_access": level}).general_access


@pytest.mark.parametrize("level", ["", "Link", "public", "everyone", 1, True, ["link"], {}])
def test_no_other_word_is_general_access(level: object) -> None:
    assert _is_refused(WorkspaceChange, {"general_access": level})


@pytest.mark.parametrize("archived", ["true", "yes", 0, 1, [], {}])
def test_archived_is_true_or_false(archived: object) -> None:
    assert _is_refused(WorkspaceChange, {"archived": archived})


@pytest.mark.parametrize("role", ["", "Viewer", "creator", "owner", "co_owner", None, 1, True, ["viewer"], {}])
def test_no_other_word_is_a_role_to_give(role: object) -> None:
    assert _is_refused(GrantChange, {"role": role})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2030-01-01t00:00:00z", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2030-01-01T02:00:00+02:00", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2029-12-31T18:30:00.250-05:30", datetime(2030, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_taken_with_any_offset_and_held_in_utc(text: str, moment: datetime) -> None:
    expires_at = GrantChange.model_validate({"role": "viewer", "expires_at": text}).expires_at

    assert expires_at is not None
    assert (moment, timedelta(0)) == (expires_at, expires_at.utcoffset())


def test_a_grant_may_be_without_an_end() -> None:
    assert GrantChange.model_validate({"role": "viewer"}).expires_at is None
    assert GrantChange.model_validate({"role": "viewer", "expires_at": None}).expires_at is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2030-01-01",
        "2030-01-01T00:00:00",
        "2030-01-01 00:00:00Z",
        "2030-02-30T00:00:00Z",
        "2030-01-01T25:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+12:00",
        "99999-01-01T00:00:00Z",
        "٢٠٣٠-٠١-٠١T٠٠:٠٠:٠٠Z",
        "1893456000",
        1893456000,
        1893456000.5,
        True,
        [],
        {},
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    assert _is_refused(GrantChange, {"role": "viewer", "expires_at": value})


def test_times_are_written_in_utc_whatever_their_zone() -> None:
    moment = datetime(2030, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=2)))

    decision = ServerDecision(person="id-of-bob", name="bob", role="viewer", reasons=[], until=moment)

    assert json.loads(decision.model_dump_json())["until"] == "2030-01-01T00:00:00Z"


def test_a_time_without_a_zone_is_never_written() -> None:
    with pytest.raises(ValidationError):
        ServerDecision(person="id-of-bob", name="bob", role="viewer", reasons=[], until=datetime(2030, 1, 1))


def test_no_access_is_written_as_no_role() -> None:
    access = Access(user="bob", role=None, reasons=[])

    assert access.model_dump(mode="json") == {"user": "bob", "role": None, "reasons": [], "until": None}


def test_a_list_is_written_with_items_and_the_next_cursor() -> None:
    page = Page(items=[Principal(kind="group", name="/astro/dust")])

    item = {"kind": "group", "name": "/astro/dust", "people": None, "subgroups": []}
    assert page.model_dump(mode="json") == {"items": [item], "next": None}


def test_the_words_on_the_wire_are_the_words_of_the_policy() -> None:
    assert [role.word for role in policy.Role] == list(get_args(bodies.RoleWord))
    assert [role.word for role in policy.GRANTABLE] == list(get_args(bodies.GrantableWord))
    assert [level.value for level in policy.GeneralAccess] == list(get_args(bodies.GeneralAccessWord))
    assert [kind.value for kind in policy.PrincipalKind] == list(get_args(bodies.KindWord))
    assert {through.value for through in policy.Through} == set(
        get_args(bodies.Reason.model_fields["through"].annotation)
    )


@pytest.mark.parametrize("model", [model for model, _ in INPUTS])
def test_every_field_that_is_sent_has_a_description(model: type[Input]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []
