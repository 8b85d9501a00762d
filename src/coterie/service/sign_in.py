"""Who is calling: people by bearer token or by the cookie of a page, servers by their own token.

Pages sign in by OAuth at the Hub (RFC 6749 section 4.1 with PKCE, RFC 7636). The cookie holds the access token that the
Hub made for this sign-in; it is good for this service alone and ends with the Hub's logout.

Cookies travel from every workspace's page, because workspaces are on the same site. So a change by cookie counts only
with a CSRF token, which no other origin can read, and only where the browser says that the request comes from this
origin. Nor does a page of another origin have anything looked at with the cookie: it can lead a browser here, as links
do, and may show the sidebar, and whatever else it asks for is refused before it is known who is asking (W3C Fetch
Metadata, section 2), so that it learns nothing from how long an answer takes either.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from coterie.actions.actor import Actor
from coterie.actions.errors import Refused
from coterie.actions.world import World
from coterie.hubapi import HubRefused
from coterie.policy import Person
from coterie.service.dependencies import InWorld, WithSettings
from coterie.service.settings import Settings
from coterie.service.tokens import Tokens
from coterie.wire.audit import Via
from coterie.wire.problems import ProblemCode

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_STATE_MAX_AGE = 600
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")

router = APIRouter(include_in_schema=False)


class SignInFirst(Exception):
    """A page was asked for by nobody in particular: send the browser to the Hub. Handled by the application."""


@dataclass(frozen=True, slots=True)
class PageCaller:
    """The person behind a page, and the CSRF token that their page's changes carry."""

    person: Person
    csrf: str
    address: str | None = None

    @property
    def actor(self) -> Actor:
        """The person as whoever changes something on a page."""
        return Actor(self.person, Via.PAGE, self.address)


def get_tokens(request: Request) -> Tokens:
    """The tokens of this application."""
    tokens: Tokens = request.app.state.tokens
    return tokens


KnownTokens = Annotated[Tokens, Depends(get_tokens)]


async def api_caller(request: Request, world: InWorld, settings: WithSettings, tokens: KnownTokens) -> Person:
    """The person behind an API call: a bearer token's, else the page's session's. Changes by cookie are guarded."""
    token = _bearer(request)
    if token is None:
        _refuse_pages_elsewhere(request, settings)
        token = _kept_token(request, settings)
        if token is not None and request.method not in _SAFE_METHODS:
            await _guard(request, settings, token)
    if token is None:
        raise Refused(ProblemCode.SIGN_IN_NEEDED, "Send a token of the Hub in the Authorization header.")
    person = await _person(world, tokens, token)
    if person is not None:
        return person
    if await tokens.is_known(token):
        raise Refused(
            ProblemCode.NOT_A_PERSON, "This token does not speak for a person here; it lacks access to this service."
        )
    raise Refused(ProblemCode.SIGN_IN_NEEDED, "The Hub does not know this token, or it has expired.")


async def acting_caller(request: Request, person: Annotated[Person, Depends(api_caller)]) -> Actor:
    """The person behind an API call that changes something, and where they come from."""
    return Actor(person, Via.API if _bearer(request) is not None else Via.PAGE, _address(request))


async def page_caller(request: Request, world: InWorld, settings: WithSettings, tokens: KnownTokens) -> PageCaller:
    """The person who looks at a page. Raises SignInFirst where there is none."""
    _refuse_pages_elsewhere(request, settings)
    token = _kept_token(request, settings)
    person = None if token is None else await _person(world, tokens, token)
    if token is None or person is None:
        raise SignInFirst
    return PageCaller(person, _csrf(token), _address(request))


async def guarded_form(
    request: Request, settings: WithSettings, caller: Annotated[PageCaller, Depends(page_caller)]
) -> PageCaller:
    """The person who changes something on a page, after the guard has passed."""
    await _guard(request, settings, request.cookies[_cookie(settings)])
    return caller


async def server_caller(request: Request, tokens: KnownTokens) -> str:
    """The account whose server calls."""
    token = _bearer(request)
    account = None if token is None else await tokens.server_behind(token)
    if account is None:
        raise Refused(ProblemCode.NOT_A_PERSON, "Only a server may ask this, with the token that the Hub gave it.")
    return account


Caller = Annotated[Person, Depends(api_caller)]
ActingCaller = Annotated[Actor, Depends(acting_caller)]
SignedInOnPage = Annotated[PageCaller, Depends(page_caller)]
GuardedForm = Annotated[PageCaller, Depends(guarded_form)]
CallingServer = Annotated[str, Depends(server_caller)]


def sign_in_redirect(request: Request, settings: Settings) -> Response:
    """Send the browser to the Hub to sign in and to come back here. What isn't a plain page view comes back to the
    workspaces."""
    # As it was asked for: a path that is decoded may be another one.
    path = request.scope["raw_path"].decode("latin-1")
    back = path if request.method == "GET" and path.startswith(settings.prefix) else ""
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect_uri,
        "response_type": "code",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    target = f"{settings.hub_url}hub/api/oauth2/authorize?{urlencode(query)}"
    if request.headers.get("HX-Request"):
        # A fragment cannot sign in: htmx loads the page anew, which then does.
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    response = RedirectResponse(target, status_code=302)
    kept = base64.urlsafe_b64encode(json.dumps([state, verifier, back or settings.prefix]).encode()).decode()
    _set_cookie(response, settings, f"{_cookie(settings)}-sign-in", kept, max_age=_STATE_MAX_AGE)
    return response


