"""Exact calls: only the approved ones, each once; a mismatch burns none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import things
from pipes_api import canonical
from pipes_api.grant import GrantedBinding, GrantedCall
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Usage
from pipes_policy import chain, exact, limits
from pipes_policy.call import Call
from policy.facts import call

PAYLOAD = {"object": "Contact", "fields": {"LastName": "Doe", "Age": 30}}
APPROVED = GrantedCall(tool="salesforce_create", arguments=canonical.dumps(PAYLOAD).decode())
OTHER = GrantedCall(tool="salesforce_query", arguments='{"q":"x"}')


def granted(*calls: GrantedCall) -> GrantedBinding:
    names = sorted({each.tool for each in calls})
    return things.granted("salesforce", Access.WRITE, *names, calls=calls)


def exactly(
    arguments: Any, *calls: GrantedCall, tool: str = "salesforce_create", usage: Usage | None = None, **more: Any
) -> Call:
    given: dict[str, Any] = {
        "session": things.session(granted(*(calls or (APPROVED, OTHER))), usage=usage or Usage()),
        "binding": things.binding("salesforce"),
        "tool": tool,
        "definition": things.TOOLS["salesforce"][tool],
        "arguments": arguments,
    }
    return call(**{**given, **more})


def test_the_approved_call_passes_however_its_members_are_ordered() -> None:
    turned = {"fields": {"Age": 30.0, "LastName": "Doe"}, "object": "Contact"}
    assert chain.decide(exactly(PAYLOAD)) is None
    assert chain.decide(exactly(turned)) is None


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"object": "Contact"},
        {**PAYLOAD, "more": None},
        {"object": "Contact", "fields": {"LastName": "Doe", "Age": 31}},
        {"object": "Contact", "fields": {"LastName": "Doe", "Age": "30"}},
        {"object": "contact", "fields": {"LastName": "Doe", "Age": 30}},
        {"object": "Contact", "fields": {"LastName": "Do\u0065\u0301", "Age": 30}},
        {"object": "Contact", "fields": {"LastName": "\ud800", "Age": 30}},
        {"object": "Contact", "fields": {"LastName": "Doe", "Age": 2**60}},
        {"q": "x"},
    ],
    ids=str,
)
def test_any_other_call_is_a_mismatch_that_says_what_is_allowed(arguments: dict[str, Any]) -> None:
    denial = chain.decide(exactly(arguments))
    assert denial is not None
    assert denial.reason is Reason.CALL_MISMATCH
    assert APPROVED.arguments in denial.remedy
    assert APPROVED.arguments not in denial.message, "the message is recorded, and arguments are not"


def test_arguments_approved_for_one_tool_are_not_for_another() -> None:
    assert chain.decide(exactly({"q": "x"}, tool="salesforce_query")) is None
    denial = chain.decide(exactly(PAYLOAD, tool="salesforce_query"))
    assert denial is not None
    assert denial.reason is Reason.CALL_MISMATCH


def test_a_tool_without_an_approved_call_is_not_granted() -> None:
    denial = chain.decide(exactly({"q": "x"}, APPROVED, tool="salesforce_query"))
    assert denial is not None
    assert denial.reason is Reason.NOT_GRANTED


def test_a_spent_call_is_refused_and_the_others_go_on() -> None:
    usage = Usage(exact=(APPROVED.id,))
    denial = chain.decide(exactly(PAYLOAD, usage=usage))
    assert denial is not None
    assert denial.reason is Reason.BUDGET_EXHAUSTED
    assert denial.session_expires_at is not None
    assert chain.decide(exactly(PAYLOAD, usage=usage, reserved=True)) is None, "the very call that spends it"
    assert chain.decide(exactly({"q": "x"}, usage=usage, tool="salesforce_query")) is None


def test_a_spent_call_does_not_open_the_tool_to_others() -> None:
    denial = chain.decide(exactly({}, usage=Usage(exact=(APPROVED.id,)), reserved=True))
    assert denial is not None
    assert denial.reason is Reason.CALL_MISMATCH
    assert APPROVED.arguments not in denial.remedy, "nothing is left that could be called"
    assert "request_session" in denial.remedy


def test_the_list_shows_a_tool_until_its_last_call_is_spent() -> None:
    assert chain.decide(exactly(None)) is None
    denial = chain.decide(exactly(None, usage=Usage(exact=(APPROVED.id,))))
    assert denial is not None
    assert denial.reason is Reason.BUDGET_EXHAUSTED


def test_an_exact_write_still_needs_write() -> None:
    read = things.granted("salesforce", Access.READ, "salesforce_create", calls=(APPROVED,))
    denial = chain.decide(exactly(PAYLOAD, session=things.session(read)))
    assert denial is not None
    assert denial.reason is Reason.WRITE_NOT_ALLOWED


def test_an_exact_call_is_reserved_by_its_id_and_alone() -> None:
    place = limits.place_of(exactly(PAYLOAD), Access.WRITE)
    assert place.exact == APPROVED.id
    assert place.alone
    assert limits.is_budgeted(things.session(granted(APPROVED)))
    assert not limits.is_budgeted(things.session())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(one=st.dictionaries(st.text("abc", max_size=2), VALUES, max_size=4), other=VALUES)
def test_what_is_approved_is_what_has_the_same_canonical_form_and_nothing_else(one: dict[str, Any], other: Any) -> None:
    approved = GrantedCall(tool="salesforce_create", arguments=canonical.dumps(one).decode())
    assert exact.approved(granted(approved), approved.tool, one) is approved
    changed = {**one, "a": other}
    same = canonical.dumps(changed) == canonical.dumps(one)
    assert (exact.approved(granted(approved), approved.tool, changed) is approved) == same
