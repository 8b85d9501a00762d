"""What logs show in place of secrets, and that they show everything else."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from coterie.wire.redaction import HIDDEN, redact_logs, redacted

_TOKEN = "0123456789abcdef" * 2
_SECRET = "4fT-abcdefghijklmnopqrstuvwxyz0123456789_AB"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc", f"Authorization: {HIDDEN}"),
        ("{'Authorization': 'token abc', 'x': 1}", f"{{'Authorization': '{HIDDEN}', 'x': 1}}"),
        ("[(b'Set-Cookie', b'a=b; Path=/'), (b'A', b'b')]", f"[(b'Set-Cookie', b'{HIDDEN}'), (b'A', b'b')]"),
        ("Cookie: a=b; c=d\nHost: x", f"Cookie: {HIDDEN}\nHost: x"),
        ("X-CSRF-Token: abc", f"X-CSRF-Token: {HIDDEN}"),
        ("GET /oauth_callback?code=AbC&state=xyz&x=1", f"GET /oauth_callback?code={HIDDEN}&state={HIDDEN}&x=1"),
        ("next=%2Fa%3Fb%3Dc%26state%3DeyJ1%26x%3D1 (a)", f"next=%2Fa%3Fb%3Dc%26state%3D{HIDDEN}%26x%3D1 (a)"),
        ("lab?token=abc HTTP/1.1", f"lab?token={HIDDEN} HTTP/1.1"),
        ('{"secret": "ab\\"c", "role": "r"}', f'{{"secret": "{HIDDEN}", "role": "r"}}'),
        ("grant_type=x&client_secret=abc", f"grant_type=x&client_secret={HIDDEN}"),
        ("postgresql://coterie:p@ss:w@db/x", f"postgresql://coterie:{HIDDEN}@db/x"),
        ("http://h/services/coterie/invite/#abc, x", f"http://h/services/coterie/invite/#{HIDDEN}, x"),
        (f"what is {_TOKEN}?", f"what is {HIDDEN}?"),
        (f"what is {_SECRET}?", f"what is {HIDDEN}?"),
        ("what is hunter2-hunter2", f"what is {HIDDEN}"),
    ],
)
def test_secrets_are_hidden_and_nothing_around_them(text: str, shown: str) -> None:
    assert shown == redacted(text, ["hunter2-hunter2"])


@pytest.mark.parametrize(
    "text",
    [
        "exit code=1 state=running status code: 404",
        "the token expired 2030-01-01T00:00:00",
        "token: none",
        "kernel 5f0c2b4e-1234-4321-aaaa-bbbbbbbbbbbb started",
        "access:servers!server=ws-abcdefghijklmnop/",
        "GET /user/ws-abcdefghijklmnop/api/contents/Notes%20of%20Alice.ipynb?content=1",
        "/usr/lib/python3/site-packages/coterie/AbCdefghijklmnopqrstuvwxyz0123456789.py",
        "postgresql://coterie@db:5432/coterie",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert text == redacted(text)


@pytest.mark.parametrize("text", ["a-" * 8000, "token " * 3000, 'cookie:"' * 2000, "a://b:" * 3000, "?token=" * 2500])
def test_no_line_that_somebody_makes_up_takes_long(text: str) -> None:
    begun = time.thread_time()  # of this thread alone: others may have the processor meanwhile
    redacted(text)

    assert time.thread_time() - begun < 0.5


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a handler of somebody else's gets to print, of loggers made before and after."""
    factory = logging.getLogRecordFactory()
    printed: list[str] = []

    class Printing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            printed.append(self.format(record))

    handler, logger = Printing(), logging.getLogger("coterie.test.redaction")
    logger.addHandler(handler)
    redact_logs("hunter2-hunter2", None, "short")
    yield printed
    logger.removeHandler(handler)
    logging.setLogRecordFactory(factory)


def test_messages_arguments_and_tracebacks_of_every_logger_are_without(lines: list[str]) -> None:
    log = logging.getLogger("coterie.test.redaction.child")
    log.warning("GET %s as %r", f"/lab?token={_TOKEN}", {"Cookie": _SECRET})
    log.warning("too few of %s and %s: hunter2-hunter2", f"Bearer {_TOKEN}")
    log.warning({"token": _TOKEN})
    try:
        int(f"postgresql://coterie:{_SECRET}@db/x")
    except ValueError:
        log.exception("failed", stack_info=True)

    shown = "\n".join(lines)
    assert not any(secret in shown for secret in (_TOKEN, _SECRET, "hunter2-hunter2"))
    assert f"GET /lab?token={HIDDEN} as {{'Cookie': '{HIDDEN}'}}" == lines[0]
    assert f"'postgresql://coterie:{HIDDEN}@db/x'" in lines[-1]


def test_what_holds_no_secret_keeps_its_parts(caplog: pytest.LogCaptureFixture, lines: list[str]) -> None:
    logging.getLogger("coterie.test.redaction").warning("%s of %d, short", "one", 2)

    (record,) = caplog.records
    assert ("%s of %d, short", ("one", 2), ["one of 2, short"]) == (record.msg, record.args, lines)
