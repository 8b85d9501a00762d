"""Which files are taken for secrets, and of which kind."""

from __future__ import annotations

import pytest

from coterie.policy.secret_files import SAMPLES, SECRETS, SecretKind, secret_kind

PATTERNS = [pattern for patterns in SECRETS.values() for pattern in patterns]


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
    assert secret_kind(path.split("/")) is not None
    assert secret_kind(["project", *path.split("/")]) is not None


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
    assert secret_kind(path.split("/")) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".ssh", SecretKind.KEY),
        ("id_rsa", SecretKind.KEY),
        (".netrc", SecretKind.CREDENTIAL),
        (".docker/config.json", SecretKind.CREDENTIAL),
        (".vault-token", SecretKind.CREDENTIAL),
        ("terraform.tfstate.backup", SecretKind.CREDENTIAL),
        (".env", SecretKind.ENVIRONMENT),
        (".Renviron", SecretKind.ENVIRONMENT),
        ("production.env", SecretKind.ENVIRONMENT),
        (".bash_history", SecretKind.HISTORY),
        (".Rhistory", SecretKind.HISTORY),
    ],
)
def test_each_secret_has_its_kind(path: str, kind: SecretKind) -> None:
    assert kind == secret_kind(["project", *path.split("/")])


def test_every_pattern_finds_what_it_is_written_for() -> None:
    for kind, patterns in SECRETS.items():
        for pattern in patterns:
            assert kind == secret_kind(pattern.replace("*", "any").split("/")), pattern


def test_patterns_are_written_as_they_are_compared() -> None:
    assert [pattern for pattern in PATTERNS if pattern != pattern.casefold()] == []
    assert len(PATTERNS) == len(set(PATTERNS))


def test_a_pattern_has_one_star_at_most_and_in_its_last_name() -> None:
    patterns = [*PATTERNS, *SAMPLES]

    assert [pattern for pattern in patterns if pattern.count("*") > 1 or "*" in pattern.rpartition("/")[0]] == []
    assert [pattern for pattern in patterns if set(pattern) & set("?[]")] == []
