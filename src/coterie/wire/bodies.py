"""Bodies of the API: what goes in is checked here, what comes out has one shape here.

Times are RFC 3339 in UTC. Input models refuse unknown fields and wrong types instead of guessing.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema

RoleWord = Literal["viewer", "editor", "co-owner", "creator"]
GrantableWord = Literal["viewer", "editor", "co-owner"]
GeneralAccessWord = Literal["restricted", "link", "global"]
KindWord = Literal["user", "right", "group"]
ServerState = Literal["stopped", "starting", "running", "stopping"]
SectionWord = Literal["favourites", "mine", "shared", "global", "archived"]

NAME_MAX = 255
#: How many people a server may ask about at once.
PEOPLE_MAX = 500
Item = TypeVar("Item")
# What an HTML parser takes for the start of a tag; "T < 300 K" and "x < y" are not.
_TAG = re.compile(r"<[A-Za-z/!?]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _only_rfc3339(value: object) -> object:
    # Lax parsing is needed for texts, and would also take numbers and dates without a time.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise ValueError("A time is a text like 2030-01-31T12:00:00Z.")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("That time is beyond what a calendar holds.") from error


def clean_name(value: str) -> str:
    """A workspace's name without surrounding blanks, at most NAME_MAX characters long. Raises ValueError where nothing
    that can be seen, a control character or an HTML tag is in it."""
    name = unicodedata.normalize("NFC", value).strip()
    if all(unicodedata.category(character) in ("Cf", "Zs") for character in name):
        raise ValueError("A name needs at least one character that can be seen.")
    if len(name) > NAME_MAX:  # composing can make a text longer
        raise ValueError(f"A name has at most {NAME_MAX} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError("A name cannot contain line breaks or control characters.")
    if _TAG.search(name):
        raise ValueError("A name cannot contain HTML tags.")
    return name


Time = Annotated[AwareDatetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
InputTime = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_only_rfc3339), AfterValidator(_in_utc)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX), AfterValidator(clean_name)]


class Input(BaseModel):
    """A body that somebody sends."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewWorkspace(Input):
    """What is needed to create a workspace."""

    name: Name = Field(description="What people call it.", examples=["Penguins"])


class WorkspaceChange(Input):
    """What to change about a workspace; what is left out stays."""

    name: Name | SkipJsonSchema[None] = Field(default=None, description="A new name.")
    general_access: GeneralAccessWord | SkipJsonSchema[None] = Field(
        default=None, description="Who reaches it without a grant."
    )
    archived: bool | SkipJsonSchema[None] = Field(default=None, description="Put away for everybody, or back.")

    @field_validator("*", mode="before")
    @classmethod
    def _is_left_out_rather_than_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("Leave out what is to stay as it is.")
        return value


class GrantChange(Input):
    """The role to give."""

    role: GrantableWord = Field(description="The role the principal gets.")
    expires_at: InputTime | None = Field(default=None, description="When the grant ends by itself; null for never.")


class NamesQuestion(Input):
    """Whose names a server wants to know."""

    people: list[Annotated[str, Field(max_length=NAME_MAX)]] = Field(
        max_length=PEOPLE_MAX, description="Opaque ids of people, as decisions gave them."
    )


class DecisionsQuestion(Input):
    """About whom a server wants to know what they may do."""

    names: list[Annotated[str, Field(max_length=NAME_MAX)]] = Field(max_length=PEOPLE_MAX, description="Hub names.")


class Me(BaseModel):
    """The caller."""

    name: str
    administrator: bool
    groups: list[str]
    rights: list[str]


class Reason(BaseModel):
    """One way on which a role reaches a person."""

    role: RoleWord
    through: Literal["creator", "administrator", "user", "right", "group", "link", "global"]
    name: str | None = Field(default=None, description="The right's or group's name.")
    until: Time | None = None
    sentence: str = Field(description="The same for people.", examples=["Editor through the group astro"])


class Workspace(BaseModel):
    """A workspace as its caller sees it."""

    id: str
    name: str
    role: RoleWord
    general_access: GeneralAccessWord
    creator: str
    favourite: bool
    archived: bool
    server: ServerState
    created_at: Time
    shared_by: str | None = Field(
        default=None, description="Who gave you your grant; null where you created it, or none reaches you."
    )
    is_new: bool = Field(default=False, description="Shared with you, and you have never opened it.")
    requests: int = Field(default=0, description="How many people ask to be let in; 0 unless you manage access.")


