"""Keeps secrets out of logs, in every process of ours and whatever library writes there.

What a secret stands behind gives it away: a header's name, a field of a query, a form or a JSON document, an address
with a password in it, the fragment of an invitation's link. So does its form: tokens of the Hub, of sessions and of
invitations are long and random. What a process knows to be secret is hidden wherever it turns up.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "[hidden]"

#: Nothing shorter is taken for a secret where only its value tells: it would hide words.
_KNOWN_MIN = 8

_HEADERS = r"(?:proxy-)?authorization|(?:set-)?cookie|x-(?:csrf|xsrf)-?token|x-api-key"
_FIELDS = (
    r"access_token|refresh_token|id_token|api_token|auth_token|token|client_secret|secret|code_verifier|password|passwd"
    r"|_xsrf|csrf"
)
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A header as a line, as a pair of a dict or as a tuple; in quotes up to the quote, else up to the end of the line.
    (re.compile(rf"(?i)(\b(?:{_HEADERS})[\"']?\s*[:,=]\s*b?([\"']))(?:\\.|(?!\2).)*"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(\b(?:{_HEADERS})\s*:\s*)(?!b?[\"'])[^\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|token|basic)(\s+)(?=[^\s'\",;)]*\d)[A-Za-z0-9._~+/=-]{12,}"), rf"\1\2{HIDDEN}"),
    # A field of a query or of a form, escaped once more or not.
    (re.compile(rf"(?i)((?<![A-Za-z0-9])(?:{_FIELDS})(?:=|%3D))[^\s&'\"#;,)%<>]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)((?:[?&]|%3F|%26)(?:code|state|code_challenge)(?:=|%3D))[^\s&'\"#;,)%<>]+"), rf"\1{HIDDEN}"),
    # A field of a JSON document or of a Python dict.
    (re.compile(rf"(?i)([\"'](?:{_FIELDS}|code|state)[\"']\s*:\s*b?([\"']))(?:\\.|(?!\2).)*"), rf"\1{HIDDEN}"),
    # A password in an address (RFC 3986, section 3.2.1), whatever it is made of.
    (re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"]*:)[^\s/'\"]+(?=@)"), rf"\1{HIDDEN}"),
    (re.compile(r"(invite/?(?:#|%23))[A-Za-z0-9_-]+"), rf"\1{HIDDEN}"),
    # What is random by its look: 32 or more hexadecimal digits, or 32 or more characters of every kind in one.
    (re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{32,}(?![A-Za-z0-9])"), HIDDEN),
    (
        re.compile(r"(?<![\w/.-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[A-Za-z0-9_-]{32,}(?![\w/.])", re.ASCII),
        HIDDEN,
    ),
)


def redacted(text: str, known: Iterable[str] = ()) -> str:
    """*text* with :data:`HIDDEN` in place of everything in it that is or may be a secret, and of each of *known*."""
    for secret in known:
        text = text.replace(secret, HIDDEN)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


class _Factory:
    """Makes log records that hold no secret: it is behind every logger, and before every handler and formatter."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._formatter = logging.Formatter()
        self.known: set[str] = set()

    def __call__(self, *args: Any, **options: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._inner(*args, **options)
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  (whatever is wrong with it: logging would print its parts as they are)
            record.msg, record.args = f"{record.msg} {record.args}", ()
            text = record.getMessage()
        without = redacted(text, self.known)
        if without != text:  # else it keeps its parts: some handlers read those
            record.msg, record.args = without, ()
        if record.exc_info and record.exc_info[0] is not None:
            # Formatters take what is there for the traceback that they would make.
            record.exc_text = redacted(self._formatter.formatException(record.exc_info), self.known)
        if record.stack_info:
            record.stack_info = redacted(record.stack_info, self.known)
        return record


def redact_logs(*known: str | None) -> None:
    """Have every log record of this process made without secrets from now on. *known* are secrets whose form is not to
    be relied on, such as a password of a database; None and what is shorter than 8 characters count for nothing.
    Calling it again adds to them."""
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, _Factory):
        factory = _Factory(factory)
        logging.setLogRecordFactory(factory)
    factory.known.update(secret for secret in known if secret is not None and len(secret) >= _KNOWN_MIN)
