"""The gateway as a process: settings, one line for what is wrong, health on its own port, an orderly stop."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml

from gateway.wire import Wire
from live import things
from live.session_service import SessionServiceServer
from pipes_gateway.app import Gateway
from pipes_gateway.main import main
from pipes_gateway.settings import GatewaySettings


def write(path: Path, settings: GatewaySettings, **changes: Any) -> list[str]:
    plain = msgspec.to_builtins(settings, enc_hook=str)
    path.write_text(yaml.safe_dump({**plain, **changes}))
    return ["--config", str(path)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"auth": "bearer"}, "auth: bearer is not served by this version"),
        ({"operatorUrl": "http://127.0.0.1:1"}, "operatorUrl must be the https URL"),
        ({"brokerUrl": ""}, "brokerUrl must be the https URL"),
        ({"mode": "direct"}, "mode: direct needs workosKeyFile"),
        (
            {"mode": "direct", "workosKeyFile": "/nonexistent/key"},
            "cannot read workosKeyFile /nonexistent/key: No such",
        ),
        ({"caFile": "/nonexistent/ca"}, "cannot read caFile /nonexistent/ca: No such file"),
        ({"caFile": "/dev/null"}, "caFile /dev/null holds no certificate"),
        ({"operatorTokenFile": "/nonexistent/token"}, "cannot read operatorTokenFile"),
        ({"listen": []}, "listen must hold an address"),
        ({"listne": ["::1"]}, "listne"),
        ({"port": "many"}, "port"),
        ({"discovery": "some"}, "discovery"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_one_line(
    settings: GatewaySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], says: str
) -> None:
    code = await asyncio.to_thread(main, write(tmp_path / "gateway.yaml", settings, **changes))
    error = capsys.readouterr().err
    assert code == 2
    assert says in error
    assert error.count("\n") == 1


async def test_a_taken_port_is_one_line(
    settings: GatewaySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = write(tmp_path / "gateway.yaml", settings, port=port)
        process = await _run(config)
        _, error = await process.communicate()
    assert process.returncode == 2
    assert error.decode().splitlines() == [
        f"pipes-mcp gateway: cannot listen on 127.0.0.1 port {port}: Address already in use"
    ]


def test_help_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "The MCP server beside one agent" in capsys.readouterr().out


Running = tuple[asyncio.subprocess.Process, int, int]
"""The process, its MCP port and its health port."""


@pytest.fixture
async def process(settings: GatewaySettings, tmp_path: Path) -> AsyncIterator[Running]:
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    config = write(tmp_path / "gateway.yaml", settings, port=ports[0], healthPort=ports[1])
    started = await _run(config)
    yield started, ports[0], ports[1]
    if started.returncode is None:
        started.kill()
    await started.wait()


async def test_a_process_is_ready_serves_and_stops_when_told(
    process: Running, service: SessionServiceServer, http: aiohttp.ClientSession
) -> None:
    service.put(things.session())
    running, port, health = process
    await _ready(http, health)
    wire = Wire(http, f"http://127.0.0.1:{port}/mcp")
    assert (await wire.call("snowflake_query", {"q": "x"}))["content"][0]["text"] == 'snowflake_query {"q":"x"}'
    assert resident_kib(running.pid) < 80 * 1024
    running.send_signal(signal.SIGTERM)
    out, error = await asyncio.wait_for(running.communicate(), 10)
    assert running.returncode == 0
    assert b"eyJ" not in out + error
    assert b"Traceback" not in error


def resident_kib(pid: int) -> int:
    """Resident memory of a process; 0 where /proc does not tell."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def test_the_gateway_loads_no_server_framework() -> None:
    """Memory: a sidecar beside every agent pays for every import."""
    code = "import pipes_gateway.app, pipes_gateway.dispatch.broker, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    unwanted = {"mcp", "mcp_types", "pydantic", "starlette", "uvicorn", "kubernetes", "kopf", "sqlglot", "duckdb"}
    assert not unwanted & set(loaded)


async def test_health_and_metrics_have_their_own_port(
    gateway: Gateway, wire: Wire, http: aiohttp.ClientSession, service: SessionServiceServer
) -> None:
    await wire.call("snowflake_query")
    base = f"http://127.0.0.1:{gateway.health_port}"
    for path in ("/healthz", "/readyz"):
        # A kubelet asks by the pod's address, so Host is not loopback here.
        async with http.get(base + path, headers={"Host": "10.1.2.3:8766"}) as response:
            assert response.status == 200
    async with http.get(base + "/metrics") as response:
        text = await response.text()
    assert 'pipes_gateway_calls_total{reason="SessionRequired"} 1.0' in text
    assert "pipes_gateway_stream_up 1.0" in text
    async with http.get(base + "/mcp") as response:
        assert response.status == 404
    async with http.get(f"http://127.0.0.1:{gateway.mcp_port}/metrics") as response:
        assert response.status == 404


async def _run(config: list[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pipes_mcp", "gateway", *config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


async def _ready(http: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{port}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
