"""`pipes-mcp operator`: settings, catalogs, API server, then the operator. What is wrong is said in one line."""

import argparse
import asyncio
import errno
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from pipes_api.manifests import has_stamping
from pipes_api.settings import SettingsError, load
from pipes_catalog import CatalogError, Catalogs
from pipes_catalog import load as load_catalogs

from .kube import access
from .kube.access import Access, AccessError
from .kube.client import KubeClient
from .kube.errors import KubeError, NotFound
from .kube.lease import LeaseLostError
from .kube.resource import BINDINGS, SESSIONS
from .runtime import Operator
from .service.app import ServiceStartError
from .settings import OperatorSettings
from .watching import WatchingEndedError

logger = logging.getLogger(__name__)


class StartError(Exception):
    """One line: why it cannot start, and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until stopped. 0 after a signal, 1 when it had to end, 2 when it cannot start."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load(OperatorSettings, arguments.config)
        _configure_logging(settings.log_level)
        _check_key(settings)
        catalogs = load_catalogs(settings.catalog_directory)
        return asyncio.run(_run(settings, catalogs))
    except (SettingsError, CatalogError, AccessError, StartError, ServiceStartError) as error:
        sys.stderr.write(f"pipes-operator: {error}\n")
        return 2
    except (LeaseLostError, WatchingEndedError, KubeError, RuntimeError) as error:
        sys.stderr.write(f"pipes-operator: ended: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pipes-mcp operator",
        description="Keeps AgentSessions and ProviderBindings true, and serves sessions to gateways and broker.",
        epilog="Every setting may also be given as an environment variable: requestTimeoutSeconds is "
        "PIPES_REQUEST_TIMEOUT_SECONDS. Values there are YAML.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with the settings")
    return parser


async def _run(settings: OperatorSettings, catalogs: Catalogs) -> int:
    credentials = await access.load(settings.kubeconfig)
    served_stamping = await _check_api_server(credentials)
    stamping = settings.stamping if settings.stamping is not None else served_stamping
    operator = Operator(settings, catalogs, credentials, stamping=stamping)
    try:
        await operator.run()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(f"healthPort {settings.health_port} is taken: set another one") from None
        raise
    return 0


async def _check_api_server(credentials: Access) -> bool:
    """Whether it serves mutating policies; that it answers and serves our kinds is checked on the way."""
    server = credentials.endpoint.server
    async with KubeClient(credentials) as kube:
        try:
            version = await kube.get_path("/version")
            served = await kube.get_path(f"/apis/{SESSIONS.api_version}")
        except NotFound:
            raise StartError(f"{server} does not serve {SESSIONS.api_version}: apply the CRDs first") from None
        except KubeError as error:
            raise StartError(f"the API server {server} does not answer as it must: {error.message}") from None
    missing = {SESSIONS.plural, BINDINGS.plural} - {each["name"] for each in served.get("resources") or ()}
    if missing:
        raise StartError(f"{server} does not serve {', '.join(sorted(missing))}: apply the CRDs first")
    return has_stamping(version)


def _check_key(settings: OperatorSettings) -> None:
    file = settings.workos_key_file
    if file is None:
        if settings.sandbox is None:
            logger.warning("workosKeyFile is not set: no connection can be checked, so none will be Ready")
        return
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StartError(f"workosKeyFile {file} cannot be read: {why}") from None
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise StartError(f"workosKeyFile {file} does not hold a WorkOS API key (one line, sk_…)")


def _configure_logging(level: str) -> None:
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise StartError(f"logLevel {level!r} is none of DEBUG, INFO, WARNING, ERROR")
    logging.basicConfig(level=numeric, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # kopf writes whole objects at DEBUG, and its own life at INFO.
    logging.getLogger("kopf").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
