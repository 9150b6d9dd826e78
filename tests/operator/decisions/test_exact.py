"""Exact calls, restrictions and ceilings of tools: what of them is granted, hashed, shown and narrowed."""

import dataclasses

import msgspec
import pytest

from pipes_api.grant import grant_hash
from pipes_api.resources import Access, Approval, ApprovedBinding, ToolLimits
from pipes_catalog.definition import ToolAccess, ToolDefinition
from pipes_operator.decisions import grants, trust
from pipes_operator.decisions.active import granted as grant_of
from pipes_operator.decisions.decide import decide

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "amount": {"type": "number"}},
    "additionalProperties": False,
}
SMALL = {"properties": {"amount": {"maximum": 100}}, "required": ["amount"]}


def offer(make, **over):
    tools = over.pop("tools", None) or {
        f"snowflake_{name}": ToolDefinition(name=name, title=name, description=name, access=access, input_schema=SCHEMA)
        for name, access in (("query", ToolAccess.JUDGED), ("list", ToolAccess.READ), ("create", ToolAccess.WRITE))
    }
    return dataclasses.replace(make.offer(), tools=tools, **over)


def calls(*arguments, tool="create", access="Write", **more):
    asked = [{"tool": tool, "arguments": each} for each in arguments]
    return [{"name": "snowflake", "access": access, "calls": asked, **more}]


def requested(make, bindings, **over):
    return grants.requested(make.session(bindings=bindings), {"snowflake": offer(make, **over)}, make.rules.longest, {})


def test_exactly_those_calls_are_granted_with_their_tools_and_no_others(make):
    (binding,) = requested(make, calls('{"name":"a"}', '{"name":"b"}')).grant.bindings

    assert [(each.tool, each.arguments) for each in binding.calls] == [
        ("snowflake_create", '{"name":"a"}'),
        ("snowflake_create", '{"name":"b"}'),
    ]
    assert list(binding.tools) == ["snowflake_create"]
    assert len({each.id for each in binding.calls}) == 2


def test_the_name_of_the_tool_does_not_change_the_hash_and_the_arguments_do(make):
    one = requested(make, calls('{"name":"a"}')).grant
    same = requested(make, calls('{"name":"a"}', tool="snowflake_create")).grant
    other = requested(make, calls('{"name":"b"}')).grant

    assert grant_hash(one) == grant_hash(same) != grant_hash(other)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (calls('{"name": "a"}'), 'calls[0]: the arguments are not in canonical form (RFC 8785); write: {"name":"a"}'),
        (calls('{"name":"a"}', '{"nam":"a"}'), "calls[1]: the tool does not take the arguments"),
        (calls("{}", tool="drop"), "calls[0]: there is no tool drop"),
        (calls("{}", access="Read"), "calls[0]: snowflake_create needs Write access, and Read is all"),
        (calls("{}", "{}"), "calls[1] repeats calls[0]"),
        (calls('{"amount":101}'), "calls[0]: the binding's restrict does not take the arguments: amount"),
    ],
)
def test_what_cannot_be_approved_as_written_is_shown_to_nobody(make, asked, problem):
    offers = {"snowflake": offer(make, restrict={"snowflake_create": {"properties": {"amount": {"maximum": 100}}}})}
    decision = decide(make.facts(make.session(bindings=asked), offers=offers))

    assert decision.status.state == "Pending"
    assert problem in decision.status.message
    assert decision.status.grant_hash is None


def test_a_judged_tool_may_be_asked_for_under_read(make):
    (binding,) = requested(make, calls('{"name":"a"}', tool="query", access="Read")).grant.bindings

    assert (binding.access, list(binding.tools)) == (Access.READ, ["snowflake_query"])


def test_too_much_at_once_is_refused_before_it_is_shown(make):
    many = calls(*(f'{{"name":"{number:05}{"x" * 16000}"}}' for number in range(17)))

    assert "it asks for too much at once" in requested(make, many).problems[0]


def shown(make, bindings, **over):
    return make.shown(make.session(bindings=bindings), offers={"snowflake": offer(make, **over)}).status.summary


