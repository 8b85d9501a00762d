"""A link to the service, or the sign-in that it leads to, that is to end somewhere else: nobody goes there."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from support.demo import Demo

pytestmark = pytest.mark.hub

EVIL = (
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "%2f%2fevil.example",
    "%5cevil.example",
    "..%2f..%2f..%2f..%2f%2fevil.example",
    "%0d%0aLocation:%20https://evil.example",
    "%E3%80%82evil.example",
    "@evil.example",
)
#: Names that programs give the address to go on to.
PARAMETERS = ("next", "url", "redirect_uri", "state", "back", "done", "view")
#: What a proxy would say about the address that was asked for.
CLAIMS = (
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "443"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"X-Original-URL": "//evil.example", "X-Rewrite-URL": "//evil.example"},
    {"Referer": "https://evil.example/", "Origin": "https://evil.example"},
    {"X-Forwarded-Prefix": "//evil.example"},
)


def _asked(place: Place) -> list[str]:
    """Paths below the service's address, each with something that leads elsewhere."""
    pages = ("", "invite/sign-in", f"w/{place.id}", f"w/{place.id}/share", "sign-out")
    queries = [f"{page}?{name}={EVIL[0]}" for page in pages for name in PARAMETERS]
    return [*EVIL, *(f"w/{evil}" for evil in EVIL), *(f"w/{evil}/share" for evil in EVIL), *queries]


def _ours(demo: Demo) -> tuple[str, str]:
    """The service's origin, and the Hub's, where one signs in."""
    return _origin(demo.service_url), _origin(demo.hub_url)


def _leads_to(demo: Demo, answer: httpx.Response) -> str | None:
    """Which origin a browser goes on to."""
    location = answer.headers.get("location") or answer.headers.get("refresh") or answer.headers.get("hx-redirect")
    return None if location is None else _origin(urljoin(demo.service_url, location))


def _origin(url: str) -> str:
    # As browsers read it: a backslash is a slash (WHATWG URL, section 4.4).
    parts = urlsplit(url.replace("\\", "/"))
    return f"{parts.scheme}://{parts.netloc}"


async def test_no_address_leads_elsewhere(demo: Demo, place: Place) -> None:
    kept = set()
    async with loopback_client() as http:
        for path in _asked(place):
            for headers in ({}, {"Cookie": f"__Host-coterie={demo.tokens['alice']}"}):
                answer = await http.get(httpx.URL(demo.service_url + path), headers=headers)
                assert _leads_to(demo, answer) in (None, *_ours(demo)), path
                kept |= {_back(answer)} - {None}

    assert f"/services/coterie/w/{place.id}/share" in kept
    assert [] == [back for back in kept if not str(back).startswith("/services/coterie/")]


async def test_what_a_request_says_about_its_address_does_not_count(demo: Demo, place: Place) -> None:
    own = _origin(demo.service_url)
    async with loopback_client() as http:
        for headers in CLAIMS:
            for path in ("", "invite/sign-in", f"w/{place.id}", "sign-out"):
                answer = await http.get(demo.service_url + path, headers=headers)
                assert _leads_to(demo, answer) in _ours(demo), (headers, path)
                query = parse_qs(urlsplit(answer.headers["location"]).query)
                assert query.get("redirect_uri", [own])[0].startswith(own)
        for host in ("evil.example", f"evil.example:{demo.port}", f"{urlsplit(own).hostname}.evil.example"):
            answer = await http.get(demo.service_url, headers={"Host": host})
            assert "evil" not in answer.headers.get("location", "")


async def test_a_form_without_script_leads_back_here(demo: Demo, place: Place) -> None:
    own = _origin(demo.service_url)
    async with loopback_client() as http:
        cookie = {"Cookie": f"__Host-coterie={demo.tokens['alice']}", "Sec-Fetch-Site": "same-origin"}
        page = await http.get(demo.service_url, headers=cookie)
        csrf = page.text.partition('name="csrf" content="')[2].partition('"')[0]
        for evil in EVIL:
            fields = {"csrf": csrf, "on": "false"} | dict.fromkeys(PARAMETERS, evil)
            headers = cookie | {"Referer": "https://evil.example/", "X-Forwarded-Host": "evil.example"}
            answer = await http.post(f"{demo.service_url}w/{place.id}/favourite", data=fields, headers=headers)
            assert (303, own) == (answer.status_code, _leads_to(demo, answer))


@pytest.mark.parametrize("back", [*EVIL, "/hub/home", "/services/coterie/", "", None, 1])
async def test_a_sign_in_ends_at_a_page_of_the_service(demo: Demo, back: object) -> None:
    kept = base64.urlsafe_b64encode(json.dumps(["s", "v" * 64, back]).encode()).decode()
    async with loopback_client() as http:
        answer = await http.get(
            f"{demo.service_url}oauth_callback?code=x&state=s", headers={"Cookie": f"__Host-coterie-sign-in={kept}"}
        )

    assert (403, None) == (answer.status_code, _leads_to(demo, answer))
    # The code is looked at where all else is right.
    assert ("did not confirm" if back == "/services/coterie/" else "was not started here") in answer.text


def _back(answer: httpx.Response) -> str | None:
    """Where the sign-in that *answer* begins is to come back to."""
    for line in answer.headers.get_list("set-cookie"):
        name, _, rest = line.partition("=")
        value = rest.partition(";")[0].strip('"')
        if name == "__Host-coterie-sign-in" and value:
            return str(json.loads(base64.urlsafe_b64decode(value))[2])
    return None
