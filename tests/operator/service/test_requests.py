"""Requests through the service: asked for the pod that calls, weighed before anything is written."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipes_api.resources import AgentSessionStatus
from pipes_api.states import SessionState

pytestmark = pytest.mark.apiserver


def ask(**changes: Any) -> dict[str, Any]:
    return {"reason": "Weekly report", "bindings": [{"name": "snowflake"}], "duration": "15m", **changes}


def names_of(service: Any, namespace: str) -> list[str]:
    _, listed = service.cluster.request("GET", f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/agentsessions")
    return [each["metadata"]["name"] for each in listed["items"]]


async def process(service: Any, namespace: str, state: SessionState = SessionState.AWAITING_APPROVAL) -> None:
    """Stands for the operator's reconcile, which gives a new request its state."""
    done: set[str] = set()
    while True:
        for session in service.world.sessions(namespace):
            if session.status.state is None and _by_agent(session) and session.metadata.uid not in done:
                done.add(session.metadata.uid)
                await service.writer.write_status(session, AgentSessionStatus(state=state))
        await asyncio.sleep(0.005)


def _by_agent(session: Any) -> bool:
    return bool(session.spec.requested_by.startswith("system:serviceaccount:"))


@pytest.fixture
async def agent(service: Any, namespace: str) -> Any:
    """A pod with an offered binding, and somebody who processes requests: (namespace, uid, token)."""
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    task = asyncio.create_task(process(service, namespace))
    yield namespace, uid, token
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_request_is_written_for_the_pod_that_asks_and_answered_with_its_state(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    status, answer = await service.post(token, "/v1/sessions", ask(duration="60m"))
    assert status == 201
    assert answer["created"]
    view = answer["session"]
    assert view["state"] == "AwaitingApproval"
    assert view["agent"] == {"serviceAccountName": "analyst", "podUID": uid}
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/agentsessions/{view['name']}"
    _, stored = await service.run(service.cluster.request, "GET", path)
    assert stored["spec"]["requestedBy"] == f"system:serviceaccount:{namespace}:analyst"
    assert stored["spec"]["duration"] == "1h"
    assert view["name"].startswith("analyst-")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (ask(bindings=[{"name": "nothing"}]), 422, "offered are: snowflake"),
        (ask(bindings=[{"name": "snowflake", "tools": ["drop_all"]}]), 422, "snowflake_query"),
        (ask(bindings=[]), 400, "between 1 and 16"),
        (ask(bindings=[{"name": "snowflake"}, {"name": "snowflake"}]), 400, "once"),
        (ask(duration="15 minutes"), 400, "write hours, minutes and seconds"),
        (ask(reason=""), 400, "reason"),
        (ask(reason="x" * 1001), 400, "reason"),
        (ask(reason="read one table\rdrop all"), 400, "one line"),
        (ask(reason="only read \u202eatad"), 400, "one line"),
        (ask(limits={"maxCalls": 0}), 400, "maxCalls"),
        (ask(agent={"serviceAccountName": "admin"}), 400, "agent"),
        (ask(approval={"decision": "Approved"}), 400, "approval"),
        (ask(bindings=[{"name": "snowflake", "calls": []}]), 400, "calls"),
        (ask(limits={"maxCalls": 5, "maxMoney": 1}), 400, "maxMoney"),
        (b'{"reason":"a","reason":"b","bindings":[{"name":"snowflake"}],"duration":"15m"}', 400, "twice"),
        (b"not json", 400, "not JSON"),
        (b"[]", 400, "object"),
        (b"{" * 3000, 400, "not JSON"),
        (b"[" * 60000, 400, "not JSON"),
        (b'{"reason": "' + b"x" * 70_000 + b'"}', 413, "65536"),
    ],
)
async def test_what_cannot_be_granted_is_refused_with_a_sentence_and_creates_nothing(
    service: Any, agent: Any, body: Any, status: int, words: str
) -> None:
    namespace, _, token = agent
    answered, failure = await service.post(token, "/v1/sessions", body)
    assert answered == status, failure
    assert words in failure["message"]
    assert names_of(service, namespace) == []


async def test_over_asking_is_cut_and_said(service: Any, agent: Any) -> None:
    namespace, _, token = agent
    await service.binding(namespace, limits={"maxAccess": "Read", "maxDuration": "30m", "maxCalls": 50})
    body = ask(bindings=[{"name": "snowflake", "access": "Write"}], duration="8h", limits={"maxCalls": 100})
    status, answer = await service.post(token, "/v1/sessions", body)
    assert status == 201
    notes = " ".join(answer["notes"])
    assert "30m" in notes
    assert "Read is the most" in notes
    assert "50" in notes
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/agentsessions/{answer['session']['name']}"
    _, stored = await service.run(service.cluster.request, "GET", path)
    assert stored["spec"]["bindings"] == [{"name": "snowflake", "access": "Read"}]
    assert stored["spec"]["duration"] == "30m"
    assert stored["spec"]["limits"] == {"maxCalls": 50}


