"""How long what a hosted server listed is relied on."""

from pipes_egress.hosted.listing import Listing

GO = {"name": "go", "description": "Goes."}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def listing(clock: Clock, changes: list[str] | None = None) -> Listing:
    return Listing(60.0, lambda: (changes if changes is not None else []).append("changed"), clock)


def test_nothing_is_known_before_the_first_reading() -> None:
    assert not listing(Clock()).is_current


def test_a_list_is_as_old_as_the_moment_when_its_reading_began() -> None:
    clock = Clock()
    made = listing(clock)
    begun = made.begin()
    clock.now = 59.0
    made.take((GO,), begun)
    assert made.is_current
    clock.now = 60.0
    assert not made.is_current


def test_what_was_known_is_not_taken_for_current_while_it_is_read_anew() -> None:
    clock = Clock()
    made = listing(clock)
    made.take((GO,), made.begin())
    clock.now = 61.0
    made.begin()

    assert not made.is_current


def test_a_doubt_that_comes_up_during_a_reading_holds() -> None:
    made = listing(Clock())
    begun = made.begin()
    made.doubt()
    made.take((GO,), begun)

    assert not made.is_current


def test_a_change_is_told_once_and_the_first_reading_is_none() -> None:
    changes: list[str] = []
    made = listing(Clock(), changes)
    for description in ("a", "a", "b", "b"):
        made.take(({**GO, "description": description},), made.begin())

    assert changes == ["changed"]


def test_a_tool_without_a_canonical_form_has_no_pin_that_anything_equals() -> None:
    made = listing(Clock())
    made.take(({**GO, "n": 2**60},), made.begin())

    assert made.lists("go")
    assert not made.has("go", "")
