"""Somebody guesses secrets, by every way there is and many at once. It slows down them and nobody else."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from coterie.actions.guesses import GUESSES_MAX
from revocation.holding import Place
from revocation.inviting import accept, at_home, guests_of, invite, preview, refusal, with_people
from support.demo import Demo

pytestmark = pytest.mark.hub

UNKNOWN = (404, "invitation-unknown")
TOO_MANY = (429, "too-many-guesses")
_AT_ONCE = 60


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place


async def _guess(demo: Demo, who: str, number: int = 0) -> tuple[int, str]:
    act = ("preview", "accept")[number % 2]
    body = {"secret": secrets.token_urlsafe(32)}
    return refusal(await demo.api(who, "POST", f"invitations/{act}", json=body))


async def test_whoever_guesses_has_to_wait_and_nobody_else_does(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    async with with_people(demo, 2) as (peopled, (guesser, other)):
        guesses = [await _guess(peopled, guesser, number) for number in range(GUESSES_MAX + 3)]
        kept_out = [await preview(peopled, guesser, link), await accept(peopled, guesser, link)]
        # Meanwhile everybody else comes in, a stranger from the same address as well.
        others = [(await accept(peopled, who, link)).status_code for who in ("bob", other)]
        # And whoever guesses does all else that they may.
        own = await peopled.api(guesser, "GET", "workspaces")

        assert [UNKNOWN] * GUESSES_MAX + [TOO_MANY] * 3 == guesses
        assert [TOO_MANY] * 2 == [refusal(answer) for answer in kept_out]
        assert ([200, 200], 200) == (others, own.status_code)
        assert sorted(["bob", other]) == await guests_of(demo, "alice", home.id)


async def test_guesses_at_once_are_all_counted(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    async with with_people(demo, 1) as (peopled, (guesser,)):
        outcomes = await asyncio.gather(
            *(_guess(peopled, guesser, number) for number in range(_AT_ONCE)), *(_bobs(demo) for _ in range(5))
        )
        kept_out = refusal(await accept(peopled, guesser, link))

    guesses, bobs = outcomes[:_AT_ONCE], outcomes[_AT_ONCE:]
    assert (GUESSES_MAX, _AT_ONCE - GUESSES_MAX) == (guesses.count(UNKNOWN), guesses.count(TOO_MANY))
    assert (TOO_MANY, [(200, "")] * 5) == (kept_out, bobs)


async def _bobs(demo: Demo) -> tuple[int, str]:
    return refusal(await demo.api("bob", "GET", "workspaces"))


async def test_nobody_guesses_without_being_somebody(demo: Demo, home: Place) -> None:
    """Not signed in there is no answer to learn from, whether a secret exists or not."""
    link = await invite(demo, "alice", home.id)
    answers = []
    for secret in (link.secret, secrets.token_urlsafe(32)):
        for act in ("preview", "accept"):
            by_api = await demo.api(None, "POST", f"invitations/{act}", json={"secret": secret})
            by_form = await demo.server(
                None,
                "POST",
                f"{demo.service_url}invite/{act}",
                content=urlencode({"secret": secret}),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            answers.append((by_api.status_code, by_api.json()["code"], by_form.status_code))

    assert 1 == len(set(answers))
    assert (401, "sign-in-needed") == answers[0][:2]


async def test_known_secrets_are_no_guesses(demo: Demo, home: Place) -> None:
    """A link that has ended is refused as often as somebody tries it, and its owner's other link goes on working."""
    ended, working = await invite(demo, "alice", home.id), await invite(demo, "alice", home.id)
    assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{home.id}/invitations/{ended.id}")).status_code
    outcomes = {refusal(await accept(demo, "dave", ended)) for _ in range(2 * GUESSES_MAX)}

    assert ({(410, "invitation-revoked")}, 200) == (outcomes, (await accept(demo, "dave", working)).status_code)


@pytest.mark.parametrize("near", ["shorter", "longer", "other case", "padded", "digest", "empty"])
async def test_what_is_near_a_secret_is_as_wrong_as_anything(demo: Demo, home: Place, near: str) -> None:
    link = await invite(demo, "alice", home.id)
    guess = {
        "shorter": link.secret[:-1],
        "longer": link.secret + "A",
        "other case": link.secret.swapcase(),
        "padded": f" {link.secret}\n",
        "digest": sha256(link.secret.encode()).hexdigest(),
        "empty": "",
    }[near]
    async with with_people(demo, 1) as (peopled, (guesser,)):
        answer = await peopled.api(guesser, "POST", "invitations/accept", json={"secret": guess})

        assert refusal(answer) in (UNKNOWN, (422, "invalid-input"))
        assert guesser not in await guests_of(demo, "alice", home.id)
