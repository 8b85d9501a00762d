from __future__ import annotations

import json

import pytest

from coterie.server.rooms import endings
from coterie.wire.close_codes import ACCESS_ENDED, CLOSE_CODES, CloseCode

ROOM_CODES = [code for code in vars(endings).values() if isinstance(code, CloseCode)]


@pytest.mark.parametrize("code", dict.fromkeys([*ROOM_CODES, *CLOSE_CODES]), ids=lambda code: code.word)
def test_a_reason_is_json_with_our_word_and_fits_a_close_frame(code: CloseCode) -> None:
    reason = endings.ending(code).reason

    assert code.word == json.loads(reason)["code"]
    assert len(reason.encode()) <= 123


def test_who_lost_access_is_told_in_the_words_with_which_the_stock_front_end_gives_up() -> None:
    ending = endings.ending(ACCESS_ENDED)

    assert (1003, False, ACCESS_ENDED.message) == (
        ending.status,
        json.loads(ending.reason)["reloadable"],
        json.loads(ending.reason)["errorReason"],
    )
