"""A budget hands out what is there, never more, and takes back what the holder has, never more."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipes_api.messages import Reserve, Reserved
from pipes_api.resources import Limits, Usage
from pipes_operator.service.budget import Holding, settle

TEN = Limits(max_calls=10)


def ask(calls: int = 0, writes: int = 0, back: int = 0, back_writes: int = 0) -> Reserve:
    return Reserve(uid="u", calls=calls, writes=writes, return_calls=back, return_writes=back_writes)


def test_reads_come_in_chunks_and_writes_one_by_one() -> None:
    settled = settle(Usage(), Limits(max_calls=100, max_writes=50), [("a", ask(50)), ("b", ask(3, 3))], {})
    assert settled.answers == (Reserved(calls=5), Reserved(calls=1, writes=1))
    assert settled.usage == Usage(calls=6, writes=1)
    assert settled.holdings == {"a": Holding(5, 0), "b": Holding(1, 1)}


def test_a_holder_that_has_had_its_chunk_waits_for_the_next_round() -> None:
    settled = settle(Usage(), Limits(max_calls=100), [("a", ask(5)), ("a", ask(5)), ("b", ask(5))], {})
    assert settled.answers == (Reserved(calls=5), None, Reserved(calls=5))


def test_a_write_that_is_not_to_be_had_leaves_no_call_behind() -> None:
    settled = settle(Usage(calls=3, writes=3), Limits(max_calls=20, max_writes=3), [("a", ask(1, 1))], {})
    assert settled.answers == (Reserved(),)
    assert settled.usage == Usage(calls=3, writes=3)
    assert not settled.exhausted, "reads may go on"


def test_the_attempt_that_finds_no_call_left_says_so() -> None:
    assert not settle(Usage(calls=9), TEN, [("a", ask(5))], {}).exhausted
    assert settle(Usage(calls=10), TEN, [("a", ask(5))], {}).exhausted
    assert not settle(Usage(calls=10), TEN, [("a", ask(back=1))], {"a": Holding(5, 0)}).exhausted


def test_near_the_end_a_holder_gets_half_of_what_is_left() -> None:
    assert settle(Usage(calls=6), TEN, [("a", ask(5))], {}).answers == (Reserved(calls=2),)
    assert settle(Usage(calls=9), TEN, [("a", ask(5))], {}).answers == (Reserved(calls=1),)


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
    limits = Limits(max_calls=max_calls, max_writes=max_writes)
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