class WorkspaceDetail(Workspace):
    """A workspace with the reasons why the caller has it."""

    reasons: list[Reason]


class Grant(BaseModel):
    """Who has which role in a workspace, and how it came."""

    kind: KindWord
    name: str
    role: RoleWord
    since: Time
    by: str | None = Field(default=None, description="Who gave it; null for the Creator's own role.")
    expires_at: Time | None = None
    source: str = Field(description='"direct", or the id of the invitation it came from.')
    version: str | None = Field(
        default=None, description="The state of this grant, for If-Match; null for the Creator's own role."
    )
    people: int | None = Field(default=None, description="How many people a group reaches now; null of other kinds.")
    subgroups: list[str] = Field(default=[], description="Groups below this one, whose members it does not reach.")
    is_gone: bool = Field(default=False, description="The account or the group no longer exists at the Hub.")


class Remaining(BaseModel):
    """What still reaches the principal after a removal."""

    remaining: list[Reason]


class Opened(BaseModel):
    """The way into a workspace. *url* is None until the server runs."""

    state: ServerState
    url: str | None = Field(description="The workspace in JupyterLab; null until it can be entered.")
    progress_url: str = Field(description="An event stream that tells how the start goes.")


class Progress(BaseModel):
    """One step of a start, as the progress stream sends it."""

    progress: int = Field(ge=0, le=100)
    message: str
    ready: bool = False
    failed: bool = False
    url: str | None = None


class Access(BaseModel):
    """The decision for one person: role null means no access."""

    user: str
    role: RoleWord | None
    reasons: list[Reason]
    until: Time | None = None


class Principal(BaseModel):
    """Somebody a workspace can be shared with."""

    kind: KindWord
    name: str
    people: int | None = Field(default=None, description="How many people a group reaches now; null of other kinds.")
    subgroups: list[str] = Field(default=[], description="Groups below this one, whose members it does not reach.")


class Page(BaseModel, Generic[Item]):
    """A part of a list; *next* is the cursor of the part that follows."""

    items: list[Item]
    next: str | None = None


class CopySource(BaseModel):
    """Where the files of a copy come from."""

    workspace: str = Field(description="The id of the workspace that is copied.")
    account: str = Field(description="Its account, whose files they are.")
    creator: str = Field(description="Who has it copied, the Creator of the copy.")
    with_outputs: bool = Field(description="Notebooks keep their outputs.")


class ServerFacts(BaseModel):
    """What a server learns about itself when it asks with its own token."""

    workspace: str = Field(description="A workspace's id, or ~name for a home.")
    name: str = Field(description="What people call it.")
    page_url: str = Field(description="The workspace's page at the service, for browsers.")
    is_copy: bool = Field(default=False, description="Whether it starts with another workspace's files.")
    source: CopySource | None = Field(
        default=None, description="Those of a copy; null where they are gone or its Creator may not copy them any more."
    )


class ServerDecision(BaseModel):
    """The decision for one person, as a server keeps it until *until* or its lease ends."""

    person: str = Field(description="The person's opaque id.")
    name: str
    role: RoleWord | None
    reasons: list[str]
    until: Time | None = None


class ServerDecisions(BaseModel):
    """The decisions for several people, in the order in which they were asked for."""

    decisions: list[ServerDecision]


class PeopleNames(BaseModel):
    """The names of people, by their ids. Who is not known in the workspace is left out."""

    names: dict[str, str]


class AccessEvent(BaseModel):
    """Somebody's access may have changed: look again. It never says the outcome. *name* null means everybody's."""

    revision: int
    name: str | None = None
    accepted: bool = Field(default=False, description="Because that person has just accepted an invitation.")


class VersionAuthor(BaseModel):
    """Somebody who worked on a version. *name* is None for a person whom nobody here knows by name, or not now."""

    name: str | None


class DocumentVersion(BaseModel):
    """A document as it was at *until*, and who worked on it since *since*."""

    id: str
    since: Time
    until: Time
    people: list[VersionAuthor]
    origin: Literal["edit", "outside", "kept"]


class Health(BaseModel):
    """What the health routes answer when all is well."""

    status: Literal["ok"]
