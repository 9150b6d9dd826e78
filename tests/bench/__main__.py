"""`python -m bench`: start everything, measure, print tables."""

import argparse
import asyncio
import sys

from cluster.errors import ClusterError
from environment import Environment

from . import calls, judging, lifecycle
from .figures import table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=["calls", "lifecycle", "judging"], help="measure one of them (default: all)")
    parser.add_argument("--calls", type=int, default=1000, metavar="N", help="calls on each way (default 1000)")
    parser.add_argument("--sessions", type=int, default=200, metavar="N", help="sessions (default 200)")
    options = parser.parse_args(arguments)
    chosen = [options.only] if options.only else ["calls", "lifecycle", "judging"]
    if "judging" in chosen:
        judging.main([])
    if chosen == ["judging"]:
        return 0
    try:
        with Environment.start() as environment:
            asyncio.run(_measure(environment, chosen, options))
    except ClusterError as error:
        print(f"bench failed: {error}", file=sys.stderr)
        return 1
    return 0


async def _measure(environment: Environment, chosen: list[str], options: argparse.Namespace) -> None:
    if "calls" in chosen:
        print(f"== a call, {options.calls} on each way, taking turns", flush=True)
        figures, notes = await calls.measure(environment, options.calls)
        print(table(figures), *(f"- {note}" for note in notes), "", sep="\n", flush=True)
    if "lifecycle" in chosen:
        print(f"== {options.sessions} sessions: asked for, approved, used, revoked", flush=True)
        print(table(await lifecycle.measure(environment, options.sessions)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
