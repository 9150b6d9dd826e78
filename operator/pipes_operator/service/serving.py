"""TLS of the service: a certificate of its own authority, renewed in the running server."""

import contextlib
import logging
import os
import ssl
import tempfile
from asyncio import sslproto
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from pipes_operator.keys.authority import CertificateAuthority, Issued

logger = logging.getLogger(__name__)

_RENEW_AT = 2 / 3
_TLS_RECORD = 16 * 1024


def use_small_buffers() -> None:
    """Have asyncio keep one TLS record for each connection instead of 256 KiB: a thousand streams are idle most times.

    It is one value for the process; a larger answer is read in more pieces.
    """
    sslproto.SSLProtocol.max_size = _TLS_RECORD


class ServingCertificate:
    """A TLS context whose certificate stays valid as long as `renew` is called now and then."""

    def __init__(
        self,
        authority: CertificateAuthority,
        names: tuple[str, ...],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._authority = authority
        self._names = names
        self._now = now
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    def renew(self) -> None:
        """A new certificate once two thirds of the old one's life are over; connections that are open keep theirs."""
        now = self._now()
        if now < self._renew_at:
            return
        issued = self._authority.issue(self._names, now)
        _load(self.context, issued)
        self._renew_at = now + (issued.expires_at - now) * _RENEW_AT
        logger.info("serving certificate until %s", issued.expires_at.isoformat())


def _load(context: ssl.SSLContext, issued: Issued) -> None:
    # Python's ssl reads files only; this one is gone again before anything else runs.
    with _memory_file(issued.certificate + issued.key) as path:
        context.load_cert_chain(path)


@contextlib.contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
