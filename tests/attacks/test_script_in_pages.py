"""Somebody puts markup into a name, a note or a label that others will see: it stays text. And were there a hole, no
script of another than the service would run on its pages."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.async_api import Browser, expect

from attacks.looking import page_on, somebody, trap_address
from coterie.cli.demo.web import loopback_client
from pages.every_page import PAGES
from revocation.holding import Place, hub
from support.demo import Demo, until

pytestmark = [pytest.mark.hub, pytest.mark.browser]

#: Each would call ``taken`` if it were more than text, whatever it stands in: an element, an attribute, an address, a
#: script, or a template that htmx looks at.
_MARKUP = (
    "'\"><img src=x onerror=taken()>",
    "</title></textarea></option><svg onload=taken()>",
    "javascript:taken()",
    "{{7*7}}${taken()}<%=1%>",
    '" hx-on:load="taken()" autofocus onfocus=\'taken()\'',
    "&lt;script&gt;taken()&lt;/script&gt;",
    "</script><script>taken()</script>",
)
#: What a page may do by its policy (W3C CSP Level 3), but for ``connect-src``, ``form-action`` and ``frame-ancestors``.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
}


async def test_markup_in_names_notes_and_groups_is_text(browser: Browser, demo: Demo) -> None:
    markup, plain = " ".join(_MARKUP), " ".join(each for each in _MARKUP if "</" not in each and "<i" not in each)
    group = " ".join(_MARKUP[:3]).replace("/", "\u2044")
    # A name with a tag in it is refused from the start; all else may stand in one.
    assert 422 == (await demo.api("alice", "POST", "workspaces", json={"name": markup})).status_code
    workspace = await demo.create("alice", plain)
    await demo.api("dave", "POST", f"workspaces/{workspace}/requests", json={"note": markup})
    await hub(demo, "admin", "POST", f"groups/{quote(group, safe='')}")
    path = f"workspaces/{workspace}/grants/group/{quote(group, safe='')}"

    async def is_granted() -> bool:
        # The service learns of a group after seconds.
        return (await demo.api("alice", "PUT", path, json={"role": "viewer"})).is_success

    await until(is_granted)
    async with somebody(browser, demo, "alice") as alice:
        page = alice.page
        taken: list[str] = []
        await page.expose_function("taken", lambda: taken.append(page.url))
        paths = [f"w/{workspace}/{part}" for part in ("rename", "copy", "audit", "share")]
        for path in ("", f"?q={quote(markup)}", f"sidebar?q={quote(markup)}&here={quote(markup)}", *paths):
            await page.goto(demo.service_url + path)
            assert 0 == await page.locator("[onerror], [onload], [onfocus], [hx-on\\:load], body script").count()
        await expect(page.locator("#people")).to_contain_text(" ".join(group.split()))
        await expect(page.locator("#requests")).to_contain_text(" ".join(markup.split()))
        assert [] == taken
        # The same markup, were it not escaped.
        await page.goto("about:blank")
        await page.set_content(markup)
        await page.wait_for_function("document.querySelector('img[onerror]') !== null")
    await demo.api("alice", "DELETE", f"workspaces/{workspace}")
    await hub(demo, "admin", "DELETE", f"groups/{quote(group, safe='')}")


#: Puts script into a page in every way that needs no eval, from the page itself and from a file of a workspace.
_INJECT = """
(foreign) => {
  window.ran = 0;
  const make = (tag, more) => Object.assign(document.createElement(tag), more);
  const script = 'window.ran += 1';
  document.head.append(
    make('script', { textContent: script }),
    make('script', { src: foreign }),
    make('script', { src: `data:,${script}` }),
    make('base', { href: foreign }),
  );
  document.body.append(make('iframe', { srcdoc: '<script>parent.ran += 1</script>' }));
  document.body.insertAdjacentHTML('beforeend', `<img src="x:" onerror="${script}"><p style="top: 0">`);
}
"""


async def test_even_what_gets_into_a_page_does_not_run(browser: Browser, demo: Demo, place: Place) -> None:
    async with somebody(browser, demo, "alice", place) as alice:
        page = alice.page
        blocked: list[str] = []
        page.on("console", lambda line: blocked.append(line.text) if "Content Security" in line.text else None)

        async def complained() -> bool:
            return len(blocked) >= 5

        for path in ("", f"w/{place.id}/share", "invite/", "sidebar"):
            await page.goto(demo.service_url + path)
            blocked.clear()
            await page.evaluate(_INJECT, f"{place.url}files/{place.file}")
            await until(complained)
            assert 0 == await page.evaluate("window.ran")
            assert demo.service_url in await page.evaluate("document.baseURI")

        unprotected = await page_on(alice.context, trap_address(place))
        await unprotected.evaluate(_INJECT, f"{place.url}files/{place.file}")
        await unprotected.wait_for_function("window.ran === 4")


async def test_every_page_has_the_policy(demo: Demo, place: Place) -> None:
    routes = {page.route.format(workspace_id=place.id) for page in PAGES}
    routes |= {"/no/such/page", "/api/v1/me", "/api/v1/openapi.json", "/static/page.js"}
    async with loopback_client() as http:
        answers = {
            route: await http.get(
                demo.service_url + route.lstrip("/"), headers={"Cookie": f"__Host-coterie={demo.tokens['admin']}"}
            )
            for route in sorted(routes)
        }

    assert {200, 404, 422} >= {answer.status_code for answer in answers.values()}
    for route, answer in answers.items():
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert _POLICY == {name: policy[name] for name in _POLICY}, route
        assert set(policy) - set(_POLICY) == {"connect-src", "form-action", "frame-ancestors"}, route
        assert "unsafe" not in str(policy), route
        assert ("nosniff", "same-origin") == (
            answer.headers["x-content-type-options"],
            answer.headers["cross-origin-resource-policy"],
        )
