"""What a server's process gets when it is started, with real processes and a real service to ask."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.objects import Hub
from jupyterhub.spawner import SimpleLocalProcessSpawner

from coterie.hub.any_spawner import CannotStart
from coterie.hub.confined import why_not_confined
from coterie.hub.folders import make_home
from coterie.hub.plain_users import PLAIN_UIDS
from coterie.hub.processes import Process, line_of_eldest, started_at
from coterie.hub.spawner import WorkspaceSpawner, in_coterie
from hub.service_of_ours import ServiceOfOurs
from support.demo import until

ACCOUNT = "ws-abcdefgh234567ab"
WORKSPACE = "penguins23456722"
PUBLIC = "http://coterie--service.hub.localhost:8000/services/coterie/"

#: Stands in for the server: says what it was given, then waits to be stopped as the Hub stops servers.
TELL = """
import json, os, resource, signal, sys
print("hello", flush=True)
secrets = json.load(open(int(os.environ["COTERIE_SECRETS_FD"])))
facts = {"secrets": secrets, "files": resource.getrlimit(resource.RLIMIT_NOFILE)}
facts |= {"environment": dict(os.environ), "cwd": os.getcwd(), "arguments": sys.argv[1:],
         "deaf": signal.getsignal(signal.SIGINT) == signal.SIG_IGN}
with open("facts.new", "w") as file:
    json.dump(facts, file)
