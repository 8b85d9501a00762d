"""Files that are left out of a copy, because programs keep passwords, tokens and keys in them.

A list of names, and so a help against oversights and no promise: who writes a password into a notebook copies it.
Words of this module: *parts* are the names from the top of the copied folder down to a file or folder. What lies in a
folder of installed packages is never taken for a secret: packages bring certificates (``*.pem``) and samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

#: Files and folders, by their name anywhere, or by the end of their path where that takes more than one name.
#: Compared without regard to case.
SECRETS = (
    # keys and the stores they are kept in
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
    ".vault-token",
    ".vault_pass",
    ".vault_pass.txt",
    # passwords for addresses, databases and repositories
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
    "*.env",
    ".env.*",
    ".envrc",
    ".renviron",
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
    # what people typed
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".rhistory",
)

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

_PACKAGES = {"site-packages", "dist-packages", "node_modules"}
_PATTERNS = [tuple(pattern.split("/")) for pattern in SECRETS]
_PASSWORD = re.compile(rb"(?i)(https?://)[^\s/@\"']+@")
#: A line of git's settings, perhaps behind the name of its section, that sets a header to send with a password.
_HEADER = re.compile(
    rb"""(?i)(\s*\[.*\])?\s*(?:(?:extraheader|authorization)\s*=|[\w-]+\s*=\s*["']?authorization\s*:)"""
)


def is_secret(parts: Sequence[str]) -> bool:
    """Whether the file or folder at *parts* is one of those that are left out."""
    names = [part.casefold() for part in parts]
    if not _PACKAGES.isdisjoint(names[:-1]) or any(fnmatchcase(names[-1], sample) for sample in SAMPLES):
        return False
    return any(_ends_with(names, pattern) for pattern in _PATTERNS)


def _ends_with(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if len(names) < len(pattern):
        return False
    return all(map(fnmatchcase, names[-len(pattern) :], pattern))


def may_hold_passwords(parts: Sequence[str]) -> bool:
    """Whether the file at *parts* is needed in a copy but often has passwords in addresses or headers: git's and pip's
    settings and git's logs, as in ``https://me:secret@example.org/``."""
    *folders, name = (part.casefold() for part in parts)
    if name in ("pip.conf", ".gitmodules"):
        return True
    is_gits = any(folder.endswith(".git") for folder in folders)
    return is_gits and (name in ("config", "config.worktree", "fetch_head") or "logs" in folders)


def without_passwords(content: bytes) -> bytes:
    """*content* whose http addresses name nobody and no password, without git's settings of headers to send."""
    return _PASSWORD.sub(rb"\1", b"\n".join(_without_headers(content.split(b"\n"))))


def _without_headers(lines: Sequence[bytes]) -> Iterator[bytes]:
    is_continued = False  # whether the line before was dropped and went on in this one
    for line in lines:
        header = None if is_continued else _HEADER.match(line)
        if header is None and not is_continued:
            yield line
            continue
        if header is not None and header[1]:
            yield header[1]
        is_continued = line.rstrip(b"\r").endswith(b"\\")
