"""A broker for tests: the real wire (TLS, headers, NDJSON), with an answer that the test writes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from live.session_service import serving_certificate
from pipes_api.messages import BrokerCall
from pipes_egress.call import ToolResult, text_block

BROKER_TOKEN = "projected-for-broker"

Work = Callable[["BrokerServer", BrokerCall], Awaitable[ToolResult]]


async def echo(_: "BrokerServer", call: BrokerCall) -> ToolResult:
    return ToolResult(content=[text_block(f"{call.tool} {msgspec.json.encode(call.arguments).decode()}")], sent=True)


class BrokerServer:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.ca_file = directory / "ca.crt"
        self._tls = serving_certificate(directory)
        self.work: Work = echo
        self.calls: list[BrokerCall] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = asyncio.Event()
        self.running = asyncio.Event()
        self.release = asyncio.Event()
        self.progress: list[tuple[float, str]] = []
        self.status = 200
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/call", self._call)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def blocked(self, _: "BrokerServer", call: BrokerCall) -> ToolResult:
        """Work that goes on until released or cancelled."""
        self.running.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await echo(self, call)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        call = msgspec.json.decode(await request.read(), type=BrokerCall)
        self.calls.append(call)
        self.headers.append(dict(request.headers))
        if self.status != 200:
            return web.Response(status=self.status, text="<html>broken</html>")
        response = web.StreamResponse()
        await response.prepare(request)
        for number, text in self.progress:
            await _write(response, {"progress": {"progress": number, "message": text}})
        await _write(response, {"result": await self.work(self, call)})
        return response


async def _write(response: web.StreamResponse, line: Any) -> None:
    await response.write(msgspec.json.encode(line) + b"\n")
