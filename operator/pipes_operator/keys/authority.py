"""The certificate authority of our own hops: its key in a Secret, certificates of a day issued from memory."""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipes_operator.kube.client import KubeClient

from .secrets import SecretStore, SecretUnreadable, Stored

SECRET_NAME = "pipes-operator-ca"  # noqa: S105 - a Secret's name
CERTIFICATE_FIELD, KEY_FIELD = "ca.crt", "ca.key"

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVING_LIFETIME = timedelta(hours=24)
_CLOCK_LEEWAY = timedelta(minutes=5)
"""How far another machine's clock may lag before a certificate looks not yet valid."""
_SMALLEST_RSA_BITS = 2048


class RequestUnacceptable(Exception):  # noqa: N818 - reads as what happened
    """Why a certificate signing request is refused, in a sentence for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Issued:
    """PEM of a certificate and, when it was made here, of its key; never shown."""

    certificate: bytes
    key: bytes
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Issued(expires_at={self.expires_at!r})"


class CertificateAuthority:
    """The authority as last read from the Secret. `load` comes first."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._store = SecretStore(kube, namespace, SECRET_NAME)
        self._certificate: x509.Certificate | None = None
        self._key: ec.EllipticCurvePrivateKey | None = None

    async def load(self, now: datetime) -> None:
        """Read the authority, making it if there is none yet.

        Raises:
            KubeError: the API server refuses or is away.
            SecretUnreadable: the Secret holds something else.
        """
        stored = await self._store.read()
        if stored is None:
            stored = await self._store.create(_make_authority(now))
        self._adopt(stored)

    @property
    def pem(self) -> str:
        """The authority's certificate."""
        return self._loaded()[0].public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, names: Sequence[str], now: datetime) -> Issued:
        """A certificate and key for a server that is reached under these DNS names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(names, key.public_key(), now)
        return Issued(
            certificate.public_bytes(serialization.Encoding.PEM), _pem_of(key), certificate.not_valid_after_utc
        )

    def sign_request(self, pem: str, allowed: Collection[str], now: datetime) -> str:
        """The certificate for a signing request (RFC 2986), PEM. Of the request, only its names and key count.

        Raises:
            RequestUnacceptable: it is malformed, not signed by its own key, of a weak key, or names what is not
                in `allowed`.
        """
        try:
            request = x509.load_pem_x509_csr(pem.encode())
            signed_by_its_key = request.is_signature_valid
            key = request.public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
            raise RequestUnacceptable("this is not a PEM certificate signing request") from None
        if not signed_by_its_key:
            raise RequestUnacceptable("the certificate signing request is not signed by its own key")
        if not _is_strong(key):
            raise RequestUnacceptable("the key must be of P-256, or RSA of 2048 bits or more")
        names = _names_of(request)
        if not names:
            raise RequestUnacceptable("the certificate signing request names no host in subjectAltName")
        foreign = [each for each in names if each not in allowed]
        if foreign:
            raise RequestUnacceptable(f"{foreign[0][:255]!r} is not one of the broker's names in the configuration")
        return self._sign(names, key, now).public_bytes(serialization.Encoding.PEM).decode()

    def _sign(self, names: Sequence[str], key: CertificatePublicKeyTypes, now: datetime) -> x509.Certificate:
        authority, authority_key = self._loaded()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
            .issuer_name(authority.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_LEEWAY)
            .not_valid_after(min(now + SERVING_LIFETIME, authority.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        return builder.sign(authority_key, hashes.SHA256())

    def _loaded(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if self._certificate is None or self._key is None:
            raise LookupError("the certificate authority has not been loaded")
        return self._certificate, self._key

    def _adopt(self, stored: Stored) -> None:
        try:
            certificate = x509.load_pem_x509_certificate(stored.data[CERTIFICATE_FIELD])
            key = serialization.load_pem_private_key(stored.data[KEY_FIELD], password=None)
            belongs = key.public_key() == certificate.public_key()
        except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
            raise SecretUnreadable(f"{self._store} does not hold a certificate authority") from None
        if not belongs or not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SecretUnreadable(f"{self._store} holds a certificate and a key that do not belong together")
        self._certificate, self._key = certificate, key


def _make_authority(now: datetime) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pipes-mcp")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_LEEWAY)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return {CERTIFICATE_FIELD: certificate.public_bytes(serialization.Encoding.PEM), KEY_FIELD: _pem_of(key)}


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(request: x509.CertificateSigningRequest) -> list[str]:
    """Every subject alternative name as text; one of another kind than DNS or address is refused."""
    try:
        extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    except ValueError:
        raise RequestUnacceptable("the certificate signing request has extensions that cannot be read") from None
    names = []
    for name in extension.value:
        if not isinstance(name, x509.DNSName | x509.IPAddress):
            raise RequestUnacceptable("subjectAltName may hold DNS names and addresses only")
        names.append(str(name.value))
    return names


def _is_strong(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _SMALLEST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
