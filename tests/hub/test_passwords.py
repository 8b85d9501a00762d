"""What happens to passwords in addresses when a workspace is copied."""

from __future__ import annotations

import pytest

from coterie.hub.passwords import may_hold_passwords, without_passwords


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
