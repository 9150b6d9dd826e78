"""Where a hosted MCP server is, and which of its tools a definition stands for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .part import Part

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_URL = re.compile(
    rf"https://(?P<authority>(?P<host>(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9])(?::(?P<port>[1-9][0-9]{{0,4}}))?)"
    r"(?P<target>/[!$&-;=@-Z_a-z~%]*(?:\?[!$&-;=?-Z_a-z~%]*)?)?\Z"
)
"""RFC 3986, of which as much as a server's address needs: a DNS name, no user, no fragment, visible ASCII only."""
LONGEST_URL = 1_000
LONGEST_HOST = 253


class AddressInvalid(ValueError):  # noqa: N818 - reads as what happened
    """Not the address of a server that a credential may be sent to; the sentence says why."""


class Remote(Part):
    """One tool of a hosted server. `tool` is its name there; `pin` the digest of all that `tools/list` says of it."""

    title: str
    url: str
    tool: str
    pin: str


@dataclass(frozen=True, slots=True)
class Address:
    """`authority` is the host, with its port unless it is 443; `target` path and query as they go on the wire."""

    authority: str
    target: str

    def is_among(self, patterns: Iterable[str]) -> bool:
        """Whether a pattern covers it. `*.example.com` is every host below; another port must be in the pattern."""
        return any(
            self.authority.endswith(each[1:]) and len(self.authority) > len(each) - 1
            if each.startswith("*.")
            else self.authority == each
            for each in patterns
        )


def address(url: str) -> Address:
    """Take a hosted server's URL apart.

    Raises:
        AddressInvalid: it is not https, or not a plain DNS name and path.
    """
    match = _URL.match(url) if len(url) <= LONGEST_URL else None
    if match is None:
        raise AddressInvalid("the URL must be https:// with a host name and a path, without user, address or fragment")
    target = match["target"] or "/"
    if any(segment in (".", "..") for segment in target.partition("?")[0].lower().replace("%2e", ".").split("/")):
        raise AddressInvalid("the URL's path must not have . or .. in it")
    port = int(match["port"] or 443)
    host = match["host"].lower()
    if port > 65535 or len(host) > LONGEST_HOST:
        raise AddressInvalid("the URL's host or port is out of range")
    return Address(host if port == 443 else f"{host}:{port}", target)
