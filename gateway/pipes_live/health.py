"""Health and metrics, on a port of their own: probes come from outside the pod's loopback."""

from collections.abc import Callable

from aiohttp import web


def health_app(exposition: Callable[[], bytes], not_ready: Callable[[], str]) -> web.Application:
    """`/healthz`: the process answers. `/readyz`: it can serve calls, or why not. `/metrics`: Prometheus text."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = not_ready()
        return web.Response(status=503 if problem else 200, text=(problem or "ok") + "\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
