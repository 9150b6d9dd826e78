"""Streams against a real API server: what a pod sees, in which order, until when."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import jwt
import msgspec
import pytest

from pipes_api import messages
from pipes_api.clock import boottime
from pipes_api.resources import BoundPod
from pipes_api.states import SessionState
from pipes_operator.service.settings import ServiceSettings

pytestmark = pytest.mark.apiserver


def changed(uid: str, **wanted: Any) -> Any:
    return lambda event: (
        isinstance(event, messages.SessionChanged)
        and event.session.uid == uid
        and all(getattr(event.session, name) == value for name, value in wanted.items())
    )


async def test_the_snapshot_tells_a_pod_who_it_is_and_what_it_is_offered(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    await service.binding(namespace, "other", limits={"maxAccess": "Read", "allowedServiceAccounts": ["someone-else"]})
    stream = await service.watch(token)
    you = stream.snapshot.you
    assert (you.role, you.namespace, you.service_account) == ("gateway", namespace, "analyst")
    assert (you.pod_uid, you.pod_name) == (uid, "a")
    (offer,) = stream.snapshot.bindings
    assert offer.name == "snowflake"
    assert offer.ready
    assert "snowflake_query" in offer.tools
    assert set(offer.tools.values()) == set(stream.snapshot.definitions)
    assert b"user_private1" not in messages.encode(stream.snapshot)
    assert stream.snapshot.jwks["keys"]


async def test_activation_brings_a_token_that_the_published_keys_verify(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    stream = await service.watch(token)
    session = await service.active(namespace, "s", uid)
    change = await stream.until(changed(session.metadata.uid, live=True))
    assert change.lease is not None
    keys = jwt.PyJWKSet.from_dict(stream.snapshot.jwks)
    header = jwt.get_unverified_header(change.lease.token)
    claims = jwt.decode(
        change.lease.token,
        keys[header["kid"]],
        algorithms=["ES256"],
        audience="pipes-session",
        options={"strict_aud": True},
    )
    assert header["typ"] == "at+jwt"
    assert claims["sub"] == f"system:serviceaccount:{namespace}:analyst"
    assert (claims["sid"], claims["pod"]) == (session.metadata.uid, uid)
    assert claims["grantHash"] == session.status.grant_hash
    assert change.lease.until <= boottime() + 60


async def test_changes_come_after_the_snapshot_and_in_their_order(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    stream = await service.watch(token)
    session = await service.active(namespace, "s", uid)
    await service.revoke(session, "no longer needed")
    revoked = await stream.until(changed(session.metadata.uid, state=SessionState.REVOKED))
    assert not revoked.session.live
    assert revoked.lease is None
    assert revoked.session.ended_by == "admin"
    assert revoked.session.message == "Revoked by admin: no longer needed"
    states = [e.session.state for _, e in stream.events if isinstance(e, messages.SessionChanged)]
    assert states == [SessionState.PENDING, SessionState.ACTIVE, SessionState.REVOKED]
    assert isinstance(stream.events[0][1], messages.Snapshot)


async def test_another_pods_session_is_never_seen(service: Any, namespace: str) -> None:
    uid, _ = await service.pod(namespace, "a")
    _, token_b = await service.pod(namespace, "b")
    await service.binding(namespace)
    await service.active(namespace, "before", uid)
    stream = await service.watch(token_b)
    await service.active(namespace, "after", uid)
    shared = await service.activate(await service.session(namespace, "shared", shared=True))
    change = await stream.until(changed(shared.metadata.uid, live=True))
    assert change.lease is not None
    seen = [e.session.name for _, e in stream.events if isinstance(e, messages.SessionChanged)]
    assert set(seen) == {"shared"}
    assert stream.snapshot.sessions == ()


async def test_a_session_for_another_account_or_namespace_stays_hidden_even_with_the_pods_uid(
    service: Any, namespace: str
) -> None:
    uid, token = await service.pod(namespace, "a")
    elsewhere = await service.run(service.cluster.new_namespace)
    await service.session(namespace, "foreign", pod_uid=uid, account="other")
    await service.session(elsewhere, "foreign", pod_uid=uid)
    mine = await service.session(namespace, "mine", pod_uid=uid)
    stream = await service.watch(token)
    assert [each.uid for each in stream.snapshot.sessions] == [mine.metadata.uid]


async def test_an_unbound_session_appears_when_a_pod_claims_it(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    session = await service.session(namespace, "unbound")
    stream = await service.watch(token)
    assert stream.snapshot.sessions == ()
    await service.activate(session, pod=BoundPod(name="a", uid=uid))
    change = await stream.until(changed(session.metadata.uid, live=True))
    assert change.session.pod_uid == uid
    assert change.lease is not None


async def test_a_deleted_live_session_is_told_as_revoked_also_to_the_next_stream(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    session = await service.active(namespace, "s", uid)
    stream = await service.watch(token)
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/agentsessions/s"
    await service.run(service.cluster.request, "DELETE", path)
    gone = await stream.until(changed(session.metadata.uid, state=SessionState.REVOKED))
    assert gone.session.message == "The session was deleted."
    again = await service.watch(token)
    (known,) = again.snapshot.sessions
    assert (known.uid, known.state) == (session.metadata.uid, SessionState.REVOKED)


async def test_a_newer_stream_of_the_pod_ends_the_older(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a")
    older = await service.watch(token)
    newer = await service.watch(token)
    await older.end()
    assert isinstance(older.events[-1][1], messages.Goodbye)
    await newer.until(lambda event: isinstance(event, messages.Heartbeat))
    assert not newer.ended
    assert service.app.connections.longest(namespace, "analyst") is not None


async def test_a_closed_stream_is_no_longer_connected(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    stream = await service.watch(token)
    assert service.app.connections.find(namespace, "analyst", uid) is not None
    await stream.close()
    async with asyncio.timeout(5):
        while service.app.connections.find(namespace, "analyst", uid) is not None:
            await asyncio.sleep(0.01)


async def test_the_broker_sees_every_live_session_and_never_a_token(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    name = f"broker-{namespace}"
    _, broker_token = await service.pod("pipes-system", name, "broker")
    await service.binding(namespace)
    before = await service.active(namespace, "before", uid)
    gateway, broker = await service.watch(token), await service.watch(broker_token)
    assert broker.snapshot.you.role == "broker"
    assert before.metadata.uid in {each.uid for each in broker.snapshot.sessions}
    assert all(each.live for each in broker.snapshot.sessions)
    assert broker.snapshot.leases == ()
    assert broker.snapshot.view_until > broker.snapshot.clock
    after = await service.active(namespace, "after", uid)
    change = await broker.until(changed(after.metadata.uid, live=True))
    assert change.lease is None
    tokens = [each.token for each in gateway.snapshot.leases]
    assert tokens
    assert not any(token in messages.encode(e).decode() for token in tokens for _, e in broker.events)
    await service.revoke(after)
    await broker.until(changed(after.metadata.uid, state=SessionState.REVOKED))


async def test_no_stream_before_the_view_is_proven_and_none_from_a_standby(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a")
    service.leads = False
    status, failure = await service.refused_watch(token)
    assert (status, failure["reason"]) == (503, "NotLeader")


async def test_without_proof_or_lease_nothing_is_minted_and_the_stream_goes_on(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    stream = await service.watch(token)
    service.leads = False
    session = await service.active(namespace, "s", uid)
    change = await stream.until(changed(session.metadata.uid, live=True))
    assert change.lease is None
    await stream.until(lambda event: isinstance(event, messages.Heartbeat), 8)
    assert not any(isinstance(event, messages.Leases) for _, event in stream.events)
    service.leads = True
    renewed = await stream.until(lambda event: isinstance(event, messages.Leases))
    assert [each.uid for each in renewed.leases] == [session.metadata.uid]


async def test_a_suspended_binding_is_told_at_once_and_a_deleted_one_is_gone(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    stream = await service.watch(token)
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/providerbindings/snowflake"
    patch = {"spec": {"suspended": True}}
    merge = "application/merge-patch+json"
    await service.run(service.cluster.request, "PATCH", path, patch, content_type=merge)
    change = await stream.until(lambda e: isinstance(e, messages.BindingChanged) and e.binding.suspended)
    assert change.definitions == {}, "definitions are sent once for each stream"
    await service.run(service.cluster.request, "DELETE", path)
    await stream.until(lambda e: isinstance(e, messages.BindingGone) and e.name == "snowflake")


async def test_a_binding_withdrawn_from_the_agent_is_gone_for_it(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    stream = await service.watch(token)
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/providerbindings/snowflake"
    patch = {"spec": {"limits": {"allowedServiceAccounts": ["someone-else"]}}}
    merge = "application/merge-patch+json"
    await service.run(service.cluster.request, "PATCH", path, patch, content_type=merge)
    await stream.until(lambda e: isinstance(e, messages.BindingGone) and e.name == "snowflake")


async def test_rotated_keys_reach_open_streams_and_old_tokens_stay_verifiable(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    await service.active(namespace, "s", uid)
    stream = await service.watch(token)
    (lease,) = stream.snapshot.leases
    before = jwt.get_unverified_header(lease.token)["kid"]
    known = {each["kid"] for each in stream.snapshot.jwks["keys"]}
    await service.app.keys.rotate(datetime.now(UTC))
    keys = await stream.until(lambda event: isinstance(event, messages.Keys))
    published = {each["kid"] for each in keys.jwks["keys"]}
    assert before in published
    second = await service.active(namespace, "t", uid)
    change = await stream.until(changed(second.metadata.uid, live=True))
    signed_by = jwt.get_unverified_header(change.lease.token)["kid"]
    assert signed_by != before
    assert signed_by in known, "the new key was published before it signed"


async def test_a_reader_that_does_not_read_is_cut(service: Any, namespace: str) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    session = await service.active(namespace, "s", uid)
    trust = ssl.create_default_context(cadata=service.app.authority.pem)
    raw = socket.create_connection(("127.0.0.1", service.app.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    tls = await service.run(trust.wrap_socket, raw, server_hostname="localhost")
    request = f"GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    await service.run(tls.sendall, request.encode())
    async with asyncio.timeout(5):
        while service.app.connections.find(namespace, "analyst", uid) is None:
            await asyncio.sleep(0.01)
    # Every change is one line of some kilobytes; nobody takes them.
    from pipes_operator.world import Change

    change = Change("session", session.metadata.uid, namespace, "s", session, session)
    for _ in range(6000):
        service.app._hub.hear(change)
        if service.app._hub._audience.of_pod(uid).ended.is_set():
            break
    async with asyncio.timeout(5):
        while service.app.connections.find(namespace, "analyst", uid) is not None:
            await asyncio.sleep(0.01)
    tls.close()


class TestWithShortTimes:
    @pytest.fixture
    def service_settings(self, service_settings: ServiceSettings) -> ServiceSettings:
        return msgspec.structs.replace(
            service_settings, lease_seconds=3.0, proof_seconds=0.5, heartbeat_seconds=0.2, pod_gone_seconds=0.3
        )

    async def test_leases_are_renewed_at_a_third_of_their_life(self, service: Any, namespace: str) -> None:
        uid, token = await service.pod(namespace, "a")
        await service.binding(namespace)
        session = await service.active(namespace, "s", uid)
        stream = await service.watch(token)
        (first,) = stream.snapshot.leases
        renewed = await stream.until(lambda event: isinstance(event, messages.Leases), 3)
        assert renewed.leases[0].uid == session.metadata.uid
        assert renewed.leases[0].until > first.until
        came = next(at for at, event in stream.events if event is renewed)
        assert came < first.until

    async def test_an_operator_that_no_longer_sees_renews_nothing_and_opens_no_stream(
        self, service: Any, namespace: str
    ) -> None:
        """What a stop and a resume, or a lost API server, look like from here: the proof is old."""
        uid, token = await service.pod(namespace, "a")
        _, other = await service.pod(namespace, "b")
        await service.binding(namespace)
        await service.active(namespace, "s", uid)
        stream = await service.watch(token)
        (first,) = stream.snapshot.leases
        service.proven = False
        async with asyncio.timeout(10):
            while boottime() < first.until + 1.0:
                await asyncio.sleep(0.05)
        leases = [lease for _, e in stream.events if isinstance(e, messages.Leases) for lease in e.leases]
        assert all(lease.until <= first.until + 1.0 for lease in leases)
        assert not stream.ended, "heartbeats go on"
        status, failure = await service.refused_watch(other)
        assert (status, failure["reason"]) == (503, "Unavailable")
        service.proven = True
        count = len(stream.events)
        await stream.until(lambda event: isinstance(event, messages.Leases), 3, after=count)

    async def test_a_lease_never_outlives_its_session(self, service: Any, namespace: str) -> None:
        uid, token = await service.pod(namespace, "a")
        await service.binding(namespace)
        session = await service.active(namespace, "s", uid, seconds=5)
        stream = await service.watch(token)
        end = session.status.expires_at.timestamp()
        async with asyncio.timeout(10):
            while datetime.now(UTC).timestamp() < end + 0.5:
                await asyncio.sleep(0.05)
        leases = [*stream.snapshot.leases]
        leases += [lease for _, e in stream.events if isinstance(e, messages.Leases) for lease in e.leases]
        assert leases
        ahead = datetime.now(UTC).timestamp() - boottime()
        assert all(lease.until + ahead <= end + 0.05 for lease in leases)
        assert all(jwt.decode(each.token, options={"verify_signature": False})["exp"] <= end for each in leases)

    async def test_a_pod_that_stays_away_is_reported_lost(self, service: Any, namespace: str) -> None:
        uid, token = await service.pod(namespace, "a")
        lost = asyncio.Event()
        service.app.connections.listen(
            lambda event: lost.set() if (event.kind, event.pod.uid) == ("lost", uid) else None
        )
        stream = await service.watch(token)
        await asyncio.sleep(0.5)
        assert not lost.is_set()
        await stream.close()
        async with asyncio.timeout(5):
            await lost.wait()
