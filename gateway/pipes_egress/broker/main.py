"""`pipes-mcp broker`: read settings, run until told to stop."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from pipes_api.settings import SettingsError, load

from .app import Broker, CannotListen
from .settings import BrokerSettings, SettingsConflict, check

DESCRIPTION = """\
Calls providers for the gateways of a cluster, so that the WorkOS API key and
provider credentials never enter an agent's pod. Every call is proven by two
tokens (the pod's projected token and the session's) and checked again on live
state before everything that is sent. Needs an operator (operatorUrl), the WorkOS
API key (workosKeyFile), and the API server for TokenReviews."""

EPILOG = """\
Every setting can also come from the environment: operatorUrl is
PIPES_OPERATOR_URL."""


def main(argv: list[str]) -> int:
    """Run the broker; 0 after a stop by signal, 2 with one line on standard error when it cannot run."""
    parser = argparse.ArgumentParser(
        prog="pipes-mcp broker",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings")
    arguments = parser.parse_args(argv)
    try:
        settings = load(BrokerSettings, arguments.config)
        check(settings)
        logging.basicConfig(
            stream=sys.stderr,
            level=settings.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        asyncio.run(_run(settings))
    except (SettingsError, SettingsConflict, CannotListen, ValueError) as error:
        sys.stderr.write(f"pipes-mcp broker: {error}\n")
        return 2
    return 0


async def _run(settings: BrokerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = Broker(settings)
    starting = asyncio.create_task(broker.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        # Starting waits for the operator; a stop must not wait with it.
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await broker.stop()
