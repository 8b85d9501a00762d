"""The audit log as people read it: of one workspace, and of everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from coterie.actions.audit import Filters, list_audit
from coterie.actions.errors import Refused
from coterie.actions.listing import get_workspace
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import SignedIn, addresses_of, answer
from coterie.service.pages.requests import wants_fragment
from coterie.service.sign_in import SignedInOnPage
from coterie.wire.audit import AuditAct, AuditRecord
from coterie.wire.bodies import Page, Workspace
from coterie.wire.problems import ProblemCode

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form of the filters says, each field as it was typed. *workspace* is an id, for the whole log."""

    actor: str = ""
    act: str = ""
    since: str = ""
    until: str = ""
    workspace: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The fields that say something, for the addresses of this page."""
        named = {"actor": self.actor, "act": self.act, "since": self.since, "until": self.until}
        return {name: text for name, text in (named | {"workspace": self.workspace}).items() if text}

    def filters(self) -> Filters:
        """What it asks for; days are in UTC, and the last one counts. Raises Refused for what cannot be read."""
        if self.act and self.act not in list(AuditAct):
            raise Refused(ProblemCode.INVALID_INPUT, "The act is not one that can be chosen.")
        last = _day(self.until)
        return Filters(
            actor=self.actor or None,
            act=AuditAct(self.act) if self.act else None,
            since=_day(self.since),
            until=None if last is None else last + timedelta(days=1),
            workspace=self.workspace or None,
        )

    def export_fields(self) -> dict[str, str]:
        """The query of the API's export of the same."""
        filters = self.filters()
        days = {"since": filters.since, "until": filters.until}
        times = {name: day.isoformat().replace("+00:00", "Z") for name, day in days.items() if day is not None}
        return self.fields | times | {"format": "jsonl"}


def asked_for(actor: str = "", act: str = "", since: str = "", until: str = "", workspace: str = "") -> Asked:
    """The form's fields in the query of a request."""
    return Asked(actor.strip(), act, since, until, workspace)


Form = Annotated[Asked, Depends(asked_for)]


@router.get("/audit")
async def show_everything(
    request: Request, caller: SignedInOnPage, world: InWorld, asked: Form, after: str | None = None
) -> Response:
    """The whole audit log, for administrators; with *after*, the part that follows."""
    page = await list_audit(world, caller.person, None, asked.filters(), after=after)
    return _show(request, caller, page, asked, None, ("audit",), ("audit",))


@router.get("/w/{workspace_id}/audit")
async def show_history(
    request: Request,
    workspace_id: str,
    caller: SignedInOnPage,
    world: InWorld,
    asked: Form,
    after: str | None = None,
) -> Response:
    """The history of access to one workspace, for those who manage it."""
    workspace = await get_workspace(world, caller.person, workspace_id)
    page = await list_audit(world, caller.person, workspace_id, asked.filters(), after=after)
    here, call = ("w", workspace_id, "audit"), ("workspaces", workspace_id, "audit")
    return _show(request, caller, page, asked, workspace, here, call)


def _show(
    request: Request,
    caller: SignedIn,
    page: Page[AuditRecord],
    asked: Asked,
    workspace: Workspace | None,
    here: tuple[str, ...],
    call: tuple[str, ...],
) -> Response:
    """A part of the log. *here* are the parts of this page's path, *call* those of the API's that exports the same."""
    addresses = addresses_of(request)
    return answer(
        request,
        "audit/part.html" if wants_fragment(request) else "audit/page.html",
        caller,
        page=page,
        asked=asked,
        workspace=workspace,
        more=None if page.next is None else addresses.path(*here, **asked.fields, after=page.next),
        export=addresses.path("api", "v1", *call, **asked.export_fields()),
    )


def _day(text: str) -> datetime | None:
    """The beginning of the day that *text* names, as the browser's field for dates writes it; None for no text."""
    if not text:
        return None
    try:
        day = datetime.combine(date.fromisoformat(text), time.min, UTC)
        return day if day + timedelta(days=1) else None
    except (ValueError, OverflowError) as error:
        raise Refused(ProblemCode.INVALID_INPUT, "A date is written like 2030-01-31.") from error
