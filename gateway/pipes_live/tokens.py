"""Verifies session tokens (RFC 9068 profile) after RFC 8725: one algorithm, one type, known keys, exact claims."""

import hashlib
import json
import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec

from pipes_api.tokens import ALGORITHM, TYPE, SessionClaims

MAXIMUM_LENGTH = 4096

# Strict base64url: the decoder below would skip newlines and accept padding. 86 characters are the 64 bytes of r||s.
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}\Z")
_HEADER_FIELDS = {"alg", "typ", "kid"}


class TokenInvalid(Exception):  # noqa: N818 - reads as what happened
    """The token is not one of ours. `word` says why, and never holds a part of the token."""

    UNKNOWN_KEY = "unknownKey"

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class TokenVerifier:
    """Holds the signing keys of the session service (JWKS, RFC 7517).

    A verified signature is remembered by the token's SHA-256; a verdict never
    is: issuer, audience, subject, pod and times are for the policy chain to
    compare on every call.
    """

    def __init__(self, jwks: Mapping[str, Any] | None = None, *, remembered: int = 256) -> None:
        self._keys: dict[str, jwt.PyJWK] = {}
        self._verified: OrderedDict[bytes, SessionClaims] = OrderedDict()
        self._remembered = remembered
        if jwks is not None:
            self.use(jwks)

    def use(self, jwks: Mapping[str, Any]) -> None:
        """Replace the keys. A key that is not an ES256 public key with a `kid` is left out."""
        self._keys = {}
        self._verified.clear()
        entries = jwks.get("keys")
        for entry in entries if isinstance(entries, list) else []:
            key = _public_key(entry)
            if key is not None:
                self._keys[entry["kid"]] = key

    def verify(self, token: str) -> SessionClaims:
        """Claims of a token whose form, header and signature are right.

        Raises:
            TokenInvalid: with the word `malformed`, `tooLong`, `header`, `algorithm`, `type`, `unknownKey`,
                `signature` or `claims`.
        """
        if len(token) > MAXIMUM_LENGTH:
            raise TokenInvalid("tooLong")
        # A token outside ASCII cannot match the form, so encoding cannot fail after it.
        if not _FORM.match(token):
            raise TokenInvalid("malformed")
        fingerprint = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(fingerprint)
        if claims is None:
            claims = self._verify_anew(token)
            self._verified[fingerprint] = claims
            if len(self._verified) > self._remembered:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(fingerprint)
        return claims

    def _verify_anew(self, token: str) -> SessionClaims:
        key = self._keys.get(_key_id(token))
        if key is None:
            raise TokenInvalid(TokenInvalid.UNKNOWN_KEY)
        try:
            payload = jwt.api_jws.decode(token, key, algorithms=[ALGORITHM])
        except jwt.InvalidTokenError:
            raise TokenInvalid("signature") from None
        return _claims(payload)


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise TokenInvalid("header") from None
    if header.get("alg") != ALGORITHM:
        raise TokenInvalid("algorithm")
    if header.get("typ") != TYPE:
        raise TokenInvalid("type")
    # `crit`, `jwk`, `jku`, `x5u` and whatever else could steer verification has no place here.
    if set(header) != _HEADER_FIELDS or not isinstance(header["kid"], str):
        raise TokenInvalid("header")
    return str(header["kid"])


def _claims(payload: bytes) -> SessionClaims:
    try:
        data = json.loads(payload, parse_constant=_no_constant)
        if not isinstance(data, dict):
            raise TokenInvalid("claims")
        # RFC 7519 NumericDate may have a fraction: the end is rounded down and the beginning up, never in favour.
        for name, whole in (("exp", math.floor), ("nbf", math.ceil), ("iat", math.ceil)):
            if isinstance(data.get(name), float):
                data[name] = whole(data[name])
        return msgspec.convert(data, SessionClaims)
    except (ValueError, OverflowError, msgspec.ValidationError):
        raise TokenInvalid("claims") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _public_key(entry: Any) -> jwt.PyJWK | None:
    usable = (
        isinstance(entry, dict)
        and isinstance(entry.get("kid"), str)
        and entry.get("kty") == "EC"
        and entry.get("crv") == "P-256"
        and entry.get("alg", ALGORITHM) == ALGORITHM
        and entry.get("use", "sig") == "sig"
        and "d" not in entry
    )
    if not usable:
        return None
    try:
        return jwt.PyJWK(entry, algorithm=ALGORITHM)
    except jwt.PyJWTError:
        return None