os.rename("facts.new", "facts.json")
signal.pause()
"""


@pytest.fixture
async def start(tmp_path: Path, service: ServiceOfOurs) -> AsyncIterator[Any]:
    """Starts the server of an account, confined where this machine can, and answers the spawner."""
    is_confined = why_not_confined([tmp_path]) is None
    service.body = {"workspace": WORKSPACE, "name": "Penguins", "page_url": f"{PUBLIC}w/{WORKSPACE}"}
    started: list[WorkspaceSpawner] = []

    async def run(account: str, **traits: Any) -> WorkspaceSpawner:
        traits = {
            "service_url": service.url,
            "service_public_url": PUBLIC,
            "folder": str(tmp_path),
            "sandbox": is_confined,
            **traits,
        }
        user = SimpleNamespace(name=account, escaped_name=account, url=f"/user/{account}/", settings={})
        spawner = WorkspaceSpawner(user=user, hub=Hub(), **traits)
        spawner.api_token = "the-server's-own-token"
        spawner.cmd = [sys.executable, "-c", TELL]
        started.append(spawner)
        await spawner.start()
        return spawner

    yield run
    for spawner in started:
        if spawner.pid:
            await spawner.stop(now=True)
        spawner.clear_state()


async def _facts(spawner: WorkspaceSpawner) -> dict[str, Any]:
    async def read() -> dict[str, Any] | None:
        file = spawner.folders.home / "facts.json"
        return json.loads(file.read_text()) if file.exists() else None

    facts: dict[str, Any] = await until(read)
    return facts


async def test_a_workspaces_server_learns_its_workspace_from_the_service(start: Any, service: ServiceOfOurs) -> None:
    spawner = await start(ACCOUNT)

    environment = (await _facts(spawner))["environment"]
    assert environment["COTERIE_WORKSPACE"] == WORKSPACE
    assert environment["COTERIE_WORKSPACE_NAME"] == "Penguins"
    assert environment["COTERIE_SERVICE_URL"] == service.url
    assert environment["COTERIE_SERVICE_PUBLIC_URL"] == PUBLIC
    assert service.asked[0].headers["authorization"] == "token the-server's-own-token"


async def test_a_home_needs_no_question(start: Any, service: ServiceOfOurs) -> None:
    spawner = await start("alice")

    environment = (await _facts(spawner))["environment"]
    assert environment["COTERIE_WORKSPACE"] == "~alice"
    assert service.asked == []


async def test_each_start_is_a_session_of_its_own(start: Any) -> None:
    first = await start("alice")
    second = await start("alice")

    assert len({first.session, second.session}) == 2
    assert (await _facts(second))["environment"]["COTERIE_SESSION"] in {first.session, second.session}


async def test_files_packages_and_sockets_have_places_of_their_own(start: Any, tmp_path: Path) -> None:
    spawner = await start("alice", sandbox=False)

    facts = await _facts(spawner)
    environment = facts["environment"]
    home = tmp_path / "alice"
    assert environment["HOME"] == facts["cwd"] == str(home)
    assert environment["JUPYTERHUB_ROOT_DIR"] == str(home / "work")
    assert environment["COTERIE_ENVIRONMENT"] == str(home / "environment")
    assert environment["JUPYTERHUB_DISABLE_USER_CONFIG"] == "1"
    assert environment["JUPYTERHUB_DEFAULT_URL"] == "/lab"
    assert _mode(environment["JUPYTER_RUNTIME_DIR"]) == 0o700
    assert len(environment["JUPYTER_RUNTIME_DIR"]) < 40


def _mode(path: str) -> int | None:
    """The permissions of *path*, None if it is not there."""
    return Path(path).stat().st_mode & 0o777 if Path(path).exists() else None


async def test_nothing_else_of_the_hubs_environment_reaches_a_server(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "canary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("PYTHONPATH", "/canary")
    monkeypatch.setenv("VIRTUAL_ENV", "/canary")
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:/usr/bin:/bin")

    environment = (await _facts(await start("alice")))["environment"]

    assert "canary" not in json.dumps(environment)
    assert environment["PATH"] == "/usr/bin:/bin"


async def test_a_server_hears_the_signal_that_stops_it_and_leaves_no_sockets(start: Any) -> None:
    spawner = await start("alice", sandbox=False)
    facts = await _facts(spawner)

    await spawner.stop()
    spawner.clear_state()

    assert facts["deaf"] is False
    assert await spawner.poll() is not None
    assert _mode(facts["environment"]["JUPYTER_RUNTIME_DIR"]) is None


async def test_a_hub_that_starts_anew_still_knows_which_folder_to_remove(start: Any) -> None:
    spawner = await start("alice", sandbox=False)
    runtime = (await _facts(spawner))["environment"]["JUPYTER_RUNTIME_DIR"]
    later = WorkspaceSpawner(user=spawner.user, hub=Hub(), folder=spawner.folder)

    later.load_state(spawner.get_state())
    await spawner.stop(now=True)
    await later.poll()

    assert _mode(runtime) is None


async def test_root_is_allowed_where_the_hub_is_root_and_nothing_confines_servers(start: Any) -> None:
    spawner = await start("alice", sandbox=False)

    assert ((await _facts(spawner))["arguments"] == ["--allow-root"]) is (os.geteuid() == 0)


async def test_tokens_come_by_pipe_and_stand_in_no_environment(start: Any) -> None:
    spawner = await start("alice")

    facts = await _facts(spawner)
    environment = facts["environment"]
    assert facts["secrets"]["JUPYTERHUB_API_TOKEN"] == "the-server's-own-token"
    assert "the-server's-own-token" not in str([environment, *_seen_of(spawner.pid)])


def _seen_of(pid: int) -> list[str]:
    """What the machine shows of the process *pid* and those below it."""
    seen = []
    for process in line_of_eldest(pid, 3):
        folder = Path("/proc", str(process))
        seen += [(folder / name).read_bytes().decode() for name in ("environ", "cmdline")]
    return seen


async def test_what_a_server_prints_goes_to_its_own_log_and_the_one_before_is_kept(start: Any, tmp_path: Path) -> None:
    spawner = await start("alice")
    await _facts(spawner)
    await spawner.stop(now=True)
    (tmp_path / "alice" / "facts.json").unlink()
    again = await start("alice")
    await _facts(again)

    assert (tmp_path / "alice" / "server.log").read_text() == "hello\n"
    assert (tmp_path / "alice" / "server.log.old").read_text() == "hello\n"


async def test_a_hub_that_was_given_less_gives_less(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "coterie.hub.confined.getrlimit",
        lambda kind: (500, 500) if kind == resource.RLIMIT_NOFILE else resource.getrlimit(kind),
    )

    spawner = await start("alice")

    facts = await _facts(spawner)
    assert facts["files"] == [500, 500] or not spawner.sandbox


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
async def test_each_account_has_a_user_number_of_its_own_and_keeps_it(start: Any, tmp_path: Path) -> None:
    alice, bob = await start("alice"), await start("bob")
    if not alice.sandbox:
        pytest.skip("servers cannot be confined here")
    later = WorkspaceSpawner(user=alice.user, hub=Hub(), folder=alice.folder)

    owners = [(tmp_path / name).stat().st_uid for name in ("alice", "bob")]
    assert [alice.choose_owner(), bob.choose_owner()] == owners
    assert later.choose_owner() == owners[0]
    assert len(set(owners)) == 2
    assert all(PLAIN_UIDS[0] <= owner <= PLAIN_UIDS[1] for owner in owners)


def test_the_folder_of_all_accounts_is_for_the_hubs_user_alone(tmp_path: Path) -> None:
    servers = tmp_path / "state" / "servers"

    make_home(servers / "alice")

    assert [_mode(str(folder)) for folder in (servers, servers / "alice")] == [0o700, 0o700]


async def test_a_link_in_the_place_of_the_log_leads_nowhere(start: Any, tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("untouched")
    (tmp_path / "alice").mkdir()
    for name in ("server.log", "server.log.old"):
        (tmp_path / "alice" / name).symlink_to(victim)

    await _facts(await start("alice"))

    assert victim.read_text() == "untouched"
    assert (tmp_path / "alice" / "server.log").read_text() == "hello\n"


async def test_a_hub_that_starts_anew_takes_no_other_process_for_the_server(start: Any) -> None:
    spawner = await start("alice")
    state = spawner.get_state()
    later, mistaken = (WorkspaceSpawner(user=spawner.user, hub=Hub(), folder=spawner.folder) for _ in range(2))

    later.load_state(state)
    # The number went to another process meanwhile: this one.
    mistaken.load_state(state | {"pid": os.getpid(), "groups": []})

    assert await later.poll() is None
    assert await mistaken.poll() == 0
    await later.stop()
    assert await spawner.poll() is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_nobody_else_is_given_the_port_before_the_server_listens_there(start: Any, address: str) -> None:
    spawner = await start("alice", ip=address)
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET

    with socket.socket(kind) as others, pytest.raises(OSError, match="in use"):
        others.bind((address, spawner.port))
    with socket.socket(kind) as its:
        its.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as tornado does
        its.bind((address, spawner.port))
        its.listen()
    await spawner.stop(now=True)
    spawner.clear_state()
    with socket.socket(kind) as others:
        others.bind((address, spawner.port))


async def test_a_start_waits_for_what_is_left_of_the_last_run(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spawner = await start("alice", sandbox=False)
    await spawner.stop(now=True)
    with subprocess.Popen(["sleep", "600"]) as left:  # noqa: ASYNC220  (it begins at once)
        known_by = [left.pid, started_at(left.pid)]
        spawner.load_state({"inside": known_by})
        with monkeypatch.context() as unkillable:
            unkillable.setattr(Process, "kill", lambda _process: None)
            unkillable.setattr("coterie.hub.confined._ENDED_WITHIN", 0.05)
            with pytest.raises(CannotStart, match="have not ended yet"):
                await spawner.start()
        spawner.clear_state()
        assert spawner.get_state() == {"inside": known_by}

        async def is_over() -> bool:
            return left.poll() is not None

        await until(is_over)
    await spawner.start()
    assert spawner.pid


async def test_a_workspaces_own_sample_is_brought_and_no_other(start: Any, tmp_path: Path) -> None:
    for workspace in (WORKSPACE, "another234567222"):
        (tmp_path / "samples" / workspace).mkdir(parents=True)
        (tmp_path / "samples" / workspace / f"{workspace}.md").write_text("hello")

    spawner = await start(ACCOUNT, samples=str(tmp_path / "samples"))
    home = await start("alice", samples=str(tmp_path / "samples"))

    assert [file.name for file in spawner.folders.work.iterdir()] == [f"{WORKSPACE}.md"]
    assert list(home.folders.work.iterdir()) == []


async def test_progress_tells_the_steps_to_whoever_asks_and_whenever(start: Any) -> None:
    spawner = await start("alice")

    steps = spawner.progress()
    told = [await anext(steps) for _ in range(3)]
    await steps.aclose()

    expected = ["Preparing files and packages", "Starting the server", "Waiting for JupyterLab"]
    assert [step["message"] for step in told] == expected
    assert [step["progress"] for step in told] == sorted(step["progress"] for step in told)


async def test_an_account_without_a_workspace_is_not_started(start: Any, service: ServiceOfOurs) -> None:
    service.status, service.body = 404, {}

    with pytest.raises(CannotStart) as refused:
        await start(ACCOUNT)

    assert refused.value.jupyterhub_message == "No workspace belongs to this account."


async def test_without_the_service_a_workspace_is_not_started_and_the_reason_is_told(
    start: Any, service: ServiceOfOurs
) -> None:
    service.status = 503

    with pytest.raises(CannotStart, match="cannot be asked about this workspace"):
        await start(ACCOUNT)


async def test_named_servers_are_not_started(start: Any) -> None:
    with pytest.raises(CannotStart, match="Named servers are not part of Coterie"):
        await start("alice", orm_spawner=SimpleNamespace(name="second", server=None))


def test_a_spawner_is_wrapped_once() -> None:
    once = in_coterie(SimpleLocalProcessSpawner)

    assert in_coterie(once) is once
    assert in_coterie(WorkspaceSpawner) is WorkspaceSpawner


SOURCE = {"workspace": "whales2345672222", "account": "ws-sourcesourceabcd", "creator": "carol", "with_outputs": True}


def _is_a_copy(service: ServiceOfOurs, source: dict[str, Any] | None) -> None:
    service.body |= {"is_copy": True, "source": source}


async def _first_start(start: Any, tmp_path: Path, **traits: Any) -> Any:
    """Starts as the Hub does, and answers what is in the work folder then."""
    spawner = await start(ACCOUNT, **traits)
    return {path.name: path.read_text() for path in (tmp_path / ACCOUNT / "work").iterdir() if spawner.pid}


async def test_a_copy_starts_with_the_files_of_its_source(start: Any, service: ServiceOfOurs, tmp_path: Path) -> None:
    _is_a_copy(service, SOURCE)
    (tmp_path / SOURCE["account"] / "work").mkdir(parents=True)
    (tmp_path / SOURCE["account"] / "work" / "a.txt").write_text("a")

    assert await _first_start(start, tmp_path) == {"a.txt": "a"}


async def test_a_copy_of_what_was_never_opened_starts_with_the_same_sample(
    start: Any, service: ServiceOfOurs, tmp_path: Path
) -> None:
    _is_a_copy(service, SOURCE)
    (tmp_path / "samples" / SOURCE["workspace"]).mkdir(parents=True)
    (tmp_path / "samples" / SOURCE["workspace"] / "b.txt").write_text("b")

    assert await _first_start(start, tmp_path, samples=str(tmp_path / "samples")) == {"b.txt": "b"}


@pytest.mark.parametrize("source", [None, SOURCE | {"account": "alice"}])
async def test_a_copy_without_a_source_does_not_start_and_nobodys_home_is_one(
    start: Any, service: ServiceOfOurs, tmp_path: Path, source: dict[str, Any] | None
) -> None:
    _is_a_copy(service, source)
    (tmp_path / "alice" / "work").mkdir(parents=True)

    with pytest.raises(CannotStart, match="Delete this copy") as refused:
        await start(ACCOUNT)

    assert refused.value.jupyterhub_html_message == refused.value.jupyterhub_message
    assert not (tmp_path / ACCOUNT / "work").exists()


async def test_a_copy_that_has_its_files_needs_its_source_no_more(
    start: Any, service: ServiceOfOurs, tmp_path: Path
) -> None:
    _is_a_copy(service, None)
    (tmp_path / ACCOUNT / "work").mkdir(parents=True)

    assert await _first_start(start, tmp_path) == {}


async def test_the_hub_fills_a_copy_before_the_time_for_its_start_runs(service: ServiceOfOurs, tmp_path: Path) -> None:
    service.body = {"workspace": WORKSPACE, "name": "Copy", "page_url": "", "is_copy": True, "source": SOURCE}
    (tmp_path / SOURCE["account"] / "work").mkdir(parents=True)
    spawner = _spawner(ACCOUNT, tmp_path, service.url)
    called: list[str] = []

    async def hook(_spawner: Any) -> None:
        called.append("the operator's own")

    spawner.pre_spawn_hook = hook

    await spawner.run_pre_spawn_hook()

    assert called == ["the operator's own"]
    assert (tmp_path / ACCOUNT / "work").is_dir()


def _spawner(account: str, folder: Path, service_url: str = "") -> WorkspaceSpawner:
    user = SimpleNamespace(name=account, escaped_name=account, url=f"/user/{account}/", settings={})
    spawner = WorkspaceSpawner(user=user, hub=Hub(), folder=str(folder), service_url=service_url)
    spawner.api_token = "the-server's-own-token"
    return spawner


async def test_a_workspaces_files_go_with_its_account(tmp_path: Path) -> None:
    (tmp_path / ACCOUNT / "work").mkdir(parents=True)

    await _spawner(ACCOUNT, tmp_path).delete_forever()

    assert not (tmp_path / ACCOUNT).exists()


async def test_a_persons_home_stays_and_a_named_server_takes_nothing_along(tmp_path: Path) -> None:
    for account in ("alice", ACCOUNT):
        (tmp_path / account / "work").mkdir(parents=True)
    named = _spawner(ACCOUNT, tmp_path)
    named.orm_spawner = SimpleNamespace(name="second", state=None, server=None)

    await _spawner("alice", tmp_path).delete_forever()
    await named.delete_forever()

    assert (tmp_path / "alice").exists()
    assert (tmp_path / ACCOUNT).exists()


async def test_files_that_cannot_be_taken_away_do_not_keep_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ACCOUNT / "work").mkdir(parents=True)

    def fails(_path: Path, _target: Path) -> Path:
        raise PermissionError

    monkeypatch.setattr(Path, "rename", fails)

    await _spawner(ACCOUNT, tmp_path).delete_forever()

    assert (tmp_path / ACCOUNT).exists()
