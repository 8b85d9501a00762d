"""Addresses that are typed into a browser where nobody is signed in at the server."""

from __future__ import annotations

import pytest

from revocation.holding import furnished
from support.demo import Demo

pytestmark = pytest.mark.hub


async def test_a_page_leads_to_the_sign_in_and_everything_else_is_refused(demo: Demo) -> None:
    place = await furnished(demo, "alice", "Navigated to", {})
    headers = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    pages = [
        (await demo.server(None, "GET", place.url + path, headers=headers)).status_code for path in ("lab", "tree")
    ]
    others = []
    for path in ("api/contents", "api/kernels", "api/terminals", "coterie/versions/notes.txt?type=file"):
        answer = await demo.server(None, "GET", place.url + path, headers=headers)
        others.append((answer.status_code, answer.headers.get("X-Coterie-Gate")))

    assert [302, 302] == pages
    assert [(403, "refused")] * 4 == others
