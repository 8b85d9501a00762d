"""Everything that is secret, sent in every place where it is sent, while everybody logs as much as they can. Then all
logs are read: the Hub's, in which the service and the proxy write too, and those of servers. What the proxy writes of
each request, where an operator tells it to (traefik's access log), is not looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from attacks.signing_in import Browser
from coterie.cli.demo.processes import command_of, descendants
from coterie.cli.demo.web import loopback_client
from coterie.wire.redaction import HIDDEN
from revocation.inviting import Link, invite
from support.demo import Demo
from support.operated_hub import OperatedHub

pytestmark = pytest.mark.hub

#: What of a secret would give it away: a log that cuts it off has this much of it.
_TELLING = 16

_DEBUGGED = """
c = get_config()  # noqa: F821
c.JupyterHub.log_level = "DEBUG"
c.TraefikProxy.traefik_log_level = "DEBUG"
c.WorkspaceSpawner.args = ["--debug"]  # JupyterHub's extension does not look at what `debug` sets
c.JupyterHub.services[-1]["environment"]["COTERIE_LOG_LEVEL"] = "DEBUG"
"""


@dataclass
class Logged:
    """What was secret in all that was sent, by what it was, and what was logged, by file."""

    secrets: dict[str, set[str]] = field(default_factory=dict)
    logs: dict[Path, str] = field(default_factory=dict)

    def keep(self, kind: str, *values: str | None) -> None:
        """Note secrets that were sent."""
        self.secrets.setdefault(kind, set()).update(value for value in values if value and len(value) >= _TELLING)

    async def keep_from(self, answer: httpx.Response) -> None:
        """Note what came along with an answer of a sign-in."""
        for line in answer.headers.get_list("set-cookie"):
            self.keep("cookie", *(morsel.value for morsel in SimpleCookie(line).values()))
        query = parse_qs(urlsplit(answer.headers.get("location", "")).query)
        for kind in ("code", "state"):
            self.keep(kind, *query.get(kind, []))


@pytest.fixture(scope="module")
async def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """All that was sent in one run of a Hub that logs everything."""
    hub = OperatedHub(tmp_path_factory.mktemp("logged"))
    with hub.state.config.open("a") as config:
        config.write(_DEBUGGED)
    seen = Logged()
    try:
        await hub.start()
        demo = await hub.as_demo()
        seen.keep("token of a person", *demo.tokens.values())
        seen.keep("the service's token", *_service_tokens(hub.process.pid))
        await _send_everything(demo, seen)
    finally:
        await hub.stop()
    for path in (hub.state.folder / "hub.log", *hub.state.folder.rglob("server.log")):
        seen.logs[path] = path.read_text(errors="replace")
    return seen


def _service_tokens(hub: int) -> list[str]:
    """What the Hub, a process, handed to its service."""
    services = [pid for pid in descendants(hub) if "coterie.cli service" in (command_of(pid) or "")]
    settings = [Path(f"/proc/{pid}/environ").read_text(errors="replace") for pid in services]
    return [token for text in settings for token in re.findall(r"JUPYTERHUB_API_TOKEN=([^\0]+)", text)]


async def _send_everything(demo: Demo, seen: Logged) -> None:
    workspace = await demo.create("alice", "Where everything is logged")
    place = await demo.open("alice", workspace)
    token = demo.tokens["alice"]
    async with loopback_client() as http:
        http.event_hooks = {"response": [seen.keep_from]}
        browser = Browser(http)
        for url in (demo.service_url, f"{place}lab"):
            page = await browser.sign_in("alice", url)
            seen.keep("token of a page", *re.findall(r'"token":\s*"([^"]+)"', page.text))
            seen.keep("csrf", *re.findall(r'<meta name="csrf" content="([^"]+)"', page.text))
        await browser.get(f"{demo.service_url}oauth_callback?code={token}&state={token}")
    for base in (demo.service_url, f"{demo.service_url}api/v1/workspaces/", f"{demo.hub_url}hub/api/user", place):
        await _send_in_every_place(base, token)
    link = await invite(demo, "alice", workspace)
    seen.keep("invitation", link.secret)
    await _send_invitation(demo, link)


async def _send_in_every_place(base: str, token: str) -> None:
    """A token where it belongs, and where people put it by mistake."""
    as_query = [f"{name}={token}" for name in ("token", "code", "state", "secret", "access_token", "password")]
    nested = f"next={quote(f'/hub/api/oauth2/authorize?state={token}&code={token}', safe='')}"
    async with loopback_client() as http:
        for query in (*as_query, nested):
            await http.get(f"{base}?{query}")
            await http.get(f"{base}api/not-there?x=1&{query}")
        for headers in (
            {"Authorization": f"Bearer {token}"},
            {"Authorization": f"token {token}"},
            {"Authorization": token},
            {"Cookie": f"__Host-coterie={token}; coterie={token}"},
            {"Referer": f"{base}?token={token}"},
        ):
            await http.get(base, headers=headers)
            await http.post(base, headers=headers, json={"token": token, "secret": token})
            await http.request("TRACE", base, headers=headers)


async def _send_invitation(demo: Demo, link: Link) -> None:
    for who in ("dave", "erin"):
        for act in ("preview", "accept"):
            await demo.api(who, "POST", f"invitations/{act}", json={"secret": link.secret})
            await demo.api(who, "POST", f"invitations/{act}", json={"secret": link.secret, "more": link.secret})
            await demo.api(who, "POST", f"invitations/{act}?secret={link.secret}", content=link.secret)


def test_there_was_much_to_log(logged: Logged) -> None:
    """The control: everything was at its loudest, and secrets of every kind went through."""
    hub = next(text for path, text in logged.logs.items() if path.name == "hub.log")
    servers = [text for path, text in logged.logs.items() if path.name == "server.log"]

    assert {
        "token of a person",
        "the service's token",
        "cookie",
        "code",
        "state",
        "token of a page",
        "csrf",
        "invitation",
    } == {kind for kind, values in logged.secrets.items() if values}
    assert all(f" DEBUG {name}" in hub for name in ("httpcore.", "aiosqlite"))
    assert "[D " in hub
    assert re.search(r"\bDBG\b.*traefik", hub)
    assert len(servers) >= 1
    assert all("[D " in text for text in servers)
    assert HIDDEN in hub


def test_no_log_has_any_of_it(logged: Logged) -> None:
    found = {
        (path.name, kind)
        for path, text in logged.logs.items()
        for kind, values in logged.secrets.items()
        for value in values
        for part in (value[:_TELLING], value[-_TELLING:])
        if part in text
    }

    assert set() == found
