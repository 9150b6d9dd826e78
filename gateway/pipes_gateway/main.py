"""`pipes-mcp gateway`: read settings, run until told to stop."""

import asyncio

from pipes_live.command import EPILOG, serve
from pipes_live.trusted import trusting

from .app import Gateway
from .settings import GatewaySettings, SettingsConflict, check

DESCRIPTION = """\
The MCP server beside one agent. It speaks MCP on loopback, shows the tools that
the agent may ask for, and lets a call pass only while a session that a person
approved is live. Needs an operator (operatorUrl) and, unless mode is direct, a
broker (brokerUrl)."""


def main(argv: list[str]) -> int:
    """Run the gateway; 0 after a stop by signal, 2 with one line on standard error when it cannot run."""
    return serve(
        argv,
        name="gateway",
        description=DESCRIPTION,
        settings=GatewaySettings,
        check=_check,
        run=_run,
        epilog=f"{EPILOG} Settings with their defaults are in docs/mcp.md.",
    )


async def _run(settings: GatewaySettings, stop: asyncio.Event) -> None:
    gateway = Gateway(settings)
    try:
        await gateway.start()
        await stop.wait()
    finally:
        await gateway.stop()


def _check(settings: GatewaySettings) -> None:
    check(settings)
    files = {"caFile": settings.ca_file, "operatorTokenFile": settings.operator_token_file}
    if settings.mode == "broker":
        files["brokerTokenFile"] = settings.broker_token_file
    elif settings.workos_key_file is not None:
        files["workosKeyFile"] = settings.workos_key_file
    for name, file in files.items():
        try:
            file.read_bytes()
        except OSError as error:
            raise SettingsConflict(f"cannot read {name} {file}: {error.strerror}") from None
    try:
        trusting(settings.ca_file)
    except OSError:
        raise SettingsConflict(f"caFile {settings.ca_file} holds no certificate (PEM)") from None
