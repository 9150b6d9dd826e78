"""Restrictions on arguments: what they refuse and how that is told, and that none is ever passed over."""

from typing import Any

import msgspec
import pytest

from egress_support import World, definition, told
from pipes_api import restrictions
from pipes_api.reasons import Reason
from pipes_catalog import ToolDefinition
from pipes_egress.problems import Refused
from pipes_egress.restricting import Restrictions

in_module = pytest.mark.asyncio(loop_scope="module")

QUERY = definition("snowflake", "query")
FEW = {"properties": {"maxRows": {"maximum": 10}}, "required": ["maxRows"]}


def tool(**properties: dict[str, Any]) -> ToolDefinition:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return ToolDefinition(name="t", title="T", description="d", access=QUERY.access, input_schema=schema)


PAY = tool(
    amount={"type": "number"},
    to={"type": "string"},
    tags={"type": "array", "items": {"type": "string"}},
    fields={"type": "object", "properties": {"owner": {"type": "string"}}, "additionalProperties": False},
)


def refusal(schema: dict[str, Any], arguments: dict[str, Any]) -> str:
    with pytest.raises(Refused) as refused:
        Restrictions().hold(PAY, [schema], arguments)
    denial = refused.value.denial
    assert denial.reason is Reason.ARGUMENTS_NOT_ALLOWED
    assert denial.remedy
    return denial.message


@pytest.mark.parametrize(
    ("schema", "arguments", "says"),
    [
        ({"properties": {"to": {"const": "me"}}}, {"to": "secret"}, 'to must be "me"'),
        ({"properties": {"to": {"enum": ["a", "b"]}}}, {"to": "secret"}, 'to must be one of ["a","b"]'),
        ({"properties": {"amount": {"maximum": 100}}}, {"amount": 100.5}, "amount must be at most 100"),
        ({"properties": {"amount": {"exclusiveMaximum": 100}}}, {"amount": 100}, "amount must be below 100"),
        ({"properties": {"to": {"pattern": "^acme-"}}}, {"to": "secret"}, 'to must match "^acme-"'),
        ({"properties": {"to": {"format": "email"}}}, {"to": "secret"}, 'to must be of the format "email"'),
        ({"required": ["to"]}, {}, 'the arguments must hold ["to"]'),
        (
            {"properties": {"tags": {"items": {"enum": ["x"]}}}},
            {"tags": ["x", "secret"]},
            'tags.1 must be one of ["x"]',
        ),
        (
            {"properties": {"fields": {"properties": {"owner": {"const": "me"}}}}},
            {"fields": {"owner": "secret"}},
            'fields.owner must be "me"',
        ),
        ({"properties": {"to": {"not": {"const": "secret"}}}}, {"to": "secret"}, "to must satisfy not"),
        (
            {"properties": {"to": {"$ref": "#/$defs/who"}}, "$defs": {"who": {"enum": ["me"]}}},
            {"to": "secret"},
            'to must be one of ["me"]',
        ),
        (
            {"properties": {"to": {"const": "me"}}, "additionalProperties": False},
            {"to": "me", "amount": 1},
            'restricted to ["to"]',
        ),
    ],
)
def test_a_refusal_names_the_argument_and_what_is_allowed(
    schema: dict[str, Any], arguments: dict[str, Any], says: str
) -> None:
    message = refusal(schema, arguments)
    assert says in message
    if "not" not in str(schema):
        assert "secret" not in message, "what the call had there is not for the audit trail"


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"to": {"constt": "me"}}},
        {"properties": {"to": {"pattern": "(?=x)"}}},
        {"properties": {"to": {"format": "no-such-format"}}},
        {"properties": {"to": {"$ref": "https://example.com/schema"}}},
        {"properties": {"recipient": {"const": "me"}}},
        {"properties": {"to": {"maximum": 5}}},
        {"type": "no-such-type"},
        {},
        {"properties": {"to": {"enum": ["x" * 20_000]}}},
    ],
    ids=lambda each: str(each)[:60],
)
def test_what_cannot_be_applied_refuses_every_call(schema: dict[str, Any]) -> None:
    assert refusal(schema, {"to": "me"}) == "a restriction on the arguments cannot be applied"


