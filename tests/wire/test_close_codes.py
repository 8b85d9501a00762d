"""Why a WebSocket was closed, in as many bytes as a close frame holds."""

from __future__ import annotations

import json

import pytest

from coterie.wire.close_codes import ACCESS_ENDED, CLOSE_CODES, ROOM_ENDED, CloseCode

CLOSE_REASON_BYTES = 123


@pytest.mark.parametrize("code", CLOSE_CODES)
def test_a_reason_fits_into_a_close_frame_and_says_what_and_why(code: CloseCode) -> None:
    assert len(code.reason.encode()) <= CLOSE_REASON_BYTES
    assert json.loads(code.reason) == {"code": code.word, "message": code.message}


def test_the_reason_for_a_room_that_ends_fits_and_has_what_the_stock_client_reads() -> None:
    reason = json.loads(ACCESS_ENDED.room_reason)

    assert len(ACCESS_ENDED.room_reason.encode()) <= CLOSE_REASON_BYTES
    assert reason["code"] == ACCESS_ENDED.word
    assert reason["errorReason"] == ACCESS_ENDED.message
    assert reason["reloadable"] is False


def test_the_codes_are_those_of_the_contract() -> None:
    assert ROOM_ENDED == 1003
    assert {code.status: code.word for code in CLOSE_CODES} == {
        4403: "access-ended",
        4409: "role-changed",
        4429: "too-slow",
        4503: "service-unreachable",
    }
