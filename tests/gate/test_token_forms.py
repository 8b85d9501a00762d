"""What is taken for a token in a notebook. The tokens are made here, and are nobody's."""

from __future__ import annotations

import json

import pytest

from coterie.server.token_forms import OVERLAP, holds_token

LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG" * 4

TOKENS = [
    f"ghp_{LETTERS[:36]}",
    f"gho_{LETTERS[:36]}",
    f"github_pat_{LETTERS[:22]}_{LETTERS[:59]}",
    f"glpat-{LETTERS[:20]}",
    f"hf_{LETTERS[:34]}",
    "AKIA" + "ABCDEFGH23456789",
    f"xoxb-123456789012-{LETTERS[:24]}",
    f"xoxp-123456789012-{LETTERS[:24]}",
    f"sk-{LETTERS[:48]}",
    f"sk-proj-{LETTERS[:20]}-{LETTERS[:20]}",
    f"eyJ{LETTERS[:20]}.eyJ{LETTERS[:40]}.{LETTERS[:40]}",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
]

GIVEN = [
    'password = "hunter2"',
    "PASSWORD='correct-horse'",
    f'token = "{"0123456789abcdef" * 2}"',
    f'os.environ["API_KEY"] = "{LETTERS[:24]}"',
    f'login(token="{LETTERS[:24]}")',
    f'{{"client_secret": "{LETTERS[:24]}"}}',
]

HARMLESS = [
    "token = os.environ['TOKEN']",
    "password = getpass.getpass()",
    'password = "<your password>"',
    'password = "********"',
    'token = "your-token-goes-in-this-place-1"',
    'token="sentence"',
    'tokenizer = "distilbert-base-uncased-finetuned-sst-2-english"',
    'token_url = "https://login.example.org/oauth2/token"',
    'pad_token = "[PAD]"',
    "sk-learn and sk-toggleable__label-arrow and sk-estimator-doc-link-with-a-long-name",
    "ghp_short",
    "the ghp_ prefix, AKIA and hf_ alone",
    "iVBORw0KGgoAAAAN/AKIAABCDEFGH23456789/SUhEUg",
    f"x{LETTERS[:30]}AKIAABCDEFGH23456789",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
]


def _notebook(source: str) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": source}]}).encode()


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_are_found_wherever_they_stand(token: str) -> None:
    for source in (token, f"x = '{token}'", f'x = "{token}"', f"import os\n{token}\n", f"export A={token} # mine"):
        assert holds_token(_notebook(source)), source


@pytest.mark.parametrize("line", GIVEN)
def test_secrets_that_are_given_to_a_name_are_found(line: str) -> None:
    assert holds_token(_notebook(f"import os\n{line}\nprint(1)"))


@pytest.mark.parametrize("line", HARMLESS)
def test_what_only_speaks_of_secrets_is_none(line: str) -> None:
    assert not holds_token(_notebook(f"import os\n{line}\nprint(1)"))


def test_what_stands_before_the_rest_of_a_file_counts_only_as_that() -> None:
    piece = f"x AKIA{'ABCDEFGH23456789'} ".encode()

    assert holds_token(piece, is_first=False)
    assert not holds_token(b"xx" + piece[2:], is_first=False)


def test_a_token_is_shorter_than_what_is_read_again() -> None:
    assert max(len(token) for token in TOKENS) < OVERLAP


def test_looking_takes_time_that_grows_with_the_text_alone() -> None:
    import time

    for piece in (b"a" * 65536, b"token" * 13000, b"eyJ" + b"a" * 65000, b"sk-" * 20000, b'password = "' * 5000):
        began = time.thread_time()
        holds_token(piece)
        assert time.thread_time() - began < 1.0
