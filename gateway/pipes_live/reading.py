"""Reads lines of the stream, also those of a newer session service."""

import logging
from typing import Any

import msgspec

from pipes_api import grant, messages

log = logging.getLogger(__name__)

MAXIMUM_LINE = 32 << 20


class LineTooLong(Exception):  # noqa: N818 - reads as what happened
    """The stream sent a line beyond 32 MiB, or never ends it."""


class Lines:
    """Cuts the bytes of a stream into lines."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their newline.

        Raises:
            LineTooLong: the line being read is beyond what is held in memory.
        """
        self._rest += data
        if b"\n" not in data:
            if len(self._rest) > MAXIMUM_LINE:
                raise LineTooLong(f"a line of the stream is longer than {MAXIMUM_LINE} bytes")
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return [line for line in lines if line.strip()]


def read_event(line: bytes) -> messages.Event | None:
    """One event; None when it is of a type that this version does not know.

    A grant with a field that this version does not know is taken out, so that
    its session allows nothing, while all others go on.

    Raises:
        msgspec.DecodeError, msgspec.ValidationError: the line is not one of our messages.
    """
    try:
        return messages.decode_event(line)
    except msgspec.ValidationError:
        data = msgspec.json.decode(line)
        if not isinstance(data, dict):
            raise
        if data.get("type") not in _KNOWN:
            log.warning("the session service sent an event of the unknown type %.40r; it is ignored", data.get("type"))
            return None
        if not _without_unknown_grants(data):
            raise
        event: messages.Event = msgspec.convert(data, messages.Event)
        return event


_KNOWN = {
    kind.__struct_config__.tag
    for kind in (
        messages.Snapshot,
        messages.SessionChanged,
        messages.SessionGone,
        messages.BindingChanged,
        messages.BindingGone,
        messages.Leases,
        messages.Keys,
        messages.Heartbeat,
        messages.Goodbye,
    )
}


def _without_unknown_grants(data: dict[str, Any]) -> bool:
    """Whether a grant was taken out."""
    sessions = [data.get("session"), *(data.get("sessions") or [])]
    changed = False
    for session in sessions:
        if not isinstance(session, dict) or session.get("grant") is None:
            continue
        try:
            grant.read(session["grant"])
        except msgspec.ValidationError as error:
            log.warning("the grant of session %.64r cannot be read and allows nothing: %s", session.get("name"), error)
            del session["grant"]
            changed = True
    return changed
