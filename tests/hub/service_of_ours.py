"""A small real service for the client to talk to: what it answers is set by each test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse


@dataclass
class ServiceOfOurs:
    """What to answer, and what was asked."""

    url: str = ""
    status: int = 200
    body: Any = None
    text: str | None = None
    stream: list[bytes] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def app(self) -> FastAPI:
        """Answers the server-facing calls below /services/coterie/api/v1."""
        app = FastAPI()

        @app.get("/services/coterie/api/v1/server/events")
        async def events(request: Request) -> Response:
            self.asked.append(request)
            if self.status != 200:
                return self._answer()

            async def send() -> AsyncIterator[bytes]:
                for part in self.stream:
                    yield part
                    await asyncio.sleep(0)

            return StreamingResponse(send(), media_type="text/event-stream")

        @app.api_route("/services/coterie/api/v1/{path:path}", methods=["GET", "POST"])
        async def anything(request: Request) -> Response:
            self.asked.append(request)
            self.sent.append(await request.body())
            return self._answer()

        return app

    def _answer(self) -> Response:
        if self.text is not None:
            return Response(self.text, status_code=self.status)
        return JSONResponse(self.body, status_code=self.status)


@asynccontextmanager
async def running() -> AsyncIterator[ServiceOfOurs]:
    """The service, on a port of its own, until the block ends."""
    service = ServiceOfOurs()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(service.app(), log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        service.url = f"http://127.0.0.1:{listener.getsockname()[1]}/services/coterie/"
        try:
            yield service
        finally:
            server.should_exit = True
            await task
