"""Whose credential goes where: refused ones are replaced once, and nothing leaves that policy or grant forbid."""

import asyncio
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from egress_support import told
from hosted_server import BOTH_ERAS, URL, HostedServer, Reply, text, tool
from hosted_support import HostedWorld, called, granted, opened
from pipes_api.reasons import Reason
from pipes_api.resources import Access, CredentialMode
from pipes_policy.call import Denial

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("hosted_server", BOTH_ERAS, indirect=True, scope="module"),
]


async def test_a_refused_credential_is_replaced_once_and_the_call_done(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies.append(Reply("tools/call", 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}))
    result = await hosted.call("go")

    assert not result.is_error
    assert called(hosted) == 2


async def test_a_credential_refused_twice_is_the_connections_fault_and_never_our_own_401(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies.append(Reply("tools/call", 401, times=9))
    result = await hosted.call("go")

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert "its MCP server does not accept the connection's credential (status 401)" in result.denial.message
    assert called(hosted) == 2


async def test_a_missing_scope_is_named(hosted: HostedWorld) -> None:
    await opened(hosted)
    challenge = 'Bearer error="insufficient_scope", scope="things.read things.write", resource_metadata="https://x"'
    hosted.server.replies.append(Reply("tools/call", 403, {"WWW-Authenticate": challenge}, times=9))
    result = await hosted.call("go")

    assert result.denial is not None
    assert result.denial.reason is Reason.SCOPE_MISSING
    assert "lacks the scope things.read, things.write" in result.denial.message
    assert called(hosted) == 2


async def test_nothing_is_sent_after_the_policy_says_no(hosted: HostedWorld) -> None:
    hosted.server.offer(tool("go"))
    hosted.approve()
    revoked = Denial(reason=Reason.SESSION_REVOKED, message="revoked", remedy="Ask.")

    def check(needs: Access | None, reserved: bool) -> Denial | None:
        # Revoked at the moment when the list has been read.
        return revoked if hosted.server.asked("tools/list") else None

    result = await hosted.call("go", check=check)

    assert result.denial is not None
    assert result.denial.reason is Reason.SESSION_REVOKED
    assert not result.sent
    assert called(hosted) == 0


async def test_the_credential_never_comes_back_to_the_agent(hosted: HostedWorld) -> None:
    async def echo(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        return text(hosted.server.asked("tools/call")[-1].headers["authorization"])

    hosted.server.offer(tool("echo"), echo)
    result = await hosted.call("echo")

    assert told(result) == "Bearer (withheld)"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hosts": ("api.acme.example",)}, "mcp.acme.example is not among the hosts that are allowed"),
        ({"hosts": ()}, "mcp.acme.example is not among the hosts that are allowed"),
        ({"credential": CredentialMode.RELAY}, "can be reached with a vended credential only"),
    ],
)
async def test_the_credential_goes_nowhere_that_the_grant_does_not_name(
    changes: dict[str, Any], problem: str, hosted: HostedWorld
) -> None:
    hosted.server.offer(tool("go"))
    hosted.approve()
    result = await hosted.call("go", granted=granted(hosted.approved, **changes))

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert problem in result.denial.message
    assert not hosted.server.seen


async def test_a_private_address_behind_an_allowed_name_is_not_dialled(
    hosted_server: HostedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hosted server is reached by the transport that every provider is reached by."""
    from pipes_egress.mapping.build import Outgoing
    from pipes_egress.settings import EgressSettings
    from pipes_egress.transport.client import NotSent, Transport

    loop = asyncio.get_running_loop()

    async def resolve(host: str, port: int, **options: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    async with Transport(EgressSettings()) as transport:
        with pytest.raises(NotSent, match="does not resolve to an address that may be dialled"):
            async with transport.arriving("mcp.acme.example", Outgoing("POST", URL[24:], {}, b"{}"), 1_000):
                pass
