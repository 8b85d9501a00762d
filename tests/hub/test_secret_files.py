"""Which files are taken for secrets, and what happens to passwords in addresses."""

from __future__ import annotations

import pytest

from coterie.hub.secret_files import SECRETS, is_secret, may_hold_passwords, without_passwords


@pytest.mark.parametrize(
    "path",
    [
        ".ssh",
        "deep/down/.ssh",
        ".netrc",
        ".pgpass",
        ".git-credentials",
        ".aws",
        ".azure",
        ".config/gcloud",
        "backup/.config/gcloud",
        ".kube",
        ".docker/config.json",
        ".pypirc",
        ".npmrc",
        ".Renviron",
        ".env",
        ".ENV",
        ".env.production",
        "server.pem",
        "SERVER.KEY",
        "id_rsa",
        "id_ed25519",
        ".kaggle",
        "kaggle.json",
        ".huggingface",
        ".cache/huggingface/token",
        "passwords.kdbx",
        "service-account-prod.json",
        "client_secret_12.apps.json",
        ".vault-token",
        ".boto",
        "rclone.conf",
        ".streamlit/secrets.toml",
        "secrets.toml",
        "secrets.yaml",
        "secrets.yml",
        "secrets.json",
        "production.env",
        "credentials",
        "credentials.json",
        "id_rsa.old",
        "id_ed25519_work",
        "id_ecdsa_sk",
        "id_dsa2",
        ".jupyter/jupyter_server_config.py",
        ".jupyter/jupyter_server_config.json",
        ".jupyter/jupyter_notebook_config.py",
    ],
)
def test_known_secret_files_are_known_anywhere_and_in_any_case(path: str) -> None:
    assert is_secret(path.split("/"))
    assert is_secret(["project", *path.split("/")])


@pytest.mark.parametrize(
    "path",
    [
        "notebook.ipynb",
        "data.csv",
        "environment.yml",
        ".envoy",
        "env",
        ".env.example",
        "config.json",
        "gcloud",
        "keys.py",
        "monkey",
        "id_rsa.pub",
        "id_ed25519_work.pub",
        "example.env",
        "secrets.py",
        "secrets.md",
        "credentials.md",
        "jupyter_server_config.py",
        "environment",
        "token.txt",
        ".gitignore",
        ".git",
        "token",
        "lib/python3.11/site-packages/certifi/cacert.pem",
        "web/node_modules/tls/test.key",
    ],
)
def test_other_files_are_not(path: str) -> None:
    assert not is_secret(path.split("/"))


def test_patterns_are_written_as_they_are_compared() -> None:
    assert [pattern for pattern in SECRETS if pattern != pattern.casefold()] == []
    assert len(SECRETS) == len(set(SECRETS))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".git/config", True),
        ("repository/.git/modules/inner/config", True),
        ("repository/.git/logs/HEAD", True),
        ("repository/.git/config.worktree", True),
        ("bare.git/config", True),
        ("pip.conf", True),
        ("config", False),
        ("notes/pip.conf.md", False),
    ],
)
def test_settings_that_are_needed_but_may_hold_passwords_are_known(path: str, expected: bool) -> None:
    assert may_hold_passwords(path.split("/")) is expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"url = https://me:secret@example.org/a.git", b"url = https://example.org/a.git"),
        (b"url = https://ghp_token@example.org/a.git", b"url = https://example.org/a.git"),
        (b"url = HTTPS://me:se%40cret@example.org", b"url = HTTPS://example.org"),
        (b"url = ssh://git@example.org/a.git", b"url = ssh://git@example.org/a.git"),
        (b"url = git@example.org:a.git", b"url = git@example.org:a.git"),
        (b"see https://example.org/~me@home", b"see https://example.org/~me@home"),
        (b"[http]\n\textraheader = AUTHORIZATION: basic canary\n\tb = c\n", b"[http]\n\tb = c\n"),
        (b'[http "a"] extraHeader=canary\r\n\tb = c\r\n', b'[http "a"]\n\tb = c\r\n'),
        (b"\textraheader = \\\n\tcanary\\\ncanary\nb = c", b"b = c"),
        (b'\theader = "Authorization: bearer canary"\n', b""),
        (b"authorization=canary", b""),
        (b'[branch "authorization"]\n\tmerge = refs/heads/authorization\n',) * 2,
        (b"0a1b me <me@home> 1 +0000\tcommit: extraheader = authorization: x\n",) * 2,
    ],
)
def test_addresses_lose_their_passwords_and_nothing_else_changes(before: bytes, after: bytes) -> None:
    assert without_passwords(before) == after
