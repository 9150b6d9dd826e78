"""The certificate authority: made once, issues for its own names, signs only what the configuration allows."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pipes_operator.keys.authority import CertificateAuthority, RequestUnacceptable
from pipes_operator.service.serving import ServingCertificate

pytestmark = pytest.mark.apiserver

ALLOWED = ("broker.test", "127.0.0.1")


async def loaded(kube: Any, namespace: str) -> CertificateAuthority:
    authority = CertificateAuthority(kube, namespace)
    await authority.load(datetime.now(UTC))
    return authority


def request(names: list[x509.GeneralName] | None, key: Any = None) -> str:
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    basic = x509.BasicConstraints(ca=True, path_length=None)
    signed = builder.add_extension(basic, critical=True).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


async def test_operators_that_start_at_once_share_one_authority(kube: Any, namespace: str) -> None:
    first, second = await asyncio.gather(loaded(kube, namespace), loaded(kube, namespace))
    assert first.pem == second.pem


async def test_a_signed_certificate_is_a_servers_and_no_authoritys(kube: Any, namespace: str) -> None:
    authority = await loaded(kube, namespace)
    now = datetime.now(UTC)
    signed = authority.sign_request(request([x509.DNSName("broker.test")]), ALLOWED, now)
    certificate = x509.load_pem_x509_certificate(signed.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem.encode()))
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.not_valid_after_utc <= now + timedelta(hours=25)


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("nonsense", "PEM"),
        (request(None), "names no host"),
        (request([x509.DNSName("broker.test"), x509.DNSName("evil.test")]), "evil.test"),
        (request([x509.DNSName("*.test")]), "test"),
        (request([x509.UniformResourceIdentifier("spiffe://x")]), "DNS names"),
        (request([x509.DNSName("broker.test")], rsa.generate_private_key(65537, 1024)), "2048"),
        (request([x509.DNSName("broker.test")], ec.generate_private_key(ec.SECP384R1())), "P-256"),
    ],
)
async def test_what_the_configuration_does_not_allow_is_refused(
    kube: Any, namespace: str, pem: str, words: str
) -> None:
    authority = await loaded(kube, namespace)
    with pytest.raises(RequestUnacceptable, match=words):
        authority.sign_request(pem, ALLOWED, datetime.now(UTC))


async def test_a_request_that_its_key_did_not_sign_is_refused(kube: Any, namespace: str) -> None:
    authority = await loaded(kube, namespace)
    good = x509.load_pem_x509_csr(request([x509.DNSName("broker.test")]).encode())
    raw = bytearray(good.public_bytes(serialization.Encoding.DER))
    raw[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(raw)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(RequestUnacceptable, match="own key"):
        authority.sign_request(broken, ALLOWED, datetime.now(UTC))


async def test_a_running_server_gets_a_new_certificate_before_the_old_one_ends(kube: Any, namespace: str) -> None:
    authority = await loaded(kube, namespace)
    # Issued in the past, so that the one that follows is valid by the clock of this machine.
    moment = [datetime.now(UTC) - timedelta(hours=17)]
    serving = ServingCertificate(authority, ("localhost", "127.0.0.1"), lambda: moment[0])
    serving.renew()
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=serving.context)
    port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context(cadata=authority.pem)

    async def serial() -> int:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(der).serial_number

    async with server:
        first = await serial()
        moment[0] += timedelta(hours=15)
        serving.renew()
        assert await serial() == first
        moment[0] += timedelta(hours=2)
        serving.renew()
        assert await serial() != first
