"""Credentials that the providers of the sandbox accept, and for whom."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ProviderToken:
    """One access token or API key that a provider honours."""

    value: str = field(repr=False)
    provider: str
    account_id: str
    """Connected account it was vended for."""
    user_id: str | None
    organization_id: str | None
    scopes: list[str]
    tenant: str
    """Per-tenant part of the host the token is good for (Snowflake account, Salesforce host); empty: any."""
    issued_at: float
    expires_at: float | None
    """Unix seconds; None never expires."""
    revoked: bool = False

    def live(self, now: float) -> bool:
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    def describe(self, now: float) -> dict[str, Any]:
        """For the observer: everything but the value."""
        return {
            "sha256": fingerprint(self.value),
            "provider": self.provider,
            "connected_account_id": self.account_id,
            "user_id": self.user_id,
            "organization_id": self.organization_id,
            "scopes": self.scopes,
            "live": self.live(now),
            "expires_at": self.expires_at,
        }


def fingerprint(value: str) -> str:
    """First 16 hexadecimal digits of SHA-256: tells tokens apart without showing them."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


class TokenBook:
    """Every token ever handed out, found by value."""

    def __init__(self, prefixes: Mapping[str, str] | None = None, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._prefixes = prefixes or {}
        self._tokens: dict[str, ProviderToken] = {}

    def issue(
        self,
        provider: str,
        *,
        account_id: str,
        user_id: str | None,
        organization_id: str | None,
        scopes: list[str],
        tenant: str,
        lifetime: float | None,
        value: str | None = None,
    ) -> ProviderToken:
        """A new token, random unless `value` is given; `lifetime` in seconds, None for one that never expires."""
        now = self.clock()
        token = ProviderToken(
            value=value or self._prefixes.get(provider, "") + secrets.token_urlsafe(40),
            provider=provider,
            account_id=account_id,
            user_id=user_id,
            organization_id=organization_id,
            scopes=list(scopes),
            tenant=tenant,
            issued_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        self._tokens[token.value] = token
        return token

    def find(self, value: str | None) -> ProviderToken | None:
        return self._tokens.get(value) if value else None

    def live(self, value: str | None, provider: str) -> ProviderToken | None:
        """The token, if `provider` honours it now."""
        token = self.find(value)
        return token if token and token.provider == provider and token.live(self.clock()) else None

    def end(self, *, provider: str | None = None, account_id: str | None = None, revoke: bool = False) -> int:
        """Expires (or revokes) every live token that matches; how many there were."""
        now, ended = self.clock(), 0
        for token in self._tokens.values():
            if (provider in (None, token.provider)) and (account_id in (None, token.account_id)) and token.live(now):
                token.revoked = revoke or token.revoked
                token.expires_at = now
                ended += 1
        return ended

    def describe(self) -> list[dict[str, Any]]:
        now = self.clock()
        return [token.describe(now) for token in self._tokens.values()]
