"""Spawners that start Coterie's servers.

``InCoterie`` goes before any Spawner class and tells a server what it is for. ``WorkspaceSpawner`` is the whole of it
for one machine: folders, packages and progress too.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from inspect import isawaitable
from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner
from traitlets import Float, Int, Unicode, default

from coterie.client import ServiceClient, ServiceRefused, ServiceUnreachable
from coterie.hub.any_spawner import AnySpawner, CannotStart, DeletesWorkspaces
from coterie.hub.confined import ConfinedSpawner
from coterie.hub.copy_job import CopyFailed, CopyJob, CopyLimits, run_copy
from coterie.hub.environment import Place, home_of, server_environment
from coterie.hub.folders import Folders, folders_of
from coterie.hub.packages import compile_coterie
from coterie.hub.removing import take_away
from coterie.wire.names import is_reserved


class InCoterie(AnySpawner):
    """Put before any Spawner class: each start is a session of its own, and the server learns its workspace."""

    service_url = Unicode(help="The service as servers and the Hub reach it.").tag(config=True)
    service_public_url = Unicode(help="The service as browsers reach it.").tag(config=True)

    lease = Float(
        60.0, help="For how many seconds a server goes on with what it knows while the service cannot be reached."
    ).tag(config=True)

    session = Unicode(help="The id of the session that was started last.")
    place: Place | None = None

    @default("cmd")
    def _default_cmd(self) -> list[str]:
        return ["python3", "-I", "-m", "coterie.server"]

    @default("default_url")
    def _default_default_url(self) -> str:
        return "/lab"

    @default("disable_user_config")
    def _default_disable_user_config(self) -> bool:
        # What an Editor writes into the home folder must never configure the gate's process.
        return True

    async def start(self) -> Any:
        """Raises CannotStart where the service does not know the account or cannot be asked, and for an account whose
        name would mean something else to what starts the server."""
        if not self.disable_user_config:
            raise CannotStart(
                "This server would read settings that people of the workspace can write. Tell the operator."
            )
        if "$(" in self.user.name:  # Kubernetes would fill it in wherever the Hub tells the server its account
            raise CannotStart("Servers here need an account whose name has no '$('. Ask the operator for another name.")
        self.session = secrets.token_hex(16)
        self.place = await self._find_place()
        await self.prepare(self.place)
        return await super().start()

    async def prepare(self, place: Place) -> None:
        """Called at each start, before the server: make here what *place* needs. Nothing by itself, and so a copy
        begins empty."""
        if place.is_copy:
            self.log.warning("The copy %s begins without files: this spawner copies none.", place.workspace)

    def get_env(self) -> dict[str, str]:
        environment: dict[str, str] = super().get_env()
        if self.place is not None:
            environment |= server_environment(
                self.place,
                session=self.session,
                service_url=self.service_url,
                service_public_url=self.service_public_url,
            )
            environment.setdefault("COTERIE_LEASE", str(self.lease))
        return environment

    async def _find_place(self) -> Place:
        if self.name:
            raise CannotStart("Named servers are not part of Coterie. Use your own server without a name.")
        account: str = self.user.name
        if not is_reserved(account):
            return home_of(account)
        try:
            async with ServiceClient(self.service_url, self.api_token) as service:
                facts = await service.facts()
        except ServiceUnreachable as error:
            raise CannotStart("The Coterie service cannot be asked about this workspace. Try again soon.") from error
        except ServiceRefused as error:
            raise CannotStart("No workspace belongs to this account.") from error
        return Place(facts.workspace, facts.name, facts.is_copy, facts.source)


def in_coterie(spawner: type[Spawner]) -> type[Spawner]:
    """*spawner* with InCoterie before it; its own configuration section and hooks go on working."""
    if issubclass(spawner, InCoterie):
        return spawner
    return type(f"Coterie{spawner.__name__}", (InCoterie, spawner), {})


class WorkspaceSpawner(DeletesWorkspaces, InCoterie, ConfinedSpawner):
    """Runs every workspace and home on this machine: in folders and in a sandbox of its own, within limits."""

    folder = Unicode(help="Absolute path below which every account's home folder is.").tag(config=True)
    samples = Unicode(
        "", help="Folder with one folder per workspace id: what that workspace's files start with. Empty: nothing."
    ).tag(config=True)

    copy_max_gigabytes = Float(
        50.0, min=0.0, help="How large a workspace may be to be copied, files and packages together."
    ).tag(config=True)
    copy_max_files = Int(1_000_000, min=0, help="How many files and folders a workspace may have to be copied.").tag(
        config=True
    )
    copy_max_hours = Float(2.0, min=0.0, help="How long a copy may take.").tag(config=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._steps: list[dict[str, Any]] = []
        self._step_was_added = asyncio.Event()

    @default("cmd")
    def _default_cmd(self) -> list[str]:
        return [sys.executable, "-I", "-m", "coterie.server"]

    @default("env_keep")
    def _default_env_keep(self) -> list[str]:
        return ["LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ"]

    @default("interrupt_timeout")
    def _default_interrupt_timeout(self) -> int:
        return 5

    @default("term_timeout")
    def _default_term_timeout(self) -> int:
        return 5

    @default("poll_interval")
    def _default_poll_interval(self) -> int:
        return 5

    @default("home_dir")
    def _default_home_dir(self) -> str:
        return str(self.folders.home)

    @property
    def folders(self) -> Folders:
        """This account's folders."""
        return folders_of(self.user.name, below=Path(self.folder))

    async def run_pre_spawn_hook(self) -> None:
        """Fills a copy before its first start: the Hub waits for this as long as it takes, unlike for ``start``."""
        self._steps = []
        hook = super().run_pre_spawn_hook()
        if isawaitable(hook):
            await hook
        if is_reserved(self.user.name) and not self.folders.work.exists():
            await self._fill(await self._find_place())

    async def start(self) -> Any:
        why_not = self.why_not()
        if why_not is not None:
            raise CannotStart(f"This server cannot be confined. {why_not} Tell the operator.")
        self._tell(10, "Preparing files and packages")
        address = await super().start()
        self._tell(60, "Waiting for JupyterLab")
        return address

    async def prepare(self, place: Place) -> None:
        await self._fill(place)
        sample, owner = self._sample_of(place.workspace), self.choose_owner()
        await asyncio.to_thread(self.folders.prepare, sample=sample, owner=owner)
        await asyncio.to_thread(compile_coterie)
        self._tell(30, "Starting the server")

    async def _fill(self, place: Place) -> None:
        """Gives a copy that has no files yet those of its source. Raises CannotStart."""
        if not place.is_copy or self.folders.work.exists():
            return
        if place.source is None or not is_reserved(place.source.account):
            raise CannotStart(
                "The workspace that this is a copy of was deleted, or may not be copied by you any more, before its "
                "files were copied. Delete this copy."
            )
        source = folders_of(place.source.account, below=Path(self.folder))
        if not source.home.exists():  # never opened
            await asyncio.to_thread(self.folders.prepare, sample=self._sample_of(place.source.workspace))
            return
        job = CopyJob(
            source=str(source.home),
            target=str(self.folders.home),
            creator=place.source.creator,
            with_outputs=place.source.with_outputs,
            limits=CopyLimits(gigabytes=self.copy_max_gigabytes, files=self.copy_max_files, hours=self.copy_max_hours),
        )
        try:
            await run_copy(job, lambda sentence: self._tell(5, sentence))
        except CopyFailed as error:
            raise CannotStart(error.sentence) from error

    def _sample_of(self, workspace: str) -> Path | None:
        return Path(self.samples, workspace) if self.samples else None

    async def delete_files(self) -> None:
        try:
            await asyncio.to_thread(take_away, self.folders.home, below=Path(self.folder))
        except OSError:
            self.log.exception("The files of %s were left at %s.", self.user.name, self.folders.home)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Every step of this start, for people. The Hub ends it when the start is over."""
        told = 0
        while True:
            was_added = self._step_was_added
            for step in self._steps[told:]:
                yield step
            told = len(self._steps)
            await was_added.wait()

    def get_env(self) -> dict[str, str]:
        environment = super().get_env()
        environment.setdefault("LANG", "C.UTF-8")
        environment["PATH"] = _without_deployment(environment.get("PATH", os.defpath))
        environment["JUPYTERHUB_ROOT_DIR"] = str(self.folders.work)
        environment["COTERIE_ENVIRONMENT"] = str(self.folders.environment)
        environment["JUPYTER_RUNTIME_DIR"] = self.runtime
        return environment

    def _tell(self, progress: int, message: str) -> None:
        self._steps.append({"progress": progress, "message": message})
        self._step_was_added.set()
        self._step_was_added = asyncio.Event()


def _without_deployment(path: str) -> str:
    # ``!pip install`` in a workspace must never find the deployment's own pip.
    own = Path(sys.prefix, "bin")
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if folder and Path(folder) != own)
