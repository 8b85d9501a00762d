"""A world to try the API in: everybody who could call it, a workspace and a home where each has one role, and a
workspace of somebody else's that is none of their business.

Which role somebody has is written here and not asked of the service. So that it stays true the world is made anew
whenever a call has changed it. Who is who is the demo's real Hub's to say; nothing is changed there.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from api.accounts import Account, account, hub
from api.inviting import Place, RunningHub, Somebody, accept
from api.service import Service, settings_for
from coterie.hubapi import Directory, Hub
from coterie.policy import Role
from coterie.service.app import create_app, put_together
from coterie.wire.audit import AuditAct
from coterie.wire.names import SERVICE_ROLE
from support.demo import Demo


class Which(StrEnum):
    """What the id in an address leads to."""

    WORKSPACE = "the workspace"
    HOME = "the Creator's home"
    FOREIGN = "a workspace of somebody else's"
    GONE = "a workspace that was deleted"
    NOTHING = "nothing"


class Kind(StrEnum):
    """What a caller is to the service."""

    NOBODY = "nobody"
    PERSON = "a person"
    TOKEN = "somebody whose token speaks for no person"
    SERVER = "a server"
    ELSEWHERE = "a page of another origin, looked at by somebody whose cookie is sent along"


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the API, with their role in the workspace and in the Creator's home."""

    words: str
    kind: Kind
    name: str | None = None
    role: Role | None = None
    role_in_home: Role | None = None
    is_administrator: bool = False

    def __str__(self) -> str:
        return self.words

    def role_in(self, which: Which) -> Role | None:
        """Their role in what an address leads to; None for none, and where it leads nowhere."""
        return {Which.WORKSPACE: self.role, Which.HOME: self.role_in_home}.get(which)


NOBODY: Final = Caller("nobody", Kind.NOBODY)
STRANGER: Final = Caller("a stranger", Kind.PERSON, "erin")
VIEWER: Final = Caller("a Viewer", Kind.PERSON, "dave", Role.VIEWER)
EDITOR: Final = Caller("an Editor", Kind.PERSON, "bob", Role.EDITOR, role_in_home=Role.EDITOR)
CO_OWNER: Final = Caller("a Co-owner", Kind.PERSON, "carol", Role.CO_OWNER)
CREATOR: Final = Caller("the Creator", Kind.PERSON, "alice", Role.CREATOR, role_in_home=Role.CREATOR)
ADMINISTRATOR: Final = Caller("an administrator", Kind.PERSON, "admin", Role.CO_OWNER, is_administrator=True)
SERVER: Final = Caller("a server", Kind.SERVER)
PAGE: Final = Caller("a page of a workspace", Kind.TOKEN)
ELSEWHERE: Final = Caller("a page of another origin", Kind.ELSEWHERE)

CALLERS: Final = (NOBODY, STRANGER, VIEWER, EDITOR, CO_OWNER, CREATOR, ADMINISTRATOR, SERVER, PAGE, ELSEWHERE)


class UnchangedHub(Hub):
    """The demo's Hub, which is asked who is who and never told to do anything."""

    #: The accounts whose servers are taken to run.
    running: set[str]

    async def create_user(self, name: str) -> None:
        """Make no account."""

    async def remove_user(self, name: str) -> None:
        """Remove no account."""

    async def start_server(self, name: str) -> None:
        """Start nothing."""

    async def stop_server(self, name: str) -> None:
        """Take the server for stopped."""
        self.running.discard(name)

    async def share(self, owner: str, user: str) -> None:
        """Share nothing."""

    async def withdraw(self, owner: str, user: str) -> None:
        """Withdraw nothing."""

    async def withdraw_from_group(self, owner: str, group: str) -> None:
        """Withdraw nothing."""

    async def withdraw_all(self, owner: str) -> None:
        """Withdraw nothing."""


