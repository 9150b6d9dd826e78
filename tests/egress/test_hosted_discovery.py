"""The broker reads what hosted servers list, for bindings that want it, and tells the operator."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from broker_support import BrokersSessionService
from egress_support import ACCOUNTS
from hosted_server import BOTH_ERAS, HOST, URL, HostedServer, Reply, tool
from hosted_support import PROVIDER, HostedWorld, hosted_world
from pipes_api.messages import BindingView, Discovered, Failure, HostedOffer
from pipes_api.resources import Access, Connection
from pipes_egress.broker.discovery import Discovery
from pipes_live.client import SessionService
from pipes_live.settings import ServiceSettings
from pipes_live.view import LiveView

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("hosted_server", BOTH_ERAS, indirect=True, scope="module"),
]

OFFER = HostedOffer(
    url=URL,
    title="Acme",
    connection=Connection(user_id="user_alice"),
    account=ACCOUNTS[PROVIDER],
    hosts=(HOST,),
)


def binding(name: str = "acme", **changes: Any) -> BindingView:
    made = BindingView(
        namespace="team-a",
        name=name,
        uid=f"uid-{name}",
        provider=PROVIDER,
        max_access=Access.READ,
        tools={},
        hosted=OFFER,
    )
    return msgspec.structs.replace(made, **changes)


class Told:
    """What the operator's side has heard, waited for."""

    def __init__(self, service: BrokersSessionService, view: LiveView) -> None:
        self.service = service
        self.view = view

    async def next(self) -> Discovered:
        async with asyncio.timeout(10):
            return (await self.service.discovered.get())[1]

    @property
    def nothing(self) -> bool:
        return self.service.discovered.empty()


@asynccontextmanager
async def discovering(hosted: HostedWorld, service: BrokersSessionService, seconds: float) -> AsyncIterator[Told]:
    settings = ServiceSettings(url=service.url, ca_file=service.ca_file, token_file=service.token_file)
    async with SessionService(settings) as client:
        watching = asyncio.create_task(client.run(pause=lambda _: asyncio.sleep(0.01)))
        async with Discovery(client.view, hosted.egress, client, seconds):
            assert await client.synchronized(10)
            yield Told(service, client.view)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="module")
async def service(tmp_path: Path) -> AsyncIterator[BrokersSessionService]:
    started = BrokersSessionService(tmp_path)
    await started.start()
    yield started
    await started.stop()


async def test_what_a_server_lists_is_told_as_it_is_before_anybody_approves(
    hosted: HostedWorld, service: BrokersSessionService, capsys: pytest.CaptureFixture[str]
) -> None:
    hosted.server.offer(tool("searchThings", annotations={"title": "Search", "readOnlyHint": True}))
    service.put(binding())
    async with discovering(hosted, service, 300) as told:
        found = await told.next()

    assert (found.namespace, found.uid, found.problem) == ("team-a", "uid-acme", "")
    assert [each["name"] for each in found.tools] == ["searchThings"]
    assert found.tools[0]["annotations"] == {"title": "Search", "readOnlyHint": True}
    methods = {each.asks for each in hosted.server.seen}
    assert methods <= {"server/discover", "initialize", "notifications/initialized", "tools/list"}
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if '"audit"' in each]
    assert (line["decision"], line["binding"], line["tool"]) == ("maintenance", "acme", "tools/list")