def test_the_approver_sees_every_call_whole(make):
    long = '{"name":"' + "x" * 5000 + '"}'
    summary = shown(make, calls('{"name":"a\u3164b"}', long))

    assert any("exactly these 2 calls, each once" in line for line in summary)
    assert '1. snowflake_create {"name":"a\\u3164b"}' in summary
    assert f"2. snowflake_create {long}" in summary
    assert not any("with:" in line for line in summary)


def test_the_approver_sees_restrictions_and_ceilings_of_granted_tools_only(make):
    restrict = {"snowflake_create": SMALL, "snowflake_list": {"required": ["name"]}}
    limits = {"snowflake_create": ToolLimits(max_calls=2), "snowflake_list": ToolLimits(calls_per_minute=9)}
    wanted = [{"name": "snowflake", "access": "Write", "tools": ["create"]}]
    summary = shown(make, wanted, restrict=restrict, limits=limits)

    assert "snowflake_create only with amount at most 100." in summary
    assert "At most 2 calls of snowflake_create." in summary
    assert not any("snowflake_list" in line for line in summary)


@pytest.mark.parametrize("field", ["restrict", "limits"])
def test_a_restriction_or_ceiling_that_changes_after_it_was_shown_needs_a_new_look(make, field):
    wanted = [{"name": "snowflake", "access": "Write"}]
    value = {"restrict": SMALL, "limits": ToolLimits(max_calls=2)}[field]
    before = {"snowflake": offer(make, **{field: {"snowflake_create": value}})}
    session = make.approved(make.shown(make.session(bindings=wanted), offers=before))

    assert decide(make.facts(session, offers=before)).status.state == "Active"
    assert decide(make.facts(session, offers={"snowflake": offer(make)})).status.state == "GrantChanged"


def narrowed(make, bindings, kept, **over):
    offers = {"snowflake": offer(make, **over)}
    asked = grants.requested(make.session(bindings=bindings), offers, make.rules.longest, {}).grant
    return grants.narrowed(asked, Approval(decision="Approved", bindings=(kept,)), offers)


def test_an_approver_may_leave_out_calls_by_their_tool(make):
    mixed = calls('{"name":"a"}')
    mixed[0]["calls"].append({"tool": "query", "arguments": '{"name":"q"}'})
    over = {
        "restrict": {"snowflake_create": {"properties": {"amount": {"maximum": 100}}}},
        "limits": {"snowflake_create": ToolLimits(max_calls=1)},
    }
    (binding,) = narrowed(make, mixed, ApprovedBinding(name="snowflake", tools=("query",)), **over).bindings

    assert [each.tool for each in binding.calls] == list(binding.tools) == ["snowflake_query"]
    assert (binding.restrict, binding.limits) == ({}, {})
    (reads,) = narrowed(make, mixed, ApprovedBinding(name="snowflake", access=Access.READ), **over).bindings
    assert [each.tool for each in reads.calls] == ["snowflake_query"]
    assert narrowed(make, calls("{}"), ApprovedBinding(name="snowflake", access=Access.READ)) is None


def test_a_status_with_other_calls_than_were_asked_for_is_not_trusted(make):
    offers = {"snowflake": offer(make)}
    session = make.active(make.session(bindings=calls('{"name":"a"}')), offers=offers)
    grant = grant_of(session)
    (binding,) = grant.bindings
    assert trust.problem(session, grant) == ""
    other = msgspec.structs.replace(binding.calls[0], arguments='{"name":"evil"}')
    wider = {**binding.tools, "snowflake_list": "h"}
    for change in ({"calls": (other,)}, {"calls": (*binding.calls, other)}, {"calls": ()}, {"tools": wider}):
        forged = msgspec.structs.replace(grant, bindings=(msgspec.structs.replace(binding, **change),))
        assert trust.problem(session, forged), change


def test_a_schema_without_bound_stops_nobody_but_the_one_who_asks(make):
    """A hosted server's; an older operator may have kept it. Held against a value, it would take this process along."""
    doubling = {f"a{n}": {"oneOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": {}}
    schema = {"type": "object", "properties": {"name": {"$ref": "#/$defs/a0"}}, "$defs": doubling}
    known = offer(make)
    tools = {name: msgspec.structs.replace(each, input_schema=schema) for name, each in known.tools.items()}

    found = requested(make, calls('{"name":"a"}'), tools=tools)

    assert found.grant is None
    assert "cannot be held against the tool's input schema" in found.problems[0]