@dataclass
class Prepared:
    """The world. The ids and secrets are those of now: ``make()`` replaces them."""

    service: Service
    keeper: Account
    foreign: str
    tokens: Mapping[Caller, str]
    home: Place
    workspace: str = ""
    gone: str = "a" * 16
    #: By where they let somebody in.
    invitations: dict[Which, str] = field(default_factory=dict)
    secrets: dict[Which, str] = field(default_factory=dict)

    @property
    def of_the_keeper(self) -> tuple[str, ...]:
        """What no answer to the others may have in it."""
        return self.foreign, self.keeper.name

    def id_of(self, which: Which) -> str:
        """What stands in an address for it."""
        return {
            Which.WORKSPACE: self.workspace,
            Which.HOME: self.home.id,
            Which.FOREIGN: self.foreign,
            Which.GONE: self.gone,
        }.get(which, "b" * 16)

    async def make(self) -> None:
        """Make the workspace, and set the home to rights."""
        await self.make_workspace()
        await self.make_home()

    async def make_workspace(self) -> None:
        """A new workspace in which everybody has their role: the Viewer by an invitation, the others by name. The
        stranger asks to be let in."""
        service = self.service
        if self.workspace:
            await service.call("admin", "DELETE", f"workspaces/{self.workspace}")
            self.gone = self.workspace
        self.workspace = await service.create("alice")
        for caller in (CO_OWNER, EDITOR):
            assert caller.name is not None
            assert caller.role is not None
            granted = await service.grant("admin", self.workspace, "user", caller.name, caller.role.word)
            assert granted.status_code == 200, granted.text
        await self._invite(Which.WORKSPACE, Place(service, Somebody(service, "alice"), self.workspace, set()), VIEWER)
        asked = await service.call(STRANGER.name, "POST", f"workspaces/{self.workspace}/requests")
        assert asked.status_code == 202, asked.text

    async def make_home(self) -> None:
        """Have the Creator's home run, with the Editor as its one guest, and the stranger as one who is blocked."""
        await _see_home(self.service)
        owner = self.home.maker
        for part in ("invitations", "guests", "guests/blocks"):
            cleared = await owner.call("DELETE", f"{self.home.path}/{part}")
            assert cleared.status_code == 204, cleared.text
        await self.home.start()
        await self._invite(Which.HOME, self.home, EDITOR)
        assert STRANGER.name is not None
        await accept(Somebody(self.service, STRANGER.name), self.secrets[Which.HOME])
        blocked = await owner.call("DELETE", f"{self.home.path}/guests/{STRANGER.name}?block=true")
        assert blocked.status_code == 200, blocked.text

    async def _invite(self, which: Which, place: Place, guest: Caller) -> None:
        """Have *guest* in *place* by an invitation that goes on working."""
        role = guest.role_in(which)
        assert role is not None
        assert guest.name is not None
        self.secrets[which] = await place.invite(role=role.word)
        accepted = await accept(Somebody(self.service, guest.name), self.secrets[which])
        assert accepted.status_code == 200, accepted.text
        (invitation,) = await place.invitations()
        self.invitations[which] = invitation["id"]

    async def see_foreign(self) -> dict[str, Any]:
        """All that its Creator sees of the workspace that is nobody's business. That others ask to be let in there is
        left out, for they may, and that they were refused."""
        path = f"workspaces/{self.foreign}"
        seen = {}
        for part in ("", "/grants", "/guests", "/guests/blocks", "/invitations", "/audit?limit=500"):
            answer = await self.keeper.call("GET", f"{path}{part}")
            assert answer.status_code == 200, answer.text
            seen[part.partition("?")[0]] = answer.json()
        del seen[""]["requests"]
        others = {AuditAct.REQUESTED, AuditAct.REFUSED}
        seen["/audit"]["items"] = [record for record in seen["/audit"]["items"] if record["act"] not in others]
        return seen


@asynccontextmanager
async def prepared_world(demo: Demo, folder: Path) -> AsyncIterator[Prepared]:
    """A service of its own with this world in it, its database in *folder*."""
    settings = settings_for(demo, f"sqlite:///{folder}/prepared.sqlite")
    hub_of_demo = UnchangedHub(settings.hub_api_url, settings.api_token)
    running = RunningHub(hub_of_demo)
    hub_of_demo.list_users = running.list_users  # type: ignore[method-assign]
    hub_of_demo.running = running.running
    world = put_together(settings, hub_of_demo, Directory(hub_of_demo, own_roles=[SERVICE_ROLE]))
    app = create_app(settings, world)
    service = Service(app, world, settings, demo)
    async with app.router.lifespan_context(app), account(service) as keeper:
        foreign = await keeper.create(f"Nobody's business {secrets.token_hex(8)}")
        made = await keeper.call("POST", f"workspaces/{foreign}/invitations")
        assert made.status_code == 201, made.text
        home = Place(service, Somebody(service, "alice"), await _see_home(service), running.running)
        async with _tokens(service, await keeper.create("Served")) as tokens:
            prepared = Prepared(service, keeper, foreign, tokens, home)
            await prepared.make()
            yield prepared


async def _see_home(service: Service) -> str:
    """Make the Creator's home known; its id."""
    assert CREATOR.name is not None
    owner = await service.world.people.find(CREATOR.name)
    assert owner is not None
    async with service.world.store.writing() as tx:
        home = await tx.see_home(owner.id, owner.name, datetime.now(UTC))
    return home.public_id


@asynccontextmanager
async def _tokens(service: Service, served: str) -> AsyncIterator[dict[Caller, str]]:
    """Everybody's token: people's are the demo's; the server's and the page's are of the workspace *served*, whose
    account is made in the Hub and removed at the end."""
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(served)
    assert stored is not None
    served_account = quote(stored.account)
    reach = f"access:servers!server={stored.account}/"
    await hub(service, "POST", f"users/{served_account}")
    own = await hub(service, "POST", f"users/{served_account}/tokens", json={"scopes": [reach]})
    # What JupyterHub gives to the page of somebody who looks at a workspace that is shared with them.
    await hub(service, "POST", f"shares/{served_account}/", json={"user": CO_OWNER.name})
    scopes = [reach, f"read:users:name!user={CO_OWNER.name}"]
    of_page = await hub(service, "POST", f"users/{CO_OWNER.name}/tokens", json={"scopes": scopes})
    yield {caller: service.demo.tokens[caller.name] for caller in CALLERS if caller.name is not None} | {
        SERVER: own["token"],
        PAGE: of_page["token"],
        ELSEWHERE: service.demo.tokens["alice"],
    }
    await hub(service, "DELETE", f"users/{CO_OWNER.name}/tokens/{of_page['id']}")
    await hub(service, "DELETE", f"users/{served_account}")
