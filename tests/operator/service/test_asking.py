"""What of a request is granted as it is, what is cut, what is refused. Nothing here touches a server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipes_api import durations
from pipes_api.messages import BindingView, CreateSession
from pipes_api.resources import Access, ExactCall, Limits, RequestedBinding
from pipes_operator.service import asking
from pipes_operator.service.refusals import Refused

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "h-query": {"access": "Judged"},
    "h-list": {"access": "Read"},
    "h-create": {"access": "Write", "inputSchema": SCHEMA},
}
TOOLS = {"crm_query": "h-query", "crm_list": "h-list", "crm_create": "h-create"}


def offer(name: str = "crm", **changes: Any) -> BindingView:
    values: dict[str, Any] = {
        "namespace": "team-a",
        "name": name,
        "uid": f"uid-{name}",
        "provider": "salesforce",
        "max_access": Access.WRITE,
        "tools": {tool.replace("crm", name): digest for tool, digest in TOOLS.items()},
        "ready": True,
        "connected": True,
        **changes,
    }
    return BindingView(**values)


def weigh(*offers: BindingView, **request: Any) -> asking.Ask:
    values: dict[str, Any] = {
        "reason": "Weekly report",
        "bindings": (RequestedBinding(name="crm"),),
        "duration": "1h",
        **request,
    }
    return asking.weigh(CreateSession(**values), offers or (offer(),), DEFINITIONS.get)


def refusal(*offers: BindingView, **request: Any) -> str:
    with pytest.raises(Refused) as caught:
        weigh(*offers, **request)
    return caught.value.failure.message


def test_a_plain_request_is_taken_as_it_is() -> None:
    ask = weigh()
    assert ask.bindings == (RequestedBinding(name="crm"),)
    assert ask.duration == "1h"
    assert ask.limits is None
    assert ask.notes == ()


def test_tools_may_be_called_by_the_catalogs_name_or_the_advertised_one() -> None:
    wanted = RequestedBinding(name="crm", tools=("query", "crm_list", "crm_query"))
    assert weigh(bindings=(wanted,)).bindings[0].tools == ("crm_query", "crm_list")


def test_a_hyphen_in_a_bindings_name_is_an_underscore_in_its_tools() -> None:
    drive = offer("google-drive", tools={"google_drive_search": "h-list"})
    wanted = RequestedBinding(name="google-drive", tools=("search",))
    assert weigh(drive, bindings=(wanted,)).bindings[0].tools == ("google_drive_search",)


def test_an_unknown_tool_is_refused_with_those_there_are() -> None:
    wanted = RequestedBinding(name="crm", tools=("drop_all",))
    assert "crm_create, crm_list, crm_query" in refusal(bindings=(wanted,))


def test_write_beyond_the_ceiling_is_cut_with_the_tools_that_need_it() -> None:
    wanted = RequestedBinding(name="crm", access=Access.WRITE, tools=("create", "query"))
    ask = weigh(offer(max_access=Access.READ), bindings=(wanted,))
    assert ask.bindings == (RequestedBinding(name="crm", access=Access.READ, tools=("crm_query",)),)
    assert len(ask.notes) == 2


def test_a_request_of_which_nothing_would_be_left_is_refused() -> None:
    only_write = RequestedBinding(name="crm", access=Access.WRITE, tools=("create",))
    assert "Write access" in refusal(offer(max_access=Access.READ), bindings=(only_write,))
    nothing_reads = offer(max_access=Access.READ, tools={"crm_create": "h-create"})
    assert "no tool" in refusal(nothing_reads)


def test_the_shortest_ceiling_cuts_the_duration_and_is_named() -> None:
    offers = (offer(max_duration=1800), offer("erp", max_duration=600))
    both = (RequestedBinding(name="crm"), RequestedBinding(name="erp"))
    ask = weigh(*offers, bindings=both, duration="8h")
    assert ask.duration == "10m"
    assert any("erp" in note for note in ask.notes)
    assert "no session" in refusal(offer(max_duration=0))


def test_the_smallest_ceiling_cuts_the_calls_even_if_none_were_asked_for() -> None:
    assert weigh(offer(max_calls=50)).limits == Limits(max_calls=50)
    assert weigh(offer(max_calls=50), limits=Limits(max_calls=10, max_writes=0)).limits == Limits(
        max_calls=10, max_writes=0
    )


@pytest.mark.parametrize("unusable", [{"suspended": True}, {"ready": False}])
def test_a_binding_that_cannot_be_used_now_is_refused_with_what_is_wrong(unusable: dict[str, Any]) -> None:
    assert "connect it again" in refusal(offer(problem="connect it again", **unusable))


def test_bindings_are_named_once_and_there_is_at_least_one() -> None:
    twice = (RequestedBinding(name="crm"), RequestedBinding(name="crm", access=Access.WRITE))
    assert "once" in refusal(bindings=twice)
    assert "between 1 and 16" in refusal(bindings=())
    assert "tools" in refusal(bindings=(RequestedBinding(name="crm", tools=()),))


def test_durations_are_judged_as_at_every_other_door() -> None:
    for text in ("0s", "59s", "25h", "-5m", "1.5h", "1h 30m", "1H", "", " 1h", "1h\n", "１h", "90", "1d", "PT1H", "m"):
        assert "duration" in refusal(duration=text), text
    for text in ("1m", "60s", "90m", "1h30m", "24h", "1440m", "86400s"):
        assert durations.parse(weigh(duration=text).duration) == durations.parse(text)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        " ",
        "\t",
        "a\nb",
        "a\rb",
        "\x1b[2J",
        "a\u202eb",
        "a\u2066b",
        "a\u200bb",
        "a\u2028b",
        "a\x00b",
        "a\x7fb",
        "ok\U000e0041\U000e0042",
        "a\ud800b",
        "x" * 1001,
        "a\u3164b",
        "a\ufe00b",
    ],
)
def test_a_reason_that_could_mislead_a_person_is_refused(reason: str) -> None:
    assert "reason" in refusal(reason=reason)


@pytest.mark.parametrize("reason", ["Weekly report", "报表", "Ein Bericht für März", "<img src=x>", "x" * 1000, "🙂"])
def test_plain_text_of_any_language_is_taken(reason: str) -> None:
    assert weigh(reason=reason).reason == reason


bindings = st.builds(
    RequestedBinding,
    name=st.sampled_from(["crm", "erp"]),
    access=st.sampled_from(Access),
    tools=st.none() | st.lists(st.sampled_from(["query", "list", "create"]), max_size=3).map(tuple),
)
ceilings = st.fixed_dictionaries(
    {
        "max_access": st.sampled_from(Access),
        "max_duration": st.none() | st.integers(60, 86400),
        "max_calls": st.none() | st.integers(1, 100),
    }
)


@given(
    st.lists(bindings, max_size=2).map(tuple),
    ceilings,
    ceilings,
    st.integers(60, 86400),
    st.none() | st.integers(1, 500),
)
def test_what_is_asked_for_in_the_end_is_never_more_than_asked_nor_than_the_ceilings(
    wanted: tuple[RequestedBinding, ...], crm: dict[str, Any], erp: dict[str, Any], seconds: int, calls: int | None
) -> None:
    offers = {"crm": offer("crm", **crm), "erp": offer("erp", **erp)}
    limits = None if calls is None else Limits(max_calls=calls)
    try:
        ask = weigh(*offers.values(), bindings=wanted, duration=durations.render(seconds), limits=limits)
    except Refused:
        return
    for asked, got in zip(wanted, ask.bindings, strict=True):
        there = offers[got.name]
        assert asked.access.covers(got.access)
        assert there.max_access.covers(got.access)
        assert durations.parse(ask.duration) <= min(seconds, there.max_duration or seconds)
        if there.max_calls is not None:
            assert ask.limits is not None
            assert ask.limits.max_calls is not None
            assert ask.limits.max_calls <= there.max_calls
        for tool in got.tools or ():
            assert tool in there.tools
            assert got.access is Access.WRITE or DEFINITIONS[there.tools[tool]]["access"] != "Write"


def calls(*arguments: str, tool: str = "create", access: Access = Access.WRITE) -> tuple[RequestedBinding, ...]:
    exact = tuple(ExactCall(tool=tool, arguments=each) for each in arguments)
    return (RequestedBinding(name="crm", access=access, calls=exact),)


def test_exact_calls_are_taken_under_the_advertised_name() -> None:
    (binding,) = weigh(bindings=calls('{"name":"Acme"}')).bindings
    assert binding.calls == (ExactCall(tool="crm_create", arguments='{"name":"Acme"}'),)
    assert binding.tools is None


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (calls('{ "name": "Acme" }'), 'not in canonical form (RFC 8785); write: {"name":"Acme"}'),
        (calls('{"nam":"Acme"}'), "the tool does not take the arguments"),
        (calls('{"name":"Acme"}', '{"name":"Acme"}'), "calls[1] repeats calls[0]"),
        (calls("{}", tool="drop"), "has no tool 'drop'"),
        (calls("{}", access=Access.READ), "needs Write access, and Read is what"),
        (calls(), "between 1 and 16 exact calls"),
        (calls(*(f'{{"name":"{number}"}}' for number in range(17))), "between 1 and 16 exact calls"),
        (
            (RequestedBinding(name="crm", tools=("query",), calls=(ExactCall(tool="query", arguments="{}"),)),),
            "tools or exact calls, not both",
        ),
    ],
)
def test_a_call_that_could_not_be_approved_is_refused_at_once(asked: tuple[RequestedBinding, ...], why: str) -> None:
    assert why in refusal(bindings=asked)


def test_a_call_must_satisfy_the_bindings_restriction() -> None:
    restricted = offer(restrict={"crm_create": {"properties": {"name": {"const": "Acme"}}, "required": ["name"]}})
    assert weigh(restricted, bindings=calls('{"name":"Acme"}'))
    assert "the binding's restrict does not take" in refusal(restricted, bindings=calls('{"name":"Evil"}'))


def test_an_agent_cannot_ask_for_a_persons_connection() -> None:
    with pytest.raises(Refused) as caught:
        weigh(offer(from_session=True))
    assert "whom an agent cannot name" in caught.value.failure.message
    assert "spec.onBehalfOf" in caught.value.failure.remedy
