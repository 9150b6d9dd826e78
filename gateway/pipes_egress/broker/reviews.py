"""Whose token is it? The projected token of a gateway, judged by the API server (TokenReview)."""

import asyncio
import base64
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from kubernetes.aio import client, config

from pipes_api.clock import boottime
from pipes_api.names import BROKER_AUDIENCE
from pipes_live.command import CannotRun

log = logging.getLogger(__name__)

LONGEST_TOKEN = 16_384
REMEMBERED = 20_000
REVIEW_SECONDS = 5.0
REVIEWS_AT_ONCE = 32
TOKEN_SECONDS = 30.0
"""How long the content of a kubeconfig's token file is used."""

_loaders: Any = config  # they carry no annotations
_PREFIX = "system:serviceaccount:"
_POD_UID = "authentication.kubernetes.io/pod-uid"


class NotReviewed(Exception):  # noqa: N818 - reads as what happened
    """The token proves nobody: `unavailable` when the API server could not be asked."""

    def __init__(self, message: str, *, unavailable: bool = False) -> None:
        super().__init__(message)
        self.unavailable = unavailable


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod whose token it is."""

    namespace: str
    service_account: str
    uid: str


class _Claims(msgspec.Struct, frozen=True):
    """What is read of a token before it is reviewed: only ever to refuse it sooner."""

    exp: float
    aud: str | list[str]


class TokenReviews:
    """Reviews tokens of audience `pipes-broker`. A verdict is remembered by the token's SHA-256; a refusal never is."""

    def __init__(
        self,
        kubeconfig: Path | None,
        remember_seconds: float = 60.0,
        clock: Callable[[], float] = boottime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._remember = remember_seconds
        self._clock = clock
        self._wall = wall
        self._known: OrderedDict[bytes, tuple[float, Pod]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Pod]] = {}
        self._slots = asyncio.Semaphore(REVIEWS_AT_ONCE)
        self._client: Any = None
        self._api: Any = None

    async def __aenter__(self) -> "TokenReviews":
        """Raises:
        CannotRun: neither the kubeconfig nor the pod's own configuration tells how to reach the API server.
        """
        configuration = client.Configuration()
        try:
            await self._configure(configuration)
        except Exception as error:  # the package raises its own, YAML's, and OS errors
            where = f"the kubeconfig {self._kubeconfig}" if self._kubeconfig else "this pod"
            why = " ".join(str(error).split())
            raise CannotRun(f"cannot learn from {where} how to reach the API server: {why:.300}") from None
        self._client = client.ApiClient(configuration)
        self._api = client.AuthenticationV1Api(self._client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def pod_of(self, header: str) -> Pod:
        """The pod that an `Authorization` header proves.

        Raises:
            NotReviewed: it proves none, or that could not be found out now.
        """
        token = _bearer(header)
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None and self._clock() < known[0]:
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._review(token, key))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _configure(self, configuration: client.Configuration) -> None:
        if self._kubeconfig is None:
            _loaders.load_incluster_config(client_configuration=configuration)
            return
        await _loaders.load_kube_config(str(self._kubeconfig), client_configuration=configuration)
        configured_at = self._clock()

        async def refresh(current: client.Configuration) -> None:
            # The package reads a kubeconfig's token file once, and projected tokens are renewed.
            nonlocal configured_at
            if self._clock() - configured_at > TOKEN_SECONDS:
                configured_at = self._clock()
                await _loaders.load_kube_config(str(self._kubeconfig), client_configuration=current)

        configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]

    async def _review(self, token: str, key: bytes) -> Pod:
        claims = _claims(token)
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        # A token that is not meant for us may be good elsewhere: it is not passed on to anybody.
        if BROKER_AUDIENCE not in audiences:
            raise NotReviewed("the token is not for the broker")
        asked_at = self._clock()
        left = claims.exp - self._wall()
        if left <= 0:
            raise NotReviewed("the token has expired")
        pod = _pod(await self._ask(token))
        self._known.pop(key, None)
        self._known[key] = (asked_at + min(left, self._remember), pod)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return pod

    async def _ask(self, token: str) -> Any:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [BROKER_AUDIENCE]},
        }
        try:
            async with self._slots, asyncio.timeout(REVIEW_SECONDS):
                return (await self._api.create_token_review(body)).status
        except Exception as error:  # whatever goes wrong, nobody is proven; the error may quote the request
            log.warning("a TokenReview failed: %s", type(error).__name__)
            raise NotReviewed("the API server could not judge the token", unavailable=True) from None


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN or not token.isascii():
        raise NotReviewed("a projected ServiceAccount token is needed: Authorization: Bearer <token>")
    return token


def _claims(token: str) -> _Claims:
    parts = token.split(".")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=_Claims)
    except (IndexError, ValueError, msgspec.MsgspecError):
        raise NotReviewed("this is not a projected ServiceAccount token") from None


def _pod(status: Any) -> Pod:
    if status is None or status.authenticated is not True or BROKER_AUDIENCE not in (status.audiences or []):
        raise NotReviewed("the API server does not accept the token for the broker")
    namespace, separator, name = str(status.user.username or "").removeprefix(_PREFIX).partition(":")
    if not str(status.user.username or "").startswith(_PREFIX) or not separator:
        raise NotReviewed("only a pod's ServiceAccount may call the broker")
    uids = (status.user.extra or {}).get(_POD_UID) or []
    if len(uids) != 1 or not uids[0]:
        raise NotReviewed("the token is not bound to a pod")
    return Pod(namespace, name, uids[0])
