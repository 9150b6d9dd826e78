"""What hosted servers list: where to read it is told to the broker alone, and taken from it alone, and kept."""

from typing import Any

import pytest

from pipes_api import messages
from pipes_catalog import load
from pipes_operator.definitions import Definitions
from pipes_operator.service.discovery import MOST_TOOLS
from pipes_operator.sources import Sources

pytestmark = pytest.mark.apiserver

HOST = "mcp.snowflakecomputing.com"
MCP = {"mcp": {"url": f"https://{HOST}/mcp", "discover": True}}
TOOL = {"name": "search", "description": "Finds.", "inputSchema": {"type": "object"}, "annotations": {"x": [1, {}]}}


@pytest.fixture
async def broker(service: Any, namespace: str) -> str:
    _, token = await service.pod("pipes-system", f"broker-{namespace}", "broker")
    return str(token)


def found(namespace: str, binding: Any, **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "uid": binding.metadata.uid, "tools": [TOOL], **more}


async def test_what_the_broker_has_read_is_offered_and_kept(service: Any, namespace: str, broker: str) -> None:
    binding = await service.binding(namespace, tools=MCP)
    assert service.definitions.offer(binding).tools == {}

    status, _ = await service.post(broker, "/v1/bindings/snowflake/tools", found(namespace, binding))

    assert status == 200
    offer = service.definitions.offer(binding)
    assert list(offer.tools) == ["snowflake_search"]
    assert service.definitions.find(offer.hashes()["snowflake_search"])
    # An operator that starts now knows it too.
    successor = Definitions(Sources(load()), service.kube, "pipes-system")
    await successor.load()
    assert successor.offer(binding).hashes() == offer.hashes()
    await successor.collect([], [binding])
    assert successor.offer(binding).hashes() == offer.hashes()
    await successor.collect([], [])
    assert successor.offer(binding).tools == {}


async def test_a_change_is_another_definition_and_a_failure_changes_nothing(
    service: Any, namespace: str, broker: str
) -> None:
    binding = await service.binding(namespace, tools=MCP)
    path = "/v1/bindings/snowflake/tools"
    await service.post(broker, path, found(namespace, binding))
    before = service.definitions.offer(binding).hashes()

    await service.post(broker, path, found(namespace, binding, tools=[], problem="HTTP 503"))
    assert service.definitions.offer(binding).hashes() == before
    reordered = dict(reversed(list(TOOL.items())))
    await service.post(broker, path, found(namespace, binding, tools=[reordered]))
    assert service.definitions.offer(binding).hashes() == before
    changed = {**TOOL, "annotations": {"x": [True, {}]}}
    await service.post(broker, path, found(namespace, binding, tools=[changed]))
    assert service.definitions.offer(binding).hashes() != before


async def test_nobody_but_the_broker_says_what_a_server_lists(service: Any, namespace: str) -> None:
    binding = await service.binding(namespace, tools=MCP)
    _, gateway = await service.pod(namespace, "a")

    status, failure = await service.post(gateway, "/v1/bindings/snowflake/tools", found(namespace, binding))

    assert (status, failure["reason"]) == (403, "Forbidden")
    assert service.definitions.offer(binding).tools == {}


async def test_it_is_taken_for_the_very_binding_that_was_offered(service: Any, namespace: str, broker: str) -> None:
    plain = await service.binding(namespace, "plain")
    binding = await service.binding(namespace, tools=MCP)

    async def told(name: str, body: dict[str, Any]) -> int:
        status, _ = await service.post(broker, f"/v1/bindings/{name}/tools", body)
        return int(status)

    assert await told("plain", found(namespace, plain)) == 400
    assert await told("nonesuch", found(namespace, binding)) == 404
    assert await told("snowflake", found(namespace, plain)) == 404
    assert await told("snowflake", found("default", binding)) == 404
    assert await told("snowflake", found(namespace, binding, tools=[TOOL] * (MOST_TOOLS + 1))) == 400
    assert await told("snowflake", found(namespace, binding, unknown=1)) == 400
    large = [{**TOOL, "description": "x" * 700_000}]
    assert await told("snowflake", found(namespace, binding, tools=large)) == 413
    assert await told("snowflake", found(namespace, binding, tools=[{**TOOL, "description": "x" * 100_000}])) == 200


async def test_one_tool_that_nests_deeply_does_not_take_the_others_with_it(
    service: Any, namespace: str, broker: str
) -> None:
    binding = await service.binding(namespace, tools=MCP)
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(40):
        schema = {"type": "object", "properties": {"a": schema}}

    deep = {"name": "deep", "inputSchema": schema}
    await service.post(broker, "/v1/bindings/snowflake/tools", found(namespace, binding, tools=[deep, TOOL]))

    assert list(service.definitions.offer(binding).tools) == ["snowflake_search"]


async def test_the_broker_alone_learns_where_to_read(service: Any, namespace: str, broker: str) -> None:
    _, gateway = await service.pod(namespace, "a")
    brokers, gateways = await service.watch(broker), await service.watch(gateway)
    binding = await service.binding(namespace, tools=MCP)
    # The account is what Pipes said; its status is written as the operator writes it.
    import msgspec

    from pipes_api.resources import ConnectedAccount

    status = msgspec.structs.replace(binding.status, account=ConnectedAccount(id="ca_private"))
    await service.writer.write_binding_status(binding, status)

    def hosted(event: Any) -> Any:
        view = getattr(event, "binding", None)
        return view is not None and view.uid == binding.metadata.uid and view.hosted

    told = await brokers.until(hosted)

    assert told.binding.hosted == messages.HostedOffer(
        url=f"https://{HOST}/mcp",
        title=told.binding.hosted.title,
        connection=binding.spec.connection,
        account="ca_private",
        hosts=(HOST,),
    )
    again = await service.watch(broker)
    assert any(each.hosted for each in again.snapshot.bindings if each.uid == binding.metadata.uid)
    await gateways.until(lambda event: getattr(getattr(event, "binding", None), "uid", "") == binding.metadata.uid)
    for _, event in gateways.events:
        assert "private" not in messages.encode(event).decode()
