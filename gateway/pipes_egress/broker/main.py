"""`pipes-mcp broker`: read settings, run until told to stop."""

import asyncio

from pipes_live.command import serve

from .app import Broker
from .settings import BrokerSettings, check

DESCRIPTION = """\
Calls providers for the gateways of a cluster, so that the WorkOS API key and
provider credentials never enter an agent's pod. Every call is proven by two
tokens (the pod's projected token and the session's) and checked again on live
state before everything that is sent. Needs an operator (operatorUrl), the WorkOS
API key (workosKeyFile), and the API server for TokenReviews."""


def main(argv: list[str]) -> int:
    """Run the broker; 0 after a stop by signal, 2 with one line on standard error when it cannot run."""
    return serve(argv, name="broker", description=DESCRIPTION, settings=BrokerSettings, check=check, run=_run)


async def _run(settings: BrokerSettings, stop: asyncio.Event) -> None:
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
