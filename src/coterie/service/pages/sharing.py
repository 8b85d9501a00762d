"""The share window of a workspace: who has access, and changing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from coterie.actions.change import change_workspace
from coterie.actions.errors import Refused
from coterie.actions.explain import explain_access
from coterie.actions.listing import get_workspace
from coterie.actions.principals import knows_nobody, search_principals
from coterie.actions.requests import list_requests
from coterie.actions.seen import ChangedMeanwhile, HasAccessAlready, Seen
from coterie.actions.share import (
    list_grants,
    list_present,
    loses_control,
    remove_and_restart,
    remove_grants,
    set_grant,
)
from coterie.actions.stop import stop_workspace
from coterie.actions.watch import watch_access
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import GeneralAccess, Person
from coterie.service.dependencies import InWorld, WithSettings
from coterie.service.headers import content_security_policy
from coterie.service.pages.inviting import GUESTS_SHOWN, show_invited
from coterie.service.pages.reaching import find_reach
from coterie.service.pages.rendering import SignedIn, addresses_of, answer, is_home, offers
from coterie.service.pages.requests import Field, count_shown, read, wants_fragment
from coterie.service.sign_in import GuardedForm, KnownTokens, PageCaller, SignedInOnPage, SignInFirst, page_caller
from coterie.wire.bodies import NAME_MAX, GrantChange, KindWord, Principal, WorkspaceChange
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/w/{workspace_id}/share", include_in_schema=False)

#: How many of the people with access are shown before somebody asks for more, and how many at most.
_SHOWN = 50
_SHOWN_MAX = 500
#: What a form sends as the version of the grant of somebody who had none when it was shown.
_NONE_SEEN = "none"

Shown = Annotated[int, Query(ge=1)]
Text = Annotated[str, Query(max_length=NAME_MAX)]


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the list of people the window shows: names with *matching* in them, *shown* of them, from *after*
    on; and how many guests."""

    matching: str = ""
    shown: int = _SHOWN
    after: str | None = None
    guests_shown: int = GUESTS_SHOWN


def _part(matching: str, shown: str) -> Part:
    """The part that a form says the window shows."""
    return Part(matching.strip()[:NAME_MAX], count_shown(shown, _SHOWN))


@router.get("")
async def show_window(
    request: Request,
    workspace_id: str,
    caller: SignedInOnPage,
    world: InWorld,
    settings: WithSettings,
    matching: Text = "",
    after: str | None = None,
) -> Response:
    """The share window; for whoever may not manage access, their own role and whom to ask."""
    workspace = await get_workspace(world, caller.person, workspace_id)
    if not offers(workspace, "manage-access"):
        return answer(request, "sharing/own_access.html", caller, workspace=workspace)
    context = await _state(world, caller, workspace_id, Part(matching.strip(), after=after))
    if not is_home(workspace):
        return answer(request, "sharing/window.html", caller, **context)
    reach = await find_reach(world, caller.person)
    headers = {"Content-Security-Policy": content_security_policy(settings, asks=reach.origin)}
    return answer(request, "sharing/window.html", caller, headers=headers, reach=reach, **context)


@router.get("/people")
async def show_people(
    request: Request,
    workspace_id: str,
    caller: SignedInOnPage,
    world: InWorld,
    matching: Text = "",
    after: str | None = None,
) -> Response:
    """The list of people, or with *after* the rows that follow."""
    context = await _state(world, caller, workspace_id, Part(matching.strip(), after=after))
    return answer(request, "sharing/people.html" if after is None else "sharing/rows.html", caller, **context)


@router.get("/state")
async def show_state(
    request: Request,
    workspace_id: str,
    caller: SignedInOnPage,
    world: InWorld,
    matching: Text = "",
    shown: Shown = _SHOWN,
    guests_shown: Shown = GUESTS_SHOWN,
) -> Response:
    """All in the window that others can change, as it is now."""
    context = await _state(world, caller, workspace_id, Part(matching.strip(), shown, guests_shown=guests_shown))
    return answer(request, "sharing/state.html", caller, **context)


