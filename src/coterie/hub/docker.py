"""Settings of DockerSpawner (dockerspawner 14) for a Hub on Docker's own machine. Pure, but for deleting volumes."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from jupyterhub.spawner import Spawner

from coterie.hub.any_spawner import DeletesWorkspaces
from coterie.hub.spawner_settings import (
    GRACE,
    SERVER_ARGUMENTS,
    need_folder,
    need_plain_user,
    need_positive,
    need_size,
    server_settings,
)

_NOT_FOUND = 404
_NETWORKS_OF_DOCKER = ("bridge", "host", "none", "default")


def docker_settings(
    *,
    image: str,
    network: str = "coterie",
    memory: str = "2G",
    cpus: float = 2.0,
    processes: int = 1000,
    open_files: int = 4096,
    scratch: str = "1G",
    user: int = 1000,
    home: str = "/home/jovyan",
    python: str = "python3",
) -> dict[str, Any]:
    """What to set as ``c.DockerSpawner``. See ``docker_network`` for the network.

    *image* has ``coterie[server]`` for its *python*, and a folder *home* that belongs to *user*: Docker gives a new
    volume the owner of the folder it is mounted on. *memory*, *cpus*, *processes* and *open_files* (of one process) are
    limits, *scratch* is how much fits into /tmp and into /dev/shm. Raises ValueError with a sentence for what cannot
    be meant.
    """
    if not image:
        raise ValueError("image has to name the container image of the servers.")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", network, re.ASCII) or network in _NETWORKS_OF_DOCKER:
        raise ValueError(f"network has to be one of your own, where servers cannot reach each other, not {network!r}.")
    home = need_folder("home", home)
    number = need_plain_user(user)
    size = need_size("scratch", scratch).lower()
    files = int(need_positive("open_files", open_files))
    settings = server_settings(home)
    return settings | {
        "image": image,
        "cmd": list(SERVER_ARGUMENTS),
        # --- Files: a volume for each account, and nothing else of the machine: no folder, no socket of Docker's.
        "volumes": {"coterie-{username}": home},
        "read_only_volumes": {},
        "mounts": [],
        "links": {},
        # --- A network in which servers cannot reach each other.
        "network_name": network,
        "use_internal_ip": True,
        # --- A clean end, and nothing left of it but the volume.
        "remove": True,
        "mem_limit": need_size("memory", memory),
        "cpu_limit": need_positive("cpus", cpus),
        "extra_create_kwargs": {
            # The server is the container's first process. Before any other, such as an image's own entry point, the
            # container's environment would stand open in /proc/1/environ, and the server's token in it.
            "entrypoint": [python],
            "user": f"{number}:{number}",
            "working_dir": home,
            "stop_signal": "SIGTERM",
            "stop_timeout": GRACE,
        },
        "extra_host_config": {
            "init": False,  # Docker's own would be the first process
            "read_only": True,
            "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={size}"},  # noqa: S108 - the container's own
            "shm_size": size,
            # --- Privileges: none. Docker's own filter of system calls stays on, as nothing here says otherwise.
            "privileged": False,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            # --- Namespaces of its own. A container has its own of processes unless told otherwise.
            "ipc_mode": "private",
            # --- Limits.
            "memswap_limit": memory,  # of memory and swap together: no swap
            "pids_limit": int(need_positive("processes", processes)),
            "ulimits": [
                {"Name": "nofile", "Soft": files, "Hard": files},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            # What a server prints, code in the workspace can print too.
            "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
            # A start is a session of its own: a server that ended is started again by whoever opens it.
            "restart_policy": {"Name": "no"},
        },
    }


def docker_network(name: str, *, subnet: str, internet: bool = True) -> dict[str, Any]:
    """The arguments of Docker's call that creates the network for servers (``APIClient.create_network``).

    Containers in it cannot reach each other. The Hub is on the machine itself, at the first address of *subnet*.
    Without *internet* that is all they reach. Raises ValueError for a *subnet* that is none.
    """
    try:
        addresses = ipaddress.ip_network(subnet)
        gateway = str(next(iter(addresses.hosts())))
    except (ValueError, StopIteration) as error:
        raise ValueError(f"subnet has to be a network such as '172.30.0.0/16', not {subnet!r}.") from error
    return {
        "name": name,
        "driver": "bridge",
        "internal": not internet,
        "options": {"com.docker.network.bridge.enable_icc": "false", "com.docker.network.bridge.name": name[:15]},
        "ipam": {"Driver": "default", "Config": [{"Subnet": subnet, "Gateway": gateway}]},
    }


class _DeletesVolumes(DeletesWorkspaces):
    """Put before DockerSpawner, which leaves volumes behind."""

    async def delete_files(self) -> None:
        for volume in self.volume_binds:
            if "/" in volume:  # a folder of the machine, which is the operator's
                continue
            try:
                await self.docker("remove_volume", volume)
            except OSError as error:  # as the errors of Docker's client are
                if getattr(error, "status_code", None) != _NOT_FOUND:
                    self.log.exception("The files of %s were left in the volume %s.", self.user.name, volume)


def deleting_volumes(spawner: type[Spawner]) -> type[Spawner]:
    """*spawner*, a kind of DockerSpawner, so that a workspace's volume is deleted with the workspace."""
    return type(f"Deleting{spawner.__name__}", (_DeletesVolumes, spawner), {})