def test_all_of_several_restrictions_must_hold() -> None:
    both = [{"properties": {"amount": {"maximum": 10}}}, {"properties": {"amount": {"minimum": 5}}}]
    Restrictions().hold(PAY, both, {"amount": 7})
    for amount in (4, 11):
        with pytest.raises(Refused):
            Restrictions().hold(PAY, both, {"amount": amount})


def test_each_restriction_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    compiled = restrictions.compiled

    def counting(schema: Any) -> Any:
        made.append(schema)
        return compiled(schema)

    monkeypatch.setattr(restrictions, "compiled", counting)
    held = Restrictions()
    for _ in range(3):
        # A new object each time, as a new view of the same binding brings it.
        held.hold(PAY, [{"properties": {"amount": {"maximum": 10}}}], {"amount": 1})
    assert len(made) == 2, "once to find problems, once to use it"


def test_work_is_bounded_by_both_sizes() -> None:
    schema = {"properties": {"to": {"enum": [str(number) for number in range(1_000)]}}}
    message = refusal(schema, {"to": "x" * 100_000})
    assert "too many to be held to a restriction" in message


@in_module
async def test_defaults_are_filled_in_before_a_restriction_looks(world: World) -> None:
    result = await world.call("snowflake", "query", {"statement": "SELECT 1"}, restrict=(FEW,))
    assert result.denial is not None
    assert "maxRows must be at most 10" in result.denial.message, "the tool's default is more"
    few = {"statement": "SELECT 1", "maxRows": 5}
    assert not (await world.call("snowflake", "query", few, restrict=(FEW,))).is_error


@in_module
async def test_a_restricted_call_reaches_nobody_and_costs_nothing(world: World) -> None:
    taken: list[Any] = []

    async def reserve(access: Any) -> None:
        taken.append(access)

    arguments = {"statement": "SELECT 1", "maxRows": 11}
    result = await world.call("snowflake", "query", arguments, restrict=(FEW,), reserve=reserve)

    assert result.denial is not None
    assert result.denial.reason is Reason.ARGUMENTS_NOT_ALLOWED
    assert "maxRows must be at most 10" in told(result)
    assert not result.sent
    assert taken == []
    assert await world.sandbox.calls() == []


@in_module
async def test_the_tools_own_schema_is_asked_first_and_what_it_does_last(world: World) -> None:
    world.policy.write = False
    order: list[tuple[dict[str, Any], str]] = [
        ({"statement": 5, "maxRows": 11}, "statement"),
        ({"statement": "DELETE FROM t", "maxRows": 11}, "maxRows must be at most 10"),
        ({"statement": "DELETE FROM t", "maxRows": 10}, "would write"),
    ]
    for arguments, says in order:
        result = await world.call("snowflake", "query", arguments, restrict=(FEW,))
        assert says in told(result)


def test_what_speaks_against_much_is_not_gathered() -> None:
    """Eighty thousand values against two alternatives took four seconds to tell, in a process that many share."""
    lists = {"type": "array", "items": {"type": "string"}}
    schema = {"type": "object", "properties": {"l": lists}}
    tool = msgspec.structs.replace(definition("snowflake", "query"), input_schema=schema)
    alternatives = [{"type": "array", "items": {"const": each}} for each in ("x", "y")]
    restrict = {"properties": {"l": {"anyOf": alternatives}}, "required": ["l"]}
    for number, says in ((2, "l must satisfy anyOf"), (80_000, "are not among what")):
        with pytest.raises(Refused) as refused:
            Restrictions().hold(tool, (restrict,), {"l": ["a"] * number})
        assert says in refused.value.denial.message
