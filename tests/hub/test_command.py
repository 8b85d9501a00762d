"""What can be typed, and the small parts of the demo that need no Hub."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coterie import __version__
from coterie.cli import main
from coterie.cli.command import _parser
from coterie.cli.demo.hub import Ports, config_file_text
from coterie.cli.demo.ports import PortTaken, choose_ports
from coterie.cli.demo.processes import belongs_to_demo, command_of, descendants, end
from coterie.cli.demo.state import DemoState, StateInUse, write_private


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--version"])

    assert done.value.code == 0
    assert capsys.readouterr().out == f"coterie {__version__}\n"


def test_a_demo_runs_on_port_8000_and_in_the_users_state_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for state_home, expected in [
        ("", tmp_path / ".local/state/coterie-demo"),
        ("relative", tmp_path / ".local/state/coterie-demo"),
        (str(tmp_path / "states"), tmp_path / "states/coterie-demo"),
    ]:
        monkeypatch.setenv("XDG_STATE_HOME", state_home)

        options = _parser().parse_args(["demo"])

        assert (options.port, options.state) == (8000, expected)
        assert (options.no_subdomains, options.no_browser) == (False, False)


def test_whoever_has_no_home_runs_the_service_and_is_asked_where_a_demo_shall_live(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", _no_home)

    assert _parser().parse_args(["service"]).command == "service"
    with pytest.raises(SystemExit):
        _parser().parse_args(["demo"])
    assert "required: --state" in capsys.readouterr().err


def _no_home(_: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("port", ["-1", "65536", "http", "", "8000.0", "٣"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        _parser().parse_args(["demo", f"--port={port}"])

    assert refused.value.code == 2
    assert "is no port" in capsys.readouterr().err


def test_ports_are_free_and_differ() -> None:
    ports = choose_ports(0)

    assert len({ports.public, ports.hub, ports.service, ports.traefik}) == 4


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken, match="in use already"):
        choose_ports(taken.getsockname()[1])


def test_the_written_configuration_holds_what_was_asked_for_and_no_secret(tmp_path: Path) -> None:
    text = config_file_text(state=tmp_path / "it's", ports=Ports(1, 2, 3, 4), subdomains=False)

    compile(text, "jupyterhub_config.py", "exec")
    assert "Ports(public=1, hub=2, service=3, traefik=4)" in text
    assert "subdomains=False" in text
    assert "password" not in text


def test_a_state_is_used_by_one_demo_at_a_time(tmp_path: Path) -> None:
    state = DemoState(tmp_path / "new" / "state")

    with state.held(), pytest.raises(StateInUse, match="runs on"), DemoState(state.folder).held():
        pass

    with state.held():
        assert state.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["", "[]", "nonsense", '{"pids": 1}', '{"pids": ["1", null]}', "{}"])
def test_a_damaged_demo_json_names_no_processes(tmp_path: Path, content: str) -> None:
    state = DemoState(tmp_path)
    state.running.write_text(content)

    assert state.read_pids() == []


def test_a_private_file_is_readable_by_its_owner_alone_even_where_it_was_not(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text("old")
    file.chmod(0o644)

    write_private(file, {"alice": "secret"})

    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"alice": "secret"}


@contextmanager
def _process(code: str, *arguments: str, cwd: Path | None = None) -> Iterator[int]:
    """Runs *code* until the block ends, and answers its pid once it has printed a line."""
    command = [sys.executable, "-c", f"import signal; {code}; print(flush=True); signal.pause()", *arguments]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_number_that_another_process_got_since_is_left_alone(tmp_path: Path) -> None:
    with _process("pass", cwd=tmp_path) as other:
        assert not belongs_to_demo(other, tmp_path)
    assert not belongs_to_demo(other, tmp_path)


def test_a_process_of_the_demo_belongs_to_the_demo_on_its_state_only(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()

    # A stand-in with the service's command line.
    with _process("pass", "-m", "coterie.cli", "service", cwd=here) as service:
        assert belongs_to_demo(service, here)
        assert not belongs_to_demo(service, elsewhere)


async def test_what_does_not_end_when_asked_is_killed() -> None:
    with _process("signal.signal(signal.SIGTERM, signal.SIG_IGN)") as stubborn:
        assert stubborn in descendants(os.getpid())

        await end([stubborn], seconds=0.2)

        assert command_of(stubborn) is None
