"""A sub-command that serves: reads its settings, runs until a signal stops it."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from pipes_api.settings import SettingsError, load

EPILOG = """\
Every setting can also come from the environment: operatorUrl is
PIPES_OPERATOR_URL."""
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

S = TypeVar("S", bound=msgspec.Struct)


class CannotRun(Exception):  # noqa: N818 - reads as what happened
    """Why a process cannot serve, in one line for whoever started it."""


def serve(
    argv: list[str],
    *,
    name: str,
    description: str,
    settings: type[S],
    check: Callable[[S], None],
    run: Callable[[S, asyncio.Event], Awaitable[None]],
    epilog: str = EPILOG,
) -> int:
    """Run until told to stop; 0 after a signal, 2 with one line on standard error when it cannot run.

    `check` looks at the settings (which have a `log_level`), `run` gets them and the event that a signal sets; both
    may raise `CannotRun`.
    """
    parser = argparse.ArgumentParser(
        prog=f"pipes-mcp {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings")
    arguments = parser.parse_args(argv)
    try:
        made = load(settings, arguments.config)
        check(made)
        level: str = getattr(made, "log_level", "info")
        logging.basicConfig(stream=sys.stderr, level=level.upper(), format=LOG_FORMAT)
        asyncio.run(_heeding_signals(made, run))
    except (SettingsError, CannotRun) as error:
        sys.stderr.write(f"pipes-mcp {name}: {error}\n")
        return 2
    return 0


async def _heeding_signals(settings: S, run: Callable[[S, asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(settings, stop)
