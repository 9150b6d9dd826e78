"""Health and metrics, on a port of their own: probes come from outside the pod's loopback."""

from collections.abc import Callable

from aiohttp import web

from .metrics import Metrics


def health_app(metrics: Metrics, is_ready: Callable[[], bool]) -> web.Application:
    """`/healthz`: the process answers. `/readyz`: the MCP endpoint is open. `/metrics`: Prometheus text."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if is_ready() else web.Response(status=503, text="starting\n")

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app
