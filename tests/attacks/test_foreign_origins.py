"""Pages elsewhere: none opens a WebSocket here with the cookies or the token of whoever looks at it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from revocation.holding import Place, room_address, shared_addresses
from support.demo import Demo

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def addresses(demo: Demo, place: Place) -> dict[str, str]:
    return {"room": await room_address(demo, "carol", place), **shared_addresses(place)}


def _origins(demo: Demo, place: Place) -> list[str]:
    host = urlsplit(place.url)
    hub = urlsplit(demo.hub_url)
    return [
        f"http://ws-aaaaaaaaaaaaaaaa.{hub.netloc}",
        f"http://{hub.netloc}",
        demo.service_url.split("/services")[0],
        f"http://{host.hostname}",
        f"http://{host.hostname}:1",
        f"http://{host.netloc}.evil.example",
        f"http://evil.example#{host.netloc}",
        f"http://{host.netloc}@evil.example",
        "http://127.0.0.1",
        "null",
        "",
    ]


@pytest.mark.parametrize("kind", ["room", "presence", "kernel", "events", "terminal", "live"])
async def test_a_socket_opens_for_pages_of_its_own_origin_alone(
    demo: Demo, place: Place, addresses: dict[str, str], kind: str
) -> None:
    statuses = []
    for origin in _origins(demo, place):
        with pytest.raises(InvalidStatus) as refused:
            async with demo.socket("carol", addresses[kind], headers={"Origin": origin}):
                pass
        statuses.append(refused.value.response.status_code)
    own = f"http://{urlsplit(place.url).netloc}"
    async with demo.socket("carol", addresses[kind], headers={"Origin": own}) as socket:
        pong = await socket.ping()
        await pong

    assert [403] * len(statuses) == statuses