@router.get("/events")
async def follow(
    request: Request,
    workspace_id: str,
    caller: SignedInOnPage,
    world: InWorld,
    settings: WithSettings,
    tokens: KnownTokens,
) -> Response:
    """Says when there is something new to see in the window, as server-sent events."""

    async def watcher() -> Person | None:
        try:
            return (await page_caller(request, world, settings, tokens)).person
        except SignInFirst:
            return None
        except HubError:
            return caller.person  # a Hub that restarts signs nobody out

    events = watch_access(world, caller.person, workspace_id, watcher)
    await anext(events)  # a refusal is raised here, while it can still be an answer of its own
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.get("/principals")
async def suggest(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld, q: str = "") -> Response:
    """Whom the caller may share with, as options of the combobox."""
    found = (await search_principals(world, caller.person, q.strip())).items
    present = await list_present(world, caller.person, workspace_id, found)
    return answer(
        request,
        "sharing/suggestions.html",
        caller,
        principals=found,
        present={(grant.kind, grant.name): grant for grant in present},
        typed=q.strip(),
        knows_nobody=await knows_nobody(world, caller.person),
    )


@router.get("/check")
async def check(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld, who: str = "") -> Response:
    """What somebody may do here, with all the reasons."""
    if not who.strip():
        raise Refused(ProblemCode.INVALID_INPUT, "Type the name of the person to check.")
    access = await explain_access(world, caller.person, workspace_id, who.strip())
    template = "sharing/checked.html" if wants_fragment(request) else "sharing/check.html"
    return answer(request, template, caller, workspace_id=workspace_id, access=access)


@router.post("/grants")
async def grant(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    q: Field = "",
    kind: Field = "",
    name: Field = "",
    role: Field = "",
    until: Field = "",
    expires_at: Field = "",
    lasting: Field = "",
    version: Field = "",
    confirmed: Field = "",
    matching: Field = "",
    shown: Field = "",
) -> Response:
    """Gives a role to a principal: the one chosen (*kind* and *name*), or the one whose name was typed (*q*).

    Where several kinds go by the typed name, asks which one is meant and changes nothing; so too where the caller would
    lose the window by it, and where the principal has access already.
    """
    ends = "" if lasting else _end(until, expires_at)
    change = read(GrantChange, role=role, **({"expires_at": ends} if ends else {}))
    chosen = [_principal(kind, name)] if kind else await _called(world, caller, q.strip())
    asked = {"workspace_id": workspace_id, "role": change.role, "ends": ends}
    if len(chosen) > 1:
        return _ask(request, caller, "which", **asked, principals=chosen)
    who = chosen[0]
    if not confirmed and await loses_control(world, caller.person, workspace_id, who.kind, who.name, change):
        return _ask(request, caller, "losing", **asked, principal=who, seen=version)
    part = _part(matching, shown)
    try:
        granted = await set_grant(world, caller.actor, workspace_id, who.kind, who.name, change, _seen(version))
    except HasAccessAlready as present:
        return _ask(request, caller, "present", **asked, principal=who, sentence=present.detail, present=present)
    except ChangedMeanwhile as changed:
        return await _conflict(request, caller, world, workspace_id, part, changed)
    return await show_changed(request, caller, world, workspace_id, part, "sharing/granted.html", grant=granted)


@router.post("/remove")
async def remove(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    kind: Field = "",
    name: Field = "",
    version: Field = "",
    restart: Field = "",
    confirmed: Field = "",
    matching: Field = "",
    shown: Field = "",
) -> Response:
    """Removes all that names a principal, and says what still lets them in; with *restart* stops the server after it.

    Asks first where the caller would lose the window by it.
    """
    who = _principal(kind, name)
    if not confirmed and await loses_control(world, caller.person, workspace_id, who.kind, who.name, None):
        asked = {"workspace_id": workspace_id, "role": "", "ends": ""}
        return _ask(request, caller, "losing", **asked, principal=who, seen=version)
    part = _part(matching, shown)
    act = remove_and_restart if restart else remove_grants
    try:
        removal = await act(world, caller.actor, workspace_id, who.kind, who.name, _seen(version))
    except ChangedMeanwhile as changed:
        return await _conflict(request, caller, world, workspace_id, part, changed)
    return await show_changed(
        request, caller, world, workspace_id, part, "sharing/removed.html", principal=who, removal=removal
    )


@router.post("/stop")
async def stop(request: Request, workspace_id: str, caller: GuardedForm, world: InWorld) -> Response:
    """Stops the server, so that nothing goes on that somebody left running in it."""
    await stop_workspace(world, caller.actor, workspace_id)
    return await show_changed(request, caller, world, workspace_id, Part(), "sharing/stopped.html")


