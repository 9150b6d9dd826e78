"""The table of transitions: terminal states absorb, and nothing skips approval on its way back."""

from itertools import product

import pytest

from pipes_api.states import TERMINAL, TRANSITIONS, UNDECIDED, SessionState, may_become


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == {None, *SessionState}


@pytest.mark.parametrize(("old", "new"), list(product(sorted(TERMINAL), SessionState)))
def test_nothing_leads_out_of_a_terminal_state(old: SessionState, new: SessionState) -> None:
    assert may_become(old, new) is (old is new)


@pytest.mark.parametrize("state", sorted(UNDECIDED))
def test_an_active_session_never_becomes_undecided_again(state: SessionState) -> None:
    assert not may_become(SessionState.ACTIVE, state)


def test_every_state_can_end() -> None:
    for state in UNDECIDED | {SessionState.ACTIVE}:
        assert TRANSITIONS[state] & TERMINAL
