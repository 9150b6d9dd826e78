"""The broker's serving certificate: a key that never leaves the process, signed by the operator, renewed in time."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import random
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipes_live.client import SessionService
from pipes_live.errors import Refused, Unreachable

log = logging.getLogger(__name__)

RENEW_AT = 2 / 3
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0


class ServingCertificate:
    """A TLS context that is given a certificate by `renew`, and kept fresh by `run`."""

    def __init__(self, service: SessionService, names: Sequence[str]) -> None:
        self._service = service
        self._names = tuple(names)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.expires_at = datetime.min.replace(tzinfo=UTC)

    @property
    def is_valid(self) -> bool:
        return datetime.now(UTC) < self.expires_at

    async def obtain(self) -> None:
        """Ask until there is one: the operator may start later than the broker."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self.renew()
            except (Refused, Unreachable, ValueError, ssl.SSLError) as error:
                log.warning("no serving certificate yet: %.300s", error)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads requests
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def renew(self) -> None:
        """A new key and its certificate, for connections from now on.

        Raises:
            Refused, Unreachable: the operator does not sign it.
            ValueError, ssl.SSLError: what it signed cannot be used.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        answer = await self._service.certificate(_request(key, self._names))
        certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
        if certificate.public_key() != key.public_key():
            raise ValueError("the operator signed another key")
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with _memory_file(answer.certificate.encode() + pem) as path:
            self.context.load_cert_chain(path)
        self.expires_at = certificate.not_valid_after_utc
        log.info("serving certificate until %s", self.expires_at.isoformat())

    async def run(self) -> None:
        """Renew at two thirds of each certificate's life; run as a task."""
        while True:
            life = (self.expires_at - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(1.0, life * RENEW_AT))
            await self.obtain()


def _request(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextlib.contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    """Python's ssl reads files only; where the system can, this one is never on a disk."""
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
