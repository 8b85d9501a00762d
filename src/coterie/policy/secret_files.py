"""Files in which programs keep passwords, tokens and keys, by their names.

A list of names, and so a help against oversights and no promise: who writes a password into a file of another name is
not helped. Words of this module: *parts* are the names from the top of a folder down to a file or folder in it. What
lies in a folder of installed packages is never taken for a secret: packages bring certificates (``*.pem``) and samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum


class SecretKind(StrEnum):
    """What a file is likely to hold."""

    KEY = "key"
    """A private key, or a store of them."""
    CREDENTIAL = "credential"
    """A password or a token that a program keeps."""
    ENVIRONMENT = "environment"
    """Variables for programs, which often hold passwords."""
    HISTORY = "history"
    """What people typed."""
    IN_NOTEBOOK = "token in a notebook"
    """What looks like a token, in what a notebook says: no name tells that."""


#: Files and folders, by their name anywhere, or by the end of their path where that takes more than one name.
#: Compared without regard to case; one ``*`` in the last name stands for anything.
SECRETS: Mapping[SecretKind, tuple[str, ...]] = {
    SecretKind.KEY: (
        ".ssh",
        ".gnupg",
        ".pki",
        ".step",
        "id_rsa*",
        "id_dsa*",
        "id_ecdsa*",
        "id_ed25519*",
        "*.pem",
        "*.key",
        "*.ppk",
        "*.p12",
        "*.pfx",
        "*.jks",
        "*.keystore",
        "*.kdb",
        "*.kdbx",
        "*.keytab",
        "*.gpg-key",
        ".password-store",
    ),
    SecretKind.CREDENTIAL: (
        # passwords for addresses, databases and repositories
        ".vault-token",
        ".vault_pass",
        ".vault_pass.txt",
        ".netrc",
        "_netrc",
        ".authinfo",
        ".git-credentials",
        ".config/gh/hosts.yml",
        ".config/glab-cli/config.yml",
        ".config/hub",
        ".pgpass",
        ".my.cnf",
        ".mylogin.cnf",
        ".htpasswd",
        ".smbcredentials",
        "secrets.toml",
        "secrets.yaml",
        "secrets.yml",
        "secrets.json",
        "credentials",
        # registries of packages and images
        ".pypirc",
        ".npmrc",
        ".yarnrc.yml",
        ".condarc",
        ".cargo/credentials.toml",
        ".m2/settings.xml",
        ".gradle/gradle.properties",
        ".docker/config.json",
        ".dockercfg",
        "containers/auth.json",
        # clouds and clusters
        ".aws",
        ".azure",
        ".oci",
        ".bluemix",
        ".boto",
        ".s3cfg",
        ".config/gcloud",
        ".config/doctl",
        ".config/rclone",
        "rclone.conf",
        ".kube",
        "kubeconfig",
        ".terraformrc",
        ".terraform.d/credentials.tfrc.json",
        "*.tfstate",
        "*.tfstate.backup",
        "application_default_credentials.json",
        "credentials.json",
        "client_secret.json",
        "client_secret_*.json",
        "client_secrets.json",
        "service-account*.json",
        "service_account*.json",
        "serviceaccount*.json",
        "gcp-key*.json",
        # services that notebooks talk to
        ".kaggle",
        "kaggle.json",
        ".huggingface",
        ".cache/huggingface/token",
        ".cache/huggingface/stored_tokens",
        ".databrickscfg",
        ".snowflake",
        ".snowsql",
        ".dbt/profiles.yml",
        ".config/openai",
        ".comet.config",
        ".ecmwfapirc",
        ".cdsapirc",
        ".jupyter/jupyter_notebook_config.*",
        ".jupyter/jupyter_server_config.*",
    ),
    SecretKind.ENVIRONMENT: (
        "*.env",
        ".env.*",
        ".envrc",
        ".renviron",
    ),
    SecretKind.HISTORY: (
        ".bash_history",
        ".zsh_history",
        ".python_history",
        ".psql_history",
        ".mysql_history",
        ".rhistory",
    ),
}

#: Samples of secrets, to be filled in, which carry none.
SAMPLES = (
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "example.env",
    "sample.env",
    "template.env",
    "*.example.env",
    "*.sample.env",
    "*.template.env",
    "*.pub",
)

_PACKAGES = frozenset({"site-packages", "dist-packages", "node_modules"})


def secret_kind(parts: Sequence[str]) -> SecretKind | None:
    """Which kind of secret the file or folder at *parts* is by its name; None for any other. Quick: meant to be asked
    of every file of a large folder."""
    names = [part.casefold() for part in parts]
    name = names[-1]
    if is_in_packages(names) or any(_fits(name, *sample) for sample in _SAMPLES):
        return None
    for folders, kind in _candidates(name):
        if not folders or tuple(names[-1 - len(folders) : -1]) == folders:
            return kind
    return None


def is_in_packages(parts: Sequence[str]) -> bool:
    """Whether *parts* lie in a folder of installed packages."""
    return not _PACKAGES.isdisjoint(parts[:-1])


def _candidates(name: str) -> Iterator[tuple[tuple[str, ...], SecretKind]]:
    """The folders in which a file called *name* is a secret, none for anywhere, and of which kind."""
    yield from _BY_NAME.get(name, ())
    for start, end, folders, kind in _BY_PATTERN:
        if _fits(name, start, end):
            yield folders, kind


def _fits(name: str, start: str, end: str | None) -> bool:
    if end is None:
        return name == start
    return name.startswith(start) and name.endswith(end) and len(name) >= len(start) + len(end)


def _split(name: str) -> tuple[str, str | None]:
    """What stands before and behind the ``*`` of *name*; None behind where there is none."""
    start, star, end = name.partition("*")
    return start, end if star else None


_SAMPLES = [_split(sample) for sample in SAMPLES]
_BY_NAME: dict[str, list[tuple[tuple[str, ...], SecretKind]]] = {}
_BY_PATTERN: list[tuple[str, str, tuple[str, ...], SecretKind]] = []
for _kind, _patterns in SECRETS.items():
    for _pattern in _patterns:
        *_folders, _name = _pattern.split("/")
        _start, _end = _split(_name)
        if _end is None:
            _BY_NAME.setdefault(_start, []).append((tuple(_folders), _kind))
        else:
            _BY_PATTERN.append((_start, _end, tuple(_folders), _kind))
