"""Signing keys of session tokens: ES256, in one Secret, rotated with overlap (next → active → retired).

A key is published before it signs and stays published until no token of it can
be alive, so a verifier that learned the keys late or early never meets one it
does not know.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipes_api.tokens import ALGORITHM, TYPE
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Conflict

from .secrets import SecretStore, SecretUnreadable, Stored

SECRET_NAME = "pipes-operator-signing-keys"  # noqa: S105 - a Secret's name
_FIELD = "keys.json"

RETIRED_FOR = timedelta(hours=1)
"""How long a retired key stays published: far beyond the life of a token and of any cache of the key set."""


class KeyState(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


class _StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """`private` is PKCS #8 PEM, gone once the key is retired; `public` is the JWK (RFC 7517)."""

    kid: str
    state: KeyState
    since: datetime
    public: dict[str, str]
    private: str = ""

    def __repr__(self) -> str:
        return f"key {self.kid} ({self.state})"


class SigningKeys:
    """The keys as last read from the Secret. `load` comes first."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._store = SecretStore(kube, namespace, SECRET_NAME)
        self._keys: tuple[_StoredKey, ...] = ()
        self._version = ""
        self._active: tuple[str, ec.EllipticCurvePrivateKey] | None = None
        self._listeners: list[Callable[[dict[str, Any]], None]] = []

    def on_change(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Call `listener` with the new key set whenever the keys have changed."""
        self._listeners.append(listener)

    @property
    def jwks(self) -> dict[str, Any]:
        """The published key set (RFC 7517): every key that signs, will sign, or signed what may still live."""
        return {"keys": [each.public for each in self._keys]}

    async def load(self, now: datetime) -> None:
        """Read the keys, making them if there are none yet.

        Raises:
            KubeError: the API server refuses or is away.
            SecretUnreadable: the Secret holds something else.
        """
        stored = await self._store.read()
        if stored is None:
            first = [_generate(KeyState.ACTIVE, now), _generate(KeyState.NEXT, now)]
            stored = await self._store.create(_encode(first))
        self._adopt(stored)

    async def rotate(self, now: datetime) -> None:
        """Next becomes active, active retires, a new next is published. If another operator rotates, theirs counts."""
        following: list[_StoredKey] = []
        for key in self._keys:
            if key.state is KeyState.NEXT:
                following.append(msgspec.structs.replace(key, state=KeyState.ACTIVE, since=now))
            elif key.state is KeyState.ACTIVE:
                following.append(msgspec.structs.replace(key, state=KeyState.RETIRED, since=now, private=""))
            elif now - key.since < RETIRED_FOR:
                following.append(key)
        if not any(each.state is KeyState.ACTIVE for each in following):
            following.append(_generate(KeyState.ACTIVE, now))
        following.append(_generate(KeyState.NEXT, now))
        try:
            self._adopt(await self._store.replace(_encode(following), self._version))
        except Conflict:
            await self.load(now)

    def sign(self, claims: dict[str, Any]) -> str:
        """A compact JWT of type `at+jwt` (RFC 9068), signed with the active key.

        Raises:
            LookupError: the keys have not been loaded.
        """
        if self._active is None:
            raise LookupError("no signing key has been loaded")
        kid, key = self._active
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": kid})

    def _adopt(self, stored: Stored) -> None:
        if stored.version == self._version:
            return
        try:
            keys = msgspec.json.decode(stored.data[_FIELD], type=tuple[_StoredKey, ...])
            active = next(each for each in keys if each.state is KeyState.ACTIVE)
            private = serialization.load_pem_private_key(active.private.encode(), password=None)
        except (KeyError, StopIteration, ValueError, TypeError, UnsupportedAlgorithm, msgspec.MsgspecError):
            raise SecretUnreadable(f"{self._store} does not hold the signing keys of this version") from None
        usable = isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1)
        if not usable or any(thumbprint(each.public) != each.kid for each in keys):
            raise SecretUnreadable(f"{self._store} holds keys that are not for {ALGORITHM}, or under a wrong kid")
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        self._keys, self._version, self._active = keys, stored.version, (active.kid, private)
        for listener in self._listeners:
            listener(self.jwks)

    def __repr__(self) -> str:
        return f"SigningKeys({[repr(each) for each in self._keys]})"


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 thumbprint of a P-256 public key."""
    required = {name: jwk.get(name, "") for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def _generate(state: KeyState, now: datetime) -> _StoredKey:
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    point = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    kid = thumbprint(point)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = {**point, "kid": kid, "use": "sig", "alg": ALGORITHM}
    return _StoredKey(kid=kid, state=state, since=now, public=public, private=pem)


def _encode(keys: list[_StoredKey]) -> dict[str, bytes]:
    return {_FIELD: msgspec.json.encode(keys)}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
