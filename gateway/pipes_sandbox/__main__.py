"""`python -m pipes_sandbox`: a sandbox until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipes_sandbox.server import Endpoints, running
from pipes_sandbox.settings import DEFAULT_API_KEY, Settings

_ADMIN_TOKEN_VARIABLE = "PIPES_SANDBOX_ADMIN_TOKEN"  # noqa: S105 - a name, not a value
_API_KEY_VARIABLE = "PIPES_SANDBOX_API_KEY"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 after an interrupt and 2 when it cannot start, with one line on stderr that says why."""
    arguments = _parser().parse_args(argv)
    try:
        settings = _settings(arguments)
        asyncio.run(_run(settings, as_json=arguments.json))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"pipes-sandbox: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pipes_sandbox",
        description="A stand-in for WorkOS Pipes, Snowflake, Google Drive and Salesforce that really answers.",
        epilog=f"The admin token is taken from ${_ADMIN_TOKEN_VARIABLE}, the API key from ${_API_KEY_VARIABLE}, when "
        "neither option nor file gives it.",
    )
    default = Settings()
    parser.add_argument("--host", default=default.host, help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=default.port, help="0 takes a free one (default %(default)s)")
    parser.add_argument("--tls-port", type=int, help="also serve https here, by a certificate authority of its own")
    parser.add_argument("--tls-dir", type=Path, metavar="DIR", help="where ca.pem is written (default: temporary)")
    parser.add_argument("--seed", type=Path, metavar="FILE", help="YAML with the world (default: the one shipped)")
    parser.add_argument("--api-key", help=f"environment API key of Pipes (default {DEFAULT_API_KEY})")
    parser.add_argument("--api-key-file", type=Path, metavar="FILE")
    parser.add_argument("--admin-token", help="bearer of /_sandbox/ (default: random, printed at the start)")
    parser.add_argument("--admin-token-file", type=Path, metavar="FILE")
    parser.add_argument("--token-lifetime", type=float, default=default.token_lifetime, metavar="SECONDS")
    parser.add_argument(
        "--synchronous-wait",
        type=float,
        default=default.synchronous_wait,
        metavar="SECONDS",
        help="how long a Snowflake statement may take before the answer is 202 (default %(default)s)",
    )
    parser.add_argument("--partition-rows", type=int, default=default.partition_rows, metavar="N")
    parser.add_argument("--json", action="store_true", help="print where it listens as one line of JSON")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    default = Settings()
    return Settings(
        host=arguments.host,
        port=arguments.port,
        tls_port=arguments.tls_port,
        tls_directory=arguments.tls_dir,
        seed=arguments.seed,
        token_lifetime=arguments.token_lifetime,
        synchronous_wait=arguments.synchronous_wait,
        partition_rows=arguments.partition_rows,
        api_key=_secret(arguments.api_key, arguments.api_key_file, _API_KEY_VARIABLE) or default.api_key,
        admin_token=_secret(arguments.admin_token, arguments.admin_token_file, _ADMIN_TOKEN_VARIABLE)
        or default.admin_token,
    )


def _secret(value: str | None, file: Path | None, variable: str) -> str | None:
    return value or (file.read_text().strip() if file else os.environ.get(variable))


async def _run(settings: Settings, *, as_json: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings) as endpoints:
        sys.stdout.write((_as_json if as_json else _as_text)(settings, endpoints) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _as_json(settings: Settings, endpoints: Endpoints) -> str:
    return json.dumps(
        {
            "url": endpoints.url,
            "tls_url": endpoints.tls_url,
            "ca_file": str(endpoints.ca_file) if endpoints.ca_file else None,
            "admin_token": settings.admin_token,
            "api_key": settings.api_key,
        }
    )


def _as_text(settings: Settings, endpoints: Endpoints) -> str:
    lines = [f"sandbox      {endpoints.url}"]
    if endpoints.tls_url:
        lines.append(f"https        {endpoints.tls_url} (trust {endpoints.ca_file})")
    lines += [
        f"API key      {settings.api_key}",
        f"admin token  {settings.admin_token}  (for {endpoints.url}/_sandbox/)",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
