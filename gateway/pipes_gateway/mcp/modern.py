"""What revision 2026-07-28 asks of every request: an envelope in `_meta`, and headers that repeat the body."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from .jsonrpc import Message, RpcError
from .protocol import (
    CAPABILITIES_META,
    HANDSHAKE_VERSIONS,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_HEADER,
    MODERN_VERSIONS,
    NAME_HEADER,
    NAMED_BY,
    UNSUPPORTED_VERSION,
    VERSION_HEADER,
    VERSION_META,
    VERSIONS,
)


def is_modern(headers: Mapping[str, str], message: Message) -> bool:
    """Whether a POST belongs to the stateless era.

    Raises:
        RpcError: −32020 when header and body name different versions, or only the body names one.
    """
    header = headers.get(VERSION_HEADER)
    named = message.meta.get(VERSION_META) if isinstance(message.meta, dict) else None
    if header is None or header in HANDSHAKE_VERSIONS:
        if named is not None and named != header:
            raise _mismatch(VERSION_HEADER, named, header)
        return False
    return True


def check(headers: Mapping[str, str], message: Message) -> None:
    """The ladder of a request: envelope, headers, version.

    Raises:
        RpcError: −32602, −32020 or −32022, all with status 400.
    """
    header = headers[VERSION_HEADER]
    meta = message.meta
    if not isinstance(meta, dict):
        # Without an envelope an unknown version is the better thing to say: the client may be of the other era.
        check_version(header)
        raise RpcError(
            INVALID_PARAMS, f"A request of {header} must carry params._meta with {VERSION_META} and {CAPABILITIES_META}"
        )
    for name in (VERSION_META, CAPABILITIES_META):
        if name not in meta:
            raise RpcError(INVALID_PARAMS, f"params._meta lacks {name}, which {header} requires")
    if meta[VERSION_META] != header:
        raise _mismatch(VERSION_HEADER, meta[VERSION_META], header)
    if headers.get(METHOD_HEADER) != message.method:
        raise _mismatch(METHOD_HEADER, message.method, headers.get(METHOD_HEADER))
    _check_name(headers, message)
    check_version(header)
    if not isinstance(meta[CAPABILITIES_META], dict):
        raise RpcError(INVALID_PARAMS, f"{CAPABILITIES_META} must be an object")


def check_version(version: str) -> None:
    """Raises:
    RpcError: −32022 with the versions that are spoken, when this is none of the stateless ones.
    """
    if version not in MODERN_VERSIONS:
        raise RpcError(
            UNSUPPORTED_VERSION,
            f"Unsupported protocol version {version[:40]!r}; this server speaks {', '.join(VERSIONS)}",
            # The same versions as server/discover tells: those that are spoken without a handshake.
            data={"supported": list(MODERN_VERSIONS), "requested": version[:100]},
        )


def _check_name(headers: Mapping[str, str], message: Message) -> None:
    parameter = NAMED_BY.get(message.method)
    if parameter is None:
        return
    expected = message.params.get(parameter)
    if not isinstance(expected, str):
        raise RpcError(INVALID_PARAMS, f"params.{parameter} must be a string")
    given = headers.get(NAME_HEADER)
    if given is None or _decoded(given) != expected:
        raise _mismatch(NAME_HEADER, expected, given)


def _decoded(value: str) -> str | None:
    """A header value in plain ASCII, or in the form `=?base64?…?=`; None when that does not decode to its own form."""
    if not value.isascii():
        return None
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    payload = value[len("=?base64?") : -len("?=")]
    try:
        raw = base64.b64decode(payload, validate=True)
        return raw.decode("utf-8") if base64.b64encode(raw).decode() == payload else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _mismatch(header: str, body: Any, given: str | None) -> RpcError:
    said = "is missing" if given is None else f"says {given[:100]!r}"
    return RpcError(HEADER_MISMATCH, f"The header {header} {said}, the body {str(body)[:100]!r}; both must be the same")
