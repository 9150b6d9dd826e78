"""Lines of the stream, built from parts so that a change is encoded once for all who hear it.

What these functions return is what `pipes_api.messages.encode` returns for the
same message, with the newline.
"""

from collections.abc import Mapping
from typing import Any

from pipes_api import messages
from pipes_api.messages import BindingView, Lease, SessionView

_encode = messages.encode


def line(message: Any) -> bytes:
    return _encode(message) + b"\n"


class SessionLine:
    """`SessionChanged` about one session, for many streams: each adds its own lease and unknown definitions."""

    def __init__(self, view: SessionView) -> None:
        self.digests = digests_of_session(view)
        self._head = b'{"type":"session","session":' + _encode(view)

    def with_parts(self, lease: Lease | None, definitions: Mapping[str, dict[str, Any]]) -> bytes:
        parts = [self._head]
        if lease is not None:
            parts += (b',"lease":', _encode(lease))
        if definitions:
            parts += (b',"definitions":', _encode(definitions))
        parts.append(b"}\n")
        return b"".join(parts)


class BindingLine:
    """`BindingChanged` about one binding, for many streams."""

    def __init__(self, view: BindingView) -> None:
        self.digests = frozenset(view.tools.values())
        self._head = b'{"type":"binding","binding":' + _encode(view)

    def with_definitions(self, definitions: Mapping[str, dict[str, Any]]) -> bytes:
        extra = b',"definitions":' + _encode(definitions) if definitions else b""
        return self._head + extra + b"}\n"


def digests_of_session(view: SessionView) -> frozenset[str]:
    """Hashes of the definitions that the session's grant names."""
    if view.grant is None:
        return frozenset()
    return frozenset(digest for binding in view.grant.bindings for digest in binding.tools.values())
