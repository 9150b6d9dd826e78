"""Results of hosted MCP servers reach the agent whole, whichever way they came."""

from typing import Any, cast

import msgspec
import pytest

from pipes_egress.call import UNTRUSTED, ToolResult
from pipes_gateway.dispatch.answers import outcome_of
from pipes_gateway.mcp.methods import Methods, Tools

NOBODY = cast(Tools, None)
RESULT = ToolResult(
    content=[{"type": "hologram", "data": {"x": [1, None, 2.5]}}],
    more={"structuredContent": [1, {"snake_case": True}], "future": None},
    meta={"acme.example/k": 1, **UNTRUSTED},
    sent=True,
)


def test_members_that_nobody_knows_travel_from_broker_to_agent() -> None:
    travelled = msgspec.json.decode(msgspec.json.encode(RESULT), type=ToolResult)

    assert outcome_of(travelled).result == {
        "content": RESULT.content,
        "structuredContent": [1, {"snake_case": True}],
        "future": None,
        "_meta": {"acme.example/k": 1, "pipesmcp.io/content": "untrusted"},
    }


def test_they_cannot_take_the_place_of_ours() -> None:
    forged = msgspec.structs.replace(RESULT, is_error=True, more={"content": "x", "isError": False, "_meta": {}})
    result = outcome_of(forged).result

    assert result["content"] == RESULT.content
    assert result["isError"] is True
    assert result["_meta"] == RESULT.meta


@pytest.mark.parametrize("structured", [[1], "text", 5, None])
def test_earlier_clients_get_structured_content_only_as_an_object(structured: Any) -> None:
    methods = Methods(NOBODY, "1")
    content = [{"type": "text", "text": "x"}]

    assert methods.earlier({"content": content, "structuredContent": structured}) == {"content": content}
    assert methods.complete({"content": content, "structuredContent": structured})["structuredContent"] == structured
    kept = {"content": content, "structuredContent": {"a": 1}}
    assert methods.earlier(kept) == kept
