"""The calls. Each names the scope it needs; the whole list is explained in ``coterie.hub.scopes``.

Source of the protocol: JupyterHub 6 REST API, https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, ValidationError

from coterie.hubapi.errors import HubRefused, HubUnavailable
from coterie.hubapi.models import HubGroup, HubUser, TokenOwner

Model = TypeVar("Model", bound=BaseModel)

_PAGE = 200
_STREAMS_MAX = 1_000
_PAGINATED = {"Accept": "application/jupyterhub-pagination+json"}


class Hub:
    """JupyterHub's REST API at *api_url* (``http://…/hub/api``), spoken to with *token*.

    Every call raises HubUnavailable where there is no usable answer and HubRefused where the answer is no.
    """

    def __init__(self, api_url: str, token: str) -> None:
        self._api_url = api_url.rstrip("/")
        # Streams last as long as a start does. They have connections of their own, so that many of them cannot keep
        # anything else waiting.
        self._streams = httpx.AsyncClient(
            headers={"Authorization": f"token {token}"},
            timeout=httpx.Timeout(20, read=120, pool=1),
            limits=httpx.Limits(max_connections=_STREAMS_MAX),
            trust_env=False,
        )
        self._client = httpx.AsyncClient(headers={"Authorization": f"token {token}"}, timeout=20, trust_env=False)

    async def close(self) -> None:
        """Close the connections. The object is of no use afterwards."""
        await self._client.aclose()
        await self._streams.aclose()

    async def token_owner(self, token: str) -> TokenOwner | None:
        """Who *token* speaks for, None where the Hub does not know it. Needs no scope of ours."""
        headers = {"Authorization": f"token {token}"}
        response = await self._send("GET", "/user", headers=headers, accept={200, 401, 403})
        return _read(TokenOwner, _body(response)) if response.status_code == 200 else None

    async def exchange_code(self, code: str, *, verifier: str, client_id: str, secret: str, redirect_uri: str) -> str:
        """The access token for an OAuth *code* (RFC 6749 section 4.1.3 with the PKCE *verifier* of RFC 7636)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "client_id": client_id,
            "client_secret": secret,
            "redirect_uri": redirect_uri,
        }
        response = await self._send("POST", "/oauth2/token", data=form)
        return _read(_AccessToken, _body(response)).access_token

    async def find_user(self, name: str) -> HubUser | None:
        """The account called *name* with its groups, roles and server. Scopes: ``read:users``, ``read:roles:users``,
        ``read:servers``."""
        response = await self._send("GET", f"/users/{_part(name)}", accept={200, 404})
        return _read(HubUser, _body(response)) if response.status_code == 200 else None

    async def list_users(self, *, active: bool = False) -> list[HubUser]:
        """All accounts, or only those whose server runs, starts or stops. Scope: ``list:users``."""
        return [_read(HubUser, item) async for item in self._pages("/users", {"state": "active"} if active else {})]

    async def list_groups(self) -> list[HubGroup]:
        """All groups. Scopes: ``list:groups``, ``read:roles:groups``."""
        return [_read(HubGroup, item) async for item in self._pages("/groups", {})]

    async def create_user(self, name: str) -> None:
        """Make sure the account exists. Scope: ``admin:users``."""
        await self._send("POST", f"/users/{_part(name)}", accept={201, 409})

    async def remove_user(self, name: str) -> None:
        """Make sure the account does not exist; its server has to be stopped. Scope: ``delete:users``."""
        await self._send("DELETE", f"/users/{_part(name)}", accept={204, 404})

    async def start_server(self, name: str) -> None:
        """Ask for the default server of *name* to start; one that runs or starts already is fine. Scope:
        ``servers``."""
        response = await self._send("POST", f"/users/{_part(name)}/server", accept={201, 202, 400})
        if response.status_code == 400 and "already" not in _message(response):
            raise HubRefused(400, _message(response))

    async def stop_server(self, name: str) -> None:
        """Ask for the default server of *name* to stop; one that does not run is fine. Scope: ``delete:servers``."""
        response = await self._send("DELETE", f"/users/{_part(name)}/server", accept={202, 204, 400, 404})
        if response.status_code == 400 and "not running" not in _message(response):
            raise HubRefused(400, _message(response))

    async def follow_progress(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """The steps of a start as the Hub sends them, until one is ``ready`` or ``failed``. Scope: ``read:servers``.

        Nothing at all is sent where no server starts or runs.
        """
        url = f"{self._api_url}/users/{_part(name)}/server/progress"
        try:
            async with self._streams.stream("GET", url) as response:
                if response.status_code != 200:
                    return
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except (httpx.HTTPError, ValueError) as error:
            raise HubUnavailable("the Hub's progress stream broke off") from error

    async def share(self, owner: str, user: str) -> None:
        """Let *user* through the Hub to *owner*'s default server. Scopes: ``shares`` and ``access:servers`` of it."""
        await self._send("POST", f"/shares/{_part(owner)}/", json={"user": user})

    async def withdraw(self, owner: str, user: str) -> None:
        """Make sure *user* does not get to *owner*'s default server by a share. Scope: ``shares``."""
        await self._send("PATCH", f"/shares/{_part(owner)}/", json={"user": user}, accept={200, 404})

    async def withdraw_from_group(self, owner: str, group: str) -> None:
        """Make sure nobody gets to *owner*'s default server by a share with *group*. Scope: ``shares``."""
        await self._send("PATCH", f"/shares/{_part(owner)}/", json={"group": group}, accept={200, 404})

    async def list_shares(self, owner: str) -> list[tuple[Literal["user", "group"], str]]:
        """With whom *owner*'s default server is shared, each with a kind and a name. Scope: ``read:shares``."""
        shares = [_read(_Share, item) async for item in self._pages(f"/shares/{_part(owner)}/", {}, accept={200, 404})]
        found: list[tuple[Literal["user", "group"], str]] = [("user", s.user.name) for s in shares if s.user]
        return found + [("group", share.group.name) for share in shares if share.group]

    async def list_shared_with(self, owner: str) -> list[str]:
        """The users who get to *owner*'s default server by a share of their own. Scope: ``read:shares``."""
        return [name for kind, name in await self.list_shares(owner) if kind == "user"]

    async def withdraw_all(self, owner: str) -> None:
        """Make sure nobody gets to *owner*'s default server by a share. Scope: ``shares``."""
        await self._send("DELETE", f"/shares/{_part(owner)}/", accept={200, 204, 404})

    async def _pages(
        self, path: str, params: Mapping[str, str], accept: set[int] | None = None
    ) -> AsyncIterator[object]:
        """The items of a list; none where 404 is an answer to *accept*."""
        offset: int | None = 0
        while offset is not None:
            place = {"offset": str(offset), "limit": str(_PAGE)}
            response = await self._send("GET", path, params={**params, **place}, headers=_PAGINATED, accept=accept)
            if response.status_code == 404:
                return
            page = _read(_Page, _body(response))
            for item in page.items:
                yield item
            offset = page.pagination.next.offset if page.pagination.next else None

    async def _send(
        self,
        method: str,
        path: str,
        *,
        accept: set[int] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            response = await self._client.request(
                method, self._api_url + path, params=params, headers=headers, json=json, data=data
            )
        except httpx.HTTPError as error:
            raise HubUnavailable("the Hub does not answer") from error
        if response.status_code in (accept or {200, 201, 202, 204}):
            return response
        if response.status_code >= 500:
            raise HubUnavailable(f"the Hub answered {response.status_code}")
        raise HubRefused(response.status_code, _message(response))


class _AccessToken(BaseModel):
    access_token: str


class _SharedWith(BaseModel):
    name: str


class _Share(BaseModel):
    user: _SharedWith | None = None
    group: _SharedWith | None = None


class _Place(BaseModel):
    offset: int


class _Pagination(BaseModel):
    next: _Place | None = None


class _Page(BaseModel):
    items: list[Any]
    pagination: _Pagination = Field(alias="_pagination")


def _read(shape: type[Model], body: object) -> Model:
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        raise HubUnavailable("the Hub's answer cannot be understood") from error


def _body(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError as error:
        raise HubUnavailable("the Hub's answer cannot be read") from error


def _part(name: str) -> str:
    """*name* as one part of a path: the Hub takes a group such as ``/a/b`` only with its slashes escaped."""
    return quote(name, safe="")


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    return str(body.get("message", "")) if isinstance(body, dict) else ""
