"""`pipes-mcp gateway`: read settings, run until told to stop."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from pipes_api.settings import SettingsError, load
from pipes_live.transport import trusting

from .app import Gateway
from .listening import CannotListen
from .settings import GatewaySettings, SettingsConflict, check

DESCRIPTION = """\
The MCP server beside one agent. It speaks MCP on loopback, shows the tools that
the agent may ask for, and lets a call pass only while a session that a person
approved is live. Needs an operator (operatorUrl) and, unless mode is direct, a
broker (brokerUrl)."""

EPILOG = """\
Every setting can also come from the environment: operatorUrl is
PIPES_OPERATOR_URL. Settings with their defaults are in docs/mcp.md."""

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(argv: list[str]) -> int:
    """Run the gateway; 0 after a stop by signal, 2 with one line on standard error when it cannot run."""
    parser = argparse.ArgumentParser(
        prog="pipes-mcp gateway",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings")
    arguments = parser.parse_args(argv)
    try:
        settings = load(GatewaySettings, arguments.config)
        check(settings)
        _check_files(settings)
        logging.basicConfig(
            stream=sys.stderr,
            level=settings.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        asyncio.run(_run(settings))
    except (SettingsError, SettingsConflict, CannotListen) as error:
        sys.stderr.write(f"pipes-mcp gateway: {error}\n")
        return 2
    return 0


async def _run(settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = Gateway(settings)
    try:
        await gateway.start()
        await stop.wait()
    finally:
        await gateway.stop()


def _check_files(settings: GatewaySettings) -> None:
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