async def test_a_flood_of_requests_leaves_few_objects_and_other_agents_alone(service: Any, agent: Any) -> None:
    """Case B11: identical, varying reasons, many at once, many pods of one ServiceAccount."""
    namespace, _, token = agent
    _, other_pod = await service.pod(namespace, "b")
    _, other_agent = await service.pod(namespace, "c", "someone-else")
    same = await asyncio.gather(*(service.post(token, "/v1/sessions", ask()) for _ in range(50)))
    assert {answer["session"]["name"] for _, answer in same} == {same[0][1]["session"]["name"]}
    assert sum(answer["created"] for _, answer in same) == 1
    varied = [ask(reason=f"Report {number}") for number in range(60)]
    answers = await asyncio.gather(
        *(service.post((token, other_pod)[number % 2], "/v1/sessions", body) for number, body in enumerate(varied))
    )
    refused = [failure for status, failure in answers if status == 429]
    assert len(refused) == 56
    assert len(names_of(service, namespace)) == 5
    assert {each["reason"] for each in refused} == {"TooManyRequests"}
    assert all(name in refused[0]["message"] for name in names_of(service, namespace))
    assert "a person must act" in refused[0]["remedy"]
    status, _ = await service.post(other_agent, "/v1/sessions", ask())
    assert status == 201


async def test_what_people_asked_for_leaves_the_agents_own_places_free(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    for number in range(6):
        await service.session(namespace, f"by-a-person-{number}", pod_uid=uid)
    status, _ = await service.post(token, "/v1/sessions", ask())
    assert status == 201


async def test_after_denials_an_agent_must_pause_longer_and_longer(service: Any, agent: Any) -> None:
    namespace, _, token = agent
    _, answer = await service.post(token, "/v1/sessions", ask())
    session = service.world.session_named(namespace, answer["session"]["name"])
    now = datetime.now(UTC).replace(microsecond=0)
    denied = msgspec.structs.replace(session.status, state=SessionState.DENIED, ended_at=now)
    session = await service.writer.write_status(session, denied)
    status, failure = await service.post(token, "/v1/sessions", ask(reason="A variant"))
    assert (status, failure["reason"]) == (429, "TooManyRequests")
    assert 0 < failure["retryAfterSeconds"] <= 5
    earlier = msgspec.structs.replace(session.status, ended_at=now - timedelta(seconds=6))
    await service.writer.write_status(session, earlier)
    status, _ = await service.post(token, "/v1/sessions", ask(reason="A variant"))
    assert status == 201


async def test_an_agent_ends_its_session_and_withdraws_its_request(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    _, asked = await service.post(token, "/v1/sessions", ask())
    name = asked["session"]["name"]
    status, view = await service.post(token, f"/v1/sessions/{name}/end", {"uid": asked["session"]["uid"]})
    assert (status, view["state"]) == (200, "Withdrawn")
    session = await service.active(namespace, "s", uid)
    status, view = await service.post(token, "/v1/sessions/s/end", {})
    assert (status, view["state"]) == (200, "Ended")
    assert view.get("live", False) is False
    stored = service.world.session(session.metadata.uid)
    ready = next(each for each in stored.status.conditions if each.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "Ended")
    status, again = await service.post(token, "/v1/sessions/s/end", {})
    assert (status, again["state"]) == (200, "Ended")


async def test_another_pods_session_cannot_be_ended_reserved_or_reported(service: Any, agent: Any) -> None:
    namespace, uid, _ = agent
    _, other = await service.pod(namespace, "b")
    elsewhere = await service.run(service.cluster.new_namespace)
    _, foreign = await service.pod(elsewhere, "c")
    session = await service.active(namespace, "s", uid)
    about = {"uid": session.metadata.uid}
    for token in (other, foreign):
        for path, body in (("end", {}), ("end", about), ("reserve", {**about, "calls": 1}), ("usage", about)):
            status, failure = await service.post(token, f"/v1/sessions/s/{path}", body)
            assert (status, failure["reason"]) == (404, "NotFound")
            _, nothing = await service.post(token, f"/v1/sessions/none/{path}", body)
            assert nothing["message"].replace("none", "s") == failure["message"], "whether it exists must not show"
    status, failure = await service.post(
        foreign, "/v1/sessions/s/reserve", {**about, "calls": 1, "namespace": namespace}
    )
    assert (status, failure["reason"]) == (403, "Forbidden")
    assert service.world.session(session.metadata.uid).status.state is SessionState.ACTIVE


async def test_a_shared_session_may_be_ended_by_every_pod_of_its_account_only(service: Any, agent: Any) -> None:
    namespace, _, _ = agent
    _, second = await service.pod(namespace, "b")
    _, stranger = await service.pod(namespace, "c", "someone-else")
    await service.activate(await service.session(namespace, "s", shared=True))
    status, _ = await service.post(stranger, "/v1/sessions/s/end", {})
    assert status == 404
    status, view = await service.post(second, "/v1/sessions/s/end", {})
    assert (status, view["state"]) == (200, "Ended")


async def test_a_session_of_the_same_name_but_another_uid_is_not_ended(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    await service.active(namespace, "s", uid)
    status, _ = await service.post(token, "/v1/sessions/s/end", {"uid": "00000000-0000-0000-0000-000000000000"})
    assert status == 404


async def test_a_standby_takes_no_request(service: Any, agent: Any) -> None:
    namespace, _, token = agent
    service.leads = False
    status, failure = await service.post(token, "/v1/sessions", ask())
    assert (status, failure["reason"]) == (503, "NotLeader")
    assert names_of(service, namespace) == []


async def test_a_request_that_nobody_processes_is_answered_within_seconds(service: Any, namespace: str) -> None:
    _, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    async with asyncio.timeout(4):
        status, answer = await service.post(token, "/v1/sessions", ask())
    assert (status, answer["session"]["state"]) == (201, "Pending")


async def test_paths_and_methods_that_are_not_there(service: Any) -> None:
    async with service.http.get(f"{service.url}/v1/nothing") as response:
        assert (response.status, (await response.json())["reason"]) == (404, "NotFound")
    async with service.http.post(f"{service.url}/v1/watch") as response:
        assert response.status == 405
