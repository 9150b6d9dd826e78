"""Content that a provider keeps elsewhere: one redirect, to a host the catalog names, without any credential."""

from urllib.parse import quote, urlsplit

from ..mapping.build import LONGEST_TARGET, Outgoing
from ..mapping.hosts import is_host, matches
from ..transport.answers import Answer

_SAFE = "/%:@!$&'()*+,;=?~-._"
_STATUSES = frozenset({301, 302, 303, 307, 308})


def download_of(answer: Answer, patterns: tuple[str, ...]) -> tuple[str, Outgoing] | None:
    """Host and request of the content that an answer sends on to; None when it does not, or not to such a host."""
    if answer.status not in _STATUSES:
        return None
    try:
        parts = urlsplit(answer.headers.get("Location", "").strip())
        plain = parts.scheme == "https" and parts.username is None and parts.port in (None, 443)
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if not plain or not is_host(host) or not any(matches(pattern, host) for pattern in patterns):
        return None
    # Already encoded by whoever signed it; what could not stand in a request line is encoded all the same.
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    if len(target) > LONGEST_TARGET:
        return None
    return host, Outgoing("GET", target, {"Accept": "*/*"}, None)
