"""Where the API server is and how to prove who we are: a kubeconfig, or the files that every pod has."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

_loader: Any = config  # the package's loaders carry no annotations

_POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_TOKEN_SECONDS = 30.0
"""How long a token file's content is used before the file is read again; kubelets renew at 80 % of a token's life."""


class AccessError(Exception):
    """One line: what is wrong with the kubeconfig or the pod's ServiceAccount files."""


@dataclass(frozen=True)
class Endpoint:
    """Server and TLS files of one API server. `token_file` is read again and again, `token` is fixed."""

    server: str
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    verify: bool = True
    token_file: Path | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"Endpoint(server={self.server!r})"


class Access:
    """An endpoint with a token that stays fresh."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._token = endpoint.token
        self._read_at = float("-inf")

    async def bearer(self, *, renew: bool = False) -> str | None:
        """The token to send, or None with client certificates.

        Raises:
            AccessError: the token file cannot be read.
        """
        file = self.endpoint.token_file
        if file is not None and (renew or time.monotonic() - self._read_at > _TOKEN_SECONDS):
            try:
                self._token = (await asyncio.to_thread(file.read_text)).strip()
            except OSError as error:
                raise AccessError(f"cannot read the token file {file}: {error.strerror}") from None
            self._read_at = time.monotonic()
        return self._token

    def tls(self) -> ssl.SSLContext | None:
        """TLS context for the endpoint; None for plain http.

        Raises:
            AccessError: a certificate or key file cannot be used.
        """
        if self.endpoint.server.startswith("http://"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.endpoint.ca_file)
            if self.endpoint.certificate_file:
                context.load_cert_chain(self.endpoint.certificate_file, self.endpoint.key_file)
        except OSError as error:
            raise AccessError(f"cannot use the TLS files for {self.endpoint.server}: {error}") from None
        if not self.endpoint.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


async def load(kubeconfig: Path | None) -> Access:
    """Access by that kubeconfig, or by the pod's own ServiceAccount without one.

    Raises:
        AccessError: the file cannot be read, is not a kubeconfig, or we are not in a pod.
    """
    settings = Configuration()
    try:
        if kubeconfig is None:
            _loader.load_incluster_config(client_configuration=settings, try_refresh_token=False)
            return Access(_endpoint(settings, _POD_TOKEN))
        text = await asyncio.to_thread(kubeconfig.read_text)
        await _loader.load_kube_config(str(kubeconfig), client_configuration=settings, persist_config=False)
        return Access(_endpoint(settings, _token_file(text, kubeconfig)))
    except OSError as error:
        raise AccessError(f"cannot read the kubeconfig {kubeconfig}: {error.strerror or error}") from None
    except (config.ConfigException, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        where = f"kubeconfig {kubeconfig}" if kubeconfig else "not in a pod, and no kubeconfig is set"
        raise AccessError(f"{where}: {' '.join(str(error).split())}") from None


def _endpoint(settings: Configuration, token_file: Path | None) -> Endpoint:
    bearer = settings.api_key.get("BearerToken") or ""
    return Endpoint(
        server=settings.host.rstrip("/"),
        ca_file=settings.ssl_ca_cert,
        certificate_file=settings.cert_file,
        key_file=settings.key_file,
        verify=settings.verify_ssl,
        token_file=token_file,
        token=bearer.split(" ", 1)[-1].strip() or None,
    )


def _token_file(text: str, kubeconfig: Path) -> Path | None:
    """`tokenFile` of the current context's user; the client library reads it once only."""
    document = yaml.safe_load(text)
    current = next(each for each in document["contexts"] if each["name"] == document["current-context"])
    user = next((each for each in document.get("users") or [] if each["name"] == current["context"].get("user")), None)
    named = ((user or {}).get("user") or {}).get("tokenFile")
    return None if not named else (kubeconfig.parent / named)