@router.get("/oauth_callback")
async def oauth_callback(
    request: Request, world: InWorld, settings: WithSettings, code: str = "", state: str = ""
) -> Response:
    """Where the Hub sends the browser back to. A state that this browser did not start begins a new sign-in."""
    name = f"{_cookie(settings)}-sign-in"
    try:
        expected, verifier, back = json.loads(base64.urlsafe_b64decode(request.cookies.get(name, "")))
        is_ours = hmac.compare_digest(str(expected).encode(), state.encode()) and str(back).startswith(settings.prefix)
    except (ValueError, TypeError):
        is_ours = False
    if not code or not is_ours:
        raise Refused(ProblemCode.FORGED_REQUEST, "This sign-in was not started here or is too old. Please try again.")
    try:
        token = await world.hub.exchange_code(
            code,
            verifier=verifier,
            client_id=settings.client_id,
            secret=settings.api_token,
            redirect_uri=settings.redirect_uri,
        )
    except HubRefused as error:
        raise Refused(ProblemCode.FORGED_REQUEST, "The Hub did not confirm this sign-in. Please try again.") from error
    response = RedirectResponse(back, status_code=303)
    _set_cookie(response, settings, _cookie(settings), token)
    _delete_cookie(response, settings, name)
    return response


@router.get("/sign-out")
async def sign_out(request: Request, settings: WithSettings, tokens: KnownTokens) -> Response:
    """Ends the session here, and leads to the Hub's logout, which ends all others that began with the same sign-in.

    It does not rely on the Hub's for this one: that finds a browser's sessions by a cookie which pages of workspaces
    can replace. No page elsewhere signs anybody out: whoever is led here by one gets their workspaces.
    """
    if not _is_from_here(request, settings, request.headers.get("Referer", "")):
        return RedirectResponse(settings.prefix, status_code=303)
    token = _kept_token(request, settings)
    if token is not None:
        await tokens.end(token)
    response = RedirectResponse(f"{settings.hub_url}hub/logout", status_code=303)
    _delete_cookie(response, settings, _cookie(settings))
    return response


def token_of(request: Request, settings: Settings) -> str | None:
    """The token that whoever sends *request* is known by, if it is one: a call of the API's in its header, else the one
    in the cookie."""
    is_call = request.url.path.startswith(f"{settings.prefix}api/")
    return (_bearer(request) if is_call else None) or _kept_token(request, settings)


def address_of(request: Request) -> IPv4Address | IPv6Address | None:
    """The address that *request* came from: the one that the proxy in front names, where uvicorn trusts it. One of IPv4
    is that also where it is written in IPv6 (RFC 4291, section 2.5.5.2). None where what is named there is no address.
    """
    try:
        address = ip_address("" if request.client is None else request.client.host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


async def _person(world: World, tokens: Tokens, token: str) -> Person | None:
    name = await tokens.person_behind(token)
    return None if name is None else await world.people.find(name)


def _is_from_here(request: Request, settings: Settings, otherwise: str) -> bool:
    """Whether a page of this origin sent *request*; where the browser does not say so, whether *otherwise* is an
    address of this origin."""
    site = request.headers.get("Sec-Fetch-Site")
    return site == "same-origin" if site is not None else f"{otherwise}/".startswith(f"{settings.origin}/")


def is_asked_elsewhere(request: Request, settings: Settings) -> bool:
    """Whether a page of another origin asks for this, and not a browser that goes where it was led: to a page of its
    own or to the sidebar in a frame."""
    if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
        return False
    shown_as = {"document", "iframe"} if request.url.path == f"{settings.prefix}sidebar" else {"document"}
    is_led_here = request.headers.get("Sec-Fetch-Mode") == "navigate"
    return not is_led_here or request.headers.get("Sec-Fetch-Dest") not in shown_as


def _refuse_pages_elsewhere(request: Request, settings: Settings) -> None:
    if is_asked_elsewhere(request, settings):
        raise Refused(ProblemCode.FORGED_REQUEST, "This did not come from a page of Coterie.")


async def _guard(request: Request, settings: Settings, token: str) -> None:
    """Refuse a change that did not come from a page of this origin."""
    sent = request.headers.get("X-CSRF-Token")
    if sent is None and request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get("csrf")
        sent = value if isinstance(value, str) else None
    is_from_here = _is_from_here(request, settings, request.headers.get("Origin", ""))
    if not is_from_here or not hmac.compare_digest((sent or "").encode(), _csrf(token).encode()):
        raise Refused(
            ProblemCode.FORGED_REQUEST, "This change did not come from a page of Coterie. Reload and try again."
        )


def _address(request: Request) -> str | None:
    address = address_of(request)
    return None if address is None else str(address).partition("%")[0]  # the zone of an IPv6 address may be any text


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return _plausible(token.strip()) if scheme.lower() in ("bearer", "token") else None


def _kept_token(request: Request, settings: Settings) -> str | None:
    return _plausible(request.cookies.get(_cookie(settings), ""))


def _plausible(token: str) -> str | None:
    """*token* if it could be one: what no header can carry is not asked about."""
    return token if _TOKEN.fullmatch(token) else None


def _csrf(token: str) -> str:
    """Only who holds the cookie can work this out, and the cookie cannot be worked out from it."""
    return hmac.new(token.encode(), b"coterie csrf", hashlib.sha256).hexdigest()


def _cookie(settings: Settings) -> str:
    """With the prefix, no page on a subdomain can plant the cookie (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-coterie" if settings.keeps_secure_cookies else "coterie"


def _set_cookie(response: Response, settings: Settings, name: str, value: str, max_age: int | None = None) -> None:
    secure = settings.keeps_secure_cookies
    response.set_cookie(name, value, max_age=max_age, path="/", secure=secure, httponly=True, samesite="lax")


def _delete_cookie(response: Response, settings: Settings, name: str) -> None:
    response.delete_cookie(name, path="/", secure=settings.keeps_secure_cookies, httponly=True)
