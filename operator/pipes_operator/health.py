"""`/healthz`, `/readyz` and `/metrics`, on a port of their own."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Answer = Callable[[], str]
"""Empty when all is well, else what is wrong."""


class HealthServer:
    """Plain HTTP for the kubelet and Prometheus; holds nothing that is secret."""

    def __init__(
        self, listen: str, port: int, alive: Answer, ready: Answer, before_metrics: Callable[[], None]
    ) -> None:
        self._listen = listen
        self._port = port
        self._alive = alive
        self._ready = ready
        self._before_metrics = before_metrics
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Serve; answers the port, which is a free one if 0 was asked for.

        Raises:
            OSError: the port is taken.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._probe(self._alive))
        app.router.add_get("/readyz", self._probe(self._ready))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._listen, self._port)
        await site.start()
        addresses = self._runner.addresses
        return int(addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @staticmethod
    def _probe(answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(_: web.Request) -> web.StreamResponse:
            problem = answer()
            return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)

        return handle

    async def _metrics(self, _: web.Request) -> web.StreamResponse:
        self._before_metrics()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
