"""Ceilings of single tools: the narrower of grant and binding holds, and what a call takes names the tool."""

from typing import Any

from live import things
from pipes_api.grant import GrantedBinding
from pipes_api.reasons import Reason
from pipes_api.resources import Access, ToolLimits, Usage
from pipes_policy import chain, limits
from pipes_policy.call import Call
from policy.facts import call

TOOL = "snowflake_query"


def limited(granted: ToolLimits | None, of_now: ToolLimits | None, usage: Usage | None = None, **more: Any) -> Call:
    binding: GrantedBinding = things.granted(limits={TOOL: granted} if granted else {})
    return call(
        session=things.session(binding, usage=usage or Usage()),
        binding=things.binding(tool_limits={TOOL: of_now} if of_now else {}),
        **more,
    )


def test_the_narrower_of_grant_and_binding_holds_field_by_field() -> None:
    wide, narrow = ToolLimits(max_calls=9, calls_per_minute=2), ToolLimits(max_calls=3, calls_per_minute=5)
    least = ToolLimits(max_calls=3, calls_per_minute=2)
    assert limits.of_tool(limited(wide, narrow)) == least
    assert limits.of_tool(limited(narrow, wide)) == least
    assert limits.of_tool(limited(wide, None)) == wide
    assert limits.of_tool(limited(None, narrow)) == narrow
    assert limits.of_tool(limited(None, None)) == ToolLimits()
    assert limits.of_tool(limited(ToolLimits(max_calls=9), ToolLimits(calls_per_minute=5))) == ToolLimits(
        max_calls=9, calls_per_minute=5
    )


def test_only_a_tool_with_a_budget_of_its_own_is_named_when_a_place_is_taken() -> None:
    assert limits.place_of(limited(ToolLimits(max_calls=1), None), Access.READ) == limits.Place(Access.READ, tool=TOOL)
    assert limits.place_of(limited(ToolLimits(calls_per_minute=1), None), Access.READ) == limits.Place(Access.READ)
    assert limits.Place(Access.READ, tool=TOOL).alone
    assert limits.Place(Access.WRITE).alone
    assert not limits.Place(Access.READ).alone


def test_a_session_is_counted_by_reservation_when_anything_in_its_grant_has_a_budget() -> None:
    assert limits.is_budgeted(things.session(things.granted(limits={TOOL: ToolLimits(max_calls=1)})))
    assert not limits.is_budgeted(things.session(things.granted(limits={TOOL: ToolLimits(calls_per_minute=1)})))


def test_a_tool_whose_calls_are_used_up_is_refused_until_the_session_ends() -> None:
    three = ToolLimits(max_calls=3)
    assert chain.decide(limited(three, None, Usage(tools={TOOL: 2}))) is None
    assert chain.decide(limited(three, None, Usage(tools={"other": 9}))) is None
    for one in (limited(three, None, Usage(tools={TOOL: 3})), limited(None, three, Usage(tools={TOOL: 4}))):
        denial = chain.decide(one)
        assert denial is not None
        assert denial.reason is Reason.BUDGET_EXHAUSTED
        assert TOOL in denial.message
        assert one.session is not None
        assert denial.session_expires_at == one.session.expires_at
    assert chain.decide(limited(three, None, Usage(tools={TOOL: 3}), reserved=True)) is None


def test_restrictions_are_the_grants_and_that_of_now() -> None:
    one, other = {"required": ["q"]}, {"properties": {"q": {"const": "x"}}}
    session = things.session(things.granted(restrict={TOOL: one, "snowflake_other": {}}))
    assert limits.restrictions(call(session=session, binding=things.binding(restrict={TOOL: other}))) == (one, other)
    assert limits.restrictions(call(session=session)) == (one,)
    assert limits.restrictions(call()) == ()
