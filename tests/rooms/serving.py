"""A real Jupyter server with rooms, a stand-in for the gate, and clients on raw WebSockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from jupyter_server.auth import IdentityProvider, User
from jupyter_server.serverapp import ServerApp
from jupyter_ydoc import ydocs
from pycrdt import Decoder, Doc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from coterie.policy.roles import Role
from coterie.server.access import Access
from coterie.server.rooms import frames
from coterie.server.rooms.frames import Awareness, Entry, Save, SyncStep1, SyncStep2, SyncUpdate

WITHIN = 60


async def eventually(holds: Callable[[], Any]) -> Any:
    """Wait until *holds* answers something true, and answer that."""
    async with asyncio.timeout(WITHIN):
        while not (answer := holds()):  # noqa: ASYNC110  what is waited for is often a file or a server
            await asyncio.sleep(0.01)
    return answer


def access(person: str, role: Role = Role.EDITOR) -> Access:
    return Access(person=f"id-of-{person}", name=person, role=role)


class HeaderIdentity(IdentityProvider):
    """Believes a header: the rooms are under test here, not the sign-in."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-Person")
        return User(username=name, name=name.title(), display_name=name.title(), color="#123456") if name else None


class Server:
    def __init__(self, root: Path, state: Path, port: int | None = None) -> None:
        self.root = root
        self.handlers: list[Any] = []
        self.address = ""
        self._port = port or 0
        self._app = ServerApp(
            ip="127.0.0.1",
            root_dir=str(root),
            open_browser=False,
            allow_root=True,
            disable_check_xsrf=True,
            identity_provider_class=HeaderIdentity,
            jpserver_extensions={"coterie.server.rooms": True, "jupyter_server_fileid": True},
            log_level="ERROR",
        )
        self._app.config.RoomsExtension.journal_folder = str(state / "journal")
        self._app.config.BaseFileIdManager.db_path = str(state / "file-ids.db")
        self._app.config.FileContentsManager.delete_to_trash = False

    async def start(self) -> None:
        # It listens from the first moment: nobody else is given the port, and who comes early waits.
        listening = socket.create_server(("127.0.0.1", self._port))
        listening.setblocking(False)
        self._app.port = listening.getsockname()[1]
        self.address = f"127.0.0.1:{self._app.port}"
        self._app._find_http_port = lambda: None
        self._app._bind_http_server = lambda: self._app.http_server.add_socket(listening)
        self._app.init_signal = lambda: None
        self._app.initialize(argv=[])
        self._put_gate_in_front()
        self._app.start_app()

    async def stop(self) -> None:
        await self._app._cleanup()
        ServerApp.clear_instance()

    @property
    def rooms(self) -> Any:
        return self._app.extension_manager.extension_apps["coterie.server.rooms"].copy().pop().rooms

    def _put_gate_in_front(self) -> None:
        application = self._app.web_app
        original = application.get_handler_delegate

        def delegate(request: Any, cls: type[Any], *arguments: Any, **named: Any) -> Any:
            async def prepare(handler: Any) -> None:
                role = handler.request.headers.get("X-Role")
                if role:
                    handler.coterie_access = access(handler.request.headers["X-Person"], Role.parse(role))
                    self.handlers.append(handler)
                answer = cls.prepare(handler)
                if answer is not None:
                    await answer

            return original(request, type(cls.__name__, (cls,), {"prepare": prepare}), *arguments, **named)

        application.get_handler_delegate = delegate

    async def request(
        self, method: str, path: str, person: str = "alice", role: str = "editor", **body: Any
    ) -> httpx.Response:
        # Plain HTTP: there is nothing to verify, and reading the authorities takes longer than a request.
        async with httpx.AsyncClient(base_url=f"http://{self.address}", verify=False, timeout=WITHIN) as client:
            return await client.request(method, path, headers=headers(person, role), **body)

    async def session(self, path: str, person: str, role: str, kind: str = "text:file") -> dict[str, str]:
        format_, type_ = kind.split(":")
        answer = await self.request(
            "PUT", f"/api/collaboration/session/{path}", person, role, json={"format": format_, "type": type_}
        )
        answer.raise_for_status()
        return answer.json()

    async def open(self, path: str, person: str = "alice", role: str = "editor", kind: str = "text:file") -> Client:
        """A client that has the document."""
        session = await self.session(path, person, role, kind)
        name = f"{session['format']}:{session['type']}:{session['fileId']}"
        client = await self.connect(f"{name}?sessionId={session['sessionId']}", person, role, session["type"])
        await client.synchronise()
        return client

    async def connect(self, room: str, person: str = "alice", role: str = "editor", kind: str = "file") -> Client:
        socket_ = await connect(
            f"ws://{self.address}/api/collaboration/room/{room}",
            additional_headers=headers(person, role),
            max_size=None,
        )
        return Client(socket_, kind)

    def handler_of(self, person: str) -> Any:
        """The newest room handler of a person."""
        return next(
            h for h in reversed(self.handlers) if hasattr(h, "access_changed") and h.coterie_access.name == person
        )


