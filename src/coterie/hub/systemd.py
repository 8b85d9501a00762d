"""Settings of SystemdSpawner (jupyterhub-systemdspawner 1.0.2). Pure, but for deleting folders.

Each server is a unit of its own with a user that exists while it runs. It sees a system of its own making: nothing of
the machine but what is named here. The Hub runs as root, as that spawner demands. What the properties mean is in
systemd.exec(5), systemd.resource-control(5) and systemd.kill(5).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from jupyterhub.spawner import Spawner

from coterie.hub.any_spawner import CannotStart, DeletesWorkspaces
from coterie.hub.removing import take_away
from coterie.hub.sandbox import SETTINGS, SYSTEM_LINKS
from coterie.hub.spawner_settings import GRACE, SERVER_ARGUMENTS, need_folder, need_positive, need_size, server_settings

#: The names of accounts that fit into names of units and paths as they are, and are no folder that systemd has there:
#: for ``c.Authenticator.username_pattern``, which the Hub compares from the beginning only.
USERNAME_PATTERN: Final = r"(?!(private|coterie)\Z)[a-z0-9_][a-z0-9_-]{0,99}\Z"
#: Where systemd keeps the folders of users that exist for a while; nobody but root gets in.
_STATE = Path("/var/lib/private/coterie")
#: Links to them.
_LINKS = Path("/var/lib/coterie")
#: The oldest version that knows all of it: PrivateIPC came with 248.
_OLDEST = 248
_HAS_PRIVATE_PIDS = 257
#: Of what runs on this machine servers go first when its memory is used up.
_FIRST_TO_GO = "500"


def systemd_settings(
    *,
    python: str,
    readable: Iterable[str | Path],
    version: int = _OLDEST,
    memory: str = "2G",
    cpus: float = 2.0,
    processes: int = 1000,
    open_files: int = 4096,
    file_size: str = "50G",
) -> dict[str, Any]:
    """What to set as ``c.SystemdSpawner``.

    *python* is the absolute path of an interpreter that has ``coterie[server]``; *readable* are the folders that it
    and all servers read, beside /usr and some files of /etc: for the Hub's own Python
    ``coterie.hub.deployment_folders()``. *version* is systemd's on this machine (``systemctl --version``).
    *memory*, *cpus*, *processes* (with threads), *open_files* (of one process) and *file_size* are limits. Raises
    ValueError with a sentence for what cannot be meant.
    """
    if version < _OLDEST:
        raise ValueError(f"systemd {_OLDEST} or newer is needed to keep servers apart, not {version}.")
    home = "/var/lib/{USERNAME}"  # SystemdSpawner's own choice for users that exist for a while
    # JupyterHub's template, which knows the name by another word.
    settings = server_settings(home.replace("{USERNAME}", "{username}"))
    # SystemdSpawner sets HOME itself, and takes no template there.
    environment = {name: value for name, value in settings["environment"].items() if name != "HOME"}
    return settings | {
        "environment": environment,
        "cmd": [need_folder("python", python), *SERVER_ARGUMENTS],
        "unit_name_template": "coterie-{USERNAME}",
        # --- Privileges: a user of the server's own, while it runs, and no way to become another.
        "dynamic_users": True,
        "disable_user_sudo": True,  # NoNewPrivileges
        # --- Namespaces of its own.
        "isolate_tmp": True,
        "isolate_devices": True,
        # Both would open the machine's folders again.
        "readonly_paths": None,
        "readwrite_paths": None,
        "default_shell": "/bin/bash",
        "mem_limit": need_size("memory", memory),
        "cpu_limit": need_positive("cpus", cpus),
        "unit_extra_properties": {
            **_files(home, readable),
            **_namespaces(version),
            **_refusals(),
            # --- The network: no raw packets, and no way to where clouds hand out a machine's credentials.
            "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
            "IPAddressDeny": "link-local fd00:ec2::254/128",
            # --- Limits.
            "MemorySwapMax": "0",
            "TasksMax": str(int(need_positive("processes", processes))),
            "LimitNOFILE": str(int(need_positive("open_files", open_files))),
            "LimitFSIZE": need_size("file_size", file_size),
            "LimitCORE": "0",
            "OOMScoreAdjust": _FIRST_TO_GO,
            # --- A clean end: the server is told, and what it leaves is ended.
            "KillMode": "mixed",
            "TimeoutStopSec": str(GRACE),
            "SendSIGKILL": "yes",
            "CollectMode": "inactive-or-failed",
        },
    }


def _files(home: str, readable: Iterable[str | Path]) -> dict[str, str]:
    shown = [need_folder("readable", str(path)) for path in readable]
    system = ["/usr", *(f"-/{name}" for name in SYSTEM_LINKS), *(f"-/etc/{name}" for name in SETTINGS)]
    return {
        # Nothing is there but what is bound into it.
        "TemporaryFileSystem": "/:ro",
        "MountAPIVFS": "yes",
        "ProtectSystem": "strict",
        "BindReadOnlyPaths": " ".join([*system, *shown]),
        # Not the folder of the account's name right below /var/lib, which for somebody called "docker" is Docker's.
        "StateDirectory": "coterie/{USERNAME}",
        "StateDirectoryMode": "0700",
        "BindPaths": f"{_STATE}/{{USERNAME}}:{home}",
        # The spawner leaves a file with the server's token there, which systemd reads before and gives to the server's
        # user with the folder.
        "InaccessiblePaths": "/run/coterie-{USERNAME}",
        "RuntimeDirectory": "coterie-{USERNAME}",
        "RuntimeDirectoryPreserve": "no",
        "UMask": "0077",
    }


def _namespaces(version: int) -> dict[str, str]:
    own = {"PrivateIPC": "yes", "RemoveIPC": "yes", "ProtectProc": "invisible", "KeyringMode": "private"}
    return own | ({"PrivatePIDs": "yes"} if version >= _HAS_PRIVATE_PIDS else {})


def _refusals() -> dict[str, str]:
    nothing = {"CapabilityBoundingSet": "", "AmbientCapabilities": ""}
    calls = {
        "SystemCallArchitectures": "native",
        "SystemCallFilter": "@system-service",
        "SystemCallErrorNumber": "EPERM",
    }
    switches = (
        "LockPersonality",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    )
    return {**nothing, **calls, **dict.fromkeys(switches, "yes")}


class _OwnFolders(DeletesWorkspaces):
    """Put before SystemdSpawner, which writes names into units and paths as they are, and leaves folders behind."""

    async def start(self) -> Any:
        """Raises CannotStart for an account whose name would mean something else in a unit."""
        if not re.match(USERNAME_PATTERN, self.user.name):
            raise CannotStart("Servers here need an account with a plain name: small letters, digits, '-' and '_'.")
        return await super().start()

    async def delete_files(self) -> None:
        account: str = self.user.name
        with suppress(FileNotFoundError):
            (_LINKS / account).unlink()
        try:
            await asyncio.to_thread(take_away, _STATE / account, below=_STATE)
        except OSError:
            self.log.exception("The files of %s were left at %s.", account, _STATE / account)


def with_own_folders(spawner: type[Spawner]) -> type[Spawner]:
    """*spawner*, a kind of SystemdSpawner, so that no account's name leads to another folder than its own, and a
    workspace's folder is deleted with the workspace."""
    return type(f"Careful{spawner.__name__}", (_OwnFolders, spawner), {})