async def test_nothing_of_the_connection_is_kept_between_readings(
    hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.offer(tool("go"))
    service.put(binding())
    async with discovering(hosted, service, 300) as told:
        await told.next()

        assert not hosted.egress._cache._entries
        assert not hosted.egress._hosted._held


async def test_it_is_read_again_on_schedule(hosted: HostedWorld, service: BrokersSessionService) -> None:
    hosted.server.offer(tool("go"))
    service.put(binding())
    async with discovering(hosted, service, 0.05) as told:
        first = await told.next()
        hosted.server.offer(tool("go", "Another."))
        while (found := await told.next()).tools == first.tools:
            pass

    assert found.tools[0]["description"] == "Another."


@pytest.mark.parametrize(
    "unwanted",
    [
        {"suspended": True},
        {"hosted": None},
        {"hosted": msgspec.structs.replace(OFFER, connection=Connection(from_session=True))},
    ],
)
async def test_a_binding_that_does_not_want_it_is_left_alone(
    unwanted: dict[str, Any], hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.offer(tool("go"))
    service.put(binding("unwanted", **unwanted))
    service.put(binding("wanted"))
    async with discovering(hosted, service, 300) as told:
        found = await told.next()

        assert found.uid == "uid-wanted"
        assert told.nothing
    assert len(hosted.server.asked("tools/list")) == 1


async def test_one_that_is_offered_later_is_read_then(hosted: HostedWorld, service: BrokersSessionService) -> None:
    hosted.server.offer(tool("go"))
    async with discovering(hosted, service, 300) as told:
        assert told.nothing
        service.put(binding())

        assert (await told.next()).uid == "uid-acme"


async def test_nothing_is_sent_for_one_that_is_suspended_in_the_middle(
    hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.offer(tool("go"))
    hosted.server.before_answering = asyncio.Event()
    service.put(binding())
    async with discovering(hosted, service, 300) as told:
        await hosted.server.arrived()
        service.put(binding(suspended=True))
        service.put(binding("other"))
        hosted.server.before_answering.set()
        found = await told.next()

    assert found.uid == "uid-other"
    assert len(hosted.server.asked("tools/list")) == 1


async def test_nothing_more_is_sent_while_the_operator_cannot_be_asked(
    hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.offer(tool("go"))
    hosted.server.before_answering = asyncio.Event()
    service.put(binding())
    async with discovering(hosted, service, 300) as told:
        await hosted.server.arrived()
        lost = asyncio.Event()
        told.view.on_change(lambda _: None if told.view.connected else lost.set())
        service.answers_watch = False
        service.cut()
        await asyncio.wait_for(lost.wait(), 10)
        hosted.server.before_answering.set()
        found = await told.next()

    assert found.problem == "the operator cannot be asked"
    assert len(hosted.server.seen) == 1


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply("tools/list", 500, times=9), "Acme's MCP server is out of order (status 500). Try again later."),
        (Reply("", 401, times=9), "its MCP server does not accept the connection's credential (status 401)"),
        (
            Reply("tools/list", result={"tools": [{"name": f"t{n}"} for n in range(600)]}),
            "more tools than can be taken",
        ),
    ],
)
async def test_a_server_that_cannot_be_read_is_told_with_the_problem(
    reply: Reply, problem: str, hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.replies.append(Reply(**vars(reply)))
    service.put(binding())
    async with discovering(hosted, service, 300) as told:
        found = await told.next()

    assert problem in found.problem
    assert found.tools == ()


async def test_a_tool_that_is_nested_without_end_does_not_take_the_others_with_it(
    hosted: HostedWorld, service: BrokersSessionService
) -> None:
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"x": deep}}
    listed = {"tools": [tool("deep", inputSchema=deep), tool("go")]}
    hosted.server.replies.append(Reply("tools/list", result=listed))
    service.put(binding())
    async with discovering(hosted, service, 300) as told:
        found = await told.next()

    assert [each["name"] for each in found.tools] == ["deep", "go"]
    assert found.tools[0] == {"name": "deep"}


async def test_a_credential_goes_only_to_a_host_that_is_allowed(
    hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.offer(tool("go"))
    service.put(binding(hosted=msgspec.structs.replace(OFFER, hosts=("api.acme.example",))))
    async with discovering(hosted, service, 300) as told:
        found = await told.next()

    assert "mcp.acme.example is not among the hosts that are allowed" in found.problem
    assert not hosted.server.seen


async def test_an_operator_that_does_not_take_it_is_told_again(
    hosted: HostedWorld, service: BrokersSessionService
) -> None:
    hosted.server.offer(tool("go"))
    service.refuse_with = Failure(reason="Unavailable", message="not now")
    service.put(binding())
    async with discovering(hosted, service, 0.05) as told:
        await told.next()
        service.refuse_with = None

        assert (await told.next()).tools


async def test_a_change_that_a_call_finds_is_read_soon(
    hosted_server: HostedServer, tmp_path: Path, service: BrokersSessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipes_egress.broker.discovery.SHORTEST_PAUSE_SECONDS", 0.0)
    async with hosted_world(tmp_path, hosted_server, hosted_list_seconds=0) as hosted:
        hosted.server.offer(tool("go"))
        service.put(binding())
        async with discovering(hosted, service, 3_600) as told:
            await told.next()
            assert not (await hosted.call("go")).is_error
            hosted.server.offer(tool("go", "Another."))
            assert (await hosted.call("go")).denial is not None
            found = await told.next()

    assert found.tools[0]["description"] == "Another."
