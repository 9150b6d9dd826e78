"""The certificates of one control plane, and the kubeconfigs of its users."""

import base64
import datetime
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = datetime.timedelta(days=3650)
_SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")


def private_file(path: Path, content: bytes) -> None:
    """Writes a file that nobody else may ever have read, and that is never seen half written."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600, exist_ok=False)
    beside.write_bytes(content)
    beside.replace(path)


def kubeconfig(server: str, ca_file: Path, credential: dict[str, Any]) -> bytes:
    """A kubeconfig with one cluster and one user; `credential` is the body of its `user`."""
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "me", "user": credential}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": "default"}}],
    }
    return json.dumps(document, indent=1).encode()


class Authority:
    """A certificate authority kept in a folder, which only this user can read.

    Holds `ca.crt`, `ca.key`, `server.crt`, `server.key`, `sa.key` and `sa.pub` (the ServiceAccount signing key), and
    one `user-*.crt` and `user-*.key` for each person.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / "ca.crt"

    @classmethod
    def create(cls, folder: Path) -> "Authority":
        folder.mkdir(mode=0o700)
        authority = cls(folder)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("test control plane")
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        authority._write("ca", certificate, key)
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in _SERVER_ADDRESSES]
        names = x509.SubjectAlternativeName([*addresses, *map(x509.DNSName, _SERVER_NAMES)])
        authority._issue("server", _name("kube-apiserver"), ExtendedKeyUsageOID.SERVER_AUTH, names)
        signing = rsa.generate_private_key(65537, 2048)
        private_file(folder / "sa.key", _pem(signing))
        public = signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        private_file(folder / "sa.pub", public)
        return authority

    def client(self, user: str, groups: Sequence[str]) -> tuple[Path, Path]:
        """Certificate and key files with which the API server knows the caller as `user` of `groups`."""
        # The same name may be asked for with other groups: that is another certificate.
        stem = quote("+".join(["user-" + user, *groups]), safe="@+")
        certificate, key = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        if not certificate.exists():
            self._issue(stem, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH)
        return certificate, key

    def _issue(
        self,
        stem: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None = None,
    ) -> None:
        issuer = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        issuer_key = _load_key(self.folder / "ca.key")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, issuer.subject, key.public_key()).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if names:
            builder = builder.add_extension(names, critical=False)
        self._write(stem, builder.sign(issuer_key, hashes.SHA256()), key)

    def _write(self, stem: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        private_file(self.folder / f"{stem}.key", _pem(key))
        private_file(self.folder / f"{stem}.crt", certificate.public_bytes(Encoding.PEM))


def _name(common_name: str, organizations: Sequence[str] = ()) -> x509.Name:
    """A subject as Kubernetes reads it: the common name is the user, each organization a group."""
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    # An hour back: a clock that is set while a test runs must not make the certificate one of the future.
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFE)
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
