"""Who may call, and who may not: real TokenReviews of real tokens."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import jwt
import msgspec
import pytest

from pipes_api import messages
from pipes_operator.service.settings import ServiceSettings

pytestmark = pytest.mark.apiserver


async def refused(service: Any, token: str | None) -> tuple[int, str]:
    status, failure = await service.refused_watch(token)
    return status, failure["reason"]


async def test_no_token_and_nonsense_are_refused(service: Any) -> None:
    for token in (None, "x", "a.b.c", "e30.e30.e30", "x" * 7_000):
        assert await refused(service, token) == (401, "Unauthenticated")


@pytest.mark.parametrize("audience", ["pipes-broker", None])
async def test_a_token_for_another_audience_is_refused(service: Any, namespace: str, audience: str | None) -> None:
    await service.pod(namespace, "a")
    token = await service.run(service.cluster.pod_token, namespace, "a", audience)
    assert await refused(service, token) == (401, "Unauthenticated")
    status, _ = await service.post(
        token, "/v1/sessions", {"reason": "x", "bindings": [{"name": "b"}], "duration": "15m"}
    )
    assert status == 401


async def test_an_expired_token_is_refused_though_the_api_server_is_lenient(service: Any, namespace: str) -> None:
    await service.pod(namespace, "a")
    token = await service.run(service.cluster.pod_token, namespace, "a", "pipes-operator", 1)
    await asyncio.sleep(1.1)
    assert await refused(service, token) == (401, "Unauthenticated")


async def test_a_token_that_is_bound_to_no_pod_is_refused(service: Any, namespace: str) -> None:
    await service.pod(namespace, "a")
    # The policy in force lets nobody ask for such a token: it is signed with the cluster's own key, as a theft of it.
    bound = await service.run(service.cluster.pod_token, namespace, "a", "pipes-operator")
    claims = jwt.decode(bound, options={"verify_signature": False})
    for name in ("pod", "node"):
        claims["kubernetes.io"].pop(name, None)
    key = (service.cluster.run_dir / "pki" / "sa.key").read_bytes()
    header = {"kid": jwt.get_unverified_header(bound)["kid"]}
    unbound = jwt.encode(claims, key, algorithm="RS256", headers=header)
    assert await refused(service, unbound) == (403, "Forbidden")


async def test_a_token_signed_by_another_key_or_by_none_is_refused(service: Any, namespace: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    await service.pod(namespace, "a")
    token = await service.run(service.cluster.pod_token, namespace, "a", "pipes-operator")
    claims = jwt.decode(token, options={"verify_signature": False})
    header = {"kid": jwt.get_unverified_header(token)["kid"]}
    forged = jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS256", headers=header)
    unsigned = jwt.encode(claims, None, algorithm="none", headers=header)
    for each in (forged, unsigned, token[:-4] + "AAAA"):
        assert await refused(service, each) == (401, "Unauthenticated")


async def test_a_session_token_opens_nothing_here(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    await service.active(namespace, "s", uid)
    stream = await service.watch(token)
    (lease,) = stream.snapshot.leases
    assert await refused(service, lease.token) == (401, "Unauthenticated")
    status, _ = await service.post(lease.token, "/v1/sessions/s/end", {})
    assert status == 401


async def test_the_token_of_a_deleted_pod_is_refused(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a")
    await service.run(service.cluster.delete_pod, namespace, "a")
    assert await refused(service, token) == (401, "Unauthenticated")


async def test_a_stream_ends_when_its_token_does(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a", seconds=3)
    exp = jwt.decode(token, options={"verify_signature": False})["exp"]
    stream = await service.watch(token)
    await stream.end(6)
    assert stream.events[-1][1] == messages.Goodbye(reason="token expired")
    assert exp - 0.5 <= datetime.now(UTC).timestamp() <= exp + 1.5


class TestReviewedOften:
    @pytest.fixture
    def service_settings(self, service_settings: ServiceSettings) -> ServiceSettings:
        return msgspec.structs.replace(service_settings, review_seconds=0.3)

    async def test_a_stream_ends_when_its_pod_is_deleted(self, service: Any, namespace: str) -> None:
        _, token = await service.pod(namespace, "a")
        stream = await service.watch(token)
        await service.run(service.cluster.delete_pod, namespace, "a")
        # The API server itself remembers a good token for 10 s.
        await stream.end(15)
        assert stream.events[-1][1] == messages.Goodbye(reason="token no longer accepted")

    async def test_a_stream_stays_while_nobody_can_judge(self, service: Any, namespace: str) -> None:
        _, token = await service.pod(namespace, "a")
        stream = await service.watch(token)
        await service.run(service.cluster.pause_apiserver)
        try:
            count = len(stream.events)
            await stream.until(lambda event: isinstance(event, messages.Heartbeat), 8, after=count)
            assert not stream.ended
        finally:
            await service.run(service.cluster.resume_apiserver)


async def test_the_key_set_is_open_and_holds_no_private_part(service: Any) -> None:
    async with service.http.get(f"{service.url}/.well-known/jwks.json") as response:
        keys = (await response.json())["keys"]
    assert {"kty", "crv", "x", "y", "kid", "use", "alg"} == set(keys[0])
    assert len(keys) >= 2


async def test_plain_http_and_an_untrusted_certificate_get_nowhere(service: Any) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"{service.url}/.well-known/jwks.json")
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"http://127.0.0.1:{service.app.port}/.well-known/jwks.json")


async def test_no_token_is_in_the_log(service: Any, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    await service.active(namespace, "s", uid)
    stream = await service.watch(token)
    (lease,) = stream.snapshot.leases
    await service.refused_watch(lease.token)
    await service.refused_watch(token[:-6] + "AAAAAA")
    for secret in (token.split(".")[2], lease.token.split(".")[2], lease.token.split(".")[1]):
        assert secret not in caplog.text


async def test_certificates_are_for_the_broker_and_its_own_names_only(service: Any, namespace: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())

    def request(*hosts: str) -> dict[str, str]:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
        return {"csr": signed.public_bytes(serialization.Encoding.PEM).decode()}

    _, token = await service.pod(namespace, "a")
    _, broker = await service.pod("pipes-system", f"broker-{namespace}", "broker")
    status, failure = await service.post(token, "/v1/certificate", request("broker.test"))
    assert (status, failure["reason"]) == (403, "Forbidden")
    status, failure = await service.post(
        broker, "/v1/certificate", request("broker.test", "pipes-operator.pipes-system.svc")
    )
    assert status == 400
    assert "pipes-operator" in failure["message"]
    status, answer = await service.post(broker, "/v1/certificate", request("broker.test"))
    assert status == 200
    certificate = x509.load_pem_x509_certificate(answer["certificate"].encode())
    authority = x509.load_pem_x509_certificate(answer["ca"].encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == key.public_key()
