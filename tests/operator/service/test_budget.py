"""A budget hands out what is there, never more, and takes back what the holder has, never more."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipes_api.messages import Reserve, Reserved
from pipes_api.resources import Limits, Usage
from pipes_operator.service.budget import Ceilings, Holding, Settled, settle

TEN = Ceilings(Limits(max_calls=10))


def one(tool: str = "", exact: str = "", *, back: bool = False, write: bool = False) -> Reserve:
    """One call of a tool with a budget of its own, or an exact one, taken or given back."""
    number = {"return_calls": 1, "return_writes": int(write)} if back else {"calls": 1, "writes": int(write)}
    return Reserve(uid="u", tool=tool, exact=exact, **number)


def ask(calls: int = 0, writes: int = 0, back: int = 0, back_writes: int = 0) -> Reserve:
    return Reserve(uid="u", calls=calls, writes=writes, return_calls=back, return_writes=back_writes)


def given_by(settled: Settled) -> tuple[Reserved | None, ...]:
    """What the reservations got, without what they were told of the rest."""
    return tuple(None if each is None else Reserved(calls=each.calls, writes=each.writes) for each in settled.answers)


def test_reads_come_in_chunks_and_writes_one_by_one() -> None:
    settled = settle(Usage(), Ceilings(Limits(max_calls=100, max_writes=50)), [("a", ask(50)), ("b", ask(3, 3))], {})
    assert given_by(settled) == (Reserved(calls=5), Reserved(calls=1, writes=1))
    assert settled.usage == Usage(calls=6, writes=1)
    assert settled.holdings == {"a": Holding(5, 0), "b": Holding(1, 1)}


def test_a_holder_that_has_had_its_chunk_waits_for_the_next_round() -> None:
    settled = settle(Usage(), Ceilings(Limits(max_calls=100)), [("a", ask(5)), ("a", ask(5)), ("b", ask(5))], {})
    assert given_by(settled) == (Reserved(calls=5), None, Reserved(calls=5))


def test_a_write_that_is_not_to_be_had_leaves_no_call_behind() -> None:
    settled = settle(Usage(calls=3, writes=3), Ceilings(Limits(max_calls=20, max_writes=3)), [("a", ask(1, 1))], {})
    assert given_by(settled) == (Reserved(),)
    assert settled.usage == Usage(calls=3, writes=3)
    assert not settled.exhausted, "reads may go on"


def test_the_attempt_that_finds_no_call_left_says_so() -> None:
    assert not settle(Usage(calls=9), TEN, [("a", ask(5))], {}).exhausted
    assert settle(Usage(calls=10), TEN, [("a", ask(5))], {}).exhausted
    assert not settle(Usage(calls=10), TEN, [("a", ask(back=1))], {"a": Holding(5, 0)}).exhausted


def test_near_the_end_a_holder_gets_half_of_what_is_left() -> None:
    assert given_by(settle(Usage(calls=6), TEN, [("a", ask(5))], {})) == (Reserved(calls=2),)
    assert given_by(settle(Usage(calls=9), TEN, [("a", ask(5))], {})) == (Reserved(calls=1),)


def test_no_more_comes_back_than_the_holder_has() -> None:
    settled = settle(Usage(calls=9, writes=4), TEN, [("a", ask(back=100, back_writes=100))], {"a": Holding(3, 1)})
    assert settled.usage == Usage(calls=6, writes=3)
    assert settled.holdings["a"] == Holding(0, 0)
    assert settle(Usage(calls=9), TEN, [("b", ask(back=9))], {"a": Holding(9, 0)}).usage == Usage(calls=9)


requests = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.builds(ask, st.integers(0, 8), st.integers(0, 3), st.integers(0, 12), st.integers(0, 5)),
    ),
    max_size=60,
)


@example([("a", ask(1, 1)), ("a", ask(back=5))], 10, 3, 2)
@given(requests, st.integers(1, 30), st.integers(0, 6), st.integers(1, 7))
def test_what_is_out_never_exceeds_the_budget(
    reservations: list[tuple[str, Reserve]], max_calls: int, max_writes: int, batch: int
) -> None:
    limits = Ceilings(Limits(max_calls=max_calls, max_writes=max_writes))
    usage, holdings = Usage(), dict[str, Holding]()
    while reservations:
        now, reservations = reservations[:batch], reservations[batch:]
        settled = settle(usage, limits, now, holdings)
        usage, holdings = settled.usage, settled.holdings
        assert 0 <= usage.calls <= max_calls
        assert 0 <= usage.writes <= min(max_writes, usage.calls)
        assert sum(each.calls for each in holdings.values()) == usage.calls
        assert sum(each.writes for each in holdings.values()) == usage.writes
        assert all(0 <= each.writes <= each.calls for each in holdings.values())


LIMITED = Ceilings(Limits(), {"query": 2})


def test_a_tool_has_no_more_calls_than_its_own_budget_and_others_go_on() -> None:
    settled = settle(Usage(), LIMITED, [("a", one("query")), ("b", one("query")), ("a", one("query"))], {})
    assert given_by(settled) == (Reserved(calls=1), Reserved(calls=1), Reserved())
    assert settled.usage == Usage(calls=2, tools={"query": 2})
    assert not settled.exhausted
    assert given_by(settle(settled.usage, LIMITED, [("a", ask(1)), ("a", one("list"))], {})) == (
        Reserved(calls=1),
        Reserved(calls=1),
    )


def test_a_call_of_a_tool_takes_one_of_the_sessions_budget_too() -> None:
    ceilings = Ceilings(Limits(max_calls=1, max_writes=0), {"query": 5})
    settled = settle(Usage(), ceilings, [("a", one("query", write=True)), ("a", one("query"))], {})
    assert given_by(settled) == (Reserved(), Reserved(calls=1))
    assert settled.usage == Usage(calls=1, tools={"query": 1})
    assert settle(settled.usage, ceilings, [("a", one("query"))], {}).exhausted


def test_an_exact_call_is_there_once() -> None:
    ceilings = Ceilings(Limits())
    settled = settle(Usage(), ceilings, [("a", one(exact="x")), ("b", one(exact="x")), ("b", one(exact="y"))], {})
    assert given_by(settled) == (Reserved(calls=1), Reserved(), Reserved(calls=1))
    assert settled.usage == Usage(calls=2, exact=("x", "y"))
    assert not settled.exhausted


def test_what_was_not_sent_comes_back_to_its_tool_and_to_its_exact_call() -> None:
    taken = settle(Usage(), LIMITED, [("a", one("query", "x", write=True))], {})
    back = settle(taken.usage, LIMITED, [("a", one("query", "x", back=True, write=True))], taken.holdings)
    assert back.usage == Usage()
    assert back.holdings["a"] == Holding()
    assert given_by(settle(back.usage, LIMITED, [("b", one("query", "x"))], back.holdings)) == (Reserved(calls=1),)


def test_another_holders_call_does_not_come_back() -> None:
    taken = settle(Usage(), LIMITED, [("a", one("query", "x")), ("b", ask(1))], {})
    back = settle(taken.usage, LIMITED, [("b", one("query", "x", back=True))], taken.holdings)
    assert back.usage == Usage(calls=1, tools={"query": 1}, exact=("x",))
    # After a restart of the operator nobody is known to hold anything.
    assert settle(taken.usage, LIMITED, [("a", one("query", "x", back=True))], {}).usage == taken.usage


singles = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.builds(
            one,
            st.sampled_from(["", "query", "list"]),
            st.sampled_from(["", "x", "y"]),
            back=st.booleans(),
            write=st.booleans(),
        ),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(singles, st.integers(1, 10), st.integers(1, 4), st.integers(1, 7))
def test_what_is_out_never_exceeds_the_budget_of_a_tool_or_an_exact_call(
    reservations: list[tuple[str, Reserve]], max_calls: int, of_query: int, batch: int
) -> None:
    ceilings = Ceilings(Limits(max_calls=max_calls), {"query": of_query})
    usage, holdings = Usage(), dict[str, Holding]()
    while reservations:
        now, reservations = reservations[:batch], reservations[batch:]
        settled = settle(usage, ceilings, now, holdings)
        usage, holdings = settled.usage, settled.holdings
        assert usage.calls <= max_calls
        assert usage.tools.get("query", 0) <= of_query
        assert len(set(usage.exact)) == len(usage.exact)
        for tool in ("query", "list"):
            assert sum(each.tools.get(tool, 0) for each in holdings.values()) == usage.tools.get(tool, 0)
        assert sorted(usage.exact) == sorted(each for held in holdings.values() for each in held.exact)
        assert sum(each.calls for each in holdings.values()) == usage.calls


def test_every_answer_tells_what_nobody_has_reserved_after_it() -> None:
    ceilings = Ceilings(Limits(max_calls=10), {"query": 2})
    settled = settle(Usage(calls=1), ceilings, [("a", ask(2)), ("a", one("query")), ("b", one("query", back=True))], {})
    told = [(each.calls_left, each.writes_left, each.tool_calls_left) for each in settled.answers if each is not None]
    assert told == [(7, None, None), (6, None, 1), (6, None, 1)], "what b never had does not come back"
