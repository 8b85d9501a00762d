"""Signing in at a workspace's server as a browser does, as far as its cookies go."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import httpx

from coterie.cli.demo.people import PASSWORD
from coterie.cli.demo.web import loopback_client


class Browser:
    """Follows redirects and keeps cookies by host, secure ones over http too, as browsers do for ``*.localhost``."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._cookies: dict[str, dict[str, str]] = {}

    async def get(self, url: str) -> httpx.Response:
        return await self._follow("GET", url, None)

    def cookies_for(self, url: str) -> str:
        """The Cookie header that goes along to the host of *url*."""
        kept = self._cookies.setdefault(urlsplit(url).netloc, {})
        return "; ".join(f"{name}={value}" for name, value in kept.items())

    async def sign_in(self, who: str, url: str) -> httpx.Response:
        """Open *url*, and where the Hub asks for it sign in. Answers the page that is shown at the end."""
        page = await self.get(url)
        for _ in range(3):  # the Hub takes a form for expired now and then, and answers with another
            if 'name="password"' not in page.text:
                break
            found = re.search(r'name="_xsrf"\s+value="([^"]*)"', page.text)
            form = {"username": who, "password": PASSWORD, "_xsrf": found[1] if found else ""}
            page = await self._follow("POST", str(page.url), form)
        return page

    async def _follow(self, method: str, url: str, form: dict[str, str] | None) -> httpx.Response:
        for _ in range(20):
            kept = self._cookies.setdefault(urlsplit(url).netloc, {})
            headers = {
                "Accept": "text/html",
                "Sec-Fetch-Mode": "navigate",
                "Cookie": self.cookies_for(url),
            }
            answer = await self._http.request(method, url, data=form, headers=headers)
            for line in answer.headers.get_list("set-cookie"):
                for name, morsel in SimpleCookie(line).items():
                    kept[name] = morsel.value
            if answer.status_code not in (302, 303, 307):
                return answer
            url, method, form = urljoin(url, answer.headers["location"]), "GET", None
        raise AssertionError("redirects without end")


async def page_token(who: str, url: str) -> str:
    """The token that the page of the server at *url* holds once *who* has signed in: every script there can read it."""
    async with loopback_client() as http:
        page = await Browser(http).sign_in(who, f"{url}lab")
    found = re.search(r'"token":\s*"([^"]+)"', page.text)
    assert found is not None, (page.status_code, page.url, page.text[:2000])
    return found[1]
