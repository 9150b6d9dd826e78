"""Who calls: the projected ServiceAccount token, judged by the API server (TokenReview), tied to a pod."""

import asyncio
import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from pipes_api.clock import boottime
from pipes_api.messages import Identity
from pipes_api.names import OPERATOR_AUDIENCE
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import KubeError
from pipes_operator.kube.resource import TOKEN_REVIEWS

from .refusals import forbidden, unauthenticated, unavailable

REMEMBERED_SECONDS = 10.0
_REMEMBERED = 10_000
_LONGEST_TOKEN = 16_384
_REVIEWS_AT_ONCE = 32
_USER_PREFIX = "system:serviceaccount:"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_POD_NAME = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who it is, and until when (CLOCK_BOOTTIME) the token that said so lives."""

    identity: Identity
    until: float


class _Claims(msgspec.Struct, frozen=True):
    """What is read of a token's payload. Only a TokenReview makes it more than a claim."""

    exp: float
    aud: str | list[str]


class Authenticator:
    """Reviews bearer tokens. A verdict is remembered by the token's hash for 10 s at most, a refusal never."""

    def __init__(
        self,
        kube: KubeClient,
        broker_user: str,
        clock: Callable[[], float] = boottime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._broker_user = broker_user
        self._clock = clock
        self._wall = wall
        self._remembered: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._slots = asyncio.Semaphore(_REVIEWS_AT_ONCE)

    async def request(self, header: str | None) -> Caller:
        """The caller of a single request.

        Raises:
            Refused: no token, not one for us, not of a pod, or nobody could judge it now.
        """
        token = bearer(header)
        key = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(key)
        clock = self._clock()
        if known is not None and clock - known[0] <= REMEMBERED_SECONDS and clock < known[1].until:
            return known[1]
        caller = await self.review(token)
        self._remembered.pop(key, None)
        self._remembered[key] = (clock, caller)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return caller

    async def review(self, token: str) -> Caller:
        """Have the API server judge the token now.

        Raises:
            Refused: as in `request`.
        """
        claims = _claims(token)
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        # What says of itself that it is not for us is not passed on to anybody: it may be good elsewhere.
        if OPERATOR_AUDIENCE not in audiences:
            raise unauthenticated("the token is not for this service")
        until = self._clock() + claims.exp - self._wall()
        if until <= self._clock():
            raise unauthenticated("the token has expired")
        spec = {"token": token, "audiences": [OPERATOR_AUDIENCE]}
        body = {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": spec}
        try:
            async with self._slots:
                answer = await self._kube.create(TOKEN_REVIEWS, None, body)
        except KubeError as error:
            raise unavailable(f"the API server could not judge the token (HTTP {error.status})") from None
        return Caller(self._identity(answer.get("status") or {}), until)

    def _identity(self, status: dict[str, Any]) -> Identity:
        if status.get("authenticated") is not True or OPERATOR_AUDIENCE not in (status.get("audiences") or []):
            raise unauthenticated("the API server does not accept the token for this service")
        user = status.get("user") or {}
        username = str(user.get("username", ""))
        namespace, separator, service_account = username.removeprefix(_USER_PREFIX).partition(":")
        if not username.startswith(_USER_PREFIX) or not separator:
            raise forbidden("only a pod's ServiceAccount may call this service")
        extra = user.get("extra") or {}
        pod_uid, pod_name = _single(extra.get(_POD_UID)), _single(extra.get(_POD_NAME))
        if not pod_uid or not pod_name:
            raise forbidden("the token is not bound to a pod")
        role: Literal["gateway", "broker"] = "broker" if username == self._broker_user else "gateway"
        return Identity(
            role=role, namespace=namespace, service_account=service_account, pod_uid=pod_uid, pod_name=pod_name
        )


def bearer(header: str | None) -> str:
    """The token of an `Authorization` header (RFC 6750).

    Raises:
        Refused: there is none, or it cannot be one.
    """
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("a projected ServiceAccount token is needed: Authorization: Bearer <token>")
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise unauthenticated("this is not a projected ServiceAccount token")
    return token


def _claims(token: str) -> _Claims:
    parts = token.split(".")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload, type=_Claims)
    except (IndexError, ValueError, msgspec.MsgspecError):
        raise unauthenticated("this is not a projected ServiceAccount token") from None
    if len(parts) != 3:
        raise unauthenticated("this is not a projected ServiceAccount token")
    return claims


def _single(values: Any) -> str:
    return values[0] if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str) else ""