def headers(person: str, role: str) -> dict[str, str]:
    return {name: value for name, value in (("X-Person", person), ("X-Role", role)) if value}


class Client:
    """A document and a WebSocket, as the stock front end keeps them. ``presence`` holds what others announce."""

    def __init__(self, socket_: ClientConnection, kind: str = "file") -> None:
        self.doc: Doc[Any] = Doc()
        self.document = ydocs[kind](self.doc)
        self.presence: dict[int, tuple[int, dict[str, Any]]] = {}
        self.answers: list[dict[str, Any]] = []
        self.heard: list[bytes] = []
        self.synchronised = 0
        self.socket = socket_
        self._is_applying = False
        self._clock = 0
        self._subscription = self.doc.observe(self._changed)
        self._tasks = {asyncio.create_task(self._listen())}

    @property
    def text(self) -> str:
        return self.document.get()

    def type(self, text: str, at: int = 0) -> None:
        self.document._ysource.insert(at, text)

    def send(self, frame: frames.ClientFrame | bytes) -> None:
        message = frame if isinstance(frame, bytes) else frames.encode(frame)
        task = asyncio.ensure_future(self._send(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def synchronise(self) -> None:
        """Everything sent before has been handled when this returns, and what the server had has arrived."""
        before = self.synchronised
        self.send(SyncStep1(self.doc.get_state()))
        await eventually(lambda: self.synchronised > before)

    async def save(self, number: int = 1) -> str:
        """The status with which the server answers."""
        self.send(Save(number))
        return (await eventually(lambda: [a for a in self.answers if a.get("responseTo") == number]))[0]["status"]

    def announce(self, state: dict[str, Any] | None, client: int | None = None, clock: int | None = None) -> None:
        self._clock += 1
        entry = Entry(client or self.doc.client_id, clock or self._clock, json.dumps(state))
        self.send(Awareness((entry,)))

    def seen(self) -> dict[str, dict[str, Any]]:
        """The states of others, by the user name in them."""
        return {state["user"]["username"]: state for _, state in self.presence.values()}

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(WITHIN):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason

    async def close(self) -> None:
        await self.socket.close()
        await asyncio.gather(*self._tasks)
        self.doc.unobserve(self._subscription)

    async def _send(self, message: bytes) -> None:
        with suppress(ConnectionClosed):
            await self.socket.send(message)

    def _changed(self, event: Any) -> None:
        if not self._is_applying:
            self.send(SyncUpdate(event.update))

    async def _listen(self) -> None:
        async for message in self.socket:
            self.heard.append(message)
            if message[0] == frames.Kind.RAW:
                decoder = Decoder(message[1:])
                self.answers.append(json.loads(decoder.read_var_string()))
            else:
                self._take(frames.parse(message))

    def _take(self, frame: frames.ClientFrame) -> None:
        match frame:
            case SyncStep1(state_vector):
                self.send(SyncStep2(self.doc.get_update(state_vector)))
            case SyncStep2(update) | SyncUpdate(update):
                self._is_applying = True
                self.doc.apply_update(update)
                self._is_applying = False
                self.synchronised += isinstance(frame, SyncStep2)
            case Awareness(entries):
                for entry in entries:
                    self._take_entry(entry)

    def _take_entry(self, entry: Entry) -> None:
        known, _ = self.presence.get(entry.client, (-1, {}))
        if entry.state == frames.LEFT and entry.clock >= known:
            self.presence.pop(entry.client, None)
        elif entry.clock > known:
            self.presence[entry.client] = (entry.clock, json.loads(entry.state))
