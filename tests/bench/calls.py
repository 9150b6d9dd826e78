"""What a call costs more through the gateway than sent straight to the provider, beside a bare reverse proxy."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from environment import Environment
from environment.approver import Approver
from environment.observer import Observer
from environment.places import ALICE
from environment.wire import Wire, denial

from .figures import Figure

BINDING, HOST = "google-drive", "www.googleapis.com"
TOOL, ARGUMENTS = "google_drive_get_file", {"fileId": "doc-q3-review"}
"""One small answer for one small request: what is left is the way itself."""

WARM_UP = 50
_TICK = os.sysconf("SC_CLK_TCK")


async def measure(environment: Environment, n: int) -> tuple[list[Figure], list[str]]:
    """n rounds; in each, the same provider request is sent over every way in turn, so noise falls on all alike."""
    direct_gateway = await asyncio.to_thread(environment.add_gateway, "analyst-direct", direct=True)
    with _proxy(environment.sandbox_url) as (proxy_url, proxy_pid):
        async with aiohttp.ClientSession() as http:
            broker_way, direct_way = Wire(http, environment.mcp_url), Wire(http, direct_gateway.mcp_url)
            for way in (broker_way, direct_way):
                await _approved(environment, way)
            sends = _replay(environment, await _token(environment, http), http, proxy_url)
            ways: dict[str, Callable[[], Awaitable[Any]]] = {
                "straight to the provider": sends[0],
                "bare aiohttp reverse proxy": sends[1],
                "gateway with egress inside (direct)": lambda: _ok(direct_way),
                "gateway and broker": lambda: _ok(broker_way),
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            pids = {
                "bare aiohttp reverse proxy": [proxy_pid],
                "gateway with egress inside (direct)": [direct_gateway.program.pid],
                "gateway and broker": [environment.gateway.pid, environment.broker.pid],
            }
            before: dict[str, float] = {}
            for index in range(n + WARM_UP):
                if index == WARM_UP:
                    before = {name: _cpu(of) for name, of in pids.items()}
                for name, send in ways.items():
                    started = time.perf_counter()
                    await send()
                    if index >= WARM_UP:
                        times[name].append((time.perf_counter() - started) * 1000)
            cpu = {name: (_cpu(of) - before[name]) / n * 1e6 for name, of in pids.items()}
    base = sorted(times["straight to the provider"])[n // 2]
    figures = [Figure(name, taken) for name, taken in times.items()]
    figures += [
        Figure("added: " + name, [each - base for each in times[name]], aim)
        for name, aim in (
            ("bare aiohttp reverse proxy", ""),
            ("gateway with egress inside (direct)", "p50 ≤ 1"),
            ("gateway and broker", "p50 ≤ 2"),
        )
    ]
    bare = cpu["bare aiohttp reverse proxy"]
    notes = [f"CPU per call, {name}: {used:.0f} µs ({used / bare:.2f} × the bare proxy)" for name, used in cpu.items()]
    gateways = {"broker mode": environment.gateway.pid, "direct mode": direct_gateway.program.pid}
    notes += [f"Resident memory of the gateway, {mode}: {_resident(pid):.0f} MB" for mode, pid in gateways.items()]
    return figures, notes


async def _approved(environment: Environment, way: Wire) -> None:
    """A session for the pod behind that gateway, approved and in use."""
    cluster = environment.cluster
    async with Approver(cluster.url, cluster.kubeconfig(ALICE)) as alice:
        bindings = [{"name": BINDING, "access": "Read"}]
        asked = await way.call("request_session", reason="bench of calls", bindings=bindings, duration="1h")
        name = asked["structuredContent"]["session"]
        while (status := (await alice.get(name)).get("status", {})).get("state") != "AwaitingApproval":
            await asyncio.sleep(0.01)
        await alice.approve(name, status["grantHash"])
    async with asyncio.timeout(10):
        while denial(await way.call(TOOL, **ARGUMENTS)):
            await asyncio.sleep(0.01)


async def _ok(way: Wire) -> None:
    result = await way.call(TOOL, **ARGUMENTS)
    if result.get("isError"):
        raise RuntimeError(f"a call failed in mid-measurement: {result}")


def _replay(
    environment: Environment, token: str, http: aiohttp.ClientSession, proxy_url: str
) -> list[Callable[[], Awaitable[None]]]:
    """Senders of the very request that egress sends, as the sandbox recorded it."""
    sent = Observer(environment.sandbox_url, environment.sandbox_admin_token).provider_calls(HOST)[-1]
    headers = {"Authorization": f"Bearer {token}", "Pipes-Sandbox-Host": sent["host"], "Accept": "application/json"}
    path = sent["path"] + (f"?{sent['query']}" if sent["query"] else "")

    def to(base: str) -> Callable[[], Awaitable[None]]:
        async def send() -> None:
            async with http.request(sent["method"], base + path, headers=headers) as answer:
                answer.raise_for_status()
                await answer.json()

        return send

    return [to(environment.sandbox_url), to(proxy_url)]


async def _token(environment: Environment, http: aiohttp.ClientSession) -> str:
    """A provider token, vended as egress has it vended."""
    url = f"{environment.sandbox_url}/data-integrations/{BINDING}/credentials"
    headers = {"Authorization": f"Bearer {environment.places.workos_key.read_text()}"}
    async with http.post(url, json={"user_id": "user_alice"}, headers=headers) as answer:
        vended = await answer.json()
    return str(vended["credential"]["value"])


@contextlib.contextmanager
def _proxy(upstream: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.proxy", upstream, str(port)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(10)


def _cpu(pids: list[int | None]) -> float:
    """CPU seconds of processes, user and system."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / _TICK
    return total


def _resident(pid: int | None) -> float:
    """Resident memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
