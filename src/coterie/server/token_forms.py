"""What tokens and passwords look like where people write them into a notebook. Bytes in, yes or no out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: How far back, in bytes, something has to be read again that goes on in the next piece of a file.
OVERLAP: Final = 4096

#: Bytes before a token that are looked at to tell whether it begins there.
_BEFORE: Final = 2

#: What is before a token: a notebook is JSON, in which a line may begin behind an escaped newline.
_BEGIN: Final = rb"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"

#: The forms in which well-known services issue their tokens, private keys as text, and JSON Web Tokens (RFC 7519): what
#: they begin with, and what follows.
_ISSUED = (
    ((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"hf_"), rb"[A-Za-z0-9]{30}"),
    ((b"github_pat_",), rb"[A-Za-z0-9_]{30}"),
    ((b"glpat-",), rb"[A-Za-z0-9_-]{20}"),
    # In base64, as of pictures, such letters come about by themselves.
    ((b"AKIA", b"ASIA"), rb"(?<![+/]A[KS]IA)[A-Z0-9]{16}(?![A-Za-z0-9+/])"),
    ((b"xoxa-", b"xoxb-", b"xoxe-", b"xoxp-", b"xoxr-", b"xoxs-"), rb"[A-Za-z0-9-]{10}"),
    ((b"AIza",), rb"[A-Za-z0-9_-]{35}"),
    ((b"sk-proj-", b"sk-ant-", b"sk-svcacct-"), rb"[A-Za-z0-9_-]{20}"),
    ((b"sk-",), rb"(?:[a-z]{2,10}-)?(?=[A-Za-z_]{0,40}[0-9])[A-Za-z0-9_]{20}"),
    ((b"eyJ",), rb"[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8}"),
    ((b"-----BEGIN ",), rb"(?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----"),
)

#: Names of what is a secret, and what follows where a text is given to one: ``password = "..."``,
#: ``os.environ["API_KEY"] = "..."``, ``{"token": "..."}``, ``login(token="...")``. Quotes in a notebook are escaped.
_NAMES = (b"passw", b"passphrase", b"token", b"secret", b"api_key", b"apikey", b"access_key", b"private_key")
_GIVEN = re.compile(
    rb"""
    [a-z0-9_]{0,20} (?: \\? ["'] )? \]? [ ]{0,8} [:=] [ ]{0,8} [a-z]?
    (?P<quote> \\? ["'] ) (?P<value> [^\s"'\\]{6,500} ) (?P=quote)
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: What stands where a secret is yet to be filled in, or is read from elsewhere.
_NONE = re.compile(
    rb"(?i)^/|://|[<>{}\[\]()$|]|\.\.\.|x{4}|\*{3}|your|my_|enter|change|example|placeholder|insert|here|dummy|none"
)

#: Bytes of a token, where its name alone does not tell a password from a setting (``token="sentence"``).
_TOKEN_MIN: Final = 16


def holds_token(piece: bytes, *, is_first: bool = True) -> bool:
    """Whether anything in *piece* looks like a token or a password. Of a piece that is not the first of its file the
    first bytes only tell what stands before the rest."""
    start = 0 if is_first else _BEFORE
    if any(form.match(piece, at) for word, form in _FORMS for at in _places(piece, word, start)):
        return True
    lower = piece.lower()
    return any(_is_given(piece, word, at + len(word)) for word in _NAMES for at in _places(lower, word, start))


def _is_given(piece: bytes, word: bytes, end: int) -> bool:
    given = _GIVEN.match(piece, end)
    if given is None or _NONE.search(given["value"]) or piece[end : end + 2].lower() == b"iz":  # a tokenizer
        return False
    if word.startswith(b"pass"):
        return True
    return len(given["value"]) >= _TOKEN_MIN and re.search(rb"[0-9]", given["value"]) is not None


def _places(piece: bytes, word: bytes, start: int) -> Iterator[int]:
    # Finding a fixed word is many times as fast as any pattern, and a pattern would let nothing else run meanwhile.
    while (start := piece.find(word, start)) >= 0:
        yield start
        start += 1


_FORMS = tuple((word, re.compile(_BEGIN + re.escape(word) + rest)) for words, rest in _ISSUED for word in words)
