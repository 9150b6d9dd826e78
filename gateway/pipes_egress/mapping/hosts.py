"""The one host a call may reach: made of the connection's values, held to the allowed patterns."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipes_catalog.exchange import Endpoint, HostForm, HostValue
from pipes_catalog.references import REFERENCE

from .scope import follow

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LABELS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_HOST = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]\Z")
_ORIGIN = re.compile(r"https://([A-Za-z0-9.-]+)/?\Z")
LONGEST = 253


class HostRefused(Exception):  # noqa: N818 - reads as what happened
    """The connection names no host that may be reached; the sentence names the value at fault.

    `found` says whether there was a value at all.
    """

    def __init__(self, sentence: str, *, found: bool = True) -> None:
        super().__init__(sentence)
        self.found = found


def is_host(text: str) -> bool:
    """Whether it is a host name that may be dialled: no address, no single label, nothing but labels."""
    return len(text) <= LONGEST and _HOST.match(text) is not None


def matches(pattern: str, host: str) -> bool:
    """Whether whole labels of the host fit: `*.example.com` is every host below example.com, not itself."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def host_of(
    endpoint: Endpoint, values: Mapping[str, Any], *, granted: Iterable[str], known: Iterable[str], own: str = ""
) -> str:
    """The host, lower case: that of the endpoint's URL, or `own`, which a tool names for itself.

    `values` has the sources `config`, `metadata` and `endpoint`. It must fit a pattern of the grant, and one that this
    process knows of: the definition's own or one of its settings.

    Raises:
        HostRefused: a value is missing or not of its form, or the host is not allowed.
    """
    made = values_of(endpoint, values)
    host = (own or REFERENCE.sub(lambda match: made[match[1]], endpoint.url.removeprefix("https://"))).lower()
    if not is_host(host):
        raise HostRefused(f"{host!r:.100} is not a host name")
    if not any(matches(pattern, host) for pattern in granted):
        raise HostRefused(f"the host {host} is not one that the session covers")
    if not any(matches(pattern, host) for pattern in known):
        raise HostRefused(f"the host {host} is not among the catalog's, and not allowed in the configuration")
    return host


def values_of(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, str]:
    """What the connection tells of the tenant, by name, each of its form. `values` as for `host_of`.

    Raises:
        HostRefused: one is missing or not of its form.
    """
    return {name: _value(name, each, values) for name, each in endpoint.values.items()}


def _value(name: str, rule: HostValue, values: Mapping[str, Any]) -> str:
    for source in rule.sources:
        value = follow(values, source)
        if isinstance(value, str) and value:
            return _formed(source, rule, value)
    sources = " or ".join(rule.sources)
    raise HostRefused(f"the connection does not tell its {name} ({sources})", found=False)


def _formed(source: str, rule: HostValue, value: str) -> str:
    for old, new in rule.replace.items():
        value = value.replace(old, new)
    if rule.form is HostForm.ORIGIN:
        # A binding can hold no URL, so there the host stands alone.
        match = _ORIGIN.match(f"https://{value}" if source.startswith("endpoint.") else value)
        if match is None or not _HOST.match(match[1]):
            raise HostRefused(f"{source} is not https:// and a host name")
        return match[1]
    if not _LABELS.match(value):
        raise HostRefused(f"{source} is not made of letters, digits and hyphens")
    return value
