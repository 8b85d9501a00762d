"""Turns templates into answers. Everything a template prints is escaped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from coterie.policy import ADMITTED, GRANTABLE, INVITABLE, Act, Allow, Person, Role, may, may_run, usual_role
from coterie.service.dependencies import get_settings
from coterie.service.pages import assets
from coterie.service.pages.addresses import Addresses
from coterie.wire.audit import AuditAct, Via
from coterie.wire.bodies import NAME_MAX, Workspace
from coterie.wire.invitations import EXPIRES_USUALLY, USES_MAX
from coterie.wire.names import home_of
from coterie.wire.requests import NOTE_MAX

#: The levels of general access: word, label, and what it means to the people of a workspace.
GENERAL_ACCESS = (
    ("restricted", "Restricted", "Only the people with access can open it."),
    ("link", "Anyone with link", "Anyone who can sign in and has the link can view it."),
    ("global", "Global", "Everyone can view it and has it in their list."),
)
#: On which way somebody came who did something.
VIA_WORDS = {Via.PAGE: "on a page", Via.API: "through the API", Via.LINK: "by the link"}
_UNITS = ((31536000, "year"), (2592000, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))

_LEFT = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
#: For how long a link may be made to work (seconds, words).
LINKS_LAST = ((600, "10 minutes"), (3600, "1 hour"), (86400, "1 day"), (604800, "1 week"), (2592000, "30 days"))


class SignedIn(Protocol):
    """Who looks at a page, and the token that their changes must carry."""

    @property
    def person(self) -> Person: ...

    @property
    def csrf(self) -> str: ...


def offers(workspace: Workspace, act: str) -> bool:
    """Whether a page shows *act* to somebody with this role. The action behind it decides for itself."""
    return bool(may(Allow(Role.parse(workspace.role), ()), Act(act), is_home=is_home(workspace)))


def is_home(workspace: Workspace) -> bool:
    """Whether it is a person's home."""
    return home_of(workspace.id) is not None


def can_run(role: str) -> bool:
    """Whether somebody with the role of this word can have left something running in the server."""
    return bool(may_run(Role.parse(role)))


def ago(time: datetime, now: datetime) -> str:
    """How long *time* lies back, as people say it."""
    seconds = (now - time).total_seconds()
    for length, unit in _UNITS:
        count = int(seconds // length)
        if count > 0:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def seconds_until(time: datetime, now: datetime) -> int:
    """How many whole seconds it is from *now* to *time*; 0 where that is past."""
    return max(0, int((time - now).total_seconds()))


def for_how_long(seconds: int) -> str:
    """A time that is left, as its two largest units: ``59 min 30 s``. Script counts down in the same words."""
    left = [(seconds // length, unit) for length, unit in _LEFT]
    parts = [(count % top if top else count, unit) for (count, unit), top in zip(left, (0, 24, 60, 60), strict=True)]
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2])


def exact(time: datetime) -> str:
    """The instant itself, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def moment(time: datetime, now: datetime, *, seconds: bool = False) -> str:
    """The instant in UTC, with *seconds* or to the minute, and without the day where that is the present one."""
    day = "" if time.astimezone(UTC).date() == now.date() else "%Y-%m-%d "
    return time.astimezone(UTC).strftime(f"{day}{'%H:%M:%S' if seconds else '%H:%M'} UTC")


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def initials(name: str) -> str:
    """One or two characters that stand for *name* in a circle."""
    letters = [word[0] for word in name.replace("-", " ").replace(".", " ").replace("_", " ").split()]
    return "".join(letters[:2]).upper() or "?"


def element_id(*parts: str) -> str:
    """An id for an element about *parts* that stays the same and is safe in every selector."""
    return "e" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("coterie.service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=ago,
        exact=exact,
        for_how_long=for_how_long,
        initials=initials,
        moment=moment,
        rfc3339=_rfc3339,
        seconds_until=seconds_until,
    )
    environment.globals.update(
        offers=offers,
        is_home=is_home,
        is_home_address=lambda text: home_of(text) is not None,
        admitted=ADMITTED,
        invitable=[(role.word, role.title) for role in INVITABLE],
        usual_role=lambda is_home: usual_role(is_home=is_home).word,
        links_last=LINKS_LAST,
        links_usually_last=EXPIRES_USUALLY,
        uses_max=USES_MAX,
        can_run=can_run,
        element_id=element_id,
        version=assets.version,
        grantable=[(role.word, role.title) for role in GRANTABLE],
        role_title={role.word: role.title for role in Role},
        general_access_levels=GENERAL_ACCESS,
        name_max=NAME_MAX,
        audit_acts=[act.value for act in AuditAct],
        via_words=VIA_WORDS,
        note_max=NOTE_MAX,
    )
    return environment


_TEMPLATES = _environment()


def render(template: str, addresses: Addresses, caller: SignedIn | None = None, **context: Any) -> str:
    """The text of *template*. *caller* is None on pages that must not depend on who looks at them."""
    page = _TEMPLATES.get_template(template)
    return page.render(addresses=addresses, signed_in=caller, now=datetime.now(UTC), **context)


def answer(
    request: Request,
    template: str,
    caller: SignedIn | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """*template* as the answer to *request*."""
    text = render(template, addresses_of(request), caller, **context)
    return HTMLResponse(text, status, {"Vary": "HX-Request", **(headers or {})})


def addresses_of(request: Request) -> Addresses:
    """The addresses of the application that *request* came to."""
    settings = get_settings(request)
    return Addresses(settings.public_url, settings.hub_url)
