"""The sidebar: what is in it, who may show it in a frame, and what it is for somebody who is not signed in."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from coterie.service.headers import content_security_policy
from coterie.service.settings import Settings
from pages.html import read
from pages.visiting import Service, Visitor
from support.settings import without_a_hub

Visitors = dict[str, Visitor]

SETTINGS = without_a_hub(
    public_url="https://coterie--service.hub.example.org:8443/services/coterie/",
    hub_url="https://hub.example.org:8443/",
    database_url="sqlite:///unused",
)


def _framed_by(policy: str) -> list[str]:
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    return directives["frame-ancestors"].split()


async def test_it_lists_and_finds_and_marks_where_one_is(service: Service, visitors: Visitors) -> None:
    here = await service.create("erin", "Sidebar one")
    await service.create("erin", "Sidebar two")

    page = read((await visitors["erin"].get(f"sidebar?here={here}")).text)
    found = read((await visitors["erin"].get("sidebar?q=BAR+TWO", fragment=True)).text)

    current = [link.text for link in page.all("a") if "aria-current" in link.attributes]
    assert current == ["Sidebar one"]
    assert [link.text for link in found.all("a") if link.attributes.get("class") == "name"] == ["Sidebar two"]


@pytest.mark.parametrize(("theme", "shown"), [("dark", "dark"), ("light", "light"), ("", None), ('"><b>', None)])
async def test_it_takes_the_theme_of_what_is_around_it(visitors: Visitors, theme: str, shown: str | None) -> None:
    page = read((await visitors["erin"].client.get("sidebar", params={"theme": theme})).text)

    assert page.one("html").attributes.get("data-theme") == shown


async def test_nobody_in_particular_gets_one_button_and_no_way_inside_the_frame(visitors: Visitors) -> None:
    stranger = visitors["alice"]
    stranger.client.cookies.clear()

    page = await stranger.get("sidebar")
    part = await stranger.get("sidebar?q=a", fragment=True)

    assert page.status_code == 200
    links = read(page.text).all("a", "button")
    assert [("Sign in", "/services/coterie/", "_blank")] == [
        (link.text, link.attributes["href"], link.attributes["target"]) for link in links
    ]
    assert "set-cookie" not in page.headers
    assert (204, "true") == (part.status_code, part.headers["HX-Refresh"])


async def test_a_token_that_has_ended_is_nobody(visitors: Visitors) -> None:
    visitors["alice"].client.cookies.set("coterie", "ended")

    answer = await visitors["alice"].get("sidebar")

    assert (200, True) == (answer.status_code, "Sign in" in answer.text)


async def test_the_sidebar_alone_may_be_framed_and_by_servers_of_this_hub_alone(
    service: Service, visitors: Visitors
) -> None:
    workspace = await service.create("alice")
    paths = [
        "",
        *(
            f"w/{workspace}{page}"
            for page in ("", "/share", "/row", "/rename", "/favourite", "/copy", "/archive", "/delete")
        ),
        "w/aaaaaaaaaaaaaaaa",
        "sidebar/",
        "Sidebar",
        "nothing",
        "api/v1/me",
        "static/sidebar.js",
        "oauth_callback",
    ]

    others = {path: (await visitors["alice"].get(path)).headers for path in paths}
    sidebar = (await visitors["alice"].get("sidebar")).headers

    for path, headers in others.items():
        assert (path, ["'none'"]) == (path, _framed_by(headers["content-security-policy"]))
        assert headers["x-frame-options"] == "DENY"
    hub = urlsplit("http://hub.localhost/")
    assert _framed_by(sidebar["content-security-policy"]) == [f"{hub.scheme}://{hub.netloc}"]
    assert "x-frame-options" not in sidebar


def test_with_subdomains_a_server_is_known_by_its_place_below_the_hub() -> None:
    with_subdomains = replace(SETTINGS, subdomains=True)

    policies = [
        content_security_policy(settings, framed_by=settings.servers_origins)
        for settings in (SETTINGS, with_subdomains)
    ]

    assert [_framed_by(policy) for policy in policies] == [
        ["https://hub.example.org:8443"],
        ["https://hub.example.org:8443", "https://*.hub.example.org:8443"],
    ]


@pytest.mark.parametrize(("said", "subdomains"), [("1", True), ("0", False), (None, False)])
def test_the_hub_says_whether_servers_have_origins_of_their_own(said: str | None, subdomains: bool) -> None:
    environment = {
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:10181",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
        "JUPYTERHUB_API_TOKEN": "unused",
        "COTERIE_PUBLIC_URL": SETTINGS.public_url,
        "COTERIE_HUB_PUBLIC_URL": SETTINGS.hub_url,
        "COTERIE_DATABASE_URL": SETTINGS.database_url,
    } | ({} if said is None else {"COTERIE_SUBDOMAINS": said})

    assert Settings.from_environment(environment).subdomains is subdomains