@router.post("/general-access")
async def set_general_access(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    general_access: Field = "",
    seen: Field = "",
) -> Response:
    """Sets who reaches the workspace without a grant; where the form says what it was shown with, only from that."""
    change = read(WorkspaceChange, general_access=general_access)
    before = read(WorkspaceChange, general_access=seen).general_access if seen else None
    try:
        await change_workspace(
            world, caller.actor, workspace_id, change, None if before is None else GeneralAccess(before)
        )
    except ChangedMeanwhile as changed:
        template = "sharing/general_access_conflict.html"
        return await _conflict(request, caller, world, workspace_id, Part(), changed, template)
    return await show_changed(request, caller, world, workspace_id, Part(), "sharing/general_access_set.html")


def _principal(kind: str, name: str) -> Principal:
    if not name:
        raise Refused(ProblemCode.INVALID_INPUT, "Type or choose whom to share with.")
    return read(Principal, kind=kind, name=name)


def _seen(version: str) -> Seen | None:
    """What the form was shown with; a form that does not say overwrites whatever is there."""
    if not version:
        return None
    return Seen(None if version == _NONE_SEEN else version)


def _end(until: str, expires_at: str) -> str:
    """The end as the API takes it: *expires_at*, which script worked out, or the end of the day *until* in UTC; empty
    where neither is said."""
    if expires_at or not until:
        return expires_at
    try:
        day = date.fromisoformat(until)
    except ValueError as error:
        raise Refused(ProblemCode.INVALID_INPUT, "The end is not a date. Write it like 2030-01-31.") from error
    return datetime.combine(day, time(23, 59, 59), UTC).isoformat()


async def _called(world: World, caller: SignedIn, typed: str) -> list[Principal]:
    """Everybody the caller may share with who is called *typed*; a user of that name where nobody is."""
    kinds: tuple[KindWord, ...] = ("user", "right", "group")
    found = [await search_principals(world, caller.person, typed, kind) for kind in kinds if typed]
    exact = [principal for page in found for principal in page.items if principal.name == typed]
    return exact or [_principal("user", typed)]


async def _state(world: World, caller: PageCaller, workspace_id: str, part: Part) -> dict[str, Any]:
    """What the templates of the window need to show *part* of it. Raises Refused for whoever may not see the list."""
    workspace = await get_workspace(world, caller.person, workspace_id)
    limit = max(_SHOWN, min(part.shown, _SHOWN_MAX))
    page = await list_grants(
        world,
        caller.person,
        workspace_id,
        after=part.after,
        limit=limit,
        matching=part.matching,
        with_guests=False,
    )
    requests = await list_requests(world, caller.person, workspace_id)
    invited = await show_invited(world, caller, workspace_id, shown=part.guests_shown)
    return invited | {
        "workspace": workspace,
        "grants": page.items,
        "next": page.next,
        "matching": part.matching,
        "requests": requests.items,
    }


def _ask(request: Request, caller: SignedIn, question: str, **context: Any) -> Response:
    """A question that comes before a change, in the notice or on a page of its own. Nothing has changed yet."""
    template = f"notice/{question}.html"
    if not wants_fragment(request):
        return answer(request, "sharing/asked.html", caller, question=template, **context)
    headers = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
    return answer(request, template, caller, headers=headers, **context)


async def _conflict(
    request: Request,
    caller: PageCaller,
    world: World,
    workspace_id: str,
    part: Part,
    changed: ChangedMeanwhile,
    template: str = "sharing/conflict.html",
) -> Response:
    """Says that somebody else was quicker, and shows what is there now."""
    if not wants_fragment(request):
        raise changed
    context = await _state(world, caller, workspace_id, part)
    return answer(request, template, caller, status=409, sentence=changed.detail, **context)


async def show_changed(
    request: Request,
    caller: PageCaller,
    world: World,
    workspace_id: str,
    part: Part,
    template: str,
    **context: Any,
) -> Response:
    """The answer to a change that was made: *template* with the window's *part* as it is now.

    Whoever has just taken the right to see the list from themselves gets the whole window anew.
    """
    if not wants_fragment(request):
        return RedirectResponse(addresses_of(request).path("w", workspace_id, "share"), 303)
    try:
        state = await _state(world, caller, workspace_id, part)
    except Refused:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return answer(request, template, caller, **state, **context)
